import type { Ec2Instance, EndCode, MutableInstance } from '../../src/sandbox/ec2-instance.ts';
import { endReason, isLive } from '../../src/sandbox/ec2-instance.ts';
import type { Kernel } from '../../src/sandbox/kernel.ts';

// EC2's own book of instances, as it stands between the app and moto: what was launched, when it
// boots, what lives. The promises are checked here, at the moment of each change.

export interface InstancesDeps {
  readonly kernel: Kernel;
  readonly maxOf: (rule: string) => number;
  readonly isBusy: (instance: string) => boolean;
  /** From launch until the machine runs; from the end until EC2 calls it terminated. */
  readonly bootMs: readonly [number, number];
  readonly endingMs: number;
}

/** What of a launch the machine and its watchers need; the rest of an instance is moto's to keep. */
export type Launched = Pick<
  Ec2Instance,
  'id' | 'region' | 'zone' | 'subnet' | 'type' | 'imageId' | 'userData' | 'clientToken' | 'tags'
>;

type Moment = 'running' | 'notice' | 'ended';

export interface Instances {
  readonly all: ReadonlyMap<string, Ec2Instance>;
  readonly broken: readonly string[];
  counts(): { readonly launched: number; readonly live: number; readonly aboveMax: number };
  add(launched: readonly Launched[]): void;
  end(ids: readonly string[], code: EndCode): void;
  on(moment: Moment, listener: (instance: Ec2Instance) => void): void;
}

const NOTHING = {
  order: 0,
  reservation: '',
  launchIndex: 0,
  vpc: '',
  arch: 'x64',
  market: 'spot',
  priceUsd: 0,
  onDemandUsd: 0,
  securityGroups: [],
  endsByPowerOff: true,
  visibleAt: 0,
  state: 'pending',
  stateReason: null,
  runningAt: null,
  endedAt: null,
  reclaimAt: null,
} as const;

export function createInstances(deps: InstancesDeps): Instances {
  const { kernel } = deps;
  const all = new Map<string, MutableInstance>();
  const listeners: Record<Moment, ((instance: Ec2Instance) => void)[]> = {
    running: [],
    notice: [],
    ended: [],
  };
  const broken: string[] = [];
  let aboveMax = 0;

  const tell = (moment: Moment, instance: Ec2Instance) => {
    for (const listener of listeners[moment]) listener(instance);
  };

  function checkMax(added: Ec2Instance): void {
    const rule = added.tags['dstack:rule'] ?? '';
    const max = deps.maxOf(rule);
    const live = [...all.values()].filter((one) => isLive(one) && one.tags['dstack:rule'] === rule);
    if (live.length <= max) return;
    aboveMax += 1;
    const ids = live.map(({ id, tags }) => `${id} of ${tags['dstack:launch']}`).join(', ');
    broken.push(`${rule}: ${live.length} live, at most ${max} allowed: ${ids}`);
  }

  function boot(instance: MutableInstance): void {
    const [least, most] = deps.bootMs;
    const bootMs = least + Math.floor(kernel.rand('boot') * (most - least));
    kernel.at(bootMs, 'boot', () => {
      if (instance.state !== 'pending') return;
      instance.state = 'running';
      instance.runningAt = kernel.now();
      tell('running', instance);
    });
  }

  function end(instance: MutableInstance, code: EndCode): void {
    if (!isLive(instance)) return;
    if (deps.isBusy(instance.id) && code === 'Client.UserInitiatedShutdown') {
      broken.push(`${instance.id} was ended while its runner had a job`);
    }
    instance.state = 'shutting-down';
    instance.endedAt = kernel.now();
    instance.stateReason = endReason(code);
    tell('ended', instance);
    kernel.at(deps.endingMs, 'terminated', () => {
      instance.state = 'terminated';
    });
  }

  return {
    all,
    broken,
    counts: () => ({
      launched: all.size,
      live: [...all.values()].filter(isLive).length,
      aboveMax,
    }),
    add(launched) {
      for (const one of launched) {
        const instance: MutableInstance = { ...NOTHING, ...one, launchedAt: kernel.now() };
        all.set(instance.id, instance);
        checkMax(instance);
        boot(instance);
      }
    },
    end(ids, code) {
      for (const id of ids) {
        const instance = all.get(id);
        if (instance) end(instance, code);
      }
    },
    on: (moment, listener) => void listeners[moment].push(listener),
  };
}
