import type { Instant } from '../lib/clock.ts';
import type { Instance } from './launch.ts';

/** Of a machine that EC2 takes back within this time, the machine is free. */
const FREE_MS = 3_600_000;

type Billed = Pick<
  Instance,
  'priceUsd' | 'state' | 'createdAt' | 'launchedAt' | 'goneAt' | 'reclaimedAt'
>;

/**
 * What a machine has cost within a time: by the second, 60 seconds at least, as EC2 bills. One that was
 * asked for, and of which EC2 has not said whether there is one, costs as if there were.
 */
export function costUsd(
  one: Billed,
  within: { readonly from: Instant; readonly to: Instant },
): number {
  const since = one.launchedAt ?? (one.state === 'requested' ? one.createdAt : null);
  if (one.priceUsd === null || since === null) return 0;
  if (one.reclaimedAt !== null && (one.goneAt ?? 0) - since < FREE_MS) return 0;
  const from = Math.max(since, within.from);
  const seconds = Math.max(60, ((one.goneAt ?? within.to) - from) / 1000);
  return (seconds * one.priceUsd) / 3600;
}
