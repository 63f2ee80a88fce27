import { createCache } from '../lib/cache.ts';
import type { Clock } from '../lib/clock.ts';
import { hashOf } from '../lib/hash.ts';
import { type Answer, failure, type Request } from '../lib/http.ts';
import { createRate } from '../lib/rate.ts';
import { createTurns, type Turns } from '../lib/turns.ts';

// What callers may cause at GitHub: to find out who somebody is, the App pays; what they may do in a
// repository, its installation.

/** Somebody who is not let in. */
export interface Turned {
  readonly status: 401 | 403 | 404 | 409 | 429 | 503;
  /** For metrics, too. */
  readonly why: string;
  readonly message: string;
  readonly retryMs?: number;
}

export const isTurned = <T extends object>(value: T | Turned): value is Turned => 'status' in value;

export function answerTurned({ status, why, message, retryMs }: Turned): Answer {
  const answer = failure(status, why, message);
  if (retryMs === undefined) return answer;
  return { ...answer, headers: { 'retry-after': String(Math.ceil(retryMs / 1000)) } };
}

const MINUTE_MS = 60_000;
/** More than a person types, less than a script in a loop. */
const CALLS_A_MINUTE = 60;
const REFUSALS_A_MINUTE = 30;
/** A tenth of what an installation may have under way: no stranger can fill it alone. */
const QUESTIONS_AT_ONCE = 4;
/** A token that was good this long ago is looked at, wherever it comes from. */
const LET_IN_MS = 3_600_000;
const MOST_LET_IN = 10_000;

const tooMany = (why: string, retryMs: number): Turned => ({
  status: 429,
  why,
  message: `too many calls: come again in ${Math.ceil(retryMs / 1000)} s`,
  retryMs,
});

/** Asks who somebody is, by what they show: the token, and whatever else the answer depends on. */
export type Gate<T> = (
  request: Request,
  shown: string,
  ask: () => Promise<T | Turned>,
) => Promise<T | Turned>;

/**
 * Where too many were refused, nothing more is asked. Many have one address, behind a proxy of their
 * own or two of ours: so those who were let in before do not wait for what strangers do there.
 */
export function createGate<T extends object>(clock: Clock): Gate<T> {
  const places = createRate(clock, { most: REFUSALS_A_MINUTE, perMs: MINUTE_MS });
  const letIn = createCache<true>(clock, MOST_LET_IN);
  const underWay = new Map<string, Promise<T | Turned>>();
  return async (request, shown, ask) => {
    const [from, key] = [addressOf(request), hashOf(shown)];
    const same = underWay.get(key);
    if (same) return same;
    const isNew = letIn.get(key, LET_IN_MS) === undefined;
    // Taken before the question: all that are under way may be refused.
    const waitMs = isNew ? places.take(from) : 0;
    if (waitMs > 0) return tooMany('refused', waitMs);
    let isRefused = false;
    try {
      const asking = ask();
      underWay.set(key, asking);
      const answer = await asking;
      if (!isTurned(answer)) letIn.set(key, true);
      else if (answer.status !== 503) isRefused = true;
      return answer;
    } finally {
      underWay.delete(key);
      if (isRefused) letIn.delete(key);
      else if (isNew) places.giveBack(from);
    }
  };
}

/** Where TLS ends before us, the last address is what our own proxy saw; any other can be made up. */
function addressOf({ headers, address }: Request): string {
  const forwarded = [headers['x-forwarded-for'] ?? []].flat().join(',');
  return forwarded.split(',').at(-1)?.trim() || address;
}

/** Counts a call of somebody who is known; says so when it is one too many. */
export function createCalls(clock: Clock): (key: string) => Turned | undefined {
  const calls = createRate(clock, { most: CALLS_A_MINUTE, perMs: MINUTE_MS });
  return (key) => {
    const waitMs = calls.take(key);
    return waitMs > 0 ? tooMany('rate', waitMs) : undefined;
  };
}

/** For what a person's calls ask of an installation; how many can wait, their calls bound. */
export const createQuestions = (): Turns => createTurns(QUESTIONS_AT_ONCE);
