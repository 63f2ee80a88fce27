/** A burst is read in several turns, and one in which nothing arrives takes microseconds. */
const TURNS = 3;

/**
 * Gathers what arrives in a few turns of the event loop and handles it with one call: with a database
 * behind it, many requests share one commit. One flush at a time; a batch has at most `most` items.
 */
export function createBatch<T, R>(
  flush: (items: readonly T[]) => Promise<readonly R[]>,
  most: number,
): (item: T) => Promise<R> {
  type Entry = { item: T; resolve: (value: R) => void; reject: (error: unknown) => void };
  let waiting: Entry[] = [];
  let isBusy = false;

  async function run(): Promise<void> {
    while (waiting.length > 0) {
      const batch = waiting.slice(0, most);
      waiting = waiting.slice(most);
      try {
        const results = await flush(batch.map((entry) => entry.item));
        batch.forEach((entry, i) => {
          const result = results[i];
          if (result === undefined) entry.reject(new Error('a batch answered for too few items'));
          else entry.resolve(result);
        });
      } catch (error) {
        for (const entry of batch) entry.reject(error);
      }
    }
    isBusy = false;
  }

  function gather(turns: number): void {
    setImmediate(() => {
      if (turns > 1) gather(turns - 1);
      else void run();
    });
  }

  return (item) =>
    new Promise((resolve, reject) => {
      waiting.push({ item, resolve, reject });
      if (isBusy) return;
      isBusy = true;
      gather(TURNS);
    });
}
