/** A binary heap: the least comes out first. */
export interface Heap<T> {
  push(item: T): void;
  pop(): T | undefined;
  peek(): T | undefined;
  readonly size: number;
}

export function createHeap<T>(isBefore: (a: T, b: T) => boolean): Heap<T> {
  const items: T[] = [];
  /** Whether the item at `a` must stand above the item at `b`; false where one is missing. */
  const before = (a: number, b: number): boolean => {
    const x = items[a];
    const y = items[b];
    return x !== undefined && y !== undefined && isBefore(x, y);
  };
  const swap = (a: number, b: number) => {
    const x = items[a];
    const y = items[b];
    if (x === undefined || y === undefined) return;
    items[a] = y;
    items[b] = x;
  };
  const rise = (start: number) => {
    for (let i = start; i > 0; ) {
      const parent = (i - 1) >> 1;
      if (!before(i, parent)) return;
      swap(i, parent);
      i = parent;
    }
  };
  const sink = () => {
    for (let i = 0; ; ) {
      const left = 2 * i + 1;
      const least = before(left + 1, left) ? left + 1 : left;
      if (!before(least, i)) return;
      swap(i, least);
      i = least;
    }
  };
  return {
    push(item) {
      items.push(item);
      rise(items.length - 1);
    },
    pop() {
      swap(0, items.length - 1);
      const top = items.pop();
      sink();
      return top;
    },
    peek: () => items[0],
    get size() {
      return items.length;
    },
  };
}
