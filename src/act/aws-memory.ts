import { createCache } from '../lib/cache.ts';
import type { Clock, Instant } from '../lib/clock.ts';
import type { Refusal, Refused, Reply } from '../model/reply.ts';
import type { Store } from '../store/port.ts';

// Answers of AWS with their ages: in memory, and in the store for other processes and after a restart.
// Between a webhook and its launch nothing is asked once they are there. What is no longer fresh is
// used at once and asked for behind it, and while AWS is slow or down the last answer goes on serving.

/** How old an answer may be. */
export interface Ages {
  /** Nothing is asked before. */
  readonly freshMs: number;
  /** Until then nobody waits for a newer one. */
  readonly staleMs: number;
}

export interface Question<T> {
  /** Names all that the answer hangs on. */
  readonly key: string;
  readonly ages: Ages;
  readonly ask: () => Promise<Reply<T>>;
}

export interface AwsMemory {
  recall<T>(question: Question<T>): Promise<Reply<T>>;
  /** The answer without waiting; undefined while there is none, and then it is asked for. */
  peek<T>(question: Question<T>): T | undefined;
  /** Answers under keys that begin so are wrong. */
  forget(prefix: string): void;
  /** Asks anew for what is in use and more than half way to not fresh. */
  refresh(): Promise<void>;
}

/** A refusal is remembered shortly, so that a sick account is not asked at every tick. */
const REFUSAL_AGE_MS = 15_000;
/** Of an answer that serves while AWS does not answer. */
const LAST_AGE_MS = 7 * 24 * 3_600_000;
const MOST_ENTRIES = 5_000;
/** AWS did not say no: it did not say. */
const SILENCE: ReadonlySet<Refusal> = new Set(['unreachable', 'throttled', 'busy']);
/** What the store's keys begin with; `prune` drops the old ones by it. */
export const FACT_PREFIX = 'aws|';

interface Known {
  readonly value: unknown;
  readonly at: Instant;
}

interface Used {
  readonly question: Question<unknown>;
  readonly at: Instant;
}

export function createAwsMemory(deps: {
  readonly store: Pick<Store, 'fact' | 'saveFact'>;
  readonly clock: Clock;
}): AwsMemory {
  const { store, clock } = deps;
  const known = createCache<Known>(clock, MOST_ENTRIES);
  const refusals = createCache<Refused>(clock, MOST_ENTRIES);
  const used = createCache<Used>(clock, MOST_ENTRIES);
  const underWay = new Map<string, Promise<Reply<unknown>>>();
  /** What was forgotten stays in the store, and is not read from there again. */
  const forgotten = new Map<string, Instant>();

  const isForgotten = (key: string, at: Instant): boolean =>
    [...forgotten].some(([prefix, since]) => key.startsWith(prefix) && at <= since);

  const inMemory = (key: string): Known | undefined => known.get(key, Number.POSITIVE_INFINITY);

  async function inStore(key: string): Promise<Known | undefined> {
    const fact = await store.fact(`${FACT_PREFIX}${key}`);
    if (!fact || isForgotten(key, fact.at)) return undefined;
    // Written below, and the key names what it is.
    const entry: Known = { value: JSON.parse(fact.value), at: fact.at };
    known.set(key, entry);
    return entry;
  }

  /** One question at a time for each key. */
  function ask(question: Question<unknown>): Promise<Reply<unknown>> {
    const { key } = question;
    const running = underWay.get(key);
    if (running) return running;
    const work = answer(question).finally(() => underWay.delete(key));
    underWay.set(key, work);
    return work;
  }

  async function answer({ key, ask: call }: Question<unknown>): Promise<Reply<unknown>> {
    const reply = await call();
    if (reply.ok) {
      const at = clock.now();
      known.set(key, { value: reply.value, at });
      await store.saveFact(`${FACT_PREFIX}${key}`, JSON.stringify(reply.value), at);
    } else refusals.set(key, reply);
    return reply;
  }

  /** A bug in it is for whoever waits for the same question. */
  const askBehind = (question: Question<unknown>): void => {
    if (!refusals.get(question.key, REFUSAL_AGE_MS)) ask(question).catch(() => undefined);
  };

  async function recall(question: Question<unknown>): Promise<Reply<unknown>> {
    const { key, ages } = question;
    used.set(key, { question, at: clock.now() });
    const entry = inMemory(key) ?? (await inStore(key));
    const ageMs = entry ? clock.now() - entry.at : Number.POSITIVE_INFINITY;
    if (entry && ageMs < ages.staleMs) {
      if (ageMs >= ages.freshMs) askBehind(question);
      return { ok: true, value: entry.value };
    }
    const reply = refusals.get(key, REFUSAL_AGE_MS) ?? (await ask(question));
    const isLast = entry && ageMs < LAST_AGE_MS && !reply.ok && SILENCE.has(reply.reason);
    return isLast ? { ok: true, value: entry.value } : reply;
  }

  return {
    // The key names the question, so what is under it has the type that its call gives.
    recall: async <T>(question: Question<T>) => (await recall(question)) as Reply<T>,
    peek<T>(question: Question<T>) {
      const entry = inMemory(question.key);
      recall(question).catch(() => undefined);
      return entry?.value as T | undefined;
    },
    forget(prefix) {
      forgotten.set(prefix, clock.now());
      for (const key of known.olderThan(0)) if (key.startsWith(prefix)) known.delete(key);
    },
    async refresh() {
      for (const key of used.olderThan(0)) {
        const its = used.get(key, Number.POSITIVE_INFINITY);
        if (!its) continue;
        const { freshMs } = its.question.ages;
        const ageMs = clock.now() - (inMemory(key)?.at ?? 0);
        if (clock.now() - its.at >= freshMs) used.delete(key);
        else if (ageMs >= freshMs / 2) await ask(its.question);
      }
    },
  };
}
