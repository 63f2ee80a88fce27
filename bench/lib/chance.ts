/** Seeded streams of draws in [0, 1): one for each label, so that no label moves another's draws. */
export type Chance = (label: string) => () => number;

/** FNV-1a over the text seeds a mulberry32 for each label: small, and good enough for a market. */
export function createChance(seed: number): Chance {
  return (label) => {
    let state = 0x811c9dc5;
    for (const char of `${seed} ${label}`) {
      state = Math.imul(state ^ (char.codePointAt(0) ?? 0), 0x01000193);
    }
    return () => {
      state = (state + 0x6d2b79f5) | 0;
      let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
      mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
      return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
    };
  };
}

/** Exponential, for what comes at a constant rate. */
export const exponential = (draw: () => number, mean: number): number =>
  -Math.log(1 - draw()) * mean;
