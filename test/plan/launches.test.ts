import { describe, expect, test } from '@jest/globals';
import type { Offer } from '../../src/model/launch.ts';
import type { Action, World } from '../../src/model/world.ts';
import { plan } from '../../src/plan/plan.ts';
import {
  aBusy,
  aJob,
  anIdle,
  anInstance,
  anOffer,
  anUnknown,
  aRepo,
  aRule,
  aWorld,
  LABELS,
  LIMITS,
  MINUTE,
  NOW,
  someJobs,
} from '../builders.ts';

type Launch = Extract<Action, { kind: 'launch' }>;

const launchesOf = (world: World): readonly Launch[] =>
  plan(world, NOW).actions.filter((action) => action.kind === 'launch');

/** `3 us-east-1a m5.large`, one for each launch. */
const shown = (world: World): readonly string[] =>
  launchesOf(world).map(({ count, offer }) => `${count} ${offer.zone} ${offer.type}`);

const cheap = aRule({ type: 't3.large' });
const cheapOffer = anOffer({ type: 't3.large', priceUsd: 0.01 });
const dear = aRule({ type: 'c5.large' });
const dearOffer = anOffer({ type: 'c5.large', priceUsd: 0.09 });

describe('what counts against demand', () => {
  const jobs = someJobs(2);
  test.each([
    ['nothing is there', [], ['2 us-east-1a m5.large']],
    ['one is coming', [anInstance()], ['1 us-east-1a m5.large']],
    [
      'one is coming whose launch was answered late',
      [anInstance({ createdAt: NOW - 6 * MINUTE })],
      ['1 us-east-1a m5.large'],
    ],
    ['one launch is not answered', [anUnknown()], ['1 us-east-1a m5.large']],
    ['one is idle', [anIdle()], ['1 us-east-1a m5.large']],
    ['two are coming or idle', [anInstance(), anIdle({ key: 'b.0' })], []],
    ['one is busy', [aBusy()], ['2 us-east-1a m5.large']],
    [
      'one says it has a job, and GitHub has not said which',
      [aBusy({ hasUntoldJob: true })],
      ['1 us-east-1a m5.large'],
    ],
    [
      'one has said so for half of R',
      [aBusy({ hasUntoldJob: true, startedAt: NOW - MINUTE / 2 })],
      ['2 us-east-1a m5.large'],
    ],
    [
      'one has a job that no queued one can be',
      [aBusy({ hasUntoldJob: true, labels: ['dstack', 'gpu=1'] })],
      ['2 us-east-1a m5.large'],
    ],
    ['one is ending', [anIdle({ state: 'ending' })], ['2 us-east-1a m5.large']],
    ['one has finished', [anIdle({ finishedAt: NOW })], ['2 us-east-1a m5.large']],
    ['one has a spot notice', [anIdle({ noticeAt: NOW })], ['2 us-east-1a m5.large']],
    ['one serves another repository', [anIdle({ repo: 2 })], ['2 us-east-1a m5.large']],
    ['one comes for another repository', [anInstance({ repo: 2 })], ['2 us-east-1a m5.large']],
    ['an idle one lacks a label', [anIdle({ labels: ['dstack'] })], ['2 us-east-1a m5.large']],
    [
      'one registered long ago and is not online',
      [anInstance({ registeredAt: NOW - 5 * MINUTE, labels: LABELS })],
      ['2 us-east-1a m5.large'],
    ],
    [
      'one did not register in time',
      [anInstance({ launchedAt: NOW - 5 * MINUTE })],
      ['2 us-east-1a m5.large'],
    ],
    [
      'an unanswered launch is as old as that',
      [anUnknown({ createdAt: NOW - 5 * MINUTE })],
      ['2 us-east-1a m5.large'],
    ],
  ])('%s', (_, instances, expected) => {
    expect(shown(aWorld({ jobs, instances }))).toEqual(expected);
  });

  test.each([
    ['labels are compared without case', ['Self-Hosted', 'DSTACK', 'X64'], LABELS, 0],
    ['a run= label is met by the same label only', ['dstack', 'run=1'], [...LABELS, 'run=2'], 1],
    ['a run= label is met by the same label', ['dstack', 'run=1'], [...LABELS, 'run=1'], 0],
    ['a plain job takes a runner that is kept for a run', ['dstack'], [...LABELS, 'run=1'], 0],
    ['joined labels are met verbatim', ['dstack/m5.large'], LABELS, 1],
    ['no labels match nothing', [], LABELS, 0],
  ])('%s', (_, labels, runnerLabels, launches) => {
    const world = aWorld({
      jobs: [aJob({ labels })],
      instances: [anIdle({ labels: runnerLabels })],
    });
    expect(launchesOf(world)).toHaveLength(launches);
  });

  test.each([
    ['a repository that was not heard of late', { repos: [aRepo({ isFresh: false })] }],
    ['a removed repository', { repos: [aRepo({ isRemoved: true })] }],
    ['an unknown repository', { repos: [] }],
    ['a disabled scope', { enabled: false }],
    ['a scope whose rules were not read', { enabled: null }],
    ['a job set aside', { jobs: [aJob({ asideUntil: NOW + 1 })] }],
    ['a blocked rule', { rules: [aRule({ blocked: { code: 'iam', text: 'No.' } })] }],
    ['a rule without offers', { offers: [] }],
  ])('launches nothing for %s', (_, given) => {
    expect(launchesOf(aWorld({ jobs: [aJob()], ...given }))).toEqual([]);
  });

  test('launches again for a job that was set aside until now', () => {
    expect(launchesOf(aWorld({ jobs: [aJob({ asideUntil: NOW })] }))).toHaveLength(1);
  });

  test('leaves a flexible runner to the job that needs it', () => {
    const plain = anIdle({ key: 'b.0', launch: 'b', labels: ['dstack'] });
    const jobs = [aJob({ labels: ['dstack'] }), aJob({ id: 2, labels: ['dstack', 'm5.large'] })];
    expect(launchesOf(aWorld({ jobs, instances: [anIdle(), plain] }))).toEqual([]);
  });
});

describe('which places are taken', () => {
  test('the cheapest rule first, the next for the rest', () => {
    const rules = [dear, aRule({ max: 1 }), { ...cheap, max: 2 }];
    const offers = [dearOffer, anOffer(), cheapOffer];
    expect(shown(aWorld({ jobs: someJobs(4), rules, offers }))).toEqual([
      '2 us-east-1a t3.large',
      '1 us-east-1a m5.large',
      '1 us-east-1a c5.large',
    ]);
  });

  test('serves as many as can be: the cheap rule goes to the job that no other serves', () => {
    const jobs = [aJob({ labels: ['dstack'] }), aJob({ id: 2, labels: ['dstack', 't3.large'] })];
    const rules = [{ ...cheap, max: 1 }, aRule({ max: 1 })];
    const world = aWorld({ jobs, rules, offers: [cheapOffer, anOffer()] });
    expect(shown(world)).toEqual(['1 us-east-1a t3.large', '1 us-east-1a m5.large']);
  });

  test.each([
    ['a busy one', [aBusy()], 3],
    ['an ending one', [anIdle({ state: 'ending' })], 3],
    ['one not answered for long', [anUnknown({ createdAt: NOW - 6 * MINUTE })], 3],
    ['one of another repository', [aBusy({ repo: 2 })], 3],
    ['more than the maximum', [1, 2, 3, 4, 5].map((n) => aBusy({ key: `b.${n}` })), 0],
  ])('leaves the place to %s', (_, instances, count) => {
    const launched = launchesOf(aWorld({ jobs: someJobs(9), instances }));
    expect(launched.reduce((sum, launch) => sum + launch.count, 0)).toBe(count);
  });

  test.each([
    ['an exhausted offer', anOffer({ exhaustedUntil: NOW + 1 }), ['1 us-east-1b m5.large']],
    ['an offer above the cap', anOffer({ priceUsd: 0.06 }), ['1 us-east-1b m5.large']],
    ['an unknown price', anOffer({ priceUsd: null }), ['1 us-east-1b m5.large']],
    ['an offer exhausted until now', anOffer({ exhaustedUntil: NOW }), ['1 us-east-1a m5.large']],
  ])('passes over or takes %s', (_, offer, expected) => {
    const second = anOffer({ zone: 'us-east-1b', priceUsd: 0.05 });
    const rules = [aRule({ maxPriceUsd: 0.05 })];
    expect(shown(aWorld({ jobs: [aJob()], rules, offers: [offer, second] }))).toEqual(expected);
  });

  test('takes an offer whose price is not known when there is no other', () => {
    const [launch] = launchesOf(aWorld({ jobs: [aJob()], offers: [anOffer({ priceUsd: null })] }));
    expect(launch?.reason).toBe('m5.large us-east-1a: price not known yet, the only offer');
  });

  test('spreads equal prices to the zones with the fewest machines', () => {
    const offers = ['c', 'b', 'a'].map((zone) => anOffer({ zone: `us-east-1${zone}` }));
    const instances = [aBusy(), aBusy({ key: 'b.0' }), aBusy({ key: 'c.0', zone: 'us-east-1b' })];
    const world = aWorld({ jobs: someJobs(3), rules: [aRule({ max: 9 })], offers, instances });
    expect(shown(world)).toEqual(['2 us-east-1c m5.large', '1 us-east-1b m5.large']);
  });

  test('keeps one maximum for all repositories, and one launch for each', () => {
    const jobs = [
      ...someJobs(2),
      ...someJobs(4).map((job) => ({ ...job, id: job.id + 9, repo: 2 })),
    ];
    const world = aWorld({ jobs, repos: [aRepo(), aRepo({ id: 2 })], rules: [aRule({ max: 5 })] });
    const launched = launchesOf(world);
    expect(launched.map(({ repo }) => repo).sort()).toEqual([1001, 2]);
    expect(launched.reduce((sum, { count }) => sum + count, 0)).toBe(5);
  });
});

describe('limits', () => {
  test('launches no more than can register in time', () => {
    const world = aWorld({
      limits: { ...LIMITS, registrationsPerMinute: 1 },
      jobs: someJobs(9),
      rules: [aRule({ max: 9 }), { ...cheap, max: 3 }],
      offers: [anOffer(), cheapOffer],
      instances: [anInstance({ repo: 2 })],
    });
    expect(shown(world)).toEqual(['3 us-east-1a t3.large', '1 us-east-1a m5.large']);
  });

  test('launches at most 50 with one call', () => {
    const world = aWorld({ jobs: someJobs(101), rules: [aRule({ max: 500 })] });
    const registering = { ...LIMITS, registrationsPerMinute: 100 };
    expect(launchesOf({ ...world, limits: registering }).map(({ count }) => count)).toEqual([
      50, 50, 1,
    ]);
  });

  test.each([
    ['alone', [], [], 'the only offer'],
    ['beside dearer ones', [anOffer({ priceUsd: 0.05 })], [], '1 other dearer'],
    [
      'beside those of another rule',
      [anOffer({ priceUsd: 0.05 }), dearOffer],
      [dear],
      '2 others dearer',
    ],
    ['beside one as cheap', [anOffer({ zone: 'us-east-1c' })], [], '1 other alike'],
    [
      'beside one of a full rule',
      [cheapOffer, dearOffer],
      [{ ...cheap, max: 0 }, dear],
      '1 other dearer, 1 other cheaper, but full or not fit',
    ],
  ])('says what is launched %s', (_, others, rules, rest) => {
    const offers = [anOffer({ zone: 'us-east-1b' }), ...others];
    const world = aWorld({ jobs: [aJob()], rules: [aRule(), ...rules], offers });
    const [launch] = launchesOf(world);
    expect(launch?.reason).toBe(`m5.large us-east-1b: $0.0312 an hour, ${rest}`);
  });
});

describe('the choice between offers', () => {
  const b = (given: Partial<Offer>) => anOffer({ zone: 'us-east-1b', ...given });

  test.each([
    ['the cheaper', b({ priceUsd: 0.03 }), '1 us-east-1b m5.large'],
    [
      'the freer zone of those that cost nearly the same',
      b({ priceUsd: 0.0313 }),
      '1 us-east-1b m5.large',
    ],
    ['the cheaper, though its zone is fuller', b({ priceUsd: 0.033 }), '1 us-east-1a m5.large'],
  ])('takes %s', (_, offer, expected) => {
    const world = aWorld({ jobs: [aJob()], instances: [aBusy()], offers: [anOffer(), offer] });
    expect(shown(world)).toEqual([expected]);
  });

  test('spreads over the subnets of a zone', () => {
    const offers = [anOffer(), anOffer({ subnet: 'subnet-2' })];
    const launched = launchesOf(aWorld({ jobs: someJobs(4), offers }));
    expect(launched.map(({ count, offer }) => `${count} ${offer.subnet}`)).toEqual([
      '2 subnet-2',
      '2 subnet-us-east-1a',
    ]);
  });

  test('counts the larger disk of a rule', () => {
    const rules = [aRule({ diskGb: 500 }), dear];
    const offers = [anOffer({ priceUsd: 0.05 }), { ...dearOffer, priceUsd: 0.06 }];
    expect(shown(aWorld({ jobs: [aJob()], rules, offers }))).toEqual(['1 us-east-1a c5.large']);
  });

  test('counts that a cut job runs again on demand, and how often EC2 takes back', () => {
    const rules = [aRule({ markets: ['spot', 'on-demand'] })];
    const often = anOffer({ seen: { reclaims: 40, hours: 50 } });
    const onDemand = anOffer({ market: 'on-demand', priceUsd: 0.096 });
    const offers = [often, onDemand, b({ priceUsd: 0.0325 })];
    expect(shown(aWorld({ jobs: [aJob()], rules, offers }))).toEqual(['1 us-east-1b m5.large']);
    expect(shown(aWorld({ jobs: [aJob()], offers }))).toEqual(['1 us-east-1a m5.large']);
  });

  test('doubts a place that was out of capacity within the hour', () => {
    const rules = [aRule({ markets: ['spot', 'on-demand'] })];
    const onDemand = anOffer({ market: 'on-demand', priceUsd: 0.5 });
    const scarce = (ago: number) =>
      aWorld({
        jobs: [aJob()],
        rules,
        offers: [anOffer({ exhaustedUntil: NOW - ago }), onDemand, b({ priceUsd: 0.0322 })],
      });
    expect(shown(scarce(MINUTE))).toEqual(['1 us-east-1b m5.large']);
    expect(shown(scarce(61 * MINUTE))).toEqual(['1 us-east-1a m5.large']);
  });
});
