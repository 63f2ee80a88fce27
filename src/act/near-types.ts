import { editDistance, nearest } from '../lib/nearest.ts';

/** What a reply has room for. */
const MOST_NAMED = 3;
/** `m6i` is like `m5`; further away, or with another first letter, a family is another thing. */
const FAMILY_DISTANCE = 2;

/**
 * Real types that may have been meant, the likeliest first: a typo's original, the same size of a
 * family that is like it, then other sizes of the family.
 */
export function nearTypes(type: string, names: readonly string[]): readonly string[] {
  const original = nearest(type, names);
  const [family, size] = parts(type);
  const likes = names
    .map((name) => {
      const [itsFamily, itsSize] = parts(name);
      const isOfLetter = family[0] === itsFamily[0];
      return {
        name,
        family: isOfLetter ? editDistance(family, itsFamily) : Number.POSITIVE_INFINITY,
        size: editDistance(size, itsSize),
      };
    })
    .filter((its) => (its.size === 0 ? its.family <= FAMILY_DISTANCE : its.family === 0))
    .sort((a, b) => a.size - b.size || a.family - b.family)
    .map(({ name }) => name);
  const all = original === undefined ? likes : [original, ...likes];
  return [...new Set(all)].slice(0, MOST_NAMED);
}

function parts(type: string): readonly [family: string, size: string] {
  const dot = type.indexOf('.');
  return dot < 0 ? [type, ''] : [type.slice(0, dot), type.slice(dot + 1)];
}
