// What one job is expected to cost on an offer, in dollars and not by the sticker: the choice between
// offers is the least of these. Plain data in, a number out; who knows more says so in the bet.

import { besidesUsd, FREE_IF_RECLAIMED_MS, LEAST_BILLED_MS } from '../model/cost.ts';
import type { SpotHistory } from '../model/launch.ts';

const HOUR_MS = 3_600_000;
/** A machine's life for one job that nobody has measured: boot, job and end. */
export const TYPICAL_LIFE_MS = 6 * 60_000;

export interface Bet {
  /** The machine alone, an hour. */
  readonly priceUsd: number;
  /** null: not known, and the default. */
  readonly diskGb: number | null;
  /** From being billed to its end, for one job; null: not known. */
  readonly lifeMs: number | null;
  /** How often in an hour EC2 takes such a machine back; 0 on demand. */
  readonly reclaimsPerHour: number;
  /** An hour of the machine that runs a cut job again; null: the same. */
  readonly againUsd: number | null;
}

/** What a job costs until it is done, a second run included where the first may be cut. */
export function expectedUsd({ priceUsd, diskGb, lifeMs, reclaimsPerHour, againUsd }: Bet): number {
  const besides = besidesUsd(diskGb);
  const life = (lifeMs ?? TYPICAL_LIFE_MS) / HOUR_MS;
  const billed = Math.max(life, LEAST_BILLED_MS / HOUR_MS);
  const whole = billed * (priceUsd + besides);
  const again = billed * ((againUsd ?? priceUsd) + besides);
  const survives = (hours: number): number => Math.exp(-reclaimsPerHour * hours);
  const free = Math.min(life, FREE_IF_RECLAIMED_MS / HOUR_MS);
  const cutFree = 1 - survives(free);
  const cutPaid = survives(free) - survives(life);
  // Cut half-way, on average.
  const lost =
    cutFree * (free / 2) * besides + cutPaid * ((free + life) / 2) * (priceUsd + besides);
  return survives(life) * whole + lost + (cutFree + cutPaid) * again;
}

/** Before anything was seen: one in 50 hours, as firmly believed as if 50 had been seen. */
const PRIOR: SpotHistory = { reclaims: 1, hours: 50 };
/** Where EC2 has just had nothing to give, it takes back sooner. */
const SCARCE_FACTOR = 3;

/** How often EC2 will take a spot machine back, by what it did and by how scarce they were. */
export function reclaimsPerHour(seen: SpotHistory, wasScarce: boolean): number {
  const rate = (PRIOR.reclaims + seen.reclaims) / (PRIOR.hours + seen.hours);
  return wasScarce ? rate * SCARCE_FACTOR : rate;
}
