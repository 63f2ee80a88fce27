import { isDeepStrictEqual } from 'node:util';
import type { Instant } from '../../src/lib/clock.ts';
import type { Kernel } from '../../src/sandbox/kernel.ts';

/** What was said when, and what of it the app may still go by: news may be late. */
export interface Versions<K, V> {
  /** false: it is as it was. */
  push(key: K, value: V): boolean;
  newest(key: K): V | undefined;
  /** The newest first. */
  known(key: K): readonly V[];
}

export function createVersions<K, V>(kernel: Kernel, ageMs: number): Versions<K, V> {
  const all = new Map<K, { readonly at: Instant; readonly value: V }[]>();
  return {
    push(key, value) {
      const before = all.get(key) ?? [];
      const last = before.at(-1);
      if (last && isDeepStrictEqual(last.value, value)) return false;
      all.set(key, [...before, { at: kernel.now(), value }]);
      return true;
    },
    newest: (key) => all.get(key)?.at(-1)?.value,
    known(key) {
      const since = kernel.now() - ageMs;
      const versions = (all.get(key) ?? []).toReversed();
      return versions
        .filter((_, i) => i === 0 || (versions[i - 1]?.at ?? since) >= since)
        .map(({ value }) => value);
    },
  };
}
