import type { Clock } from '../../src/lib/clock.ts';
import type { HookCall, HookFault } from '../../src/sandbox/github-hooks.ts';
import type { Kernel } from '../../src/sandbox/kernel.ts';

// What goes wrong, and when the app is killed: drawn from the seed by label, so that one draw moves
// no other. The order in which processes meet is the machine's, so a seed gives the same kinds of
// trouble again and not the same run.

export type Side = 'arrival' | 'answer';
export type CallFault = 'lost-request' | 'lost-answer' | 'late' | 'doubled';

export interface Chance {
  faultOf(name: string): CallFault | undefined;
  delay(name: string): Promise<void>;
  /** A moment close to a call; true: the app was killed at it. */
  reach(name: string, side: Side): boolean;
  /** Whether a request of the killed app, still on its way, never arrives. */
  isLostInDeath(name: string): boolean;
  hookFault(call: HookCall): HookFault | undefined;
  /** Draws the next moment to kill at; `otherwise` is when any moment will do. */
  arm(): void;
  readonly isArmed: boolean;
  /** No more faults from here on. */
  calm(): void;
  /** How often the app was killed at each kind of moment. */
  readonly kills: ReadonlyMap<string, number>;
}

export interface ChanceDeps {
  readonly kernel: Kernel;
  readonly clock: Clock;
  /** kill -9, at once. */
  readonly kill: () => void;
}

/** Of a call; the rest goes well. */
const FAULTS: readonly (readonly [CallFault, number])[] = [
  ['lost-request', 0.02],
  ['lost-answer', 0.03],
  ['late', 0.04],
  ['doubled', 0.03],
];
const LATE_MS = [150, 1_500] as const;
const HOOK_FAULTS: readonly (readonly [HookFault['kind'], number])[] = [
  ['lost', 0.04],
  ['outage', 0.02],
  ['delay', 0.05],
  ['double', 0.05],
];
const HOOK_LATE_MS = 3_000;

/** Where being killed costs most: around what has effects, and right after something was promised. */
const MOMENTS: readonly string[] = [
  ...['RunInstances arrival', 'RunInstances answer', 'RunInstances answer'],
  ...['TerminateInstances arrival', 'TerminateInstances answer'],
  ...['register runner arrival', 'register runner answer', 'register runner answer'],
  ...['remove runner arrival', 'remove runner answer'],
  ...['webhook answer', 'webhook answer', 'webhook answer'],
  ...['machine registers arrival', 'machine registers answer', 'machine reports answer'],
  ...['DescribeInstances answer', 'any'],
];
/** A moment that does not come by then gives way to any. */
const PATIENCE_MS = 2_500;

export function createChance({ kernel, clock, kill }: ChanceDeps): Chance {
  const kills = new Map<string, number>();
  let armed: { readonly moment: string; readonly skip: number; readonly until: number } | null =
    null;
  let isCalm = false;

  function draw<T>(label: string, table: readonly (readonly [T, number])[]): T | undefined {
    if (isCalm) return undefined;
    let left = kernel.rand(label);
    return table.find(([, share]) => {
      left -= share;
      return left < 0;
    })?.[0];
  }

  const between = (label: string, [least, most]: readonly [number, number]) =>
    least + kernel.rand(label) * (most - least);

  return {
    faultOf: (name) => draw(`fault ${name}`, FAULTS),
    delay: (name) => clock.sleep(between(`late ${name}`, LATE_MS)),
    reach(name, side) {
      if (armed === null) return false;
      const moment = `${name} ${side}`;
      const isDue = clock.now() > armed.until || armed.moment === 'any';
      if (!isDue && armed.moment !== moment) return false;
      if (armed.skip > 0) {
        armed = { ...armed, skip: armed.skip - 1 };
        return false;
      }
      armed = null;
      kills.set(moment, (kills.get(moment) ?? 0) + 1);
      kill();
      return true;
    },
    isLostInDeath: (name) => kernel.rand(`death ${name}`) < 0.5,
    hookFault() {
      const kind = draw('fault of a webhook', HOOK_FAULTS);
      if (kind === undefined) return undefined;
      return kind === 'delay' ? { kind, ms: kernel.rand('late webhook') * HOOK_LATE_MS } : { kind };
    },
    arm() {
      const moment = MOMENTS[Math.floor(kernel.rand('moment') * MOMENTS.length)] ?? 'any';
      const skip = Math.floor(kernel.rand('skip') * 3);
      armed = { moment, skip, until: clock.now() + PATIENCE_MS };
    },
    get isArmed() {
      return armed !== null;
    },
    calm() {
      isCalm = true;
    },
    kills,
  };
}
