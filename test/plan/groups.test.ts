import { describe, expect, test } from '@jest/globals';
import type { InstanceView, JobView, World } from '../../src/model/world.ts';
import { labelsFor, plan } from '../../src/plan/plan.ts';
import {
  aBusy,
  aJob,
  aLaunch,
  anIdle,
  anInstance,
  anUnknown,
  aRepo,
  aRule,
  aWorld,
  LABELS,
  LIMITS,
  NOW,
  REPO,
} from '../builders.ts';

// Machines of a runner group: they take jobs of any repository, whichever they were launched for.

const OTHER = 2;
const repos = [aRepo({ id: REPO }), aRepo({ id: OTHER })];
const theirs = (given: Partial<JobView> = {}) => aJob({ repo: OTHER, ...given });
const world = (given: Partial<World>): World =>
  aWorld({ scope: 'owner-9', repos, rules: [aRule({ max: 10 })], ...given });
const shared = (given: InstanceView): InstanceView => ({ ...given, isShared: true });

const launches = (of: World): number =>
  plan(of, NOW).actions.reduce((n, one) => n + (one.kind === 'launch' ? one.count : 0), 0);
const ends = (of: World): readonly string[] =>
  plan(of, NOW).actions.flatMap((one) => (one.kind === 'end' ? one.instances : []));

describe('a job of another repository', () => {
  test.each<[string, InstanceView]>([
    ['coming', anInstance()],
    ['registered', anInstance({ registeredAt: NOW - 1_000, labels: LABELS })],
    ['idle', anIdle()],
  ])('counts on a machine of a group that is %s, and on no other', (_, machine) => {
    const jobs = [theirs()];
    expect(launches(world({ jobs, instances: [machine] }))).toBe(1);
    expect(launches(world({ jobs, instances: [shared(machine)] }))).toBe(0);
    const two = [...jobs, aJob({ id: 2 })];
    expect(launches(world({ jobs: two, instances: [shared(machine)] }))).toBe(1);
  });

  test('needs a machine of its own when the runner lacks one of its labels', () => {
    const jobs = [theirs({ labels: ['dstack', 'run=7'] })];
    expect(launches(world({ jobs, instances: [shared(anIdle())] }))).toBe(1);
    const labels = [...LABELS, 'run=7'];
    expect(launches(world({ jobs, instances: [shared(anIdle({ labels }))] }))).toBe(0);
  });

  test('takes the runner of its own repository as well as a shared one', () => {
    const jobs = [theirs(), theirs({ id: 2 }), aJob({ id: 3 })];
    const own = anIdle({ key: 'b.0', repo: OTHER });
    expect(launches(world({ jobs, instances: [shared(anIdle()), own] }))).toBe(1);
  });

  test('keeps a launch alive that EC2 has not answered', () => {
    const kindsOf = (isShared: object) => {
      const instances = [{ ...anUnknown(), ...isShared }];
      const [first] = plan(
        world({ jobs: [theirs()], instances, launches: [{ ...aLaunch(), ...isShared }] }),
        NOW,
      ).actions;
      return first?.kind;
    };
    expect(kindsOf({ isShared: true })).toBe('retry');
    expect(kindsOf({})).toBe('settle');
  });

  test('is registered for, as it spells its labels', () => {
    const asked = ['dstack', 'type=m5.large'];
    const jobs = [theirs({ labels: asked })];
    const labels = (machine: InstanceView) =>
      labelsFor(world({ jobs, instances: [machine] }), 'a.0', NOW);
    expect(labels(shared(anInstance()))).toEqual([...LABELS, 'type=m5.large']);
    expect(labels(anInstance())).toEqual(LABELS);
  });
});

describe('a machine of a group', () => {
  const since = { onlineAt: NOW - 2 * LIMITS.resyncMs, registeredAt: NOW - 3 * LIMITS.resyncMs };

  test('stays idle for a job of another repository, and ends where there is none', () => {
    expect(ends(world({ jobs: [theirs()], instances: [shared(anIdle(since))] }))).toEqual([]);
    expect(ends(world({ instances: [shared(anIdle(since))] }))).toEqual(['a.0']);
  });

  test.each<[string, World['repos'][number]]>([
    ['gone', aRepo({ id: REPO, isRemoved: true })],
    [
      'disabled by its own file',
      aRepo({ id: REPO, own: { enabled: false, maxima: {}, maxDurationMs: 1 } }),
    ],
  ])('works on when the repository that it was launched for is %s', (_, repo) => {
    const of = (machine: InstanceView) =>
      ends(world({ repos: [repo, aRepo({ id: OTHER })], instances: [machine] }));
    expect(of(aBusy())).toEqual(['a.0']);
    expect(of(shared(aBusy()))).toEqual([]);
  });

  test('ends with the last repository', () => {
    const gone = repos.map((repo) => ({ ...repo, isRemoved: true }));
    expect(ends(world({ repos: gone, instances: [shared(aBusy())] }))).toEqual(['a.0']);
  });
});
