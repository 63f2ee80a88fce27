/** Longer words are not typos of ours; the bound keeps a hostile text from costing time. */
const MAX_LENGTH = 40;

/** `spot_Policy` and `spotPolicy` are `spot-policy` in another spelling. */
const plain = (word: string): string => word.toLowerCase().replace(/[^a-z0-9]/g, '');

/**
 * The known word that was most likely meant, or undefined: the same word in another spelling, a
 * typo of at most two letters (a third of a short word), or a part of exactly one (`price`:
 * `max-price`).
 */
export function nearest(word: string, known: readonly string[]): string | undefined {
  const meant = plain(word);
  if (meant === '' || meant.length > MAX_LENGTH) return undefined;
  let best: string | undefined;
  let bestDistance = Math.min(2, Math.floor(meant.length / 3)) + 1;
  for (const candidate of known) {
    const distance = editDistance(meant, plain(candidate));
    if (distance < bestDistance) [best, bestDistance] = [candidate, distance];
  }
  if (best !== undefined) return best;
  const containing = known.filter((candidate) => candidate.split('-').includes(meant));
  return containing.length === 1 ? containing[0] : undefined;
}

/** Letters to insert, delete, replace or swap with their neighbour. */
export function editDistance(a: string, b: string): number {
  let beforeLast: number[] = [];
  let last = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const replaced = (last[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      let least = Math.min(replaced, (last[j] ?? 0) + 1, (row[j - 1] ?? 0) + 1);
      const isSwap = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1];
      if (isSwap) least = Math.min(least, (beforeLast[j - 2] ?? 0) + 1);
      row.push(least);
    }
    [beforeLast, last] = [last, row];
  }
  return last[b.length] ?? 0;
}
