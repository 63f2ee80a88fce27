import type { Clock, Instant } from '../lib/clock.ts';

// What was asked of one service within the last hour, by whom it is counted for: GitHub counts calls
// for each installation. Healings may spend a part of that hour and no more, in bursts if they like.

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

  return {
    closedUntil(payer, purpose) {
      if (purpose === 'work') return undefined;
      const { healing, healingMost } = spending(payer);
      if (healing < healingMost) return undefined;
      const oldest = accountOf(payer).minutes.find((minute) => minute.healing > 0);
      return ((oldest?.minute ?? minuteNow()) + MINUTES) * MINUTE_MS;
    },
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
