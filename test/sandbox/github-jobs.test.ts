import { describe, expect, test } from '@jest/globals';
import {
  addJob,
  addRunner,
  createWorld,
  jobActions,
  MINUTE_MS,
  startMachine,
} from './github-world.ts';

describe('a job', () => {
  test('goes to an idle runner that has its labels, runs, and takes the runner with it', async () => {
    const world = createWorld();
    const job = addJob(world, ['DStack', 'Self-Hosted']);
    const runner = addRunner(world, 'runner-1', ['SELF-hosted', 'dstacK', 'more']);
    await world.pass(MINUTE_MS);
    expect(job.facts.now.state).toBe('queued');
    startMachine(world, runner);
    await world.pass(MINUTE_MS);
    expect(job.facts.now).toMatchObject({ state: 'in_progress', runner });
    expect(runner.state.now).toEqual({ isThere: true, isOnline: true, isBusy: true });
    await world.pass(10 * MINUTE_MS);
    expect(job.facts.now).toMatchObject({ state: 'completed', conclusion: 'success' });
    expect(world.repo.runners.size).toBe(0);
    expect(jobActions(world.hooks)).toEqual(['queued', 'in_progress', 'completed']);
  });

  test('waits while no runner has all its labels, or only one of another repository', async () => {
    const world = createWorld();
    const job = addJob(world, ['dstack', 'gpu']);
    startMachine(world, addRunner(world, 'plain'));
    const other = world.model.repos.addRepo({ owner: world.owner, name: 'other' });
    startMachine(world, addRunner({ ...world, repo: other }, 'far', ['dstack', 'gpu']));
    await world.pass(10 * MINUTE_MS);
    expect(job.facts.now.state).toBe('queued');
  });

  test('waits while the only runner is busy; one that comes after the end has nothing to do', async () => {
    const world = createWorld();
    startMachine(world, addRunner(world, 'first'));
    const jobs = [addJob(world), addJob(world)];
    await world.pass(MINUTE_MS);
    const states = () => jobs.map((job) => job.facts.now.state).sort();
    expect(states()).toEqual(['in_progress', 'queued']);
    startMachine(world, addRunner(world, 'second'));
    await world.pass(10 * MINUTE_MS);
    expect(states()).toEqual(['completed', 'completed']);
    const heard = startMachine(world, addRunner(world, 'third'));
    await world.pass(10 * MINUTE_MS);
    expect(heard).toEqual([]);
    expect(world.kernel.violation).toBeNull();
  });

  test('is bound to no runner: the seed chooses among all that are idle', async () => {
    const chosen = new Set<string>();
    for (let seed = 0; seed < 30; seed += 1) {
      const world = createWorld({ seed });
      for (const name of ['a', 'b', 'c']) startMachine(world, addRunner(world, name));
      const job = addJob(world);
      await world.pass(MINUTE_MS);
      chosen.add(job.facts.now.runner?.name ?? '');
    }
    expect([...chosen].sort()).toEqual(['a', 'b', 'c']);
  });

  test('of a chosen runner that is dead goes back to the queue after 60 s, without a webhook', async () => {
    const world = createWorld();
    const ghost = addRunner(world, 'ghost');
    startMachine(world, ghost);
    world.model.runners.die(ghost);
    const job = addJob(world);
    await world.pass(10_000);
    expect(job.chosen).toBe(ghost);
    expect(job.facts.now.state).toBe('queued');
    await world.pass(MINUTE_MS);
    expect(job.chosen).toBeNull();
    expect(world.repo.runners.size).toBe(0);
    expect(jobActions(world.hooks)).toEqual(['queued']);
    startMachine(world, addRunner(world, 'second'));
    await world.pass(MINUTE_MS);
    expect(job.facts.now.runner?.name).toBe('second');
  });

  test('fails 10 to 15 minutes after its runner died; until then the runner counts as busy', async () => {
    const world = createWorld();
    const runner = addRunner(world);
    startMachine(world, runner);
    const job = addJob(world);
    await world.pass(MINUTE_MS);
    world.model.runners.die(runner);
    await world.pass(9 * MINUTE_MS);
    expect(job.facts.now.state).toBe('in_progress');
    expect(runner.state.now).toEqual({ isThere: true, isOnline: false, isBusy: true });
    expect(world.model.runners.remove(world.repo, runner.id)).toMatchObject({ reason: 'busy' });
    await world.pass(6 * MINUTE_MS);
    expect(job.facts.now).toMatchObject({ state: 'completed', conclusion: 'failure' });
    expect(world.repo.runners.size).toBe(0);
  });

  test('expires after 24 hours in the queue', async () => {
    const world = createWorld();
    const job = addJob(world);
    await world.pass(24 * 60 * MINUTE_MS + 1);
    expect(job.facts.now).toMatchObject({ state: 'completed', conclusion: 'cancelled' });
  });

  test('with an environment waits for its approval, and is announced as queued twice', async () => {
    const world = createWorld();
    const job = addJob(world, ['dstack'], { environment: 'production' });
    startMachine(world, addRunner(world));
    await world.pass(MINUTE_MS);
    expect(job.facts.now.state).toBe('waiting');
    expect(jobActions(world.hooks).sort()).toEqual(['queued', 'waiting']);
    for (const { payload } of world.hooks.filter(({ event }) => event === 'workflow_job')) {
      expect(payload).toMatchObject({
        workflow_job: { status: 'waiting' },
        deployment: { environment: 'production' },
      });
    }
    world.model.jobs.approve(job);
    await world.pass(MINUTE_MS);
    expect(job.facts.now.state).toBe('in_progress');
  });

  test('that moves back is a broken promise of the model', async () => {
    const world = createWorld();
    const job = addJob(world);
    const runner = addRunner(world);
    world.model.jobs.complete(job, 'skipped');
    world.model.jobs.start(job, runner);
    expect(world.kernel.violation?.rule).toBe('job-forward');
  });
});

describe('a cancel', () => {
  test('ends a queued job at once; no runner is named, and it started when it ended', async () => {
    const world = createWorld();
    const job = addJob(world);
    await world.pass(MINUTE_MS);
    world.model.runners.cancel(job);
    await world.pass(MINUTE_MS);
    const ended = world.hooks.at(-1)?.payload;
    expect(ended).toMatchObject({
      action: 'completed',
      workflow_job: { conclusion: 'cancelled', runner_id: 0, runner_name: '' },
    });
    const at = '2026-01-05T09:01:00Z';
    expect(ended).toMatchObject({ workflow_job: { started_at: at, completed_at: at } });
  });

  test('is told to the runner of a running job, which ends it', async () => {
    const world = createWorld();
    const heard = startMachine(world, addRunner(world));
    const job = addJob(world);
    await world.pass(MINUTE_MS);
    world.model.runners.cancel(job);
    expect(job.facts.now.state).toBe('in_progress');
    await world.pass(2000);
    expect(heard).toEqual(['job', 'cancel']);
    expect(job.facts.now.conclusion).toBe('cancelled');
  });

  test('ends a running job after 5 minutes where the runner does not answer', async () => {
    const world = createWorld();
    const runner = addRunner(world);
    startMachine(world, runner);
    const job = addJob(world);
    await world.pass(MINUTE_MS);
    world.model.runners.die(runner);
    world.model.runners.cancel(job);
    await world.pass(4 * MINUTE_MS);
    expect(job.facts.now.state).toBe('in_progress');
    await world.pass(2 * MINUTE_MS);
    expect(job.facts.now.conclusion).toBe('cancelled');
  });

  test('between choice and start takes the registration away and tells nobody', async () => {
    const world = createWorld({ knobs: { acquireMs: [5000, 5000] } });
    const runner = addRunner(world);
    const heard = startMachine(world, runner);
    const job = addJob(world);
    await world.kernel.run({ until: () => job.chosen === runner });
    world.model.runners.cancel(job);
    await world.pass(MINUTE_MS);
    expect(heard).toEqual([]);
    expect(job.facts.now.conclusion).toBe('cancelled');
    expect(world.repo.runners.size).toBe(0);
  });
});

describe('a run', () => {
  test('is as its jobs are', () => {
    const world = createWorld();
    const job = addJob(world);
    const { statusOf } = world.model.jobs;
    expect(statusOf(job.run)).toEqual({ status: 'queued', conclusion: null });
    world.model.jobs.start(job, addRunner(world));
    expect(statusOf(job.run)).toEqual({ status: 'in_progress', conclusion: null });
    world.model.jobs.complete(job, 'failure');
    expect(statusOf(job.run)).toEqual({ status: 'completed', conclusion: 'failure' });
  });

  test('runs its failed jobs again, under new ids, only when it is complete', () => {
    const { model, repo } = createWorld();
    const spec = { labels: ['dstack'], durationMs: 1 };
    const run = model.jobs.addRun(repo, {
      jobs: [
        { ...spec, name: 'a' },
        { ...spec, name: 'b' },
      ],
    });
    const [a, b] = run.jobs;
    if (a === undefined || b === undefined) throw new Error('two jobs');
    model.jobs.complete(a, 'failure');
    expect(model.jobs.rerunFailed(run)).toBe(false);
    model.jobs.complete(b, 'success');
    expect(model.jobs.rerunFailed(run)).toBe(true);
    const [first, again] = model.jobs.latest(run);
    expect(first).toBe(b);
    expect(again).toMatchObject({ attempt: 2, spec: { name: 'a' } });
    expect(again?.id).not.toBe(a.id);
    expect(model.jobs.statusOf(run)?.status).toBe('in_progress');
  });
});
