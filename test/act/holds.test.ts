import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from '@jest/globals';
import { changeHolds, type Hold, holdsOf } from '../../src/act/holds.ts';
import { createMemoryStore } from '../../src/store/memory.ts';
import { openSqliteStore } from '../../src/store/sqlite.ts';
import { MINUTE, rulesText, SECOND, type Stage } from '../stage.ts';
import { commitsOf, fileOf, openTeam, thread } from './thread.ts';

// What restricts holds at once, also where it cannot be committed, and until a person takes it back.

const LONG = { durationMs: 60 * MINUTE };

/** A protected branch, and the pull requests that are open. */
async function openProtected(rules?: string): Promise<Stage> {
  const stage = await openTeam(rules);
  stage.github.commits.protect(stage.repo);
  return stage;
}

const openPulls = ({ github, repo }: Stage) =>
  github.pulls.all(repo).filter(({ closedAt }) => closedAt === null);

const typesOf = (stage: Stage) => stage.live().map(({ type }) => type);

test('a command that undoes what is held closes the pull request that asked for it', async () => {
  const stage = await openProtected();
  const { say } = thread(stage);
  await say('/dstack autoscale disable');
  const [pull] = openPulls(stage);
  stage.addJobs(1, LONG);
  await stage.pass(2 * MINUTE);
  expect(stage.live()).toHaveLength(0);
  const { comment, reply } = await say('/dstack autoscale enable');
  expect(openPulls(stage)).toEqual([]);
  expect(reply).toContain('Autoscaling is on');
  expect(reply).toContain(`[#${pull?.issue.number}](`);
  expect(reply).toContain('is closed');
  expect(comment.reactionLog).toContain('rocket');
  await stage.pass(2 * MINUTE);
  expect(stage.live()).toHaveLength(1);
});

test('a higher maximum lets a lower one that is held go, and says what it was', async () => {
  const stage = await openProtected();
  const { say } = thread(stage);
  await say('/dstack autoscale allow m5.large --max 1');
  const { reply } = await say('/dstack autoscale allow m5.large --max 3');
  expect(reply).toContain('m5.large: at most 3 (was 1).');
  const [pull, ...others] = openPulls(stage);
  expect(others).toEqual([]);
  expect(fileOf(stage, pull?.head)).toContain('max: 3');
  stage.addJobs(4, LONG);
  await stage.pass(3 * MINUTE);
  expect(stage.live()).toHaveLength(3);
});

test('what is allowed after a clear that is held leaves the other rules cleared', async () => {
  const stage = await openProtected(rulesText({ 'm5.large': 2, 'c5.xlarge': 2 }));
  const { say } = thread(stage);
  await say('/dstack autoscale clear');
  await say('/dstack autoscale allow m5.large --max 1');
  const [pull, ...others] = openPulls(stage);
  expect(others).toEqual([]);
  expect(fileOf(stage, pull?.head)).toContain('m5.large');
  expect(fileOf(stage, pull?.head)).not.toContain('c5.xlarge');
  stage.addJobs(3, LONG);
  await stage.pass(3 * MINUTE);
  expect(typesOf(stage)).toEqual(['m5.large']);
});

test('a change of another rule leaves alone what is held', async () => {
  const stage = await openProtected();
  const { say } = thread(stage);
  await say('/dstack autoscale disable');
  await say('/dstack autoscale allow c5.xlarge --max 1');
  expect(openPulls(stage)).toHaveLength(2);
  stage.addJobs(1, LONG);
  await stage.pass(2 * MINUTE);
  expect(stage.live()).toHaveLength(0);
});

test('what GitHub does not take is in force all the same, and the next commit has it too', async () => {
  const stage = await openTeam();
  const { say } = thread(stage);
  stage.addJobs(2, LONG);
  await stage.pass(2 * MINUTE);
  const before = commitsOf(stage).length;
  stage.knobs.fault = ({ name }) =>
    name === 'github.commitFile' ? { kind: 'throttled' } : undefined;
  const { comment, reply } = await say('/dstack autoscale disable');
  expect(stage.live()).toHaveLength(0);
  expect(commitsOf(stage)).toHaveLength(before);
  expect(reply).toContain('Ended 2 machines');
  expect(reply).toContain('not committed');
  expect(comment.reactionLog).toContain('confused');
  await stage.pass(5 * MINUTE);
  expect(stage.live()).toHaveLength(0);
  stage.knobs.fault = () => undefined;
  expect((await say('/dstack autoscale info')).reply).toContain('Autoscaling is held off');
  await say('/dstack autoscale allow c5.xlarge --max 1');
  expect(fileOf(stage)).toContain('enabled: false');
});

test('a commit whose answer was lost is not held against what people write after it', async () => {
  const stage = await openTeam();
  let isLost = false;
  stage.knobs.fault = ({ name }) => {
    if (name !== 'github.commitFile' || isLost) return undefined;
    isLost = true;
    return { kind: 'lost-answer' };
  };
  await thread(stage).say('/dstack autoscale allow m5.large --max 1');
  expect(fileOf(stage)).toContain('max: 1');
  stage.addJobs(3, LONG);
  await stage.pass(5 * MINUTE);
  expect(stage.live()).toHaveLength(1);
  stage.push(rulesText({ 'm5.large': 3 }));
  await stage.pass(3 * MINUTE);
  expect(stage.live()).toHaveLength(3);
});

test('a pull request that was closed without a word to us lets go at the next sweep', async () => {
  const stage = await openProtected();
  await thread(stage).say('/dstack autoscale allow m5.large --max 1');
  stage.addJobs(2, LONG);
  await stage.pass(2 * MINUTE);
  expect(stage.live()).toHaveLength(1);
  stage.knobs.hookFault = ({ event }) => (event === 'pull_request' ? { kind: 'lost' } : undefined);
  stage.github.pulls.closePull(stage.repo, openPulls(stage)[0]?.issue.number ?? 0);
  await stage.pass(4 * MINUTE);
  expect(stage.live()).toHaveLength(2);
});

test.each(['throttled', 'lost-request'] as const)(
  'a pull request that GitHub does not show (%s) holds on',
  async (kind) => {
    const stage = await openProtected();
    await thread(stage).say('/dstack autoscale disable');
    stage.addJobs(1, LONG);
    stage.knobs.fault = ({ name }) => (name === 'github.pull' ? { kind } : undefined);
    await stage.pass(5 * MINUTE);
    stage.knobs.fault = () => undefined;
    await stage.pass(5 * MINUTE);
    expect(stage.ec2.counts().launched).toBe(0);
    expect(stage.calls.get('github.pull')).toBeGreaterThan(5);
  },
);

test('what is held comes back from the pull request when the database is lost', async () => {
  const stage = await openProtected();
  await thread(stage).say('/dstack autoscale allow m5.large --max 1');
  stage.loseStore();
  stage.addJobs(3, LONG);
  await stage.pass(10 * MINUTE);
  expect(stage.live()).toHaveLength(1);
});

test('a merge takes over from what was held without a machine too many between them', async () => {
  const stage = await openProtected();
  await thread(stage).say('/dstack autoscale allow m5.large --max 1');
  stage.addJobs(3, LONG);
  await stage.until(() => stage.live().length === 1, 5 * MINUTE);
  // The word of the merge overtakes the push of its commit.
  stage.knobs.hookFault = ({ event }) =>
    event === 'push' ? { kind: 'delay', ms: 20 * SECOND } : undefined;
  stage.github.pulls.merge(stage.repo, openPulls(stage)[0]?.issue.number ?? 0);
  const launched = stage.ec2.counts().launched;
  await stage.pass(3 * MINUTE);
  expect(stage.ec2.counts().launched).toBe(launched);
  expect((await thread(stage).say('/dstack autoscale info')).reply).not.toContain('held');
});

const folder = mkdtempSync(join(tmpdir(), 'holds-'));
afterAll(() => rmSync(folder, { recursive: true }));

async function openSqlite() {
  const opened = await openSqliteStore(join(folder, 'holds.db'));
  if (!opened.ok) throw new Error(opened.message);
  return opened.store;
}

test.each([
  ['memory', async () => createMemoryStore()],
  ['SQLite', openSqlite],
])('what several doors hold and let go in the same moment is all kept, in %s', async (_, open) => {
  const store = await open();
  const scope = 'repo-5';
  const hold = (pull: number): Hold => ({ restricts: { kind: 'clear' }, pull, since: 0 });
  await changeHolds(store, { scope, drop: [], add: [hold(1), hold(2)], now: 0 });
  const add = (pull: number) => changeHolds(store, { scope, drop: [], add: [hold(pull)], now: 1 });
  const drop = (pull: number) => changeHolds(store, { scope, drop: [hold(pull)], add: [], now: 1 });
  await Promise.all([add(3), drop(1), add(4), drop(2)]);
  const pulls = (await holdsOf(store, scope)).map(({ pull }) => pull);
  expect(pulls.sort()).toEqual([3, 4]);
  await store.close();
});
