import { describe, expect, test } from '@jest/globals';
import {
  isDone,
  isRunning,
  MINUTE,
  openStage,
  R,
  rulesText,
  SECOND,
  type Stage,
} from '../stage.ts';

// How few calls it takes. Each is paid for: in GitHub's hour, in EC2's buckets, in time.

/** Looking for what was lost is counted apart. */
const HEALING = ['failedDeliveries', 'unfinishedJobs', 'file', 'installations', 'repositories'];
const WRITES = ['ec2.launch', 'ec2.terminate'];

/** Calls of the app since it was made, of which the healings are left out. */
function countFrom(stage: Stage) {
  const before = new Map(stage.calls);
  const since = (name: string) => (stage.calls.get(name) ?? 0) - (before.get(name) ?? 0);
  const names = () => [...stage.calls.keys()].filter((name) => since(name) > 0);
  const isWork = (name: string) => !HEALING.includes(name.replace('github.', ''));
  const ofDaemon = ['github.connect', 'github.disconnect', 'github.finish'];
  return {
    gitHub: () =>
      names()
        .filter((name) => name.startsWith('github.') && !ofDaemon.includes(name) && isWork(name))
        .map((name) => [name, since(name)] as const),
    ec2Writes: () => WRITES.reduce((sum, name) => sum + since(name), 0),
    ec2Reads: () =>
      names().filter((name) => name.startsWith('ec2.') && ![...WRITES, 'ec2.list'].includes(name)),
  };
}

const sum = (calls: readonly (readonly [string, number])[]) =>
  calls.reduce((all, [, count]) => all + count, 0);

/** A stage whose caches are warm: a job has run here. */
async function warmStage(max: number): Promise<Stage> {
  const stage = await openStage({
    seed: 4,
    isPrivate: true,
    rules: rulesText({ 'm5.large': max }),
  });
  await stage.until(isDone(stage.addJobs(1)), 5 * MINUTE);
  await stage.until(() => stage.live().length === 0, 3 * R);
  return stage;
}

test('a lone job of a private repository costs one call to GitHub and one launch', async () => {
  const stage = await warmStage(4);
  const count = countFrom(stage);
  const jobs = stage.addJobs(1);
  await stage.until(() => stage.ec2.counts().left === 1, MINUTE);
  expect(count.ec2Reads()).toEqual([]);
  await stage.until(isDone(jobs), 5 * MINUTE);
  await stage.pass(5 * R);
  expect(count.gitHub()).toEqual([['github.register', 1]]);
  expect(count.ec2Writes()).toBe(1);
});

test('a burst of 100 equal jobs costs 110 calls to GitHub and 12 that change EC2 at most', async () => {
  const stage = await warmStage(200);
  const count = countFrom(stage);
  const jobs = stage.addJobs(100, { durationMs: 5 * MINUTE });
  await stage.until(isRunning(jobs), 5 * MINUTE);
  await stage.until(isDone(jobs), 15 * MINUTE);
  await stage.pass(5 * R);
  expect(sum(count.gitHub())).toBeLessThanOrEqual(110);
  expect(count.ec2Writes()).toBeLessThanOrEqual(12);
});

test('more machines than GitHub registers in a minute cost no call to be refused', async () => {
  const stage = await warmStage(400);
  const count = countFrom(stage);
  const jobs = stage.addJobs(300, { durationMs: 10 * MINUTE });
  await stage.until(isRunning(jobs), 10 * MINUTE);
  expect(sum(count.gitHub())).toBeLessThanOrEqual(310);
});

test('two processes on one store register no more than GitHub takes, and are never refused', async () => {
  const stage = await openStage({ seed: 5, replicas: 2, rules: rulesText({ 'm5.large': 500 }) });
  const count = countFrom(stage);
  const jobs = stage.addJobs(400, { durationMs: 10 * MINUTE });
  await stage.until(isRunning(jobs), 10 * MINUTE);
  const registrations = count.gitHub().find(([name]) => name === 'github.register');
  expect(registrations).toEqual(['github.register', 400]);
});

/** What `/dstack autoscale info` answers. */
async function infoOf({ github, repo, pass }: Stage): Promise<string> {
  const { issues } = github;
  issues.setCollaborator(repo, 'alice', 'write');
  const { number } = issues.addIssue(repo, { title: 'calls' });
  issues.addComment(repo, number, '/dstack autoscale info', 'alice');
  await pass(30 * SECOND);
  const all = issues.commentsOf(repo, number);
  return all.ok ? all.value.map(({ body }) => body).join('\n') : '';
}

describe('healings', () => {
  test('that find nothing new are free', async () => {
    const stage = await warmStage(4);
    await stage.pass(5 * R);
    const { healing } = stage.meter.spending(String(stage.installation.id));
    await stage.pass(30 * R);
    expect(stage.meter.spending(String(stage.installation.id)).healing).toBe(healing);
  });

  test('spend a tenth of what GitHub allows at most, and are told in `info`', async () => {
    const stage = await warmStage(4);
    const payer = String(stage.installation.id);
    stage.meter.learn(payer, 400);
    stage.knobs.hookFault = () => ({ kind: 'outage' });
    // Each minute something is new, of which no webhook tells.
    for (let i = 0; i < 40; i += 1) {
      stage.addJobs(1, { labels: ['ubuntu-latest'] });
      await stage.pass(R);
    }
    expect(stage.meter.spending(payer)).toMatchObject({ healing: 40, healingMost: 40 });
    stage.knobs.hookFault = () => undefined;
    expect(await infoOf(stage)).toContain('40 of at most 40 to find what was lost');
  });
});

test('ten thousand idle scopes cost no call beyond what healings may spend', async () => {
  const repoNames = Array.from({ length: 10_000 }, (_, i) => `idle-${i}`);
  const stage = await openStage({ repoNames, rules: null });
  const payer = String(stage.installation.id);
  await stage.pass(5 * MINUTE);
  const { work } = stage.meter.spending(payer);
  await stage.pass(20 * MINUTE);
  const spent = stage.meter.spending(payer);
  expect(spent.work - work).toBe(0);
  expect(spent.healing).toBeLessThanOrEqual(spent.healingMost);
  expect(spent.healingMost).toBe(500);
});
