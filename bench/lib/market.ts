import { createChance, exponential } from './chance.ts';

// A month of a spot market, seeded: hourly prices, spells without capacity, and the instants at which
// an offer takes its machines back. Known in full beforehand, so that a clairvoyant can be asked, and
// the same for every policy that is played against it. Times are seconds from the month's start.

/** What a machine may be: sizes and prices of real types; the sandbox's catalogue has them too. */
export interface Type {
  readonly name: string;
  readonly vcpus: number;
  readonly memoryGb: number;
  readonly onDemandUsd: number;
}

export interface Offer {
  readonly type: Type;
  readonly zone: string;
}

/** From the first second, until before the second. */
export type Span = readonly [fromS: number, toS: number];

export interface OfferMonth extends Offer {
  /** $ an hour, for each hour. */
  readonly hourlyUsd: readonly number[];
  /** When nothing can be launched, in order; they do not overlap. */
  readonly spells: readonly Span[];
  /** When every machine of this offer is taken back, two minutes after its notice. */
  readonly reclaims: readonly number[];
}

export interface Market {
  readonly offers: readonly OfferMonth[];
  readonly hours: number;
}

export const HOUR_S = 3_600;
export const NOTICE_S = 120;
/** Beyond the last job of a month, so that what runs late has prices too. */
const SPARE_HOURS = 48;
/** Of the on-demand price. */
const LEAST = 0.3;
const MOST = 0.6;
/** The most that a price moves in an hour, in parts of the on-demand price. */
const STEP = 0.02;
const SPELL_MEAN_S = 20 * 60;
const SHARE_WITHOUT_CAPACITY = 0.05;
const RECLAIMS_PER_HOUR = 0.05;
/** One offer in so many takes its machines back. */
const ONE_IN = 3;

export function createMarket(ask: {
  readonly seed: number;
  readonly types: readonly Type[];
  readonly zones: readonly string[];
  readonly lengthS: number;
}): Market {
  const hours = Math.ceil(ask.lengthS / HOUR_S) + SPARE_HOURS;
  const chance = createChance(ask.seed);
  const all = ask.types.flatMap((type) => ask.zones.map((zone) => ({ type, zone })));
  const rank = all.map((offer, i) => ({ i, at: chance(`reclaimed ${nameOf(offer)}`)() }));
  const restless = new Set(
    rank
      .sort((a, b) => a.at - b.at)
      .slice(0, Math.round(all.length / ONE_IN))
      .map(({ i }) => i),
  );
  const offers = all.map((offer, i): OfferMonth => {
    const stream = (what: string) => chance(`${what} ${nameOf(offer)}`);
    const reclaims = restless.has(i)
      ? instants(stream('reclaims'), HOUR_S / RECLAIMS_PER_HOUR, hours * HOUR_S)
      : [];
    const notices = reclaims.map((at): Span => [at - NOTICE_S, at]);
    return {
      ...offer,
      hourlyUsd: walk(stream('price'), offer.type.onDemandUsd, hours),
      // Where machines are being taken back, none is given out.
      spells: merged([...spells(stream('capacity'), hours * HOUR_S), ...notices]),
      reclaims,
    };
  });
  return { offers, hours };
}

export const nameOf = ({ type, zone }: Offer): string => `${type.name} ${zone}`;

/** AWS gives prices with at most six decimals. */
const toMicro = (usd: number): number => Math.round(usd * 1e6) / 1e6;

function walk(draw: () => number, onDemandUsd: number, hours: number): readonly number[] {
  let share = LEAST + draw() * (MOST - LEAST);
  return Array.from({ length: hours }, () => {
    const usd = toMicro(share * onDemandUsd);
    share += (2 * draw() - 1) * STEP;
    if (share < LEAST) share = 2 * LEAST - share;
    if (share > MOST) share = 2 * MOST - share;
    return usd;
  });
}

function spells(draw: () => number, untilS: number): readonly Span[] {
  const gapS = SPELL_MEAN_S * (1 / SHARE_WITHOUT_CAPACITY - 1);
  const found: Span[] = [];
  for (let at = exponential(draw, gapS); at < untilS; ) {
    const end = at + exponential(draw, SPELL_MEAN_S);
    found.push([Math.round(at), Math.round(end)]);
    at = end + exponential(draw, gapS);
  }
  return found;
}

function instants(draw: () => number, meanS: number, untilS: number): readonly number[] {
  const found: number[] = [];
  for (let at = exponential(draw, meanS); at < untilS; at += exponential(draw, meanS)) {
    found.push(Math.round(at));
  }
  return found;
}

function merged(spans: readonly Span[]): readonly Span[] {
  const sum: Span[] = [];
  for (const [from, to] of spans.toSorted((a, b) => a[0] - b[0])) {
    const last = sum.at(-1);
    if (last !== undefined && from <= last[1])
      sum[sum.length - 1] = [last[0], Math.max(last[1], to)];
    else sum.push([from, to]);
  }
  return sum.filter(([from, to]) => to > from);
}

export const hasCapacity = ({ spells: out }: OfferMonth, atS: number): boolean =>
  !out.some(([from, to]) => from <= atS && atS < to);

/** The first instant after this one at which its machines are taken back. */
export const nextReclaim = ({ reclaims }: OfferMonth, afterS: number): number =>
  reclaims.find((at) => at > afterS) ?? Number.POSITIVE_INFINITY;

export const priceAt = ({ hourlyUsd }: OfferMonth, atS: number): number =>
  hourlyUsd[Math.max(0, Math.floor(atS / HOUR_S))] ?? Number.NaN;
