import { describe, expect, test } from '@jest/globals';
import type { Job } from '../../src/sandbox/github-state.ts';
import {
  conclusions,
  isDone,
  isRunning,
  MINUTE,
  openStage,
  R,
  rulesText,
  SECOND,
} from '../stage.ts';
import { attempts, checks, endsWell, latest, opened, running, takeBack } from './lost-stage.ts';

// What becomes of the jobs whose machine EC2 took.

test('where the rule is full, the next machine starts when EC2 ends the old one', async () => {
  const stage = await openStage({ rules: rulesText({ 'm5.large': 1 }) });
  const jobs = await running(stage, 1);
  const [old] = stage.live();
  takeBack(stage, true);
  await stage.until(() => stage.live().some(({ id }) => id !== old?.id));
  expect(old?.state).not.toBe('running');
  await endsWell(stage, jobs);
});

test('without a notice the job is run again when GitHub misses its runner', async () => {
  const stage = await opened();
  const jobs = await running(stage, 1);
  takeBack(stage, false);
  await stage.until(isDone(jobs), 20 * MINUTE);
  // Nobody waits for that long.
  expect(stage.ec2.counts().launched).toBe(1);
  await endsWell(stage, jobs);
  expect(attempts(stage, jobs)).toEqual([2]);
});

describe('of a run with several jobs', () => {
  const spec = (name: string, more: Partial<Job['spec']> = {}) => ({
    name,
    labels: ['self-hosted', 'dstack'],
    durationMs: 10 * MINUTE,
    ...more,
  });

  /** All but the first end by themselves before EC2 takes the first one's machine. */
  async function play(others: readonly Job['spec'][], first = spec('first')) {
    const stage = await opened();
    const { jobs } = stage.github.jobs.addRun(stage.repo, { jobs: [first, ...others] });
    await stage.until(isRunning(jobs.slice(0, 1)));
    await stage.until(isDone(jobs.slice(1)), 20 * MINUTE);
    await stage.until(() => stage.live().length === 1, 5 * MINUTE);
    takeBack(stage, true);
    await stage.until(isDone(jobs), 5 * MINUTE);
    await stage.until(() => stage.live().length === 0, 30 * MINUTE);
    await stage.pass(R);
    expect(await stage.store.scopesWithWork()).toEqual([]);
    const ends = Object.fromEntries(
      latest(stage, jobs).map(({ spec: { name }, attempt, facts }) => [
        name,
        `${attempt} ${facts.now.conclusion}`,
      ]),
    );
    return { stage, ends };
  }

  test('those that ended well are left', async () => {
    const { ends } = await play([spec('good', { durationMs: MINUTE })]);
    expect(ends).toEqual({ first: '2 success', good: '1 success' });
  });

  test('only the one that lost its machine runs again when another failed by itself', async () => {
    const bad = spec('bad', { durationMs: MINUTE, result: 'failure' });
    const { ends } = await play([bad]);
    expect(ends).toEqual({ first: '2 success', bad: '1 failure' });
  });

  test.each<[string, Job['spec']]>([
    ['`retry=0`', spec('first', { labels: ['self-hosted', 'dstack', 'retry=0'] })],
  ])('one with %s is never run again', async (_, first) => {
    const { ends, stage } = await play([], first);
    expect(ends).toEqual({ first: '1 cancelled' });
    expect(checks(stage)).toMatchObject([{ title: expect.stringContaining('`retry=0`') }]);
    expect(checks(stage)[0]?.summary).toContain('Nothing of this runs again by itself');
    expect(stage.ec2.counts().launched).toBe(1);
  });
});

describe('a job with an environment', () => {
  test('is never run again', async () => {
    const stage = await opened();
    const jobs = stage.addJobs(1, { environment: 'production', durationMs: 10 * MINUTE });
    await stage.pass(SECOND);
    for (const job of jobs) stage.github.jobs.approve(job);
    await stage.until(isRunning(jobs), 5 * MINUTE);
    takeBack(stage, true);
    await stage.pass(10 * MINUTE);
    expect(attempts(stage, jobs)).toEqual([1]);
    expect(stage.live()).toEqual([]);
    expect(stage.ec2.counts().launched).toBe(1);
  });

  const WORKFLOW = '.github/workflows/ci.yml';
  test.each<[string, string | null, number]>([
    ['the file has it', 'jobs:\n  build:\n    environment: production\n', 1],
    ['the file has it not', 'jobs:\n  build:\n    steps: []\n', 2],
    ['there is no file to tell', null, 1],
  ])('is told from the workflow where no webhook told: %s', async (_, text, attempt) => {
    const stage = await opened();
    stage.github.repos.commit(stage.repo, { [WORKFLOW]: text });
    // Only active repositories are swept.
    const before = stage.addJobs(1);
    await stage.until(isDone(before));
    stage.knobs.hookFault = ({ event }) =>
      event === 'workflow_job' ? { kind: 'outage' } : undefined;
    const jobs = stage.addJobs(1, { name: 'build', durationMs: 10 * MINUTE });
    await stage.until(isRunning(jobs), 10 * MINUTE);
    await stage.pass(2 * R);
    takeBack(stage, true);
    await stage.pass(20 * MINUTE);
    expect(attempts(stage, jobs)).toEqual([attempt]);
  });
});

test('a job is run again as often as `retry` says, and then no more', async () => {
  const rules = rulesText({ 'm5.large': 4, 'm5.xlarge': 4, 'c5.xlarge': 4 }, 'retry: 2');
  const stage = await openStage({ rules });
  const [first] = stage.addJobs(1, { durationMs: 10 * MINUTE });
  for (const attempt of [1, 2, 3]) {
    const now = () => first && latest(stage, [first])[0];
    await stage.until(
      () => now()?.attempt === attempt && now()?.facts.now.state === 'in_progress',
      30 * MINUTE,
    );
    takeBack(stage, true);
    await stage.until(() => now()?.attempt !== attempt || now()?.facts.now.state === 'completed');
  }
  await stage.pass(20 * MINUTE);
  expect(first?.run.attempt).toBe(3);
  expect(checks(stage).map(({ title }) => title)).toEqual([
    expect.stringMatching(/re-run 1 of 2$/),
    expect.stringMatching(/re-run 2 of 2$/),
    expect.stringContaining('it was run again 2 times already'),
  ]);
  expect(stage.live()).toEqual([]);
  expect(await stage.store.scopesWithWork()).toEqual([]);
});

test.each(['lost-request', 'lost-answer', 'throttled'] as const)(
  'a request to run again whose answer does not come (%s) is settled, and runs it once',
  async (kind) => {
    const stage = await opened();
    stage.knobs.fault = ({ name, nth }) =>
      name === 'github.rerunFailed' && nth === 1 ? { kind } : undefined;
    const jobs = await running(stage, 1);
    takeBack(stage, true);
    await endsWell(stage, jobs);
    expect(attempts(stage, jobs)).toEqual([2]);
    expect(stage.calls.get('github.rerunFailed')).toBe(kind === 'lost-answer' ? 1 : 2);
  },
);

test('a request that GitHub refuses, as the run is not over for it yet, is made again', async () => {
  const stage = await opened();
  const jobs = await running(stage, 1);
  const late: Job[] = [];
  stage.knobs.fault = ({ name, nth }) => {
    const run = jobs[0]?.run;
    if (name === 'github.rerunFailed' && nth === 1 && run) {
      const spec = { name: 'late', labels: ['ubuntu-latest'], durationMs: SECOND };
      late.push(stage.github.jobs.addJob(run, spec));
    }
    return undefined;
  };
  takeBack(stage, true);
  await stage.until(() => late.length > 0, 20 * MINUTE);
  await stage.pass(SECOND);
  expect(attempts(stage, jobs)).toEqual([1, 1]);
  for (const job of late) stage.github.jobs.complete(job, 'success');
  await endsWell(stage, jobs);
  expect(attempts(stage, jobs).toSorted()).toEqual([1, 2]);
  expect(stage.calls.get('github.rerunFailed')).toBe(2);
});

test('an app that dies between the request and its answer runs it once', async () => {
  const stage = await opened();
  const jobs = await running(stage, 1);
  stage.knobs.fault = ({ name, nth }) => {
    if (name === 'github.rerunFailed' && nth === 1) {
      stage.kernel.at(1, 'the app dies', () => stage.kill());
      stage.kernel.at(20 * SECOND, 'the app is back', () => stage.start());
    }
    return undefined;
  };
  takeBack(stage, true);
  await endsWell(stage, jobs);
  expect(attempts(stage, jobs)).toEqual([2]);
});

describe('a job that is cancelled after EC2 took its machine', () => {
  /** Its daemon is silent by then. */
  async function taken(hasNotice: boolean) {
    const stage = await opened({ behaviourOf: (nth) => (nth === 1 ? 'dies-in-job' : 'sound') });
    const jobs = await running(stage, 1);
    await stage.pass(4 * MINUTE);
    const [machine] = stage.live();
    takeBack(stage, hasNotice);
    await stage.until(() => machine?.endedAt !== null, 3 * MINUTE);
    return { stage, jobs };
  }

  test.each([true, false])(
    'by a person, is not run again (with a notice: %p)',
    async (hasNotice) => {
      const { stage, jobs } = await taken(hasNotice);
      await stage.pass(3 * MINUTE);
      for (const { run } of jobs) stage.github.runners.cancelRun(stage.repo, run.id);
      await stage.pass(20 * MINUTE);
      expect(attempts(stage, jobs)).toEqual([1]);
      expect(conclusions(jobs)).toEqual(['cancelled']);
      expect(checks(stage)).toMatchObject([
        { title: '`job-1` was cancelled when EC2 had taken its machine: nothing is run again' },
      ]);
      expect(await stage.store.scopesWithWork()).toEqual([]);
    },
  );

  test.each([
    [10, true, 2],
    [10, false, 2],
    [40, true, 1],
    [40, false, 1],
  ])(
    '%i s after that (with a notice: %p) is at attempt %i',
    async (seconds, hasNotice, attempt) => {
      const { stage, jobs } = await taken(hasNotice);
      await stage.pass(seconds * SECOND);
      for (const job of jobs) stage.github.jobs.complete(job, 'cancelled');
      await stage.pass(20 * MINUTE);
      expect(attempts(stage, jobs)).toEqual([attempt]);
    },
  );
});

test('a job that ended in the last seconds of its machine was cut, however late that is looked at', async () => {
  const stage = await opened();
  const jobs = await running(stage, 1);
  const [machine] = stage.live();
  const row = await stage.store.instanceById(machine?.id ?? '');
  if (!row) throw new Error('a machine that is known');
  const listed = stage.calls.get('ec2.list') ?? 0;
  await stage.until(() => (stage.calls.get('ec2.list') ?? 0) > listed);
  await stage.pass(2 * SECOND);
  // It shuts down: its daemon stops the runner and says so, and has had no notice to tell of.
  takeBack(stage, false);
  const now = stage.kernel.now();
  const patch = { finishedAt: now, saidDoneAt: now };
  expect(await stage.store.changeInstance({ key: row.key, from: ['busy'], patch })).toBe(true);
  for (const job of jobs) stage.github.jobs.complete(job, 'cancelled');
  stage.knobs.fault = ({ name }) => (name === 'github.run' ? { kind: 'throttled' } : undefined);
  await stage.pass(R);
  stage.knobs.fault = () => undefined;
  await endsWell(stage, jobs);
  expect(attempts(stage, jobs)).toEqual([2]);
});

test('what somebody runs again before GitHub tells how its run ended is settled at once', async () => {
  const stage = await opened();
  stage.knobs.fault = ({ name }) => (name === 'github.run' ? { kind: 'throttled' } : undefined);
  const [job] = await running(stage, 1);
  if (!job) throw new Error('a job runs');
  const outcomes = async () =>
    (await stage.store.reruns(`repo-${stage.repo.id}`, 0)).map(({ outcome }) => outcome);
  takeBack(stage, true);
  await stage.until(isDone([job]), 5 * MINUTE);
  await stage.pass(R);
  expect(await outcomes()).toEqual(['open']);
  stage.github.jobs.rerunFailed(job.run);
  await stage.pass(R);
  expect(await outcomes()).toEqual(['none']);
});

test('jobs that a command ended are not run again', async () => {
  const stage = await opened();
  const jobs = await running(stage, 2);
  stage.push(rulesText({}));
  await stage.until(isDone(jobs), 30 * MINUTE);
  stage.push(rulesText({ 'm5.large': 4 }));
  await stage.pass(10 * MINUTE);
  expect(attempts(stage, jobs)).toEqual([1, 1]);
});

test('after a lost database a machine is known by its runner alone, and what EC2 takes of it is run again', async () => {
  const stage = await opened();
  const jobs = await running(stage, 1, 20 * MINUTE);
  await stage.pass(10 * MINUTE);
  // Until the machine is overdue GitHub tells of no job.
  stage.knobs.fault = ({ name }) =>
    name === 'github.unfinishedJobs' ? { kind: 'throttled' } : undefined;
  stage.loseStore();
  const [{ id } = { id: '' }] = stage.live();
  const state = async () => (await stage.store.instanceById(id))?.state;
  for (let i = 0; i < 10 && (await state()) !== 'busy'; i += 1) await stage.pass(R / 2);
  expect(await state()).toBe('busy');
  // And of the run only when it has forgotten the runner.
  stage.knobs.fault = ({ name }) => (name === 'github.run' ? { kind: 'throttled' } : undefined);
  await stage.pass(R);
  takeBack(stage, false);
  await stage.until(() => stage.repo.runners.size === 0);
  await stage.pass(R);
  stage.knobs.fault = () => undefined;
  await endsWell(stage, jobs);
  expect(attempts(stage, jobs)).toEqual([2]);
});
