import { describe, expect, test } from '@jest/globals';
import type {
  FailedJob,
  LostJob,
  LostRun,
  RerunAction,
  RunRead,
  World,
} from '../../src/model/world.ts';
import { labelsFor, plan } from '../../src/plan/plan.ts';
import {
  aBusy,
  aJob,
  anIdle,
  anInstance,
  anOffer,
  aRule,
  aWorld,
  LABELS,
  LIMITS,
  MINUTE,
  NOW,
  REPO,
} from '../builders.ts';

const aLostJob = (given: Partial<LostJob> = {}): LostJob => ({
  id: 1,
  name: 'build',
  labels: ['self-hosted', 'dstack'],
  cutAt: NOW - 1_000,
  isOver: true,
  isInterrupted: true,
  wasStopped: false,
  hasEnvironment: false,
  reruns: 0,
  ...given,
});

const failed = (
  id: number,
  conclusion = 'failure',
  completedAt = NOW,
  more: Partial<FailedJob> = {},
): FailedJob => ({
  id,
  name: `job-${id}`,
  labels: ['self-hosted', 'dstack'],
  conclusion,
  completedAt,
  hasEnvironment: false,
  ...more,
});

/** Given up by a matrix, with something against a re-run. */
const barred = (more: Partial<FailedJob>) => failed(9, 'cancelled', NOW, more);

const aRead = (given: Partial<RunRead> = {}): RunRead => ({
  attempt: 1,
  isComplete: true,
  conclusion: 'failure',
  failed: [failed(1)],
  ...given,
});

const aLostRun = (given: Partial<LostRun> = {}): LostRun => ({
  repo: REPO,
  run: 7,
  attempt: 1,
  outcome: null,
  jobs: [aLostJob()],
  read: aRead(),
  ...given,
});

const reruns = (world: World): readonly RerunAction[] =>
  plan(world, NOW).actions.filter((action) => action.kind === 'rerun');

const decided = (given: Partial<LostRun>, world: Partial<World> = {}) =>
  reruns(aWorld({ lost: [aLostRun(given)], ...world }))[0];

describe('an attempt in which EC2 took machines', () => {
  const two = [aLostJob(), aLostJob({ id: 2, name: 'test' })];
  const cases: readonly (readonly [string, Partial<LostRun>, Partial<RerunAction>, RegExp])[] = [
    [
      'runs all that failed again when nothing failed by itself',
      { jobs: two, read: aRead({ failed: [failed(1), failed(2, 'cancelled')] }) },
      { what: 'failed', job: null, names: ['build', 'test'] },
      /^EC2 took the machine of `build` and 1 more job, and nothing else failed: re-run 1 of 2$/,
    ],
    [
      'runs it all again too when a matrix gave up the rest',
      { read: aRead({ failed: [failed(1), failed(9, 'cancelled')] }) },
      { what: 'failed' },
      /nothing else failed/,
    ],
    [
      'runs the one job again that lost its machine when another failed by itself',
      { read: aRead({ failed: [failed(1), failed(9)] }) },
      { what: 'job', job: 1, names: ['build'] },
      /^EC2 took the machine of `build`: re-run 1 of 2; what failed by itself is left$/,
    ],
    [
      'runs only that one again when another was cancelled before it',
      { read: aRead({ failed: [failed(1), failed(9, 'cancelled', NOW - 1)] }) },
      { what: 'job', job: 1, names: ['build'] },
      /what failed by itself is left$/,
    ],
    [
      'leaves out what a matrix gave up and has an environment',
      {
        read: aRead({
          failed: [failed(1), failed(8, 'cancelled'), barred({ hasEnvironment: true })],
        }),
      },
      { what: 'job', job: 1, names: ['build'] },
      /^EC2 took the machine of `build`: re-run 1 of 2; `job-9` is left: it may name an environment$/,
    ],
    [
      'leaves out what a matrix gave up and has `retry=0`',
      { read: aRead({ failed: [barred({ labels: ['dstack/retry=0'] }), failed(1)] }) },
      { what: 'job', job: 1, names: ['build'] },
      /; `job-9` is left: it has `retry=0`$/,
    ],
    [
      'leaves it to a person when two lost theirs and such a job would run with them',
      {
        jobs: two,
        read: aRead({ failed: [failed(1), failed(2), barred({ hasEnvironment: true })] }),
      },
      { what: 'none' },
      /^EC2 took 2 machines; choose by hand: GitHub would run `job-9` with them, and it may name an environment$/,
    ],
    [
      'leaves such a job that failed by itself as any other that did',
      { read: aRead({ failed: [failed(1), failed(9, 'failure', NOW, { hasEnvironment: true })] }) },
      { what: 'job', job: 1 },
      /what failed by itself is left$/,
    ],
    [
      'leaves it to a person when two lost theirs and another failed by itself',
      { jobs: two, read: aRead({ failed: [failed(1), failed(2), failed(9, 'timed_out')] }) },
      { what: 'none' },
      /^EC2 took 2 machines, and 1 other job ended badly without that: choose by hand$/,
    ],
    [
      'runs nothing again that a person cancelled',
      { read: aRead({ conclusion: 'cancelled', failed: [failed(1), failed(9, 'cancelled')] }) },
      { what: 'none' },
      /the run was cancelled/,
    ],
    [
      'runs a job again that was cut, which GitHub calls cancelled',
      { read: aRead({ conclusion: 'cancelled', failed: [failed(1, 'cancelled')] }) },
      { what: 'failed' },
      /re-run 1 of 2$/,
    ],
    [
      'never runs a job with an environment again',
      { jobs: [aLostJob({ hasEnvironment: true })] },
      { what: 'none' },
      /^`build` lost its machine; it may name an environment/,
    ],
    [
      'nor others with it, since GitHub would run them together',
      {
        jobs: [aLostJob(), aLostJob({ id: 2, hasEnvironment: true })],
        read: aRead({ failed: [failed(1), failed(2)] }),
      },
      { what: 'none' },
      /environment/,
    ],
    [
      'never runs a job with `retry=0` again',
      { jobs: [aLostJob({ labels: ['dstack/cpu=4/Retry=0'] })] },
      { what: 'none' },
      /`retry=0`/,
    ],
    [
      'runs a job again as often as `retry` says',
      { attempt: 2, jobs: [aLostJob({ reruns: 1 })], read: aRead({ attempt: 2 }) },
      { what: 'failed', attempt: 2 },
      /re-run 2 of 2$/,
    ],
    [
      'and no more often',
      { attempt: 3, jobs: [aLostJob({ reruns: 2 })], read: aRead({ attempt: 3 }) },
      { what: 'none', attempt: 3 },
      /^`build` lost its machine; it was run again 2 times already/,
    ],
    [
      'says so when a job was cut and EC2 did not take the machine',
      { jobs: [aLostJob({ isInterrupted: false })], read: null },
      { what: 'none' },
      /run it again by hand$/,
    ],
    [
      'says that a person stopped a job whose machine EC2 had taken',
      {
        jobs: [aLostJob({ isInterrupted: false, wasStopped: true })],
        read: null,
      },
      { what: 'none' },
      /^`build` was cancelled when EC2 had taken its machine: nothing is run again$/,
    ],
    [
      'names those alone that were stopped',
      {
        jobs: [
          aLostJob({ id: 2, name: 'test', isInterrupted: false }),
          aLostJob({ isInterrupted: false, wasStopped: true }),
        ],
        read: null,
      },
      { what: 'none' },
      /^`build` was cancelled/,
    ],
    [
      'is let be without a word when somebody ran it again',
      { read: aRead({ attempt: 2, isComplete: false, failed: [] }) },
      { what: 'none' },
      /^$/,
    ],
  ];
  test.each(cases)('%s', (_, lost, action, reason) => {
    const found = decided(lost);
    expect(found).toMatchObject({ repo: REPO, run: 7, attempt: 1, ...action });
    expect(found?.reason).toMatch(reason);
  });

  test.each<[string, Partial<LostRun>]>([
    ['before the run is complete', { read: aRead({ isComplete: false }) }],
    ['before GitHub was asked', { read: null }],
    ['before its jobs have ended', { jobs: [aLostJob(), aLostJob({ id: 2, isOver: false })] }],
    ['before EC2 said why', { jobs: [aLostJob(), aLostJob({ id: 2, isInterrupted: null })] }],
    ['while GitHub is asked already', { outcome: 'asked' }],
  ])('is not decided %s', (_, lost) => {
    expect(decided(lost)).toBeUndefined();
  });

  test('is not decided while the rules are not known, and runs nothing while disabled', () => {
    expect(decided({}, { enabled: null })).toBeUndefined();
    expect(decided({}, { enabled: false })).toMatchObject({ what: 'none' });
    const limits = { ...LIMITS, mostReruns: 0 };
    expect(decided({}, { limits })).toMatchObject({ what: 'none' });
  });
});

describe('a job that was cut', () => {
  const launches = (world: World) =>
    plan(world, NOW).actions.flatMap((action) => (action.kind === 'launch' ? action : []));
  const lost = (job: Partial<LostJob> = {}, run: Partial<LostRun> = {}) => [
    aLostRun({ read: null, jobs: [aLostJob({ isInterrupted: null, ...job })], ...run }),
  ];
  const busy = aBusy({ noticeAt: NOW + 25_000 });

  test('wants another machine at once, where the rule has room', () => {
    const world = aWorld({ instances: [busy], lost: lost() });
    expect(launches(world)).toMatchObject([{ count: 1 }]);
    expect(plan(world, NOW).waits).toEqual([]);
    const full = { ...world, rules: [aRule({ max: 1 })] };
    expect(launches(full)).toEqual([]);
    const other = aRule({ type: 'm5.xlarge' });
    const offers = [anOffer(), anOffer({ type: 'm5.xlarge' })];
    expect(launches({ ...full, rules: [...full.rules, other], offers })).toMatchObject([
      { offer: { type: 'm5.xlarge' } },
    ]);
    // The old one is gone.
    expect(launches({ ...full, instances: [] })).toMatchObject([{ count: 1 }]);
  });

  test.each<[string, Partial<LostJob>, Partial<LostRun>, number]>([
    ['is not before it is cut', { cutAt: NOW + 1 }, {}, 0],
    ['is for 5 R', { cutAt: NOW - 5 * MINUTE + 1 }, {}, 1],
    ['is not for longer', { cutAt: NOW - 5 * MINUTE }, {}, 0],
    ['is while GitHub has not answered', {}, { outcome: 'asked' }, 1],
    ['is not when EC2 did not take it', { isInterrupted: false }, {}, 0],
    ['is not with an environment', { hasEnvironment: true }, {}, 0],
    ['is while nothing is known of an environment', { hasEnvironment: null }, {}, 1],
    ['is not with `retry=0`', { labels: ['dstack', 'retry=0'] }, {}, 0],
    ['is not when it was run again often enough', { reruns: 2 }, {}, 0],
  ])('%s demand', (_, job, run, count) => {
    expect(launches(aWorld({ lost: lost(job, run) }))).toHaveLength(count);
  });

  test('keeps a runner that waits for it, and is among its labels', () => {
    const labels = ['self-hosted', 'dstack', 'run=7'];
    const idle = anIdle({ onlineAt: NOW - 2 * MINUTE, labels: [...LABELS, 'run=7'] });
    const ends = (world: World) => plan(world, NOW).actions.filter(({ kind }) => kind === 'end');
    expect(ends(aWorld({ instances: [idle], lost: lost({ labels }) }))).toEqual([]);
    expect(ends(aWorld({ instances: [idle] }))).toHaveLength(1);
    const coming = anInstance();
    const world = aWorld({ instances: [coming], lost: lost({ labels }) });
    expect(labelsFor(world, coming.key, NOW)).toContain('run=7');
  });

  test('runs on demand the next time where the rule allows both markets', () => {
    const rules = [aRule({ markets: ['spot', 'on-demand'] })];
    const offers = [anOffer(), anOffer({ market: 'on-demand', priceUsd: 0.1 })];
    const markets = (world: Partial<World>) =>
      launches(aWorld({ rules, offers, ...world })).map(({ offer, count }) => [
        offer.market,
        count,
      ]);
    expect(markets({ lost: lost() })).toEqual([['on-demand', 1]]);
    const jobs = [aJob({ isAgain: true }), aJob({ id: 2 })];
    expect(markets({ jobs })).toEqual([
      ['on-demand', 1],
      ['spot', 1],
    ]);
    expect(markets({ jobs, offers: [anOffer()] })).toEqual([['spot', 2]]);
  });
});

test.each([
  ['idle, ends without a job', anIdle({ isAdvised: true }), true],
  ['busy, goes on', aBusy({ isAdvised: true }), undefined],
  ['idle, and not advised, waits for its job', anIdle(), undefined],
])('a machine that EC2 advises to leave: %s', (_, machine, onlyIdle) => {
  const world = aWorld({ instances: [machine], jobs: [aJob()] });
  const [end] = plan(world, NOW).actions.filter(({ kind }) => kind === 'end');
  expect(end?.kind === 'end' ? end.onlyIdle : undefined).toBe(onlyIdle);
});
