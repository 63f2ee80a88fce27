import { describe, expect, test } from '@jest/globals';
import { costUsd } from '../../src/model/cost.ts';
import {
  conclusions,
  isDone,
  MINUTE,
  openStage,
  R,
  rulesText,
  SECOND,
  type Stage,
} from '../stage.ts';
import { attempts, checks, endsWell, opened, running, takeBack } from './lost-stage.ts';

// What a machine does that EC2 says it will take back, or advises to leave.

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
    const { code, usd } = await ended(stage, 2 * MINUTE);
    expect(code).toBe('Server.SpotInstanceTermination');
    // Disk and address.
    expect(usd).toBeLessThan(0.001);
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
    // Within its first hour: disk and address, and nothing for the machine.
    expect(checks(stage)[0]?.summary).toMatch(
      new RegExp(
        `job-1.*${machine?.id} \\(m5.*Server\\.SpotInstanceTermination.*\\$0\\.000\\d \\|`,
      ),
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
