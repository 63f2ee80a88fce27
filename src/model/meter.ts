import type { Clock, Instant } from '../lib/clock.ts';

// What was asked of one service within the last hour, by whom it is counted for: GitHub counts calls
// for each installation. Healings may spend a part of that hour and no more, in bursts of a sixth of it:
// with many repositories at work all are looked after a little later, and none is left for the rest of an hour.

/** healing: looking for what was lost. work: all that a job or a person needs. */
export type Purpose = 'work' | 'healing';

export interface Spending {
  /** Calls of the last hour; what nothing had changed for is free, and not in them. */
  readonly work: number;
  readonly healing: number;
  readonly free: number;
  /** What healings may spend in an hour. */
  readonly healingMost: number;
}

export interface Meter {
  /** Until when healings have spent their part; undefined: a call may go out. */
  closedUntil(payer: string, purpose: Purpose): Instant | undefined;
  /** How many more healings may make now. */
  healingLeft(payer: string): number;
  count(payer: string, purpose: Purpose, call: { readonly isFree: boolean }): void;
  /** The other side told how many calls it allows in an hour. */
  learn(payer: string, limit: number): void;
  spending(payer: string): Spending;
}

const MINUTE_MS = 60_000;
const MINUTES = 60;
/** GitHub's for an installation, until it says otherwise. */
const LIMIT_PER_HOUR = 5_000;
/** Of the hour's limit, for all healings together. */
const HEALING_SHARE = 0.1;
const MOST_PAYERS = 10_000;
/** Minutes in which healings may spend their share of such a part of the hour. */
export const BURST_MINUTES = 10;
/** A look at a few repositories takes so many, however little the hour has. */
const LEAST_BURST = 50;

/** What healings may spend in any ten minutes, of what they may in an hour. */
export const burstOf = (healingMost: number): number =>
  Math.min(healingMost, Math.max(LEAST_BURST, Math.ceil((healingMost * BURST_MINUTES) / MINUTES)));

interface Minute {
  readonly minute: number;
  work: number;
  healing: number;
  free: number;
}

interface Account {
  limit: number;
  /** Those of the last hour in which something was counted, the oldest first. */
  minutes: Minute[];
}

export function createMeter(clock: Pick<Clock, 'now'>): Meter {
  const accounts = new Map<string, Account>();
  const minuteNow = () => Math.floor(clock.now() / MINUTE_MS);

  function accountOf(payer: string): Account {
    const known = accounts.get(payer);
    if (known) {
      known.minutes = known.minutes.filter(({ minute }) => minute > minuteNow() - MINUTES);
      return known;
    }
    if (accounts.size >= MOST_PAYERS) accounts.clear();
    const made = { limit: LIMIT_PER_HOUR, minutes: [] };
    accounts.set(payer, made);
    return made;
  }

  function spending(payer: string): Spending {
    const { limit, minutes } = accountOf(payer);
    const sum = (what: 'work' | 'healing' | 'free') =>
      minutes.reduce((all, minute) => all + minute[what], 0);
    const healingMost = Math.floor(limit * HEALING_SHARE);
    return { work: sum('work'), healing: sum('healing'), free: sum('free'), healingMost };
  }

  /** What is left of it in the last so many minutes, and when there is more. */
  function leftIn(payer: string, minutes: number, most: number) {
    const last = accountOf(payer).minutes.filter(
      ({ minute, healing }) => healing > 0 && minute > minuteNow() - minutes,
    );
    const left = most - last.reduce((all, { healing }) => all + healing, 0);
    return { left, moreAt: ((last[0]?.minute ?? minuteNow()) + minutes) * MINUTE_MS };
  }

  function bounds(payer: string) {
    const { healingMost } = spending(payer);
    return [
      leftIn(payer, MINUTES, healingMost),
      leftIn(payer, BURST_MINUTES, burstOf(healingMost)),
    ];
  }

  return {
    closedUntil(payer, purpose) {
      if (purpose === 'work') return undefined;
      const spent = bounds(payer).filter(({ left }) => left <= 0);
      return spent.length === 0 ? undefined : Math.max(...spent.map(({ moreAt }) => moreAt));
    },
    healingLeft: (payer) => Math.min(...bounds(payer).map(({ left }) => left)),
    count(payer, purpose, { isFree }) {
      const { minutes } = accountOf(payer);
      const last = minutes.at(-1);
      const isNow = last?.minute === minuteNow();
      const minute = isNow ? last : { minute: minuteNow(), work: 0, healing: 0, free: 0 };
      if (!isNow) minutes.push(minute);
      minute[isFree ? 'free' : purpose] += 1;
    },
    learn(payer, limit) {
      accountOf(payer).limit = limit;
    },
    spending,
  };
}
