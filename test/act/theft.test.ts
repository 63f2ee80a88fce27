import { expect, test } from '@jest/globals';
import { repoScope } from '../../src/model/ids.ts';
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

// GitHub gives a job to any runner that has its labels: machines are counted, and never paired.

async function endsEmpty(stage: Stage): Promise<void> {
  await stage.until(() => stage.live().length === 0, 10 * R);
  await stage.pass(R);
  expect(await stage.store.scopesWithWork()).toEqual([]);
  expect([...stage.repo.runners.values()].filter(({ state }) => state.now.isThere)).toEqual([]);
}

test('a job whose runner another job took gets another, and nothing is left', async () => {
  const stage = await openStage();
  // It was queued before, asks for less than any runner of ours has, and is not ours.
  const [thief] = stage.addJobs(1, { labels: ['self-hosted'], durationMs: 20 * MINUTE });
  const mine = stage.addJobs(1);
  await stage.until(isRunning(thief ? [thief] : []), 5 * MINUTE);
  await stage.until(isDone(mine), 10 * MINUTE);
  expect(stage.ec2.counts().launched).toBe(2);
  await stage.until(isDone(thief ? [thief] : []), 30 * MINUTE);
  await endsEmpty(stage);
});

test('of many jobs and thieves each is run once, by as many machines as it takes', async () => {
  const stage = await openStage({ rules: rulesText({ 'm5.large': 6 }), seed: 5 });
  const thieves = [1, 2, 3].flatMap(() => stage.addJobs(1, { labels: ['self-hosted'] }));
  const mine = stage.addJobs(12);
  await stage.until(isDone([...mine, ...thieves]), 60 * MINUTE);
  expect(conclusions([...mine, ...thieves])).toEqual(['success']);
  expect(stage.ec2.counts().launched).toBe(15);
  await endsEmpty(stage);
});

test('a machine whose job was cancelled takes another job, or ends after R', async () => {
  const stage = await openStage();
  const [first] = stage.addJobs(1);
  await stage.until(() => stage.live().length === 1);
  if (first) stage.github.runners.cancel(first);
  await stage.pass(5 * SECOND);
  const second = stage.addJobs(1);
  await stage.until(isDone(second), 10 * MINUTE);
  expect(stage.ec2.counts().launched).toBe(1);
  await endsEmpty(stage);
});

/** GitHub forgets to hand it out: it is queued, and never chosen. */
async function forgotten(stage: Stage) {
  const [job] = stage.addJobs(1);
  if (!job) throw new Error('a job was made');
  stage.repo.queue.delete(job);
  const row = async () =>
    (await stage.store.scopeRows(repoScope(stage.repo.id))).jobs.find(({ id }) => id === job.id);
  await stage.until(() => stage.live().length === 1);
  await stage.until(() => stage.live().length === 0, 8 * R);
  await stage.pass(R / 2);
  return { job, row };
}

test('a job that GitHub hands to nobody is tried again after 5 R, doubling to 60 R', async () => {
  const stage = await openStage();
  const { row } = await forgotten(stage);
  const waits: number[] = [];
  for (let i = 0; i < 6; i += 1) {
    const job = await row();
    waits.push((job?.asideMs ?? 0) / R);
    const { launched } = stage.ec2.counts();
    expect(stage.live()).toEqual([]);
    await stage.until(() => stage.ec2.counts().launched > launched, (job?.asideMs ?? 0) + R);
    await stage.until(() => stage.live().length === 0, 8 * R);
    await stage.pass(R / 2);
  }
  expect(waits).toEqual([5, 10, 20, 40, 60, 60]);
});

test('and at once when GitHub speaks of it again', async () => {
  const stage = await openStage();
  const { job, row } = await forgotten(stage);
  expect((await row())?.asideUntil).not.toBeNull();
  const { launched } = stage.ec2.counts();
  const sent = stage.github.hooks.deliveries().find(({ event }) => event === 'workflow_job');
  stage.github.hooks.sendRepo('workflow_job', stage.repo, { ...sent?.payload });
  await stage.until(() => stage.ec2.counts().launched > launched, MINUTE);
  stage.repo.queue.add(job);
  await stage.until(isDone([job]), 5 * MINUTE);
  await endsEmpty(stage);
});
