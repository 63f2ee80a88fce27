import { describe, expect, test } from '@jest/globals';
import type { Offer } from '../../src/model/launch.ts';
import type { World } from '../../src/model/world.ts';
import { plan } from '../../src/plan/plan.ts';
import { aBusy, aJob, anOffer, aRule, aWorld, MINUTE, NOW, someJobs } from '../builders.ts';

const out = (code: string, given: Partial<Offer> = {}): Offer =>
  anOffer({ exhaustedUntil: NOW + MINUTE, exhaustedWhy: code, exhaustedSince: NOW, ...given });
const inB = { zone: 'us-east-1b' };

function decided(given: Partial<World>) {
  const { actions, waits } = plan(aWorld({ jobs: [aJob()], ...given }), NOW);
  const launched = actions.flatMap((one) => (one.kind === 'launch' ? [one.offer.market] : []));
  const cancelled = actions.flatMap((one) => (one.kind === 'cancel' ? [one.run] : []));
  return { launched, cancelled, reasons: waits.map(({ reason }) => reason) };
}

test.each([
  ['no-capacity', ['InsufficientInstanceCapacity'], 'EC2 has no free machine of this type'],
  ['quota', ['MaxSpotInstanceCountExceeded'], "the account's spot vCPU quota is used up"],
  ['iam', ['UnauthorizedOperation'], "the account's policy does not allow the launch"],
  ['price-cap', ['SpotMaxPriceTooLow'], "the spot price is above the rule's max-price"],
  [
    'quota',
    ['InsufficientInstanceCapacity', 'MaxSpotInstanceCountExceeded'],
    "the account's spot vCPU quota is used up",
  ],
  [
    'no-capacity',
    ['SpotMaxPriceTooLow', 'Unsupported'],
    'EC2 does not offer this type in this zone',
  ],
])('jobs wait as %s for %j: what a person must know first is said', (code, codes, tell) => {
  const offers = codes.map((one, i) => out(one, { zone: `us-east-1${'ab'[i]}` }));
  const { reasons } = decided({ offers });
  const many = `${codes.length} offer${codes.length > 1 ? 's' : ''} refused: ${tell}`;
  expect(reasons).toEqual([
    { code, text: `m5.large in us-east-1: next try 14:01:00 UTC; ${many}` },
  ]);
});

describe('on-exhausted: on-demand', () => {
  const onDemand = anOffer({ market: 'on-demand', priceUsd: 0.1, isFallback: true });
  const none = 'InsufficientInstanceCapacity';

  test.each<[string, Partial<World>, readonly string[]]>([
    [
      'stays with spot while one offer has room',
      { offers: [out(none), anOffer(inB), onDemand] },
      ['spot'],
    ],
    [
      'takes on demand when all are out',
      { offers: [out(none), out(none, inB), onDemand] },
      ['on-demand'],
    ],
    ['never does before EC2 refused', { offers: [anOffer({ priceUsd: 0.2 }), onDemand] }, ['spot']],
    [
      'minds the price',
      { offers: [out(none), onDemand], rules: [aRule({ maxPriceUsd: 0.09 })] },
      [],
    ],
    [
      'passes over what is above the price',
      {
        offers: [out(none), anOffer({ ...inB, priceUsd: 2 }), onDemand],
        rules: [aRule({ maxPriceUsd: 1 })],
      },
      ['on-demand'],
    ],
    [
      'does not where a job wants spot',
      { offers: [out(none), onDemand], jobs: [aJob({ labels: ['dstack', 'spot=spot'] })] },
      [],
    ],
    ['has no fallback for no offer at all', { offers: [onDemand] }, []],
  ])('%s', (_, given, expected) => {
    expect(decided(given).launched).toEqual(expected);
  });
});

describe('on-exhausted: cancel', () => {
  const none = 'InsufficientInstanceCapacity';
  const cancelAfterMs = 10 * MINUTE;
  const old = [aJob({ queuedAt: NOW - 20 * MINUTE })];
  const full = (isOurs: boolean) => ({ reason: { code: 'quota', text: 'Full.' }, isOurs });
  const since = (ago: number, given: Partial<Offer> = {}) =>
    out(none, { exhaustedSince: NOW - ago * MINUTE, ...given });

  test.each<[string, Partial<World>, readonly number[]]>([
    ['all has been out for so long', { offers: [since(10), since(15, inB)] }, [1]],
    ['one is out for less', { offers: [since(15), since(9, inB)] }, []],
    ['one is not out', { offers: [since(15), anOffer(inB)] }, []],
    [
      'the job is younger',
      { jobs: [aJob({ queuedAt: NOW - 9 * MINUTE })], offers: [since(15)] },
      [],
    ],
    ['the rules do not want it', { offers: [since(15)], cancelAfterMs: null }, []],
    [
      'what is out is the quota',
      { offers: [{ ...since(15), exhaustedWhy: 'VcpuLimitExceeded' }] },
      [1],
    ],
    [
      'what is out is a quota that our own machines use',
      {
        offers: [{ ...since(15), exhaustedWhy: 'MaxSpotInstanceCountExceeded' }],
        instances: [aBusy()],
      },
      [],
    ],
    [
      'what is out is a quota that our machines elsewhere use',
      { offers: [{ ...since(15), exhaustedWhy: 'VcpuLimitExceeded', full: full(true) }] },
      [],
    ],
    [
      'the quota is smaller than one machine',
      { offers: [{ ...since(15), exhaustedWhy: 'VcpuLimitExceeded', full: full(false) }] },
      [1],
    ],
    ['a person must mend it', { offers: [{ ...since(15), exhaustedWhy: 'AuthFailure' }] }, []],
    [
      'the job waits for a place',
      { offers: [since(15)], rules: [aRule({ max: 1 })], instances: [aBusy()] },
      [],
    ],
  ])('when %s: runs %j', (_, given, expected) => {
    expect(decided({ jobs: old, cancelAfterMs, ...given }).cancelled).toEqual(expected);
  });

  test('ends each run once, and says why to its jobs', () => {
    const jobs = [
      ...someJobs(2, { queuedAt: NOW - 20 * MINUTE }),
      aJob({ id: 9, run: 2, queuedAt: NOW - 20 * MINUTE }),
    ];
    const { cancelled, reasons } = decided({ jobs, cancelAfterMs, offers: [since(11)] });
    expect(cancelled).toEqual([1, 2]);
    expect(reasons.map(({ code }) => code)).toEqual(['cancelled', 'cancelled', 'cancelled']);
    expect(reasons[0]?.text).toContain('Cancelled, nothing to be had for 10 min: m5.large in us');
  });
});
