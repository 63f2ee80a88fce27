import { createCache } from '../lib/cache.ts';
import type { Clock, Instant } from '../lib/clock.ts';
import { fieldsOf, textOf } from '../model/github-json.ts';
import type { InstallationId } from '../model/ids.ts';
import { type Answer, countOf, headerOf } from './answer.ts';

// Keeps us inside GitHub's limits, which it counts for each installation. Nothing waits in here: a
// call goes out at once, or is told when to come back, so no queue can grow.

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
  }): Pass | { readonly ok: false; readonly retryAt: Instant };
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
  leave(answer: Answer | null): Instant | undefined;
}

/** https://docs.github.com/rest/using-the-rest-api/rate-limits-for-the-rest-api */
const POINTS_PER_MINUTE = 900;
const POINTS = { read: 1, write: 5 };
/** A second more than GitHub's minute, because calls do not all travel at one speed. */
const WINDOW_MS = 61_000;
/** Of what notifies people, whatever the endpoint; what they write themselves is not counted here. */
const CONTENT_PER_MINUTE = 80;
const CONTENT_PER_HOUR = 500;
const HOUR_MS = 3_601_000;
/** GitHub allows 100 at a time; the rest is for others who use the same App. */
const MAX_IN_FLIGHT = 80;
const IN_FLIGHT_RETRY_MS = 1000;
/** After a secondary limit that does not say how long: a minute at least, doubling. */
const FIRST_PENALTY_MS = 60_000;
const MAX_DOUBLINGS = 4;
/** A clock that is wrong, here or there, must not silence us for ever. */
const MAX_SILENCE_MS = 3_600_000;
const MIN_SILENCE_MS = 1000;
const MAX_PAYERS = 10_000;

interface Account {
  inFlight: number;
  /** Secondary limits in a row. */
  strikes: number;
  closedUntil: Instant;
  readonly endpoints: Map<string, Endpoint>;
  /** When content of the last hour went out, oldest first. */
  readonly contentAt: Instant[];
  hour: (Hour & { readonly resetAt: Instant }) | null;
}

interface Endpoint {
  closedUntil: Instant;
  /** When its calls of the last minute went out, oldest first. */
  readonly sentAt: Instant[];
}

export function createPace(clock: Clock): Pace {
  const accounts = createCache<Account>(clock, MAX_PAYERS);
  return {
    enter({ payer, kind, isWrite, isContent }) {
      const now = clock.now();
      const account = accounts.get(String(payer), Number.POSITIVE_INFINITY) ?? newAccount();
      // Set again, so that the one that is forgotten is the one that was idle longest.
      accounts.set(String(payer), account);
      const endpoint = endpointOf(account, kind);
      const retryAt = firstFree({ account, endpoint, isWrite, isContent, now });
      if (retryAt > now) return { ok: false, retryAt };
      account.inFlight += 1;
      endpoint.sentAt.push(now);
      if (isContent) account.contentAt.push(now);
      return {
        ok: true,
        leave(answer) {
          account.inFlight -= 1;
          return answer === null ? undefined : learn({ account, endpoint, answer }, clock.now());
        },
      };
    },
    hourOf(payer) {
      const hour = accounts.get(String(payer), Number.POSITIVE_INFINITY)?.hour ?? null;
      return hour !== null && hour.resetAt > clock.now() ? hour : null;
    },
  };
}

const newAccount = (): Account => ({
  inFlight: 0,
  strikes: 0,
  closedUntil: 0,
  endpoints: new Map(),
  contentAt: [],
  hour: null,
});

function endpointOf(account: Account, kind: string): Endpoint {
  const known = account.endpoints.get(kind);
  if (known) return known;
  const made = { closedUntil: 0, sentAt: [] };
  account.endpoints.set(kind, made);
  return made;
}

/** `now`, when a call may go out. */
function firstFree(at: {
  readonly account: Account;
  readonly endpoint: Endpoint;
  readonly isWrite: boolean;
  readonly isContent: boolean;
  readonly now: Instant;
}): Instant {
  const { account, endpoint, isWrite, now } = at;
  const closedUntil = Math.max(account.closedUntil, endpoint.closedUntil);
  if (closedUntil > now) return closedUntil;
  if (account.inFlight >= MAX_IN_FLIGHT) return now + IN_FLIGHT_RETRY_MS;
  const { sentAt } = endpoint;
  const { contentAt } = account;
  forget(sentAt, now - WINDOW_MS);
  forget(contentAt, now - HOUR_MS);
  const atMost = POINTS_PER_MINUTE / (isWrite ? POINTS.write : POINTS.read);
  const byEndpoint = freeAt(sentAt, atMost, WINDOW_MS);
  if (!at.isContent) return Math.max(now, byEndpoint);
  const byMinute = freeAt(contentAt, CONTENT_PER_MINUTE, WINDOW_MS);
  return Math.max(now, byEndpoint, byMinute, freeAt(contentAt, CONTENT_PER_HOUR, HOUR_MS));
}

function forget(times: Instant[], until: Instant): void {
  while ((times[0] ?? Number.POSITIVE_INFINITY) <= until) times.shift();
}

/** When fewer than `atMost` will have gone out within the window. */
const freeAt = (times: readonly Instant[], atMost: number, windowMs: number): Instant =>
  (times.at(-atMost) ?? Number.NEGATIVE_INFINITY) + windowMs;

function learn(
  at: { readonly account: Account; readonly endpoint: Endpoint; readonly answer: Answer },
  now: Instant,
): Instant | undefined {
  const { account, endpoint, answer } = at;
  account.hour = hourIn(answer) ?? account.hour;
  const isRefused = isLimit(answer);
  const isSpent = countOf(answer, 'x-ratelimit-remaining') === 0;
  if (!isRefused) account.strikes = 0;
  if (!isRefused && !isSpent) return undefined;
  const until = clamp(openAgain(answer, account, now), now);
  // Some endpoints have a bucket of their own; an empty one says nothing about the others.
  const resource = headerOf(answer, 'x-ratelimit-resource') ?? 'core';
  const closed = isSpent && resource !== 'core' ? endpoint : account;
  closed.closedUntil = Math.max(closed.closedUntil, until);
  return isRefused ? until : undefined;
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
