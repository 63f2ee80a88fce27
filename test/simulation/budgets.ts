import type { Instant } from '../../src/lib/clock.ts';
import type { Kernel } from '../../src/sandbox/kernel.ts';
import type { PortCall } from '../../src/sandbox/process.ts';
import type { Scenario } from './scenario.ts';

/**
 * In an hour, which is 60 R: for two repositories as much as the healings may have of what GitHub allows
 * an installation. Here nothing holds them back but themselves.
 */
const HEALING_CALLS_A_REPO = 250;
const HEALING_WINDOW_R = 60;
/**
 * Whatever is refused, lost or late meanwhile: 40 jobs and a dozen commands need no more in a minute.
 * Of EC2 as many as one region gives back of RunInstances alone: while it answers 500 to each, a dozen
 * launches are sent again, seven times in the first minute.
 */
export const CALLS_A_MINUTE: Readonly<Record<'github' | 'ec2', number>> = { github: 300, ec2: 120 };
/** What was under way together, of several rules and scopes: then the place is left alone. */
export const REFUSALS_A_MINUTE = 8;
const MINUTE_MS = 60_000;

/** Reads that the app makes to find out what it was not told, and its requests to be told again. */
const HEALING: ReadonlySet<string> = new Set(
  [
    'unfinishedJobs',
    'failedDeliveries',
    'redeliver',
    'installations',
    'repositories',
    'repository',
    'file',
    'job',
    'runners',
  ].map((name) => `github.${name}`),
);

/** What happened within a time, counted as it happens. */
function createWindow(ms: number): (now: Instant) => number {
  const times: Instant[] = [];
  return (now) => {
    times.push(now);
    while ((times[0] ?? now) <= now - ms) times.shift();
    return times.length;
  };
}

export interface Budgets {
  note(call: PortCall): void;
  /** EC2 did not launch what was asked for there. */
  refused(place: string): void;
}

/** Counts what all processes of the app ask of GitHub and EC2, answered or not. */
export function createBudgets(
  kernel: Kernel,
  { resyncMs, repos, isOwners }: Pick<Scenario, 'resyncMs' | 'repos' | 'isOwners'>,
): Budgets {
  const most = HEALING_CALLS_A_REPO * (repos.length + (isOwners ? 1 : 0));
  const minutes = { github: createWindow(MINUTE_MS), ec2: createWindow(MINUTE_MS) };
  const healings = createWindow(HEALING_WINDOW_R * resyncMs);
  const refusals = new Map<string, (now: Instant) => number>();
  return {
    refused(place) {
      const window = refusals.get(place) ?? createWindow(MINUTE_MS);
      refusals.set(place, window);
      const count = window(kernel.now());
      const text = `${count} launches were refused in ${place} within a minute`;
      kernel.invariant(count <= REFUSALS_A_MINUTE, 'in-vain', text);
    },
    note({ process, name }) {
      const side = name.startsWith('github.') ? 'github' : name.startsWith('ec2.') ? 'ec2' : null;
      if (side === null || !process.startsWith('app')) return;
      const now = kernel.now();
      const count = minutes[side](now);
      const isFew = count <= CALLS_A_MINUTE[side];
      kernel.invariant(
        isFew,
        'call-rate',
        `${count} calls to ${side} within a minute, ${name} last`,
      );
      if (!HEALING.has(name)) return;
      const healed = healings(now);
      const text = `${healed} calls of the healings within an hour, ${name} last`;
      kernel.invariant(healed <= most, 'healing-budget', text);
    },
  };
}
