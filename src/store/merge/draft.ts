// merge: what a word of GitHub or EC2 makes of the rows that we have. Pure, and the same for every
// store: a store only finds the rows that a merge may touch, and writes those that it changed.

/** Rows as they are, and on top of them those that are new or changed. */
export interface Draft<K, V> {
  get(key: K): V | undefined;
  set(key: K, row: V): void;
  values(): Iterable<V>;
  readonly changed: ReadonlyMap<K, V>;
}

export function draft<K, V>(base: ReadonlyMap<K, V>): Draft<K, V> {
  const changed = new Map<K, V>();
  return {
    changed,
    get: (key) => changed.get(key) ?? base.get(key),
    set: (key, row) => {
      if (row !== (changed.get(key) ?? base.get(key))) changed.set(key, row);
    },
    values: () => new Map([...base, ...changed]).values(),
  };
}

/** The old row itself where the new one says nothing else, so that "changed" is a comparison. */
export function keepSame<T extends object>(old: T, next: T): T {
  for (const key in old) if (!Object.is(old[key], next[key])) return next;
  return old;
}

/** Ids and names are ASCII: their order is the same here and in every database. */
export const sorted = <T extends string>(ids: Iterable<T>): readonly T[] =>
  [...new Set(ids)].sort();
