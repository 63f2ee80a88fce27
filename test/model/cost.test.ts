import { describe, expect, test } from '@jest/globals';
import { costUsd } from '../../src/model/cost.ts';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const T = 10 * HOUR;
const ALL = { from: 0, to: T + 2 * HOUR };

type Machine = Parameters<typeof costUsd>[0];

/** A dollar an hour, launched at T. */
const machine = (given: Partial<Machine>): Machine => ({
  priceUsd: 1,
  state: 'gone',
  createdAt: T,
  launchedAt: T,
  goneAt: null,
  reclaimedAt: null,
  ...given,
});

describe('a machine costs', () => {
  test.each<[string, Partial<Machine>, number]>([
    ['its seconds', { goneAt: T + 30 * MINUTE }, 0.5],
    ['a minute at least', { goneAt: T + 1_000 }, 1 / 60],
    ['what it ran until now', { state: 'busy' }, 2],
    ['nothing while its price is not known', { priceUsd: null, state: 'busy' }, 0],
    ['nothing when it was never launched', { launchedAt: null }, 0],
    ['as if it ran while EC2 has not said', { launchedAt: null, state: 'requested' }, 2],
    [
      'nothing when EC2 took it back in its first hour',
      { goneAt: T + HOUR - 1, reclaimedAt: T + HOUR - MINUTE },
      0,
    ],
    ['all when that was later', { goneAt: T + HOUR, reclaimedAt: T + HOUR - MINUTE }, 1],
  ])('%s', (_, given, usd) => {
    expect(costUsd(machine(given), ALL)).toBeCloseTo(usd, 9);
  });

  test('what falls into the time that is asked for', () => {
    const one = machine({ goneAt: T + HOUR });
    expect(costUsd(one, { from: T + 45 * MINUTE, to: T + 2 * HOUR })).toBeCloseTo(0.25, 9);
  });
});
