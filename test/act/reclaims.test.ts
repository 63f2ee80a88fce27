import { describe, expect, test } from '@jest/globals';
import { costUsd } from '../../src/model/cost.ts';
import type { Job } from '../../src/sandbox/github-state.ts';
import { createMemoryStore } from '../../src/store/memory.ts';
import {
  conclusions,
  isDone,
  isRunning,
  MINUTE,
  openStage,
  R,
  rulesText,
  SECOND,
  type Stage,
  type StageOptions,
} from '../stage.ts';

// What EC2 takes back, with and without a word before, and what becomes of the jobs.

/** All jobs of the runs that these jobs are of, as they ran last. */
const latest = (stage: Stage, jobs: readonly Job[]): readonly Job[] =>
  [...new Set(jobs.map(({ run }) => run))].flatMap((run) => stage.github.jobs.latest(run));

const attempts = (stage: Stage, jobs: readonly Job[]) =>
  latest(stage, jobs).map(({ attempt }) => attempt);

const checks = ({ repo }: Stage) =>
  [...repo.talk.checks.values()].filter(({ name }) => name === 'dstack / re-run');

/** Runs of one job each, all running. */
async function running(stage: Stage, count: number, durationMs = 10 * MINUTE) {
  const jobs = Array.from({ length: count }, () => stage.addJobs(1, { durationMs })).flat();
  await stage.until(isRunning(jobs), 5 * MINUTE);
  return jobs;
}

const takeBack = (stage: Stage, hasNotice: boolean) => {
  for (const { id } of stage.live()) stage.ec2.reclaim(id, hasNotice);
};

const opened = (options: StageOptions = {}) =>
  openStage({ rules: rulesText({ 'm5.large': 4, 'm5.xlarge': 4 }), ...options });

/** Ended well, and nothing is left of it. */
async function endsWell(stage: Stage, jobs: readonly Job[]): Promise<void> {
  const ends = () => conclusions(latest(stage, jobs)).join();
  await stage.until(() => ends() === 'success', 40 * MINUTE);
  await stage.until(() => stage.live().length === 0, 10 * MINUTE);
  await stage.pass(R);
  expect(await stage.store.scopesWithWork()).toEqual([]);
}

describe('a machine with a notice', () => {
  test('that boots is left to EC2, and its job gets another', async () => {
    const stage = await opened();
    const jobs = stage.addJobs(1);
    await stage.until(() => stage.live().some(({ state }) => state === 'running'));
    takeBack(stage, true);
    await endsWell(stage, jobs);
    expect(attempts(stage, jobs)).toEqual([1]);
  });

  const runners = ({ repo }: Stage) => [...repo.runners.values()];

  /** Until it is gone; answers who ended it, and what it has cost. */
  async function ended(stage: Stage, withinMs: number) {
    const [machine] = stage.live();
    await stage.until(() => stage.live().length === 0, withinMs);
    await stage.pass(R);
    const [row] = await stage.store.recentInstances(1);
    const within = { from: 0, to: stage.kernel.now() };
    return { code: machine?.stateReason?.code, usd: row ? costUsd(row, within) : null };
  }

  test('that is idle takes no job any more, and is left to EC2', async () => {
    const stage = await opened();
    const [job] = stage.addJobs(1, { labels: ['dstack', 'self-hosted'] });
    await stage.until(() => stage.live().some(({ state }) => state === 'running'));
    if (job) stage.github.runners.cancel(job);
    await stage.until(() => runners(stage).some(({ state }) => state.now.isOnline));
    takeBack(stage, true);
    await stage.until(() => runners(stage).every(({ isDead }) => isDead), 10 * SECOND);
    expect(await ended(stage, 2 * MINUTE)).toEqual({
      code: 'Server.SpotInstanceTermination',
      usd: 0,
    });
    expect(await stage.store.scopesWithWork()).toEqual([]);
  });

  test('whose job ends well before the cut is left to EC2, and its place is free then', async () => {
    const stage = await openStage({ rules: rulesText({ 'm5.large': 1 }) });
    const jobs = await running(stage, 1, 2 * MINUTE);
    await stage.pass(MINUTE);
    takeBack(stage, true);
    const noticedAt = stage.kernel.now();
    await stage.until(isDone(jobs));
    const next = stage.addJobs(1);
    expect(await ended(stage, 2 * MINUTE)).toMatchObject({
      code: 'Server.SpotInstanceTermination',
    });
    expect(stage.kernel.now() - noticedAt).toBeLessThan(2 * MINUTE + 2 * R);
    await stage.until(isDone(next), 5 * MINUTE);
    expect(conclusions([...jobs, ...next])).toEqual(['success']);
    expect(attempts(stage, jobs)).toEqual([1]);
  });

  test('after its first hour powers itself off as soon as its job has ended', async () => {
    const stage = await opened();
    const jobs = await running(stage, 1, 62 * MINUTE);
    await stage.pass(61 * MINUTE);
    takeBack(stage, true);
    await stage.until(isDone(jobs));
    const { code, usd } = await ended(stage, 10 * SECOND);
    expect(code).toBe('Client.InstanceInitiatedShutdown');
    expect(usd).toBeGreaterThan(0);
    expect(conclusions(jobs)).toEqual(['success']);
  });

  test('runs its job until 25 s before the end; another has begun to start by then', async () => {
    const stage = await opened();
    const jobs = await running(stage, 1);
    const [machine] = stage.live();
    takeBack(stage, true);
    const noticedAt = stage.kernel.now();
    await stage.until(isDone(jobs));
    expect(stage.kernel.now() - noticedAt).toBeGreaterThanOrEqual(95 * SECOND);
    await stage.until(() => stage.live().length === 2, 10 * SECOND);
    // Before the first is gone, and elsewhere.
    const places = stage.live().map(({ zone, type }) => `${zone} ${type}`);
    expect(new Set(places).size).toBe(2);
    await stage.until(() => stage.live().length === 1, MINUTE);
    expect(machine?.stateReason?.code).toBe('Server.SpotInstanceTermination');
    await endsWell(stage, jobs);
    expect(attempts(stage, jobs)).toEqual([2]);
    expect(stage.ec2.counts().launched).toBe(2);
    expect(checks(stage)).toMatchObject([
      {
        conclusion: 'neutral',
        title: 'EC2 took the machine of `job-1`, and nothing else failed: re-run 1 of 2',
      },
    ]);
    // Within its first hour.
    expect(checks(stage)[0]?.summary).toMatch(
      new RegExp(`job-1.*${machine?.id} \\(m5.*Server\\.SpotInstanceTermination.*\\$0 \\|`),
    );
    expect(checks(stage)[0]?.summary).toContain('runs again as [attempt 2]');
  });
});

test('a notice for ten at once: each job runs again, and no more machines start than jobs', async () => {
  const stage = await opened({ rules: rulesText({ 'm5.large': 20, 'm5.xlarge': 20 }) });
  const jobs = await running(stage, 10);
  takeBack(stage, true);
  await endsWell(stage, jobs);
  expect(attempts(stage, jobs)).toEqual(jobs.map(() => 2));
  expect(stage.ec2.counts().launched).toBe(20);
});

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

test('jobs that a command ended are not run again', async () => {
  const stage = await opened();
  const jobs = await running(stage, 2);
  stage.push(rulesText({}));
  await stage.until(isDone(jobs), 30 * MINUTE);
  stage.push(rulesText({ 'm5.large': 4 }));
  await stage.pass(10 * MINUTE);
  expect(attempts(stage, jobs)).toEqual([1, 1]);
});

describe('a machine that EC2 advises to leave', () => {
  async function advise(stage: Stage): Promise<void> {
    for (const { key } of await stage.store.recentInstances(9)) {
      const patch = { advisedAt: stage.kernel.now() };
      await stage.store.changeInstance({ key, from: ['online', 'busy'], patch });
    }
  }

  test('goes on with its job', async () => {
    const stage = await opened();
    const jobs = await running(stage, 1, 5 * MINUTE);
    await advise(stage);
    await endsWell(stage, jobs);
    expect(attempts(stage, jobs)).toEqual([1]);
    expect(stage.ec2.counts().launched).toBe(1);
  });

  test('ends when it is idle, its runner first', async () => {
    const stage = await opened();
    const [job] = stage.addJobs(1);
    const runners = () =>
      [...stage.repo.runners.values()].filter(({ state }) => state.now.isOnline);
    await stage.until(() => stage.repo.runners.size === 1);
    if (job) stage.github.runners.cancel(job);
    await stage.until(() => runners().length === 1);
    await stage.pass(2 * SECOND);
    await advise(stage);
    await stage.until(() => runners().length === 0, 10 * SECOND);
    await stage.until(() => stage.live().length === 0, 10 * SECOND);
    expect(stage.calls.get('github.removeRunner')).toBe(1);
  });
});

test('after a lost database a machine is known by its runner alone, and what EC2 takes of it is run again', async () => {
  const stage = await opened();
  const jobs = await running(stage, 1, 20 * MINUTE);
  await stage.pass(10 * MINUTE);
  stage.kill();
  stage.store = createMemoryStore();
  // Until the machine is overdue GitHub tells of no job.
  stage.knobs.fault = ({ name }) =>
    name === 'github.unfinishedJobs' ? { kind: 'throttled' } : undefined;
  stage.start();
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
