import { describe, expect, test } from '@jest/globals';
import { type Bet, expectedUsd, reclaimsPerHour } from '../../src/plan/choice.ts';
import { HOUR, MINUTE } from '../builders.ts';

const aBet = (given: Partial<Bet> = {}): Bet => ({
  priceUsd: 0.1,
  diskGb: 0,
  lifeMs: 30 * MINUTE,
  reclaimsPerHour: 0,
  againUsd: null,
  ...given,
});

describe('what a job is expected to cost', () => {
  test('is price, disk and address for as long as the machine lives', () => {
    expect(expectedUsd(aBet())).toBeCloseTo((0.1 + 0.005) / 2, 6);
    // 730 GB of gp3 for half an hour are $0.04.
    expect(expectedUsd(aBet({ diskGb: 730 }))).toBeCloseTo((0.1 + 0.005 + 0.08) / 2, 6);
  });

  test('is that of a minute for what ends sooner', () => {
    const minute = expectedUsd(aBet({ lifeMs: MINUTE }));
    expect(expectedUsd(aBet({ lifeMs: 5_000 }))).toBe(minute);
    expect(expectedUsd(aBet({ lifeMs: 2 * MINUTE }))).toBeCloseTo(2 * minute, 6);
  });

  test('hardly grows where EC2 takes back within the first hour, which is free', () => {
    const whole = expectedUsd(aBet());
    const often = expectedUsd(aBet({ reclaimsPerHour: 1 }));
    expect(often).toBeGreaterThan(whole);
    expect(often / whole).toBeLessThan(1.02);
  });

  test('grows with what is cut after the first hour', () => {
    const whole = expectedUsd(aBet({ lifeMs: 5 * HOUR }));
    expect(expectedUsd(aBet({ lifeMs: 5 * HOUR, reclaimsPerHour: 0.2 })) / whole).toBeGreaterThan(
      1.2,
    );
  });

  test('has a second run in it, at the price that it will have', () => {
    const rate = { reclaimsPerHour: 0.5 };
    const same = expectedUsd(aBet(rate));
    const onDemand = expectedUsd(aBet({ ...rate, againUsd: 0.3 }));
    const chance = 1 - Math.exp(-0.25);
    expect(onDemand - same).toBeCloseTo(chance * 0.2 * 0.5, 6);
  });

  test('is that of a usual job where nobody knows how long it takes', () => {
    const [dear, cheap] = [0.2, 0.1].map((priceUsd) =>
      expectedUsd(aBet({ priceUsd, lifeMs: null })),
    );
    expect(dear).toBeGreaterThan(cheap ?? 0);
  });
});

test.each([
  ['nothing was seen', { reclaims: 0, hours: 0 }, false, 0.02],
  ['one ran for long', { reclaims: 0, hours: 950 }, false, 0.001],
  ['many were taken back', { reclaims: 9, hours: 50 }, false, 0.1],
  ['there was lately no capacity', { reclaims: 0, hours: 0 }, true, 0.06],
])('reclaims an hour, when %s', (_, seen, wasScarce, expected) => {
  expect(reclaimsPerHour(seen, wasScarce)).toBeCloseTo(expected, 6);
});
