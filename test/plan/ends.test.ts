import { describe, expect, test } from '@jest/globals';
import type { Action, InstanceView, World } from '../../src/model/world.ts';
import { plan } from '../../src/plan/plan.ts';
import {
  aBusy,
  aJob,
  anIdle,
  anInstance,
  anUnknown,
  aRepo,
  aRule,
  aWorld,
  HOUR,
  LABELS,
  LIMITS,
  MINUTE,
  NOW,
  someJobs,
} from '../builders.ts';

const howOf = ({ onlyIdle, onlyUnregistered }: Extract<Action, { kind: 'end' }>): string =>
  onlyIdle ? 'idle' : onlyUnregistered ? 'unregistered' : 'now';

/** `a.0 idle`, `a.0 unregistered` or `a.0 now`, in order. */
function endsOf(world: World): readonly string[] {
  return plan(world, NOW)
    .actions.flatMap((action) =>
      action.kind === 'end' ? action.instances.map((key) => `${key} ${howOf(action)}`) : [],
    )
    .sort();
}

const reasonsOf = (world: World): readonly string[] =>
  plan(world, NOW).actions.flatMap((action) => (action.kind === 'end' ? [action.reason] : []));

const ago = (ms: number): number => NOW - ms;
const idleFor = (ms: number, given: Partial<InstanceView> = {}): InstanceView =>
  anIdle({ registeredAt: ago(ms), onlineAt: ago(ms), ...given });
const stale: Partial<World> = { repos: [aRepo({ isFresh: false })] };
const job: Partial<World> = { jobs: [aJob({ queuedAt: ago(2 * MINUTE) })] };

describe('a machine ends', () => {
  type Row = [string, InstanceView, Partial<World>, readonly string[]];
  const rows: readonly Row[] = [
    [
      'not registered in time',
      anInstance({ launchedAt: ago(5 * MINUTE) }),
      {},
      ['a.0 unregistered'],
    ],
    ['still has time to register', anInstance({ launchedAt: ago(5 * MINUTE - 1) }), job, []],
    [
      'not registered while the app was down, and has time again',
      anInstance({ createdAt: ago(9 * MINUTE), launchedAt: ago(9 * MINUTE) }),
      { ...job, reachableSince: ago(5 * MINUTE - 1) },
      [],
    ],
    [
      'not registered since the app is there again',
      anInstance({ createdAt: ago(9 * MINUTE), launchedAt: ago(9 * MINUTE) }),
      { ...job, reachableSince: ago(5 * MINUTE) },
      ['a.0 unregistered'],
    ],
    [
      'not registered for as long as a machine tries at most',
      anInstance({ createdAt: ago(15 * MINUTE), launchedAt: ago(15 * MINUTE) }),
      { ...job, reachableSince: ago(MINUTE) },
      ['a.0 unregistered'],
    ],
    [
      'not registered, and known again since the database was lost',
      anInstance({ createdAt: ago(2 * MINUTE), launchedAt: ago(9 * MINUTE) }),
      { ...job, reachableSince: ago(3 * MINUTE) },
      ['a.0 unregistered'],
    ],
    ['not registered, GitHub silent', anInstance({ launchedAt: 0 }), stale, ['a.0 now']],
    ['not answered', anUnknown({ createdAt: ago(9 * HOUR) }), { enabled: false }, []],
    [
      'registered, never online',
      anInstance({ registeredAt: ago(5 * MINUTE), labels: LABELS }),
      job,
      ['a.0 idle'],
    ],
    [
      'registered, never online, GitHub silent',
      anInstance({ registeredAt: ago(5 * MINUTE), labels: LABELS }),
      stale,
      [],
    ],
    ['online R, no job for it', idleFor(MINUTE), {}, ['a.0 idle']],
    ['online for less than R', idleFor(MINUTE - 1), {}, []],
    ['online R, a job for it', idleFor(MINUTE), job, []],
    [
      'online R, a job for others',
      idleFor(MINUTE),
      { jobs: [aJob({ labels: ['dstack', 'gpu=1'] })] },
      ['a.0 idle'],
    ],
    [
      'online R, a job for it set aside',
      idleFor(MINUTE),
      { jobs: [aJob({ asideUntil: NOW + 1 })] },
      ['a.0 idle'],
    ],
    ['online R, GitHub silent', idleFor(MINUTE), stale, []],
    ['online 5 R, a job for it', idleFor(5 * MINUTE), job, ['a.0 idle']],
    ['online 5 R, GitHub silent', idleFor(5 * MINUTE), { ...stale, ...job }, []],
    ['finished R ago', aBusy({ finishedAt: ago(MINUTE) }), {}, ['a.0 now']],
    ['finished R ago, GitHub silent', aBusy({ finishedAt: ago(MINUTE) }), stale, ['a.0 now']],
    ['finished just now', aBusy({ finishedAt: ago(MINUTE - 1) }), {}, []],
    ['ending by its own word', anIdle({ state: 'ending', finishedAt: ago(9) }), {}, []],
    [
      'ending by its own word R ago',
      anIdle({ state: 'ending', finishedAt: ago(MINUTE) }),
      {},
      ['a.0 now'],
    ],
    [
      'ending by its own word, never busy',
      idleFor(MINUTE, { state: 'ending', createdAt: ago(HOUR) }),
      {},
      ['a.0 now'],
    ],
    ['ending by its own word of late', anIdle({ state: 'ending' }), {}, []],
    ['ending, EC2 takes it back', idleFor(MINUTE, { state: 'ending', noticeAt: NOW }), {}, []],
    [
      'busy, not known to have registered',
      aBusy({ registeredAt: null, launchedAt: ago(HOUR) }),
      {},
      [],
    ],
    [
      'finished, with a notice for later',
      aBusy({ finishedAt: ago(3 * MINUTE), noticeAt: ago(MINUTE - 1) }),
      {},
      [],
    ],
    [
      'finished, R after its notice',
      aBusy({ finishedAt: ago(3 * MINUTE), noticeAt: ago(MINUTE) }),
      {},
      ['a.0 now'],
    ],
    ['busy with a notice', aBusy({ noticeAt: ago(MINUTE - 1) }), {}, []],
    ['busy, R after its notice', aBusy({ noticeAt: ago(MINUTE) }), {}, ['a.0 now']],
    ['idle with a notice', idleFor(9 * MINUTE, { noticeAt: NOW + 1 }), {}, []],
    ['idle, R after its notice', idleFor(9 * MINUTE, { noticeAt: ago(MINUTE) }), job, ['a.0 idle']],
    ['busy', aBusy({ launchedAt: ago(6 * HOUR - 1) }), {}, []],
    ['busy for max-duration', aBusy({ launchedAt: ago(6 * HOUR) }), stale, ['a.0 now']],
    ['busy, its rule is gone', aBusy(), { rules: [] }, ['a.0 now']],
    ['busy, its maximum is 0', aBusy(), { rules: [aRule({ max: 0 })] }, ['a.0 now']],
    ['busy, disabled', aBusy(), { enabled: false, ...stale }, ['a.0 now']],
    ['busy, removed', aBusy(), { repos: [aRepo({ isRemoved: true })] }, ['a.0 now']],
    ['busy, rules not read', aBusy(), { enabled: null, rules: [] }, []],
    ['ending, asked now', anIdle({ state: 'ending', endAskedAt: ago(9_999) }), {}, []],
    [
      'ending, asked R/6 ago',
      anIdle({ state: 'ending', endAskedAt: ago(10_000) }),
      {},
      ['a.0 now'],
    ],
    [
      'ending, asked now, and disabled',
      anIdle({ state: 'ending', endAskedAt: ago(9_999) }),
      { enabled: false },
      [],
    ],
  ];
  test.each(rows)('or not: %s', (_, instance, given, expected) => {
    expect(endsOf(aWorld({ instances: [instance], ...given }))).toEqual(expected);
  });

  test('one action for all that end for the same reason', () => {
    const instances = [idleFor(MINUTE, { key: 'b.0' }), idleFor(MINUTE), aBusy({ key: 'c.0' })];
    const { actions } = plan(aWorld({ instances }), NOW);
    expect(actions).toEqual([
      {
        kind: 'end',
        instances: ['a.0', 'b.0'],
        onlyIdle: true,
        reason: 'online for 1 min without a job, and none is queued for it',
      },
    ]);
  });
});

describe('a lowered maximum', () => {
  const young = (key: string, ms: number): InstanceView => aBusy({ key, createdAt: ago(ms) });
  const all = [
    young('old.0', 9_000),
    young('young.0', 8_000),
    anIdle({ key: 'idle.0' }),
    anInstance({ key: 'boot.0', createdAt: ago(9_000) }),
    anInstance({ key: 'reg.0', registeredAt: NOW, labels: LABELS }),
  ];
  test.each([
    [5, []],
    [4, ['boot.0 now']],
    [3, ['boot.0 now', 'reg.0 idle']],
    [2, ['boot.0 now', 'idle.0 idle', 'reg.0 idle']],
    [1, ['boot.0 now', 'idle.0 idle', 'reg.0 idle', 'young.0 now']],
    [0, ['boot.0 now', 'idle.0 now', 'old.0 now', 'reg.0 now', 'young.0 now']],
  ])('of %d reaches the booting, then the idle, then the busy, youngest first', (max, expected) => {
    const jobs = someJobs(9);
    expect(endsOf(aWorld({ instances: all, rules: [aRule({ max })], jobs }))).toEqual(expected);
  });

  test('counts those that are leaving already', () => {
    const byItsWord = anIdle({ key: 'b.0', state: 'ending' });
    const instances = [aBusy(), byItsWord, { ...byItsWord, key: 'c.0', endAskedAt: NOW }];
    expect(endsOf(aWorld({ instances, rules: [aRule({ max: 1 })] }))).toEqual([]);
  });

  test('reaches the finished before the others', () => {
    const done = aBusy({ finishedAt: ago(1_000), createdAt: ago(HOUR) });
    const instances = [done, anInstance({ key: 'b.0' })];
    expect(endsOf(aWorld({ instances, rules: [aRule({ max: 1 })] }))).toEqual(['a.0 now']);
  });

  test('takes an unanswered launch for the first to go', () => {
    const instances = [aBusy({ key: 'b.0' }), anUnknown()];
    expect(endsOf(aWorld({ instances, rules: [aRule({ max: 1 })] }))).toEqual([]);
  });

  test('says what it is now', () => {
    expect(reasonsOf(aWorld({ instances: [aBusy()], rules: [aRule({ max: 0 })] }))).toEqual([
      'm5.large in us-east-1: the maximum is 0 now',
    ]);
  });
});

describe('a place that is needed', () => {
  const done = aBusy({ finishedAt: ago(1_000) });
  const full = { rules: [aRule({ max: 1 })], jobs: [aJob()] };
  test.each<[string, InstanceView, Partial<World>, readonly string[]]>([
    ['is given up by a finished machine at once', done, full, ['a.0 now']],
    ['is not needed without a job', done, { ...full, jobs: [] }, []],
    ['is not needed below the maximum', done, { jobs: [aJob()] }, []],
    ['is of no use while no offer is open', done, { ...full, offers: [] }, []],
    ['is not taken from a busy machine', aBusy(), full, []],
    [
      'is not needed while registering is what the job waits for',
      done,
      { ...full, rules: [aRule()], limits: { ...LIMITS, registrationsPerMinute: 0 } },
      [],
    ],
    ['is not taken while the rules are not read', done, { ...full, enabled: null }, []],
    ['is left to EC2 after a notice', { ...done, noticeAt: NOW }, full, []],
  ])('%s', (_, instance, given, expected) => {
    expect(endsOf(aWorld({ instances: [instance], ...given }))).toEqual(expected);
  });
});

describe('a job that a machine waited for in vain', () => {
  const world = aWorld({
    instances: [idleFor(5 * MINUTE)],
    jobs: someJobs(2, { queuedAt: ago(MINUTE) }),
  });

  test('is doubted, the oldest for each machine, and is no demand meanwhile', () => {
    const { doubted, actions, waits } = plan(world, NOW);
    expect(doubted).toEqual([1]);
    expect(waits.map(({ reason }) => reason.code)).toEqual(['not-handed-out', 'starting']);
    expect(actions.map((action) => action.kind === 'launch' && action.count)).toContain(1);
  });

  test('is the oldest, whichever labels it has', () => {
    const jobs = [
      aJob({ labels: ['dstack', 'run=1'], queuedAt: ago(MINUTE) }),
      aJob({ id: 2, queuedAt: 0 }),
    ];
    const instances = [idleFor(5 * MINUTE, { labels: [...LABELS, 'run=1'] })];
    expect(plan({ ...world, jobs, instances }, NOW).doubted).toEqual([2]);
  });

  test('is not doubted when it came within R, and gets another machine', () => {
    const jobs = [aJob({ queuedAt: ago(MINUTE - 1) })];
    const { doubted, actions } = plan({ ...world, jobs }, NOW);
    expect(doubted).toEqual([]);
    expect(actions.map(({ kind }) => kind)).toEqual(['end', 'launch']);
  });

  test('is not doubted without a word from GitHub', () => {
    expect(plan({ ...world, ...stale }, NOW).doubted).toEqual([]);
  });
});
