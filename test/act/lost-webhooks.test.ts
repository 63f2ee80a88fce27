import { describe, expect, test } from '@jest/globals';
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

// Webhooks are hints: without them everything happens all the same, only later.

const HOUR = 60 * MINUTE;
/** From a launch to its job at most. */
const BOOT_MS = 50 * SECOND;

/** A stage whose scope is active: a job has run here today. */
async function activeStage(): Promise<Stage> {
  const stage = await openStage({ seed: 5 });
  await stage.until(isDone(stage.addJobs(1)), 5 * MINUTE);
  return stage;
}

describe('in an active scope', () => {
  test.each([
    ['half of all', (nth: number) => nth % 2 === 0],
    ['all', () => true],
  ] as const)('%s webhooks lost, each job starts within 2 min', async (_, isLost) => {
    const stage = await activeStage();
    stage.knobs.hookFault = ({ nth }) => (isLost(nth) ? { kind: 'outage' } : undefined);
    for (let i = 0; i < 8; i += 1) {
      const jobs = stage.addJobs(2, { durationMs: 40 * SECOND });
      // By a new machine, or by one that an earlier job left.
      const isTaken = () => jobs.every((job) => job.facts.now.state !== 'queued');
      await stage.until(isTaken, 2 * MINUTE + BOOT_MS);
      await stage.until(isDone(jobs), 5 * MINUTE);
      await stage.pass(17 * SECOND);
    }
    await stage.until(() => stage.ec2.counts().left === 0, 10 * R);
    await stage.pass(3 * R);
    expect(stage.repo.runners.size).toBe(0);
  });

  test('GitHub is down for ten minutes, and no job is lost by it', async () => {
    const stage = await activeStage();
    const running = stage.addJobs(2, { durationMs: 30 * MINUTE });
    await stage.until(() => stage.live().length === 2);
    await stage.pass(MINUTE);
    stage.knobs.fault = ({ name, process }) =>
      process === 'app0' && name.startsWith('github.') ? { kind: 'lost-request' } : undefined;
    stage.knobs.hookFault = () => ({ kind: 'lost' });
    const queued = stage.addJobs(2);
    await stage.pass(10 * MINUTE);
    stage.knobs.fault = () => undefined;
    stage.knobs.hookFault = () => undefined;
    await stage.until(isDone(queued), 5 * MINUTE);
    await stage.until(isDone(running), 40 * MINUTE);
    expect(conclusions([...running, ...queued])).toEqual(['success']);
    expect(stage.ec2.counts().launched).toBeLessThanOrEqual(6);
  });
});

test('in a quiet scope a job that no webhook told of starts within the hour', async () => {
  const stage = await activeStage();
  await stage.pass(26 * HOUR);
  stage.knobs.hookFault = () => ({ kind: 'outage' });
  const jobs = stage.addJobs(1);
  // It is swept in each hour, at a moment of its own.
  await stage.until(isDone(jobs), HOUR + 5 * MINUTE);
});

test('a job that was queued before there were rules is found when there are', async () => {
  const stage = await openStage({ rules: null });
  stage.knobs.hookFault = ({ event }) =>
    event === 'workflow_job' ? { kind: 'outage' } : undefined;
  const jobs = stage.addJobs(1);
  await stage.pass(5 * MINUTE);
  expect(stage.live()).toEqual([]);
  stage.push(rulesText({ 'm5.large': 1 }));
  await stage.until(() => stage.live().length === 1, 3 * MINUTE);
  await stage.until(isDone(jobs), 5 * MINUTE);
});
