import { describe, expect, test } from '@jest/globals';
import { createMemoryStore } from '../src/store/memory.ts';
import {
  conclusions,
  createStage,
  isDone,
  isRunning,
  MINUTE,
  openStage,
  R,
  RULE,
  rulesText,
  SECOND,
} from './stage.ts';

test('a job gets a machine, and when the work is done nothing is left', async () => {
  const stage = await openStage();
  const jobs = stage.addJobs(1);
  await stage.until(isDone(jobs), 5 * MINUTE);
  expect(conclusions(jobs)).toEqual(['success']);
  await stage.until(() => stage.live().length === 0, R);
  await stage.pass(10 * MINUTE);
  expect(stage.ec2.counts()).toMatchObject({ launched: 1, left: 0 });
  expect([...stage.repo.runners.values()]).toEqual([]);
});

test('jobs that were queued before the app saw any rules are found', async () => {
  const stage = createStage();
  const jobs = stage.addJobs(2);
  // Nobody listened, and GitHub does not deliver by itself again.
  await stage.pass(10 * SECOND);
  stage.start();
  await stage.until(isDone(jobs), 6 * MINUTE);
  expect(conclusions(jobs)).toEqual(['success']);
});

test('nothing is launched in a region before the first look at it is over', async () => {
  const stage = createStage();
  const jobs = stage.addJobs(1);
  stage.start();
  await stage.pass(R);
  expect(stage.ec2.counts().launched).toBe(0);
  expect(await stage.reasons()).toEqual(['first-look']);
  await stage.until(isDone(jobs), 5 * MINUTE);
});

describe('the maximum', () => {
  test.each([1, 2])('holds while 50 jobs wait, with %i processes', async (replicas) => {
    const stage = await openStage({ rules: rulesText({ 'm5.large': 4 }), replicas, seed: 7 });
    let most = 0;
    stage.ec2.watch({
      hasIntent: () => true,
      maxOf: (_, rule) => {
        most = Math.max(most, stage.live().length);
        return rule === RULE ? 4 : 0;
      },
      mustNotEnd: () => false,
    });
    const jobs = stage.addJobs(50, { durationMs: 10 * SECOND });
    await stage.pass(40 * SECOND);
    expect(await stage.reasons()).toContain('at-max');
    await stage.until(isDone(jobs), 60 * MINUTE);
    expect(conclusions(jobs)).toEqual(['success']);
    expect(most).toBe(4);
    expect(stage.ec2.counts().aboveMax).toBe(0);
    await stage.until(() => stage.live().length === 0, 2 * R);
  });

  test('when it is raised, jobs that waited for a place get one', async () => {
    const stage = await openStage({ rules: rulesText({ 'm5.large': 1 }) });
    const jobs = stage.addJobs(3, { durationMs: 20 * MINUTE });
    await stage.pass(MINUTE);
    expect(stage.live()).toHaveLength(1);
    stage.push(rulesText({ 'm5.large': 3 }));
    await stage.until(isRunning(jobs), 3 * MINUTE);
    expect(stage.live()).toHaveLength(3);
  });
});

describe('jobs run on, and nothing is launched twice, when', () => {
  test('the app is killed and started again', async () => {
    const stage = await openStage();
    const jobs = stage.addJobs(4, { durationMs: 5 * MINUTE });
    await stage.until(() => stage.live().length > 0);
    stage.kill();
    await stage.pass(20 * SECOND);
    stage.start();
    await stage.until(isDone(jobs));
    expect(conclusions(jobs)).toEqual(['success']);
    expect(stage.ec2.counts().launched).toBe(4);
  });

  test('the database is lost', async () => {
    const stage = await openStage();
    const jobs = stage.addJobs(2, { durationMs: 15 * MINUTE });
    await stage.until(isRunning(jobs));
    await stage.pass(MINUTE);
    stage.kill();
    stage.store = createMemoryStore();
    stage.start();
    const more = stage.addJobs(4);
    await stage.pass(R);
    expect(stage.ec2.counts().launched).toBe(2);
    expect(await stage.reasons()).toContain('first-look');
    const known = await stage.store.recentInstances(10);
    expect(known.map(({ id }) => id).sort()).toEqual(
      stage
        .live()
        .map(({ id }) => id)
        .sort(),
    );
    await stage.until(isDone([...jobs, ...more]), 60 * MINUTE);
    expect(conclusions([...jobs, ...more])).toEqual(['success']);
    await stage.until(() => stage.live().length === 0, 3 * R);
  });

  test('machines boot while the database is lost', async () => {
    const stage = await openStage();
    const jobs = stage.addJobs(2);
    await stage.until(() => stage.live().length === 2);
    stage.kill();
    stage.store = createMemoryStore();
    stage.start();
    await stage.until(isDone(jobs), 6 * MINUTE);
    expect(conclusions(jobs)).toEqual(['success']);
    expect(stage.ec2.counts().launched).toBe(2);
  });
});
