/**
 * Does the work for each, in their order and so many at a time. What fails is thrown when all others
 * have ended, so that nothing goes on behind the caller's back.
 */
export async function atMost<T>(
  most: number,
  items: Iterable<T>,
  work: (item: T) => Promise<unknown>,
): Promise<void> {
  const rest = items[Symbol.iterator]();
  const takeTurns = async (): Promise<void> => {
    for (let next = rest.next(); !next.done; next = rest.next()) await work(next.value);
  };
  const ends = await Promise.allSettled(Array.from({ length: most }, takeTurns));
  for (const end of ends) if (end.status === 'rejected') throw end.reason;
}
