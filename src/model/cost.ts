import type { Instant } from '../lib/clock.ts';
import type { RepoId } from './ids.ts';
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

/** What decides on what a machine costs. */
export type Billed = Pick<
  Instance,
  'priceUsd' | 'diskGb' | 'state' | 'createdAt' | 'launchedAt' | 'goneAt' | 'reclaimedAt'
>;

export interface Within {
  readonly from: Instant;
  readonly to: Instant;
}

/** How long, in a time that is asked for. */
export interface Times {
  /** Its disk and address cost, by the rules of EC2's bill. */
  readonly billedMs: number;
  /** The machine itself costs: all of that, or nothing. */
  readonly pricedMs: number;
  /** From EC2's answer to its launch until it was gone. */
  readonly livedMs: number;
}

/** Machines of one repository that cost alike, and their times together. */
export interface Bill extends Times {
  readonly repo: RepoId;
  readonly priceUsd: number | null;
  readonly diskGb: number | null;
  /** Where the price is not known: whose it is. */
  readonly unpriced: Unpriced | null;
  /** How many of them their price is paid for. */
  readonly machines: number;
}

/** In this order bills are sorted by them. */
export const UNPRICED = ['account', 'region', 'zone', 'type', 'market'] as const;
export type Unpriced = Pick<Instance, (typeof UNPRICED)[number]>;

const NEVER: Times = { billedMs: 0, pricedMs: 0, livedMs: 0 };

/**
 * Of one machine. One that was asked for, and of which EC2 has not said whether there is one, costs as
 * if there were. Stores that add up many reckon the same in their own words.
 */
export function timesOf(one: Billed, { from, to }: Within): Times {
  const { launchedAt, goneAt, reclaimedAt } = one;
  const since = launchedAt ?? (one.state === 'requested' ? one.createdAt : null);
  if (since === null) return NEVER;
  const start = Math.max(since, from);
  const end = goneAt ?? to;
  const billedMs = Math.max(0, Math.max(end, since + LEAST_BILLED_MS) - start);
  const isFree = reclaimedAt !== null && (goneAt ?? 0) - since < FREE_IF_RECLAIMED_MS;
  const livedMs = launchedAt === null ? 0 : Math.max(0, end - start);
  return { billedMs, pricedMs: isFree ? 0 : billedMs, livedMs };
}

export const usdOf = (
  of: Pick<Bill, 'priceUsd' | 'diskGb'> & Pick<Times, 'billedMs' | 'pricedMs'>,
): number => (of.pricedMs * (of.priceUsd ?? 0) + of.billedMs * besidesUsd(of.diskGb)) / HOUR_MS;

/** What a machine has cost within a time, with its disk and address. */
export const costUsd = (one: Billed, within: Within): number =>
  usdOf({ ...one, ...timesOf(one, within) });
