import { describe, expect, test } from '@jest/globals';
import { besidesUsd, costUsd } from '../../src/model/cost.ts';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const T = 10 * HOUR;
const ALL = { from: 0, to: T + 2 * HOUR };

type Machine = Parameters<typeof costUsd>[0];

/** A dollar an hour, launched at T. */
const machine = (given: Partial<Machine>): Machine => ({
  priceUsd: 1,
  diskGb: 30,
  state: 'gone',
  createdAt: T,
  launchedAt: T,
  goneAt: null,
  reclaimedAt: null,
  ...given,
});

describe('disk and address cost', () => {
  test('what AWS takes for gp3 and a public IPv4 address', () => {
    expect(besidesUsd(30)).toBeCloseTo((30 * 0.08) / 730 + 0.005, 9);
    expect(besidesUsd(500)).toBeCloseTo((500 * 0.08) / 730 + 0.005, 9);
  });

  test('as with the default disk where it is not known', () => {
    expect(besidesUsd(null)).toBe(besidesUsd(30));
  });
});

describe('a machine costs', () => {
  /** Dollars of the machine, hours of its disk and address. */
  test.each<[string, Partial<Machine>, number, number]>([
    ['its seconds', { goneAt: T + 30 * MINUTE }, 0.5, 0.5],
    ['a minute at least', { goneAt: T + 1_000 }, 1 / 60, 1 / 60],
    ['what it ran until now', { state: 'busy' }, 2, 2],
    ['disk and address while its price is not known', { priceUsd: null, state: 'busy' }, 0, 2],
    ['nothing when it was never launched', { launchedAt: null }, 0, 0],
    ['as if it ran while EC2 has not said', { launchedAt: null, state: 'requested' }, 2, 2],
    [
      'disk and address alone when EC2 took it back in its first hour',
      { goneAt: T + HOUR - 1, reclaimedAt: T + HOUR - MINUTE },
      0,
      1,
    ],
    ['all when that was later', { goneAt: T + HOUR, reclaimedAt: T + HOUR - MINUTE }, 1, 1],
  ])('%s', (_, given, usd, hours) => {
    expect(costUsd(machine(given), ALL)).toBeCloseTo(usd + hours * besidesUsd(30), 6);
  });

  test('more with a large disk', () => {
    const one = machine({ goneAt: T + HOUR, diskGb: 500 });
    expect(costUsd(one, ALL)).toBeCloseTo(1 + besidesUsd(500), 9);
  });

  test('what falls into the time that is asked for', () => {
    const one = machine({ goneAt: T + HOUR });
    const usd = 0.25 * (1 + besidesUsd(30));
    expect(costUsd(one, { from: T + 45 * MINUTE, to: T + 2 * HOUR })).toBeCloseTo(usd, 9);
  });

  test('nothing after it was gone', () => {
    const one = machine({ goneAt: T + HOUR });
    expect(costUsd(one, { from: T + HOUR, to: T + 2 * HOUR })).toBe(0);
  });
});
