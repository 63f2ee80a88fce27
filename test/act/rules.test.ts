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

// What a push to the rules file does, and what it does not do.

/** The machines' ids that run a job, the one that began last first. */
const busy = (stage: Stage): readonly string[] =>
  [...stage.repo.runners.values()]
    .filter(({ job }) => job?.facts.now.state === 'in_progress')
    .sort((a, b) => (b.job?.facts.now.startedAt ?? 0) - (a.job?.facts.now.startedAt ?? 0))
    .map(({ name }) => name.replace(/^dstack-(i-[0-9a-f]+)-.*$/, '$1'));
const ids = (stage: Stage): readonly string[] => stage.live().map(({ id }) => id);

describe('a lower maximum', () => {
  test('ends the booting first, then the idle, then those that began their job last', async () => {
    const stage = await openStage({ rules: rulesText({ 'm5.large': 4 }) });
    const first = stage.addJobs(1, { durationMs: HOUR });
    await stage.until(isRunning(first));
    const second = stage.addJobs(1, { durationMs: HOUR });
    await stage.until(isRunning(second));
    // One that is idle: its job is cancelled while it boots.
    const [cancelled] = stage.addJobs(1);
    await stage.until(() => stage.repo.runners.size === 3);
    if (cancelled) stage.github.runners.cancel(cancelled);
    await stage.pass(5 * SECOND);
    const [idle = ''] = ids(stage).filter((id) => !busy(stage).includes(id));
    const before = ids(stage);
    stage.addJobs(2, { durationMs: HOUR });
    await stage.until(() => ids(stage).length === 4);
    const [booting = ''] = ids(stage).filter((id) => !before.includes(id));
    const [youngest = '', oldest = ''] = busy(stage).slice(-2);

    stage.push(rulesText({ 'm5.large': 3 }));
    await stage.until(() => !ids(stage).includes(booting), 20 * SECOND);
    expect(ids(stage)).toHaveLength(3);
    stage.push(rulesText({ 'm5.large': 2 }));
    await stage.until(() => ids(stage).length === 2, 20 * SECOND);
    expect(ids(stage)).not.toContain(idle);
    stage.push(rulesText({ 'm5.large': 1 }));
    await stage.until(() => ids(stage).length === 1, 20 * SECOND);
    expect(ids(stage)).toEqual([oldest]);
    expect(youngest).not.toBe(oldest);
  });

  test.each([
    ['a maximum of 0', rulesText({ 'm5.large': 0 })],
    ['no rule any more', rulesText({})],
    ['disabled', rulesText({ 'm5.large': 4 }, 'enabled: false')],
  ])('of all, by %s, ends everything at once', async (_, text) => {
    const stage = await openStage();
    const jobs = stage.addJobs(2, { durationMs: HOUR });
    await stage.until(isRunning(jobs));
    stage.addJobs(2);
    await stage.until(() => ids(stage).length === 4);
    stage.push(text);
    await stage.until(() => ids(stage).length === 0, 20 * SECOND);
    const { launched } = stage.ec2.counts();
    await stage.pass(10 * MINUTE);
    expect(stage.ec2.counts()).toMatchObject({ launched, left: 0 });
  });

  test('that is taken back lets waiting jobs go on', async () => {
    const stage = await openStage();
    stage.push(rulesText({ 'm5.large': 4 }, 'enabled: false'));
    const jobs = stage.addJobs(1);
    await stage.pass(MINUTE);
    expect(await stage.reasons()).toEqual(['disabled']);
    stage.push(rulesText({ 'm5.large': 4 }));
    await stage.until(isDone(jobs), 5 * MINUTE);
  });
});

test('a file with errors leaves the last good one in force', async () => {
  const stage = await openStage();
  const [job] = stage.addJobs(1, { durationMs: 5 * MINUTE });
  await stage.until(() => job?.facts.now.state === 'in_progress');
  stage.push('autoscale:\n  rules:\n    - instance-type: m5.large\n      max: many\n');
  await stage.pass(MINUTE);
  expect(ids(stage)).toHaveLength(1);
  const refused = stage.log.filter(({ message }) => message.startsWith('rules refused'));
  expect(refused).toHaveLength(1);
  const next = stage.addJobs(1);
  await stage.until(isDone(next), 5 * MINUTE);
});

test('a file with errors that is the first one allows nothing, and says so', async () => {
  const stage = await openStage({ rules: 'autoscale: 7\n' });
  const jobs = stage.addJobs(1);
  await stage.pass(2 * R);
  expect(await stage.reasons()).toEqual(['rules-invalid']);
  expect(stage.ec2.counts().launched).toBe(0);
  stage.push(rulesText({ 'm5.large': 1 }));
  await stage.until(isDone(jobs), 6 * MINUTE);
});

test('without a file nothing is launched, and the reason says so', async () => {
  const stage = await openStage({ rules: null });
  const jobs = stage.addJobs(1);
  await stage.pass(5 * MINUTE);
  expect(await stage.reasons()).toEqual(['no-rule']);
  expect(stage.ec2.counts().launched).toBe(0);
  stage.push(rulesText({ 'm5.large': 1 }));
  await stage.until(isDone(jobs), 6 * MINUTE);
});

describe('a file that GitHub does not show', () => {
  test('for a moment ends nothing', async () => {
    const stage = await openStage();
    const jobs = stage.addJobs(2, { durationMs: 5 * MINUTE });
    await stage.until(isRunning(jobs));
    stage.knobs.isHidden = ({ name }) => name === 'github.file';
    stage.push(rulesText({ 'm5.large': 3 }));
    await stage.pass(8 * SECOND);
    stage.knobs.isHidden = () => false;
    await stage.until(isDone(jobs));
    expect(stage.ec2.counts().launched).toBe(2);
    expect(jobs.map(({ facts }) => facts.now.conclusion)).toEqual(['success', 'success']);
  });

  test('for two moments, with a good read between them, ends nothing', async () => {
    const stage = await openStage();
    const jobs = stage.addJobs(2, { durationMs: 10 * MINUTE });
    await stage.until(isRunning(jobs));
    for (const max of [3, 4]) {
      stage.knobs.isHidden = ({ name }) => name === 'github.file';
      stage.push(rulesText({ 'm5.large': max }));
      await stage.pass(8 * SECOND);
      stage.knobs.isHidden = () => false;
      await stage.pass(R);
    }
    expect(ids(stage)).toHaveLength(2);
  });

  test('for 10 R, in which it shows nothing of the repository either, ends nothing', async () => {
    const stage = await openStage();
    const jobs = stage.addJobs(2, { durationMs: 12 * R });
    await stage.until(isRunning(jobs));
    const of = new Set(['github.file', 'github.repository']);
    stage.knobs.isHidden = ({ name }) => of.has(name);
    stage.push(rulesText({ 'm5.large': 3 }));
    await stage.pass(10 * R);
    expect(ids(stage)).toHaveLength(2);
    stage.knobs.isHidden = () => false;
    await stage.until(isDone(jobs));
    expect(jobs.map(({ facts }) => facts.now.conclusion)).toEqual(['success', 'success']);
  });

  test('twice, R / 6 apart, is gone, and all machines end', async () => {
    const stage = await openStage();
    const jobs = stage.addJobs(2, { durationMs: HOUR });
    await stage.until(isRunning(jobs));
    stage.push(null);
    await stage.pass(R / 6);
    expect(ids(stage)).toHaveLength(2);
    await stage.until(() => ids(stage).length === 0, R / 2);
  });
});

test('a new default branch brings its own file', async () => {
  const stage = await openStage();
  const { repos } = stage.github;
  repos.commit(stage.repo, { '.github/dstack.yml': rulesText({ 'm5.large': 0 }) }, 'next');
  repos.setDefaultBranch(stage.repo, 'next');
  await stage.pass(MINUTE);
  stage.addJobs(1);
  await stage.pass(MINUTE);
  expect(stage.ec2.counts().launched).toBe(0);
});

const HOUR = 60 * MINUTE;
