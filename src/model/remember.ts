import { createCache } from '../lib/cache.ts';
import type { Clock } from '../lib/clock.ts';
import type { Reply } from './reply.ts';

export interface RememberFor {
  readonly most: number;
  readonly goodMs: number;
  /** What is missing or denied may be mended by a person, who then waits for it. */
  readonly badMs: number;
}

export type Remembered<T> = (key: string, ask: () => Promise<Reply<T>>) => Promise<Reply<T>>;

/** Asks again only after a while; that nobody answered is not remembered. */
export function createRemembered<T>(
  clock: Clock,
  { most, goodMs, badMs }: RememberFor,
): Remembered<T> {
  const kept = createCache<Reply<T>>(clock, most);
  return async (key, ask) => {
    const known = kept.get(key, goodMs);
    if (known && (known.ok || kept.get(key, badMs))) return known;
    const reply = await ask();
    if (reply.ok || reply.reason === 'missing' || reply.reason === 'denied') kept.set(key, reply);
    return reply;
  };
}

/** How long an organization's runner group is taken for what it was. */
export const RUNNER_GROUPS: RememberFor = { most: 10_000, goodMs: 300_000, badMs: 30_000 };
