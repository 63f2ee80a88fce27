import type { Instant } from '../lib/clock.ts';
import type { Instance } from './launch.ts';

// What machines cost, as far as it is known without a bill: the choice between offers, the budget and
// every reply reckon with these.

const HOUR_MS = 3_600_000;
/** EC2 bills machines and disks by the second, and a minute at least. */
export const LEAST_BILLED_MS = 60_000;
/** Reclaimed by EC2 within this time, a spot machine is free; its disk and address are not. */
export const FREE_IF_RECLAIMED_MS = HOUR_MS;
/** gp3, $0.08 for a GB and month, and a public IPv4 address: nearly the same in all regions. */
const DISK_USD_PER_GB_HOUR = 0.08 / 730;
const ADDRESS_USD_PER_HOUR = 0.005;
/** Where neither the rule nor the image says more. */
export const DEFAULT_DISK_GB = 30;

/** What a machine costs an hour beside its price: its disk, and an address, which most have. */
export const besidesUsd = (diskGb: number | null): number =>
  (diskGb ?? DEFAULT_DISK_GB) * DISK_USD_PER_GB_HOUR + ADDRESS_USD_PER_HOUR;

type Billed = Pick<
  Instance,
  'priceUsd' | 'diskGb' | 'state' | 'createdAt' | 'launchedAt' | 'goneAt' | 'reclaimedAt'
>;

/**
 * What a machine has cost within a time, with its disk and address. One that was asked for, and of
 * which EC2 has not said whether there is one, costs as if there were.
 */
export function costUsd(
  one: Billed,
  within: { readonly from: Instant; readonly to: Instant },
): number {
  const since = one.launchedAt ?? (one.state === 'requested' ? one.createdAt : null);
  if (since === null) return 0;
  const until = Math.max(one.goneAt ?? within.to, since + LEAST_BILLED_MS);
  const hours = Math.max(0, until - Math.max(since, within.from)) / HOUR_MS;
  const isFree = one.reclaimedAt !== null && (one.goneAt ?? 0) - since < FREE_IF_RECLAIMED_MS;
  return hours * ((isFree ? 0 : (one.priceUsd ?? 0)) + besidesUsd(one.diskGb));
}
