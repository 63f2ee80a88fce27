import type { Clock, Instant } from './clock.ts';

/** Values with ages. Bounded: the oldest goes first. */
export interface Cache<V> {
  /** The value if it is younger than `maxAgeMs`. */
  get(key: string, maxAgeMs: number): V | undefined;
  set(key: string, value: V): void;
  delete(key: string): void;
  /** Keys whose value is at least that old. */
  olderThan(ageMs: number): readonly string[];
}

export function createCache<V>(clock: Clock, most: number): Cache<V> {
  const entries = new Map<string, { value: V; at: Instant }>();
  return {
    get(key, maxAgeMs) {
      const entry = entries.get(key);
      return entry && clock.now() - entry.at < maxAgeMs ? entry.value : undefined;
    },
    set(key, value) {
      entries.delete(key);
      entries.set(key, { value, at: clock.now() });
      const [oldest] = entries.keys();
      if (entries.size > most && oldest !== undefined) entries.delete(oldest);
    },
    delete: (key) => void entries.delete(key),
    olderThan: (ageMs) =>
      [...entries].filter(([, { at }]) => clock.now() - at >= ageMs).map(([key]) => key),
  };
}
