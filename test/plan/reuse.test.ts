import { expect, test } from '@jest/globals';
import type { InstanceView, JobView, World } from '../../src/model/world.ts';
import { nextLabels, plan } from '../../src/plan/plan.ts';
import { aBusy, aJob, anOffer, aRepo, aRule, aWorld, LABELS, NOW, REPO } from '../builders.ts';

const OF_RUN = ['self-hosted', 'dstack', 'run=7'];
const mine = (given: Partial<JobView> = {}) => aJob({ run: 7, labels: OF_RUN, ...given });
/** It has just finished a job of run 7. */
const kept = (given: Partial<InstanceView> = {}) =>
  aBusy({
    finishedAt: NOW - 1_000,
    labels: [...LABELS, 'run=7'],
    keeps: { run: 7, until: NOW + 29_000 },
    ...given,
  });

const launched = (world: World): number =>
  plan(world, NOW).actions.reduce((n, one) => n + (one.kind === 'launch' ? one.count : 0), 0);
const next = (world: World) => nextLabels(world, 'a.0', NOW);

test('a machine that has finished takes one further job of its run, and no other starts for it', () => {
  const jobs = [mine(), mine({ id: 2 })];
  const world = aWorld({ instances: [kept()], jobs });
  expect(launched(world)).toBe(1);
  expect(plan(world, NOW).waits.map(({ reason }) => reason.code)).toEqual(['starting', 'starting']);
  expect(next(world)).toEqual(OF_RUN);
  const two = aWorld({ instances: [kept(), kept({ key: 'b.0' })], jobs });
  expect(launched(two)).toBe(0);
});

test('it registers the labels of its next job as that spells them, and no others', () => {
  const jobs = [mine({ labels: ['dstack/cpu=2/run=7', 'Self-Hosted'] }), mine({ id: 2 })];
  const world = (instance: InstanceView) => aWorld({ instances: [kept(), instance], jobs });
  const second = (one: World) => nextLabels(one, 'b.0', NOW);
  expect(next(world(kept({ key: 'b.0' })))).toEqual(['dstack/cpu=2/run=7', 'Self-Hosted']);
  expect(second(world(kept({ key: 'b.0' })))).toEqual(OF_RUN);
  const twice = [mine({ labels: ['Dstack', 'dstack', 'run=7'] })];
  expect(next(aWorld({ instances: [kept()], jobs: twice }))).toEqual(['Dstack', 'run=7']);
});

test.each<[string, Partial<JobView>, Partial<JobView>, boolean]>([
  ['that asks for less', {}, {}, false],
  ['that asks for less, in another case', { labels: ['Self-Hosted', 'DSTACK'] }, {}, false],
  ['that was set aside', { asideUntil: NOW + 1 }, {}, false],
  ['that names its run', { run: 8, labels: OF_RUN }, {}, false],
  ['that asks for more', { labels: ['dstack', 'cpu=2'] }, {}, true],
  ['that is kept for another run', { run: 8, labels: ['dstack', 'run=8'] }, {}, true],
  ['without labels', { labels: [] }, {}, true],
  ['of another repository', { repo: 2 }, {}, true],
  ['of its own run', { run: 7 }, {}, true],
  ['and all that it asks for is in one label', {}, { labels: ['dstack/cpu=2/run=7'] }, true],
])('where a job of another run waits that GitHub could hand it: %s', (_, other, job, isKept) => {
  const repos = [aRepo({ id: REPO }), aRepo({ id: 2 })];
  const jobs = [aJob({ id: 9, run: 3, ...other }), mine(job)];
  const world = aWorld({ repos, instances: [kept()], jobs });
  const { waits } = plan(world, NOW);
  expect(next(world)).toEqual(isKept ? (job.labels ?? OF_RUN) : 'wait');
  expect(waits).toHaveLength(2);
  // As many as without this machine, less the one that it spares.
  const without = launched(aWorld({ repos, jobs }));
  expect(launched(world)).toBe(without - (isKept ? 1 : 0));
});

test.each<[string, Partial<JobView>, Partial<InstanceView>]>([
  ['of another run', { run: 8, labels: ['dstack', 'run=8'] }, {}],
  ['that names the run and is of another', { run: 8 }, {}],
  ['without `run=`', { labels: ['self-hosted', 'dstack'] }, {}],
  ['of another repository', { repo: 2 }, {}],
  ['that its rule does not serve', { labels: [...OF_RUN, 'gpu=1'] }, {}],
  ['of the other market', { labels: [...OF_RUN, 'spot=on-demand'] }, {}],
  ['that was set aside', { asideUntil: NOW + 1 }, {}],
])('it waits on for a job %s', (_, job, instance) => {
  const rules = [aRule({ markets: ['spot', 'on-demand'] })];
  const repos = [aRepo({ id: REPO }), aRepo({ id: 2 })];
  const world = aWorld({ repos, rules, instances: [kept(instance)], jobs: [mine(job)] });
  expect(next(world)).toBe('wait');
});

test('where strangers may have jobs, it goes on with those only that no other run can ask for', () => {
  const repos = [aRepo({ hasStrangers: true })];
  const world = (labels: readonly string[]) =>
    aWorld({ repos, instances: [kept()], jobs: [mine({ labels })] });
  expect(next(world(OF_RUN))).toBe('wait');
  expect(next(world(['dstack/run=7', 'dstack/run=8']))).toBe('wait');
  expect(next(world(['dstack/cpu=2/run=7', 'run=7']))).toEqual(['dstack/cpu=2/run=7', 'run=7']);
});

test('it takes no more when its time is over, or it is kept for nothing', () => {
  const jobs = [mine()];
  const late = kept({ keeps: { run: 7, until: NOW } });
  expect(next(aWorld({ instances: [late], jobs }))).toBeNull();
  const { keeps: _, ...once } = kept();
  expect(next(aWorld({ instances: [once], jobs }))).toBeNull();
  expect(next(aWorld({ instances: [kept()], jobs, enabled: false }))).toBeNull();
  expect(launched(aWorld({ instances: [late], jobs }))).toBe(1);
});

test('its place is given to another job only when its run has none', () => {
  const world = (jobs: readonly JobView[]) =>
    aWorld({ rules: [aRule({ max: 1 })], offers: [anOffer()], instances: [kept()], jobs });
  const ends = (jobs: readonly JobView[]) =>
    plan(world(jobs), NOW).actions.filter(({ kind }) => kind === 'end').length;
  expect(ends([aJob()])).toBe(1);
  const other = aJob({ labels: ['dstack', 'cpu=2'] });
  expect(ends([other, mine({ id: 2 })])).toBe(0);
  // GitHub could hand it to the other one.
  expect(ends([aJob(), mine({ id: 2 })])).toBe(1);
});
