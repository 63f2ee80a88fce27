import { describe, expect, test } from '@jest/globals';
import { canTrace, cutPower } from './power-cut.ts';

const LIMIT_MS = 300_000;
const COUNT = 500;

if (!canTrace) process.stderr.write('SKIPPED: the tests of a power cut; they need strace\n');

(canTrace ? describe : describe.skip)('a power cut', () => {
  test(
    'costs no delivery that was acknowledged',
    () => {
      const cuts = cutPower('store', COUNT);
      expect(cuts).toHaveLength(COUNT / 10);
      expect(cuts.filter(({ lost, isWhole }) => lost > 0 || !isWhole)).toEqual([]);
    },
    LIMIT_MS,
  );

  // Without this the test above might look at nothing.
  test(
    'costs most of them where SQLite does not wait for the disk',
    () => {
      const cuts = cutPower('normal', COUNT);
      expect(cuts.every(({ isWhole }) => isWhole)).toBe(true);
      expect(cuts.filter(({ lost }) => lost > 0).length).toBeGreaterThan(COUNT / 20);
    },
    LIMIT_MS,
  );
});
