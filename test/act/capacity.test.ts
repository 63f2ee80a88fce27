import { describe, expect, test } from '@jest/globals';
import type { Market } from '../../src/model/launch.ts';
import {
  conclusions,
  isDone,
  isRunning,
  MINUTE,
  openStage,
  REGION,
  rulesText,
  SECOND,
  type Stage,
} from '../stage.ts';

// What EC2 does not have, and what becomes of the jobs meanwhile.

const ZONES = ['a', 'b', 'c'].map((letter) => `${REGION}${letter}`);

function setCapacity(stage: Stage, more: number | null, of: { zones?: string[]; market?: Market }) {
  for (const zone of of.zones ?? ZONES) {
    stage.ec2.setCapacity({ zone, type: 'm5.large', market: of.market ?? 'spot' }, more);
  }
}

const KEY = `ec2|default|${REGION}|RunInstances`;
const launches = ({ calls }: Stage): number => calls.get('ec2.launch') ?? 0;
const byPrice = ({ ec2 }: Stage): string[] =>
  [...ZONES].sort((a, b) => ec2.spotPriceUsd('m5.large', a) - ec2.spotPriceUsd('m5.large', b));
const queueChecks = ({ repo }: Stage) =>
  [...repo.talk.checks.values()].filter(({ name }) => name === 'dstack / queue');

test('capacity out in one zone: the next one is taken in the same tick, and remembered', async () => {
  const stage = await openStage();
  const [cheapest = '', second] = byPrice(stage);
  setCapacity(stage, 0, { zones: [cheapest] });
  const jobs = stage.addJobs(1);
  await stage.until(() => stage.live().length === 1, 10 * SECOND);
  expect(stage.live()[0]?.zone).toBe(second);
  expect(launches(stage)).toBe(2);
  await stage.until(isDone(jobs));
  await stage.until(() => stage.live().length === 0);
  stage.addJobs(1);
  await stage.until(() => stage.live().length === 1);
  expect(launches(stage)).toBe(3);
});

test('a partial launch is taken as it is, and the rest comes from the next zone at once', async () => {
  const stage = await openStage({ rules: rulesText({}) });
  const [cheapest = ''] = byPrice(stage);
  setCapacity(stage, 1, { zones: [cheapest] });
  const jobs = stage.addJobs(4);
  await stage.pass(20 * SECOND);
  stage.push(rulesText({ 'm5.large': 4 }));
  await stage.until(() => stage.live().length === 4, 2 * MINUTE);
  expect(stage.live().filter(({ zone }) => zone === cheapest)).toHaveLength(1);
  // That it gave fewer is known: nobody asks it again.
  expect(stage.log.filter(({ message }) => message === 'launch failed')).toEqual([]);
  await stage.until(isDone(jobs));
  expect(conclusions(jobs)).toEqual(['success']);
});

describe('capacity out in all zones:', () => {
  test('jobs wait and say so, each zone is asked once in 3 minutes, then 6, and a success ends it', async () => {
    const stage = await openStage();
    setCapacity(stage, 0, {});
    const jobs = stage.addJobs(2);
    await stage.pass(20 * SECOND);
    expect(await stage.reasons()).toEqual(['no-capacity']);
    expect(launches(stage)).toBe(3);
    await stage.pass(2 * MINUTE);
    expect(launches(stage)).toBe(3);
    await stage.pass(MINUTE);
    expect(launches(stage)).toBe(6);
    await stage.pass(5 * MINUTE);
    expect(launches(stage)).toBe(6);
    setCapacity(stage, null, {});
    await stage.until(isDone(jobs), 6 * MINUTE);
    expect(conclusions(jobs)).toEqual(['success']);
    // Only the zone that succeeded is free of its mark.
    expect(await stage.store.exhausted('default')).toHaveLength(2);
  });

  test('with on-exhausted: on-demand, machines are launched on demand in the same tick', async () => {
    const rules = rulesText({ 'm5.large': 4 }, 'on-exhausted: on-demand');
    const stage = await openStage({ rules });
    await stage.until(isDone(stage.addJobs(1)));
    await stage.until(() => stage.live().length === 0);
    setCapacity(stage, 0, {});
    const jobs = stage.addJobs(2);
    await stage.until(() => stage.live().length === 2, 10 * SECOND);
    expect(stage.live().map(({ market }) => market)).toEqual(['on-demand', 'on-demand']);
    await stage.until(isDone(jobs));
    await stage.until(() => stage.live().length === 0);
    setCapacity(stage, null, {});
    await stage.pass(3 * MINUTE);
    stage.addJobs(1);
    await stage.until(() => stage.live().length === 1);
    expect(stage.live()[0]?.market).toBe('spot');
  });

  test('with on-exhausted: cancel, the run is cancelled after a while, and its check says why', async () => {
    const rules = rulesText({ 'm5.large': 4 }, 'on-exhausted: cancel\n  exhausted-after: 5m');
    const stage = await openStage({ rules });
    setCapacity(stage, 0, {});
    const jobs = stage.addJobs(3);
    await stage.pass(4 * MINUTE);
    expect(await stage.reasons()).toEqual(['no-capacity']);
    expect(isDone(jobs)()).toBe(false);
    await stage.until(isDone(jobs), 2 * MINUTE);
    expect(conclusions(jobs)).toEqual(['cancelled']);
    await stage.pass(MINUTE);
    expect(queueChecks(stage)).toMatchObject([{ conclusion: 'failure' }]);
    expect(queueChecks(stage)[0]?.title).toContain('nothing to be had for 5 min');
    expect(stage.calls.get('github.cancelRun')).toBe(1);
  });
});

test('a full quota is known beforehand: nothing is asked of it, and jobs say which, how much and where', async () => {
  const rules = rulesText({ 'm5.large': 4, 'g5.xlarge': 4 });
  const stage = await openStage({ rules, ec2: { quotas: { 'standard spot': 4 } } });
  await stage.until(isDone(stage.addJobs(1)));
  const labels = ['self-hosted', 'dstack'];
  const large = [...labels, 'type=m5.large'];
  const jobs = stage.addJobs(2, { labels: large, durationMs: 5 * MINUTE });
  await stage.until(isRunning(jobs));
  const [third] = stage.addJobs(1, { labels: large });
  const [any] = stage.addJobs(1, { labels });
  await stage.pass(20 * SECOND);
  const rows = await stage.store.recentJobs(10);
  const text = rows.find(({ id }) => id === third?.id)?.reason?.text;
  expect(text).toContain(
    'the spot quota L-34B43A08 (Standard) of eu-west-1 is 4, and 4 are in use',
  );
  expect(text).toContain('https://eu-west-1.console.aws.amazon.com/servicequotas/');
  // Dearer, and of another quota.
  expect(stage.live().map(({ type }) => type)).toEqual(['m5.large', 'm5.large', 'g5.xlarge']);
  expect(stage.log.filter(({ message }) => message === 'launch failed')).toEqual([]);
  await stage.until(isDone(jobs.concat(third ?? [], any ?? [])), 20 * MINUTE);
});

test('vCPU quota: no other zone is tried, the jobs say so, and go on as machines end', async () => {
  const stage = await openStage();
  stage.ec2.change({ quotas: { 'standard spot': 4 } });
  const jobs = stage.addJobs(4, { durationMs: 3 * MINUTE });
  await stage.until(() => stage.live().length === 2);
  await stage.pass(10 * SECOND);
  expect(await stage.reasons()).toEqual(['quota', 'starting']);
  // Those that succeeded, in part perhaps, and the one that the quota then refused.
  expect(launches(stage)).toBeLessThanOrEqual(3);
  await stage.until(isDone(jobs), 20 * MINUTE);
  expect(conclusions(jobs)).toEqual(['success']);
});

test('with on-exhausted: cancel, jobs that wait for a place in the quota are not cancelled', async () => {
  const rules = rulesText({ 'm5.large': 4 }, 'on-exhausted: cancel\n  exhausted-after: 5m');
  const stage = await openStage({ rules });
  stage.ec2.change({ quotas: { 'standard spot': 4 } });
  const jobs = stage.addJobs(4, { durationMs: 15 * MINUTE });
  await stage.until(isDone(jobs), 60 * MINUTE);
  expect(conclusions(jobs)).toEqual(['success']);
});

test('a quota of nothing is told, not a lack of capacity', async () => {
  const stage = await openStage();
  stage.ec2.change({ quotas: { 'standard spot': 0 } });
  stage.addJobs(1);
  await stage.pass(20 * SECOND);
  expect(await stage.reasons()).toEqual(['quota']);
  expect(launches(stage)).toBe(1);
});

test('price cap: nothing is launched above it, and the job says so', async () => {
  const rules = `autoscale:\n  region: ${REGION}\n  rules:\n    - instance-type: m5.large\n      max: 2\n      max-price: 0.001\n`;
  const stage = await openStage({ rules });
  stage.addJobs(1);
  await stage.pass(MINUTE);
  expect(await stage.reasons()).toEqual(['price-cap']);
  expect(launches(stage)).toBe(0);
});

test('IAM denial: asked once in a quarter of an hour, and the job says so', async () => {
  const stage = await openStage();
  stage.ec2.change({ denied: ['RunInstances'] });
  const jobs = stage.addJobs(1);
  await stage.pass(14 * MINUTE);
  expect(await stage.reasons()).toEqual(['iam']);
  expect(launches(stage)).toBe(1);
  stage.ec2.change({ denied: [] });
  await stage.until(isDone(jobs), 5 * MINUTE);
});

describe('EC2 takes so many calls and no more:', () => {
  const names = Array.from({ length: 40 }, (_, i) => `app-${i}`);
  const many = { repoNames: names, rules: rulesText({ 'm5.large': 1 }) };
  const spec = { name: 'job', labels: ['self-hosted', 'dstack'], durationMs: MINUTE };
  const oneInEach = ({ github, repos }: Stage) =>
    repos.flatMap((repo) => github.jobs.addRun(repo, { jobs: [spec] }).jobs);
  const lineMs = ({ store, kernel }: Stage) => {
    const limit = { size: 4, perSecond: 2 };
    return store.lineMs([{ key: KEY, limit, count: 1 }], kernel.now());
  };
  const refusals = ({ log }: Stage) => log.filter(({ message }) => message === 'launch failed');

  test('launches of 40 scopes stand in line, none is refused, and the jobs say so', async () => {
    const stage = await openStage(many);
    const startedAt = stage.kernel.now();
    const jobs = oneInEach(stage);
    await stage.pass(5 * SECOND);
    expect(await stage.reasons()).toEqual(['paced', 'starting']);
    await stage.until(() => stage.ec2.counts().launched === 40, MINUTE);
    expect(refusals(stage)).toEqual([]);
    expect(launches(stage)).toBe(40);
    // 4 at once, and then 2 a second.
    expect(stage.kernel.now() - startedAt).toBeLessThan(22 * SECOND);
    await stage.until(isDone(jobs));
  });

  test('two processes share the line', async () => {
    const stage = await openStage({ ...many, replicas: 2 });
    const jobs = oneInEach(stage);
    await stage.until(() => stage.ec2.counts().launched === 40, MINUTE);
    expect(refusals(stage)).toEqual([]);
    await stage.until(isDone(jobs));
  });

  test('a launch that nobody wants any more leaves the line without a call', async () => {
    const stage = await openStage(many);
    const runs = oneInEach(stage);
    await stage.pass(3 * SECOND);
    for (const { run } of runs) stage.github.runners.cancelRun(run.repo, run.id);
    await stage.pass(8 * SECOND);
    expect(await lineMs(stage)).toBe(0);
    await stage.pass(2 * MINUTE);
    expect(launches(stage)).toBeLessThan(30);
    const { instances } = await stage.store.scopeRows(`repo-${stage.repo.id}`);
    expect(instances).toEqual([]);
    expect(stage.live()).toEqual([]);
  });

  test('machines are ended when there are tokens for it', async () => {
    const stage = await openStage();
    const jobs = stage.addJobs(2, { durationMs: 60 * MINUTE });
    await stage.until(isRunning(jobs));
    const bucket = { key: KEY.replace('Run', 'Terminate'), limit: { size: 99, perSecond: 5 } };
    const now = stage.kernel.now();
    await stage.store.reserve([{ ...bucket, count: 198 }], { now, mostMs: MINUTE });
    stage.push(rulesText({}));
    await stage.pass(15 * SECOND);
    expect(stage.live()).toHaveLength(2);
    await stage.until(() => stage.live().length === 0, 15 * SECOND);
    expect(stage.calls.get('ec2.terminate')).toBe(1);
  });

  test('a refusal for too many calls empties the bucket for all', async () => {
    const stage = await openStage(many);
    stage.knobs.fault = ({ name, nth }) =>
      name === 'ec2.launch' && nth === 1 ? { kind: 'throttled' } : undefined;
    const [repo] = stage.repos;
    if (repo) stage.github.jobs.addRun(repo, { jobs: [spec] });
    await stage.until(() => refusals(stage).length === 1);
    await stage.pass(1);
    expect(await lineMs(stage)).toBeGreaterThan(500);
    await stage.until(() => stage.ec2.counts().launched === 1);
  });

  test('throttle storm: calls become rare, nothing is launched twice, and all jobs run', async () => {
    const stage = await openStage(many);
    stage.knobs.fault = ({ name }) => (name === 'ec2.launch' ? { kind: 'throttled' } : undefined);
    const jobs = oneInEach(stage);
    await stage.pass(30 * SECOND);
    expect(await stage.reasons()).toContain('unanswered');
    // Two a second at most, and ever fewer.
    expect(launches(stage)).toBeLessThanOrEqual(64);
    await stage.pass(3 * MINUTE);
    const before = launches(stage);
    await stage.pass(MINUTE);
    expect(launches(stage) - before).toBeLessThanOrEqual(80);
    stage.knobs.fault = () => undefined;
    await stage.until(isDone(jobs), 20 * MINUTE);
    expect(stage.ec2.counts().launched).toBe(40);
    expect(conclusions(jobs)).toEqual(['success']);
  });
});

test('answer lost at a launch: the same bytes again, and one machine', async () => {
  const stage = await openStage();
  stage.knobs.fault = ({ name, nth }) =>
    name === 'ec2.launch' && nth === 1 ? { kind: 'lost-answer' } : undefined;
  const jobs = stage.addJobs(1);
  await stage.until(isDone(jobs), 6 * MINUTE);
  expect(stage.ec2.counts().launched).toBe(1);
  expect(launches(stage)).toBe(2);
});

describe('a rule whose machines never register', () => {
  const dead = (most: number) => (nth: number) => (nth <= most ? 'dead' : 'sound');

  async function paused(most: number): Promise<Stage> {
    const behaviourOf = dead(most);
    const stage = await openStage({ rules: rulesText({ 'm5.large': 3 }), behaviourOf });
    stage.addJobs(3);
    await stage.pass(8 * MINUTE);
    expect(await stage.reasons()).toEqual(['sick']);
    expect(stage.live()).toEqual([]);
    expect(stage.ec2.counts().launched).toBe(3);
    return stage;
  }

  test('is paused after three in a row, and tried with one machine after half an hour', async () => {
    const stage = await paused(4);
    await stage.pass(26 * MINUTE);
    expect(stage.ec2.counts().launched).toBe(3);
    await stage.until(() => stage.live().length > 0, 4 * MINUTE);
    await stage.pass(4 * MINUTE);
    expect(stage.ec2.counts().launched).toBe(4);
    // That one did not register either.
    await stage.pass(28 * MINUTE);
    expect(stage.ec2.counts().launched).toBe(4);
    await stage.until(() => stage.ec2.counts().launched === 7, 10 * MINUTE);
  });

  test('goes on at once after a push', async () => {
    const stage = await paused(3);
    stage.push(rulesText({ 'm5.large': 2 }));
    await stage.until(() => stage.live().length === 2, 20 * SECOND);
  });

  test('is told on the commit', async () => {
    const stage = await paused(3);
    expect(queueChecks(stage)).toMatchObject([{ conclusion: null }]);
    expect(queueChecks(stage)[0]?.title).toContain('3 machines in a row did not register');
  });
});

test('a cancelled matrix of 256: its machines end, and nothing starts any more', async () => {
  const stage = await openStage({ rules: rulesText({ 'm5.large': 300 }) });
  const jobs = stage.addJobs(256, { durationMs: 60 * MINUTE });
  await stage.until(() => stage.live().length >= 100);
  const run = jobs[0]?.run;
  if (run) stage.github.runners.cancelRun(stage.repo, run.id);
  await stage.until(() => stage.live().length === 0, 10 * MINUTE);
  const { launched } = stage.ec2.counts();
  expect(launched).toBeLessThanOrEqual(256);
  expect(launches(stage)).toBeLessThanOrEqual(12);
  expect(stage.calls.get('ec2.terminate') ?? 0).toBeLessThanOrEqual(40);
  await stage.pass(10 * MINUTE);
  expect(stage.ec2.counts().launched).toBe(launched);
  expect(isRunning(jobs)()).toBe(false);
});
