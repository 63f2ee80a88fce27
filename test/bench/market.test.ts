import { describe, expect, test } from '@jest/globals';
import { billOf } from '../../bench/lib/billing.ts';
import {
  createMarket,
  hasCapacity,
  NOTICE_S,
  nextReclaim,
  type OfferMonth,
  priceAt,
} from '../../bench/lib/market.ts';

const MONTH_S = 30 * 24 * 3_600;
const type = (name: string, onDemandUsd: number) => ({ name, vcpus: 2, memoryGb: 8, onDemandUsd });
const market = (seed: number) =>
  createMarket({
    seed,
    types: [type('a', 0.1), type('b', 0.2), type('c', 0.4)],
    zones: ['z1', 'z2', 'z3'],
    lengthS: MONTH_S,
  });

describe.each([1, 2, 3])('the market of seed %i', (seed) => {
  const { offers, hours } = market(seed);

  test('has a price for each hour, between 30 and 60 % of on-demand', () => {
    for (const { type: of, hourlyUsd } of offers) {
      expect(hourlyUsd).toHaveLength(hours);
      expect(Math.min(...hourlyUsd)).toBeGreaterThanOrEqual(0.3 * of.onDemandUsd - 1e-6);
      expect(Math.max(...hourlyUsd)).toBeLessThanOrEqual(0.6 * of.onDemandUsd + 1e-6);
    }
  });

  test('is without capacity about a twentieth of the time', () => {
    const out = offers.flatMap(({ spells }) => spells).reduce((s, [from, to]) => s + to - from, 0);
    expect(out / (offers.length * hours * 3_600)).toBeGreaterThan(0.035);
    expect(out / (offers.length * hours * 3_600)).toBeLessThan(0.07);
  });

  test('takes machines back in a third of its offers, 0.05 times an hour', () => {
    const restless = offers.filter(({ reclaims }) => reclaims.length > 0);
    expect(restless).toHaveLength(3);
    const count = restless.reduce((sum, { reclaims }) => sum + reclaims.length, 0);
    expect(count / (3 * hours)).toBeGreaterThan(0.03);
    expect(count / (3 * hours)).toBeLessThan(0.07);
  });

  test('gives out no machine that was given its notice', () => {
    for (const offer of offers) {
      const [first] = offer.reclaims;
      if (first === undefined) continue;
      expect(hasCapacity(offer, first - NOTICE_S / 2)).toBe(false);
      expect(nextReclaim(offer, first - 1)).toBe(first);
    }
  });

  test('is the same each time', () => {
    expect(market(seed)).toEqual(market(seed));
  });
});

describe('a machine is billed', () => {
  const offer: OfferMonth = {
    type: type('a', 0.1),
    zone: 'z1',
    hourlyUsd: [0.04, 0.06],
    spells: [],
    reclaims: [],
  };
  const compute = (fromS: number, toS: number, isReclaimed = false) =>
    billOf(offer, { fromS, toS, isReclaimed }).computeUsd;

  test.each([
    ['a minute at least', 0, 10, (0.04 * 60) / 3_600],
    ['by the second', 0, 100, (0.04 * 100) / 3_600],
    ['each second at its hour', 3_500, 3_800, (0.04 * 100 + 0.06 * 200) / 3_600],
  ] as const)('%s', (_, fromS, toS, usd) => {
    expect(compute(fromS, toS)).toBeCloseTo(usd, 10);
    expect(priceAt(offer, fromS)).toBe(0.04);
  });

  test('nothing but its disk and address when EC2 takes it back within an hour', () => {
    expect(compute(0, 3_599, true)).toBe(0);
    expect(billOf(offer, { fromS: 0, toS: 3_599, isReclaimed: true }).usd).toBeGreaterThan(0.008);
    expect(compute(0, 3_600, true)).toBeCloseTo(0.04, 10);
  });
});
