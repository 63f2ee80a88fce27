import { createCache } from './cache.ts';
import type { Clock } from './clock.ts';

/** At most so many in a while, for each key; the keys are bounded too. */
export interface Rate {
  /** Counts one, or `count`; 0 when it may go on, else after how many milliseconds it may come again. */
  take(key: string, count?: number): number;
  /** One that was taken counts no longer. */
  giveBack(key: string): void;
}

const MOST_KEYS = 10_000;

export function createRate(
  clock: Clock,
  { most, perMs }: { readonly most: number; readonly perMs: number },
): Rate {
  const windows = createCache<{ readonly since: number; count: number }>(clock, MOST_KEYS);
  const wait = (key: string) => {
    const window = windows.get(key, perMs);
    return window && window.count >= most ? window.since + perMs - clock.now() : 0;
  };
  return {
    take(key, count = 1) {
      const left = wait(key);
      if (left > 0) return left;
      const window = windows.get(key, perMs);
      if (window) window.count += count;
      else windows.set(key, { since: clock.now(), count });
      return 0;
    },
    giveBack(key) {
      const window = windows.get(key, perMs);
      if (window && window.count > 0) window.count -= 1;
    },
  };
}
