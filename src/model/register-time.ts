import type { Instant } from '../lib/clock.ts';
import type { InstanceId } from './ids.ts';

// How long a machine has to register. Where nobody could answer it, that is not held against it.

/** A fact: it asked to register, and GitHub did not answer or made it wait. So it boots and is ours. */
export const knockedKey = (id: InstanceId): string => `knocked:${id}`;

export interface RegisterTime {
  readonly registerTimeoutMs: number;
  /** Since when this process runs: whoever asked before may have had no answer. */
  readonly reachableSince: Instant;
}

interface Machine {
  readonly createdAt: Instant;
  readonly launchedAt: Instant | null;
}

/** For so many times that long a machine asks at most, by default; what is silent then is dead. */
const LONGEST = 3;

/** EC2's clock may say when it was launched, or ours. */
const CLOCKS_MS = 30_000;

/** One that is known again after a lost database has no more time than any other. */
const isOlder = ({ createdAt, launchedAt }: Machine, since: Instant): boolean =>
  launchedAt !== null && createdAt <= launchedAt + CLOCKS_MS && launchedAt < since;

/** From when on it counts: a machine that was launched by an earlier process may have been let down. */
export function registersFrom(machine: Machine, { reachableSince }: RegisterTime): Instant {
  const bornAt = machine.launchedAt ?? machine.createdAt;
  return isOlder(machine, reachableSince) ? reachableSince : bornAt;
}

/** When it is too late to register. */
export function registersBy(machine: Machine, time: RegisterTime): Instant {
  const { registerTimeoutMs } = time;
  const bornAt = machine.launchedAt ?? machine.createdAt;
  const byNow = registersFrom(machine, time) + registerTimeoutMs;
  return Math.min(byNow, bornAt + LONGEST * registerTimeoutMs);
}
