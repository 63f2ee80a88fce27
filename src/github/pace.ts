import { createCache } from '../lib/cache.ts';
import type { Clock, Instant } from '../lib/clock.ts';
import { fieldsOf, textOf } from '../model/github-json.ts';
import type { InstallationId } from '../model/ids.ts';
import { ALL, type Window } from '../model/window.ts';
import { createWindows, ownFacts, type Windows } from '../model/windows.ts';
import { type Answer, countOf, headerOf } from './answer.ts';

// Keeps all processes that share a store inside GitHub's limits, which it counts for each installation.
// Nothing waits in here: a call goes out at once, or is told when to come back, so no queue can grow.

/** Who a call is counted for; the calls with the App's own token share one account. */
export type Payer = InstallationId | 'app' | `person ${string}`;

export interface Pace {
  enter(call: {
    readonly payer: Payer;
    /** The endpoint: some of GitHub's limits are for each. */
    readonly kind: string;
    readonly isWrite: boolean;
    /** It notifies people. */
    readonly isContent: boolean;
  }): Promise<Pass | { readonly ok: false; readonly retryAt: Instant }>;
  /** What GitHub last said of the hour; null before it said anything, and when that hour is over. */
  hourOf(payer: Payer): Hour | null;
}

/** GitHub's limit on calls, and how much of it is used. */
export interface Hour {
  readonly used: number;
  readonly limit: number;
}

export interface Pass {
  readonly ok: true;
  /** To be called once, with the answer or null; says until when GitHub refuses, if it does. */
  leave(answer: Answer | null): Promise<Instant | undefined>;
}

/** https://docs.github.com/rest/using-the-rest-api/rate-limits-for-the-rest-api */
const POINTS_PER_MINUTE = 900;
const POINTS = { read: 1, write: 5 };
const MINUTE_MS = 60_000;
/** Of what notifies people, whatever the endpoint; what they write themselves is not counted here. */
const CONTENT: readonly Window[] = [
  { name: 'content of a minute', most: 80, ms: MINUTE_MS },
  { name: 'content of an hour', most: 500, ms: 60 * MINUTE_MS },
];
/** GitHub allows 100 at a time: enough for two processes, and for others who use the same App. */
const MAX_IN_FLIGHT = 40;
const IN_FLIGHT_RETRY_MS = 1000;
/** After a secondary limit that does not say how long: a minute at least, doubling. */
const FIRST_PENALTY_MS = 60_000;
const MAX_DOUBLINGS = 4;
/** A clock that is wrong, here or there, must not silence us for ever. */
const MAX_SILENCE_MS = 3_600_000;
const MIN_SILENCE_MS = 1000;
const MAX_PAYERS = 10_000;

/** What a process knows by itself. */
interface Account {
  inFlight: number;
  /** Secondary limits in a row. */
  strikes: number;
  closedUntil: Instant;
  hour: (Hour & { readonly resetAt: Instant }) | null;
}

export function createPace(clock: Clock, windows: Windows): Pace {
  const accounts = createCache<Account>(clock, MAX_PAYERS);
  return {
    async enter({ payer, kind, isWrite, isContent }) {
      const key = String(payer);
      const account = accounts.get(key, Number.POSITIVE_INFINITY) ?? newAccount();
      // Set again, so that the one that is forgotten is the one that was idle longest.
      accounts.set(key, account);
      if (account.closedUntil > clock.now()) return { ok: false, retryAt: account.closedUntil };
      if (account.inFlight >= MAX_IN_FLIGHT) {
        return { ok: false, retryAt: clock.now() + IN_FLIGHT_RETRY_MS };
      }
      account.inFlight += 1;
      const most = POINTS_PER_MINUTE / (isWrite ? POINTS.write : POINTS.read);
      const ofKind: Window = { name: kind, most, ms: MINUTE_MS };
      const retryAt = await windows.take(key, isContent ? [ofKind, ...CONTENT] : [ofKind]);
      if (retryAt !== undefined) {
        account.inFlight -= 1;
        return { ok: false, retryAt };
      }
      return {
        ok: true,
        async leave(answer) {
          account.inFlight -= 1;
          if (answer === null) return undefined;
          const { until, isRefused, isOfKind } = learn(account, answer, clock.now());
          if (until === undefined) return undefined;
          await windows.close(key, isOfKind ? kind : ALL, until);
          return isRefused ? until : undefined;
        },
      };
    },
    hourOf(payer) {
      const hour = accounts.get(String(payer), Number.POSITIVE_INFINITY)?.hour ?? null;
      return hour !== null && hour.resetAt > clock.now() ? hour : null;
    },
  };
}

/** For what this process asks on its own account, or on a person's. */
export const createOwnPace = (clock: Clock): Pace =>
  createPace(clock, createWindows({ clock, facts: ownFacts(clock), name: 'github' }));

const newAccount = (): Account => ({ inFlight: 0, strikes: 0, closedUntil: 0, hour: null });

interface Learnt {
  /** Nothing more is taken until then. */
  readonly until?: Instant;
  readonly isRefused: boolean;
  /** Of this endpoint only. */
  readonly isOfKind: boolean;
}

function learn(account: Account, answer: Answer, now: Instant): Learnt {
  account.hour = hourIn(answer) ?? account.hour;
  const isRefused = isLimit(answer);
  const isSpent = countOf(answer, 'x-ratelimit-remaining') === 0;
  if (!isRefused) account.strikes = 0;
  // Some endpoints have a bucket of their own; an empty one says nothing about the others.
  const resource = headerOf(answer, 'x-ratelimit-resource') ?? 'core';
  const isOfKind = isSpent && resource !== 'core';
  if (!isRefused && !isSpent) return { isRefused, isOfKind };
  const until = clamp(openAgain(answer, account, now), now);
  if (!isOfKind) account.closedUntil = Math.max(account.closedUntil, until);
  return { until, isRefused, isOfKind };
}

function hourIn(answer: Answer): Account['hour'] | undefined {
  if ((headerOf(answer, 'x-ratelimit-resource') ?? 'core') !== 'core') return undefined;
  const limit = countOf(answer, 'x-ratelimit-limit');
  const left = countOf(answer, 'x-ratelimit-remaining');
  const resetS = countOf(answer, 'x-ratelimit-reset');
  if (limit === undefined || left === undefined || resetS === undefined) return undefined;
  return { used: limit - left, limit, resetAt: resetS * 1000 };
}

/** By status and headers; without them by the page that GitHub refers to, never by its words. */
function isLimit(answer: Answer): boolean {
  if (answer.status === 429) return true;
  if (answer.status !== 403) return false;
  if (headerOf(answer, 'retry-after') !== undefined) return true;
  if (countOf(answer, 'x-ratelimit-remaining') === 0) return true;
  const page = textOf(fieldsOf(answer.data)['documentation_url']) ?? '';
  return page.includes('rate-limit');
}

function openAgain(answer: Answer, account: Account, now: Instant): Instant {
  const retryAfterS = countOf(answer, 'retry-after');
  if (retryAfterS !== undefined) return now + retryAfterS * 1000;
  const resetS = countOf(answer, 'x-ratelimit-reset');
  if (countOf(answer, 'x-ratelimit-remaining') === 0 && resetS !== undefined) return resetS * 1000;
  // Refused together with others that were under way: one limit, not many.
  if (account.closedUntil > now) return account.closedUntil;
  const penaltyMs = FIRST_PENALTY_MS * 2 ** Math.min(account.strikes, MAX_DOUBLINGS);
  account.strikes += 1;
  return now + penaltyMs;
}

const clamp = (until: Instant, now: Instant): Instant =>
  Math.min(Math.max(until, now + MIN_SILENCE_MS), now + MAX_SILENCE_MS);
