import { describe, expect, test } from '@jest/globals';
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
} from '../stage.ts';

// What was lost is found again, and nothing is done on a guess while GitHub does not answer.

describe('a webhook that says a job is queued', () => {
  const once = (kind: 'lost' | 'outage' | 'double' | 'delay') => {
    let isOver = false;
    return ({ action }: { action: string | null }) => {
      if (isOver || action !== 'queued') return undefined;
      isOver = true;
      return { kind, ms: 5 * MINUTE };
    };
  };

  test.each(['lost', 'outage'] as const)('and is %s is made up for within 2 min', async (kind) => {
    const stage = await openStage();
    // Somebody works here, so this scope is swept each R.
    await stage.until(isDone(stage.addJobs(1)), 5 * MINUTE);
    stage.knobs.hookFault = once(kind);
    stage.addJobs(1);
    await stage.until(() => stage.live().length === 1, 2 * MINUTE);
  });

  test('and is lost while the app is down is delivered again when it is up', async () => {
    const stage = await openStage();
    stage.kill();
    const jobs = stage.addJobs(2);
    await stage.pass(5 * MINUTE);
    expect(
      stage.github.hooks.deliveries().filter(({ statusCode }) => statusCode === 502),
    ).toHaveLength(2);
    stage.start();
    await stage.until(isDone(jobs), 5 * MINUTE);
    const again = stage.github.hooks.deliveries().filter(({ isRedelivery }) => isRedelivery);
    expect(again.length).toBeGreaterThan(0);
    await stage.pass(10 * MINUTE);
    expect(stage.ec2.counts()).toMatchObject({ launched: 2, left: 0 });
  });

  test('and is never taken is asked for three times, though an answer of GitHub is lost', async () => {
    const stage = await openStage();
    stage.knobs.hookFault = ({ action }) =>
      action === 'queued' ? { kind: 'lost', ms: 0, times: 99 } : undefined;
    let asked = 0;
    stage.knobs.fault = ({ name }) => {
      if (name !== 'github.redeliver') return undefined;
      asked += 1;
      return asked === 1 ? { kind: 'lost-answer' } : undefined;
    };
    stage.addJobs(1, { labels: ['dstack', 'cpu=64'] });
    await stage.pass(10 * R);
    const ofJob = stage.github.hooks
      .deliveries()
      .filter(({ isRedelivery, action }) => isRedelivery && action === 'queued');
    expect(ofJob).toHaveLength(3);
  });

  test.each(['double', 'delay'] as const)(
    'and comes with a %s launches one machine',
    async (kind) => {
      const stage = await openStage();
      stage.knobs.hookFault = once(kind);
      const jobs = stage.addJobs(1);
      await stage.until(isDone(jobs), 10 * MINUTE);
      await stage.pass(10 * MINUTE);
      expect(stage.ec2.counts()).toMatchObject({ launched: 1, left: 0 });
    },
  );
});

test('webhooks that a job began and ended are not missed', async () => {
  const stage = await openStage();
  stage.knobs.hookFault = ({ action }) =>
    action === 'in_progress' || action === 'completed' ? { kind: 'outage' } : undefined;
  const jobs = stage.addJobs(3);
  await stage.until(isDone(jobs), 8 * MINUTE);
  await stage.pass(3 * R);
  expect(await stage.store.scopesWithWork()).toEqual([]);
  expect(stage.ec2.counts().left).toBe(0);
});

test('a delivery that fails again and again is asked for three times', async () => {
  const stage = await openStage();
  stage.kill();
  stage.addJobs(1);
  await stage.pass(MINUTE);
  stage.start();
  // Redeliveries fail as well: nobody takes them.
  stage.github.onWebhook((_, answer) => answer(500));
  await stage.pass(10 * R);
  const guids = Map.groupBy(stage.github.hooks.deliveries(), ({ guid }) => guid);
  const tries = [...guids.values()].map((all) => all.filter((one) => one.isRedelivery).length);
  expect(Math.max(...tries)).toBe(3);
});

describe('while GitHub does not answer', () => {
  const down = (stage: Stage) => {
    stage.knobs.fault = ({ name, process }) =>
      process === 'app0' && name.startsWith('github.') ? { kind: 'lost-request' } : undefined;
    stage.knobs.hookFault = () => ({ kind: 'lost' });
  };

  test('nothing is ended and nothing is launched, and the reason says so', async () => {
    const stage = await openStage();
    const jobs = stage.addJobs(2, { durationMs: 30 * MINUTE });
    await stage.until(isRunning(jobs));
    const waiting = stage.addJobs(1);
    await stage.pass(100);
    down(stage);
    await stage.pass(3 * R);
    const { launched } = stage.ec2.counts();
    await stage.pass(10 * R);
    expect(stage.ec2.counts().launched).toBe(launched);
    expect(jobs.map(({ facts }) => facts.now.state)).toEqual(['in_progress', 'in_progress']);
    stage.knobs.fault = () => undefined;
    stage.knobs.hookFault = () => undefined;
    await stage.until(isDone([...jobs, ...waiting]), 60 * MINUTE);
    expect(conclusions([...jobs, ...waiting])).toEqual(['success']);
    await stage.until(() => stage.live().length === 0, 5 * R);
  });

  test('a job that is known waits, and is told that GitHub is slow', async () => {
    const stage = await openStage({ rules: rulesText({ 'm5.large': 1 }) });
    const jobs = stage.addJobs(2, { durationMs: 10 * MINUTE });
    await stage.until(() => jobs.some(({ facts }) => facts.now.state === 'in_progress'));
    await stage.pass(5 * SECOND);
    expect(await stage.reasons()).toEqual(['at-max']);
    down(stage);
    await stage.pass(3 * R);
    expect(await stage.reasons()).toEqual(['github-slow']);
  });
});

test('a job that GitHub hands to nobody is set aside, and its machine is not replaced at once', async () => {
  const stage = await openStage();
  const [job] = stage.addJobs(1);
  if (!job) throw new Error('a job was made');
  // GitHub forgets to hand it out: it is queued, and never chosen.
  stage.repo.queue.delete(job);
  await stage.until(() => stage.live().length === 1);
  await stage.until(() => stage.live().length === 0, 8 * R);
  await stage.pass(10 * SECOND);
  expect(await stage.reasons()).toEqual(['not-handed-out']);
  const { launched } = stage.ec2.counts();
  await stage.pass(3 * R);
  expect(stage.ec2.counts().launched).toBe(launched);
  stage.repo.queue.add(job);
  await stage.until(isDone([job]), 15 * R);
});

test('a runner whose machine is gone before its job is removed', async () => {
  const stage = await openStage();
  const [job] = stage.addJobs(1);
  await stage.until(() => stage.repo.runners.size === 1);
  if (job) stage.github.runners.cancel(job);
  stage.ec2.reclaim(stage.live()[0]?.id ?? '', false);
  await stage.until(() => stage.repo.runners.size === 0, 4 * R);
  expect(stage.ec2.counts().launched).toBe(1);
});

describe('a scope without work', () => {
  test('costs no call to EC2, and few to GitHub', async () => {
    const stage = await openStage();
    await stage.until(isDone(stage.addJobs(1)), 5 * MINUTE);
    await stage.until(() => stage.live().length === 0, 3 * R);
    await stage.pass(30 * MINUTE);
    const before = new Map(stage.calls);
    await stage.pass(60 * MINUTE);
    const spent = (name: string) => (stage.calls.get(name) ?? 0) - (before.get(name) ?? 0);
    expect(['ec2.list', 'ec2.launch', 'ec2.terminate'].map(spent)).toEqual([0, 0, 0]);
    // Once each R for the sweep, which a conditional request makes free.
    expect(spent('github.unfinishedJobs')).toBeLessThanOrEqual(61);
    expect(spent('github.repository')).toBe(0);
  });
});

test('two processes on one store launch no machine twice, also when one of them dies', async () => {
  const stage = await openStage({ rules: rulesText({ 'm5.large': 3 }), replicas: 2, seed: 3 });
  stage.ec2.watch({ hasIntent: () => true, maxOf: () => 3, mustNotEnd: () => false });
  const jobs = stage.addJobs(12, { durationMs: 20 * SECOND });
  await stage.pass(20 * SECOND);
  stage.kill('app1');
  await stage.until(isDone(jobs), 30 * MINUTE);
  expect(conclusions(jobs)).toEqual(['success']);
  expect(stage.ec2.counts()).toMatchObject({ aboveMax: 0 });
  expect(stage.ec2.counts().launched).toBeLessThanOrEqual(14);
});
