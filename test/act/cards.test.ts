import { expect, test } from '@jest/globals';
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

// The check `dstack / queue`: one a commit, what it says when, and that it always ends.

const ONE = { rules: rulesText({ 'm5.large': 1 }) };
const UNKNOWN = { labels: ['dstack', 'r6i.large'] };

const cards = ({ repo }: Stage) =>
  [...repo.talk.checks.values()].filter(({ name }) => name === 'dstack / queue');

/** When the check was written, from now on. */
function watchWrites(stage: Stage): readonly number[] {
  const writes: number[] = [];
  stage.knobs.fault = ({ name }) => {
    if (name === 'github.check') writes.push(stage.kernel.now());
    return undefined;
  };
  return writes;
}

/** The only machine is busy for so long. */
async function openBusy(durationMs: number): Promise<Stage> {
  const stage = await openStage(ONE);
  await stage.until(isRunning(stage.addJobs(1, { durationMs })), 10 * MINUTE);
  return stage;
}

test('a job that waits for room is told why after half of R, and not before', async () => {
  const stage = await openBusy(60 * MINUTE);
  stage.addJobs(1);
  await stage.pass(R / 2 - SECOND);
  expect(cards(stage)).toEqual([]);
  await stage.pass(15 * SECOND);
  expect(cards(stage)).toMatchObject([{ status: 'in_progress', conclusion: null }]);
  expect(cards(stage)[0]?.title).toContain('1 of 1 machines in use');
});

test('a card is changed at most every quarter of R, however often there is more to say', async () => {
  const stage = await openStage(ONE);
  const writes = watchWrites(stage);
  for (let i = 0; i < 20; i += 1) {
    stage.addJobs(1, UNKNOWN);
    await stage.pass(3 * SECOND);
  }
  await stage.pass(R);
  expect(cards(stage)).toHaveLength(1);
  expect(cards(stage)[0]?.title).toContain('20 jobs wait');
  const gaps = writes.slice(1).map((at, i) => at - (writes[i] ?? 0));
  expect(gaps.length).toBeGreaterThanOrEqual(3);
  expect(Math.min(...gaps)).toBeGreaterThanOrEqual(R / 4);
});

test('a commit has one check, which is opened again when jobs of it wait again', async () => {
  const stage = await openBusy(3 * MINUTE);
  const later = stage.addJobs(1);
  await stage.pass(R);
  const [card] = cards(stage);
  expect(card?.conclusion).toBeNull();
  await stage.until(isDone(later), 20 * MINUTE);
  await stage.pass(R);
  expect(card).toMatchObject({ status: 'completed', conclusion: 'neutral' });
  stage.addJobs(2, { durationMs: 30 * MINUTE });
  await stage.pass(5 * MINUTE);
  expect(cards(stage)).toEqual([card]);
  expect(card).toMatchObject({ status: 'in_progress', conclusion: null });
});

test('it is found again after the database is lost', async () => {
  const stage = await openBusy(60 * MINUTE);
  stage.addJobs(1);
  await stage.pass(R);
  expect(cards(stage)).toHaveLength(1);
  stage.loseStore();
  const before = stage.calls.get('github.check') ?? 0;
  await stage.pass(10 * MINUTE);
  expect(stage.calls.get('github.check')).toBeGreaterThan(before);
  expect(cards(stage)).toMatchObject([{ conclusion: null }]);
});

test('a card ends although its last job was over before it could be changed again', async () => {
  const stage = await openStage(ONE);
  const [job] = stage.addJobs(1, UNKNOWN);
  await stage.until(() => cards(stage).length === 1, MINUTE);
  if (job) stage.github.runners.cancelRun(stage.repo, job.run.id);
  await stage.pass(5 * SECOND);
  expect(cards(stage)).toMatchObject([{ conclusion: 'failure' }]);
  await stage.pass(R / 2);
  expect(cards(stage)).toMatchObject([{ conclusion: 'neutral', title: 'No job waits any more' }]);
});

test('runs of one commit that are cancelled for want of machines stand in its one check', async () => {
  const text = 'on-exhausted: cancel\n  exhausted-after: 1m';
  const stage = await openStage({ rules: rulesText({ 'm5.large': 4 }, text) });
  for (const zone of ['a', 'b', 'c'].map((letter) => `eu-west-1${letter}`)) {
    stage.ec2.setCapacity({ zone, type: 'm5.large', market: 'spot' }, 0);
  }
  const first = stage.addJobs(1);
  await stage.pass(20 * SECOND);
  const second = stage.addJobs(1);
  await stage.pass(10 * MINUTE);
  const [card, ...others] = cards(stage);
  expect(others).toEqual([]);
  expect(card?.conclusion).toBe('failure');
  for (const job of [...first, ...second]) {
    expect(card?.summary).toContain(`/actions/runs/${job.run.id})`);
  }
});
