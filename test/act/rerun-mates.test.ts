import { describe, expect, test } from '@jest/globals';
import { type Job, type JobSpec, WORKFLOW_PATH } from '../../src/sandbox/github-state.ts';
import { isDone, isRunning, MINUTE, openStage, R, rulesText, type Stage } from '../stage.ts';

// A matrix that fails fast: EC2 takes one machine or more of a run, and GitHub cancels the rest of it.
// To run what failed again is to run that again too, whatever it is.

const opened = () => openStage({ rules: rulesText({ 'm5.large': 4, 'm5.xlarge': 4 }) });

const titles = ({ repo }: Stage) =>
  [...repo.talk.checks.values()].flatMap(({ name, title }) =>
    name === 'dstack / re-run' ? title : [],
  );

const OURS = ['self-hosted', 'dstack'];
const HOSTED = ['ubuntu-latest'];
const spec = (name: string, more: Partial<JobSpec> = {}): JobSpec => {
  return { name, labels: OURS, durationMs: 40 * MINUTE, ...more };
};

const machineOf = (stage: Stage, job: Job) =>
  stage.live().find(({ id }) => job.facts.now.runner?.name.includes(id))?.id ?? '';

/** EC2 takes the machines of the first so many; when GitHub has missed them it cancels the rest. */
async function play(stage: Stage, specs: readonly JobSpec[], taken = 1) {
  const { jobs } = stage.github.jobs.addRun(stage.repo, { jobs: specs });
  for (const job of jobs) if (job.spec.labels === OURS) stage.github.jobs.approve(job);
  await stage.until(isRunning(jobs.filter(({ spec: { labels } }) => labels !== HOSTED)));
  const lost = jobs.slice(0, taken);
  for (const job of lost) stage.ec2.reclaim(machineOf(stage, job), false);
  await stage.until(isDone(lost));
  for (const job of jobs.slice(taken)) stage.github.runners.cancel(job);
  await stage.until(isDone(jobs));
  await stage.pass(10 * MINUTE);
  const [first] = jobs;
  if (!first) return {};
  const latest = stage.github.jobs.latest(first.run);
  return Object.fromEntries(latest.map(({ spec: { name }, attempt }) => [name, attempt]));
}

describe('what GitHub would run again with a job that lost its machine', () => {
  const NEVER = spec('b', { labels: [...OURS, 'retry=0'] });
  const DEPLOY = spec('b', { environment: 'production' });
  const ELSEWHERE = spec('b', { labels: HOSTED, environment: 'production' });
  test.each<[string, JobSpec, RegExp]>([
    ['has `retry=0`', NEVER, /`b` is left: it has `retry=0`$/],
    ['has an environment, by a webhook', DEPLOY, /`b` is left: it may name an environment$/],
    ['has one, and is not ours', ELSEWHERE, /`b` is left: it may name an environment$/],
  ])('is left where it %s', async (_, other, title) => {
    const stage = await opened();
    const workflow = 'jobs:\n  a:\n    steps: []\n  b:\n    environment: production\n';
    // Where a webhook told, the file need not.
    const text = other === DEPLOY ? workflow.replace('environment', 'name') : workflow;
    stage.github.repos.commit(stage.repo, { [WORKFLOW_PATH]: text });
    expect(await play(stage, [spec('a'), other])).toEqual({ a: 2, b: 1 });
    expect(titles(stage)).toEqual([expect.stringMatching(title)]);
  });

  test.each<[string, Partial<JobSpec>, string | null]>([
    ['ours, as a webhook told', {}, null],
    ['not ours, as the file tells', { labels: HOSTED }, 'jobs:\n  b:\n    steps: []\n'],
  ])('runs with it where nothing speaks against that: %s', async (_, other, text) => {
    const stage = await opened();
    stage.github.repos.commit(stage.repo, { [WORKFLOW_PATH]: text });
    expect(await play(stage, [spec('a'), spec('b', other)])).toEqual({ a: 2, b: 2 });
  });

  test('is left with all of them where several lost theirs, and a check says why', async () => {
    const stage = await opened();
    const attempts = await play(stage, [spec('a'), spec('c'), NEVER], 2);
    expect(attempts).toEqual({ a: 1, c: 1, b: 1 });
    expect(titles(stage)).toEqual([
      'EC2 took 2 machines; choose by hand: GitHub would run `b` with them, and it has `retry=0`',
    ]);
    expect(await stage.store.scopesWithWork()).toEqual([]);
  });

  test('is judged by one read of the workflow, however many they are', async () => {
    const reads = async (count: number) => {
      const stage = await opened();
      const text = 'jobs:\n  b:\n    strategy: {}\n';
      stage.github.repos.commit(stage.repo, { [WORKFLOW_PATH]: text });
      const others = Array.from({ length: count }, (_, i) => spec(`b (${i})`, { labels: HOSTED }));
      const attempts = await play(stage, [spec('a'), ...others]);
      expect(new Set(Object.values(attempts))).toEqual(new Set([2]));
      return stage.calls.get('github.file');
    };
    expect(await reads(5)).toBe(await reads(1));
  });

  test('is not judged while GitHub does not let the workflow be read', async () => {
    const stage = await opened();
    const text = 'jobs:\n  b:\n    steps: []\n';
    stage.github.repos.commit(stage.repo, { [WORKFLOW_PATH]: text });
    await stage.pass(R);
    stage.knobs.fault = ({ name }) => (name === 'github.file' ? { kind: 'throttled' } : undefined);
    const specs = [spec('a'), spec('b', { labels: HOSTED })];
    expect(await play(stage, specs)).toEqual({ a: 1, b: 1 });
    expect(titles(stage)).toEqual([]);
    stage.knobs.fault = () => undefined;
    await stage.pass(10 * MINUTE);
    expect(titles(stage)).toEqual([expect.stringMatching(/nothing else failed/)]);
  });
});
