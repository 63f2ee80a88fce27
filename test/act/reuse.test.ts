import { expect, test } from '@jest/globals';
import type { Job, Run } from '../../src/sandbox/github-state.ts';
import { isRunning, MINUTE, openStage, R, rulesText, SECOND, type Stage } from '../stage.ts';

// A machine that takes further jobs of its run, and when it does not.

const REUSE = rulesText({ 'm5.large': 4 }, 'reuse: workflow');

interface Steps {
  /** One after the other, each queued so long after the one before has ended. */
  readonly durationsMs: readonly number[];
  readonly pauseMs?: number;
  readonly labelsOf?: (run: Run) => readonly string[];
}

/** A run whose jobs need each other; answers how many machines it took. */
async function play(stage: Stage, { durationsMs, pauseMs = 0, labelsOf = labels }: Steps) {
  const run = stage.github.jobs.addRun(stage.repo, { jobs: [] });
  const left = [...durationsMs];
  const add = () => {
    const durationMs = left.shift();
    if (durationMs === undefined) return;
    const name = `step-${left.length}`;
    stage.github.jobs.addJob(run, { name, labels: labelsOf(run), durationMs });
  };
  stage.github.jobs.onCompleted((job) => {
    if (job.run === run) stage.kernel.at(pauseMs, 'next step', add);
  });
  add();
  const isDone = () =>
    left.length === 0 && run.jobs.every(({ facts }) => facts.now.conclusion === 'success');
  await stage.until(isDone, 60 * MINUTE);
  await stage.until(() => stage.live().length === 0, 5 * MINUTE);
  await stage.pass(R);
  expect(await stage.store.scopesWithWork()).toEqual([]);
  expect([...stage.repo.runners.values()].filter(({ state }) => state.now.isThere)).toEqual([]);
  return { run, machines: stage.ec2.counts().launched };
}

const labels = (run: Run) => ['self-hosted', 'dstack', `run=${run.id}`];
const runnerOf = (job: Job | undefined) => job?.facts.now.runner?.name;

test('jobs of one run are run by one machine, each by a runner of its own', async () => {
  const stage = await openStage({ rules: REUSE });
  const { run, machines } = await play(stage, { durationsMs: [MINUTE, MINUTE, MINUTE] });
  expect(machines).toBe(1);
  const names = run.jobs.map(runnerOf);
  expect(new Set(names).size).toBe(3);
  expect(names.slice(1)).toEqual([`${names[0]}-2`, `${names[0]}-3`]);
});

test.each<[string, string, Partial<Steps>, number]>([
  ['without `reuse: workflow`', rulesText({ 'm5.large': 4 }), {}, 2],
  ['without `run=`', REUSE, { labelsOf: () => ['self-hosted', 'dstack'] }, 2],
  [
    "with another run's `run=`",
    REUSE,
    { labelsOf: (run) => ['self-hosted', 'dstack', `run=${run.id - 1}`] },
    2,
  ],
  ['that are queued within R/2', REUSE, { pauseMs: 20 * SECOND }, 1],
  ['that are queued later', REUSE, { pauseMs: 40 * SECOND }, 2],
  [
    'after half of max-duration',
    rulesText({ 'm5.large': 4 }, 'reuse: workflow\n  max-duration: 10m'),
    { durationsMs: [5 * MINUTE, MINUTE] },
    2,
  ],
])('two jobs %s', async (_, rules, steps, machines) => {
  const stage = await openStage({ rules });
  const played = await play(stage, { durationsMs: [MINUTE, MINUTE], ...steps });
  expect(played.machines).toBe(machines);
});

test('where the rule is full, the machine is kept for the next job of its run', async () => {
  const stage = await openStage({ rules: rulesText({ 'm5.large': 1 }, 'reuse: workflow') });
  const { machines } = await play(stage, { durationsMs: [MINUTE, MINUTE] });
  expect(machines).toBe(1);
});

test('a machine that a job of another run took goes with it', async () => {
  const stage = await openStage({ rules: REUSE });
  const run = stage.github.jobs.addRun(stage.repo, { jobs: [] });
  const mine = stage.github.jobs.addJob(run, {
    name: 'mine',
    labels: labels(run),
    durationMs: MINUTE,
  });
  await stage.until(() => stage.live().length === 1);
  // What another run asks for is a part of what the machine has.
  stage.github.runners.cancel(mine);
  const [thief] = stage.addJobs(1);
  await stage.until(isRunning(thief ? [thief] : []), 5 * MINUTE);
  const spec = { name: 'again', labels: labels(run), durationMs: MINUTE };
  const again = stage.github.jobs.addJob(run, spec);
  await stage.until(() => again.facts.now.conclusion === 'success', 20 * MINUTE);
  expect(stage.ec2.counts().launched).toBe(2);
  expect(runnerOf(again)).not.toContain(runnerOf(thief));
});

test.each<[string, (run: Run) => readonly string[], number]>([
  ['could be handed the machine that has run this one: both get their own', labels, 3],
  ['could not: the machine goes on', (run) => [`dstack/run=${run.id}`], 2],
])('a job of another run waits that %s', async (_, labelsOf, machines) => {
  const stage = await openStage({ rules: REUSE });
  const run = stage.github.jobs.addRun(stage.repo, { event: 'pull_request', jobs: [] });
  const add = (name: string) =>
    stage.github.jobs.addJob(run, { name, labels: labelsOf(run), durationMs: MINUTE });
  const first = add('first');
  const others: Job[] = [];
  stage.github.jobs.onCompleted((job) => {
    if (job !== first) return;
    others.push(...stage.addJobs(1, { name: 'deploy', labels: ['self-hosted', 'dstack'] }));
    others.push(add('second'));
  });
  await stage.until(
    () => others.length > 0 && others.every(({ facts }) => facts.now.conclusion === 'success'),
    20 * MINUTE,
  );
  expect(stage.ec2.counts().launched).toBe(machines);
  const [deploy, second] = others.map(runnerOf);
  expect(deploy).not.toContain(runnerOf(first));
  expect(second === `${runnerOf(first)}-2`).toBe(machines === 2);
});

test.each<[string, (run: Run) => readonly string[], boolean, number]>([
  ['public: in a list', labels, false, 2],
  ['public: in their one label', (run) => [`dstack/run=${run.id}`], false, 1],
  ['private: in a list', labels, true, 1],
])('with forks: allow, jobs that name their run, %s', async (_, labelsOf, isPrivate, machines) => {
  const rules = rulesText({ 'm5.large': 4 }, 'reuse: workflow\n  forks: allow');
  const stage = await openStage({ rules, isPrivate });
  const played = await play(stage, { durationsMs: [MINUTE, MINUTE], labelsOf });
  expect(played.machines).toBe(machines);
});

test('a machine that EC2 takes back takes no further job', async () => {
  const stage = await openStage({ rules: REUSE });
  const run = stage.github.jobs.addRun(stage.repo, { jobs: [] });
  const first = stage.github.jobs.addJob(run, {
    name: 'first',
    labels: labels(run),
    durationMs: MINUTE,
  });
  await stage.until(isRunning([first]), 5 * MINUTE);
  for (const { id } of stage.live()) stage.ec2.reclaim(id, true);
  await stage.until(() => first.facts.now.state === 'completed');
  const spec = { name: 'second', labels: labels(run), durationMs: MINUTE };
  const second = stage.github.jobs.addJob(run, spec);
  await stage.until(() => second.facts.now.conclusion === 'success', 20 * MINUTE);
  expect(stage.ec2.counts().launched).toBe(2);
});

test('a job that failed by itself is not run again when EC2 takes the machine after it', async () => {
  const stage = await openStage({ rules: REUSE });
  const run = stage.github.jobs.addRun(stage.repo, { jobs: [] });
  const spec = { labels: labels(run), durationMs: MINUTE };
  const bad = stage.github.jobs.addJob(run, { ...spec, name: 'bad', result: 'failure' });
  await stage.until(() => bad.facts.now.state === 'completed');
  const next = stage.github.jobs.addJob(run, { ...spec, name: 'next', durationMs: 10 * MINUTE });
  await stage.until(() => next.facts.now.state === 'in_progress', 2 * MINUTE);
  expect(runnerOf(next)).toBe(`${runnerOf(bad)}-2`);
  for (const { id } of stage.live()) stage.ec2.reclaim(id, true);
  const latest = () =>
    stage.github.jobs.latest(run).map(({ attempt, facts }) => {
      return `${attempt} ${facts.now.conclusion}`;
    });
  await stage.until(() => latest().join() === '1 failure,2 success', 30 * MINUTE);
  expect(latest()).toEqual(['1 failure', '2 success']);
});
