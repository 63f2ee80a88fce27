import { HOUR_S, type OfferMonth, priceAt } from './market.ts';

// What EC2 takes for a machine: by the second, a minute at least, each second at its hour's price; the
// disk and the public address for as long. Of a machine that EC2 takes back within its first hour the
// computing is free.

export interface Life {
  /** From here on it is billed. */
  readonly fromS: number;
  readonly toS: number;
  readonly isReclaimed: boolean;
}

export interface Bill {
  readonly computeUsd: number;
  readonly diskUsd: number;
  readonly addressUsd: number;
  readonly usd: number;
}

const LEAST_S = 60;
const DISK_GB = 30;
/** gp3 in eu-west-1, $ for a GB and a month of 730 hours. */
const DISK_USD = 0.088;
const ADDRESS_USD_PER_HOUR = 0.005;
export const DISK_USD_PER_HOUR = (DISK_GB * DISK_USD) / 730;
/** What every machine costs beside its price. */
export const BESIDE_USD_PER_HOUR = DISK_USD_PER_HOUR + ADDRESS_USD_PER_HOUR;

export function billOf(offer: OfferMonth, { fromS, toS, isReclaimed }: Life): Bill {
  const endS = Math.max(toS, fromS + LEAST_S);
  const hours = (endS - fromS) / HOUR_S;
  const isFree = isReclaimed && toS - fromS < HOUR_S;
  const computeUsd = isFree ? 0 : computeOf(offer, fromS, endS);
  const diskUsd = hours * DISK_USD_PER_HOUR;
  const addressUsd = hours * ADDRESS_USD_PER_HOUR;
  return { computeUsd, diskUsd, addressUsd, usd: computeUsd + diskUsd + addressUsd };
}

function computeOf(offer: OfferMonth, fromS: number, toS: number): number {
  let usd = 0;
  for (let at = fromS; at < toS; ) {
    const next = Math.min(toS, (Math.floor(at / HOUR_S) + 1) * HOUR_S);
    usd += ((next - at) / HOUR_S) * priceAt(offer, at);
    at = next;
  }
  return usd;
}
