/** Does the work for a key when it is its turn. */
export type Turns = <T>(key: string, work: () => Promise<T>) => Promise<T>;

/** So many at a time for each key; the others wait in their order. How many may wait, callers bound. */
export function createTurns(most: number): Turns {
  const lines = new Map<string, { busy: number; readonly waiting: (() => void)[] }>();
  return async (key, work) => {
    const line = lines.get(key) ?? { busy: 0, waiting: [] };
    lines.set(key, line);
    if (line.busy < most) line.busy += 1;
    else await new Promise<void>((resolve) => line.waiting.push(resolve));
    try {
      return await work();
    } finally {
      const next = line.waiting.shift();
      if (next) next();
      else line.busy -= 1;
      if (line.busy === 0) lines.delete(key);
    }
  };
}
