import { describe, expect, test } from '@jest/globals';
import { LEASE_MS, LONGEST_CALL_MS } from '../../src/act/deps.ts';
import { repoScope } from '../../src/model/ids.ts';
import type { Job } from '../../src/sandbox/github-state.ts';
import {
  conclusions,
  createStage,
  isDone,
  isRunning,
  MINUTE,
  openStage,
  R,
  rulesText,
  SECOND,
  type Stage,
} from '../stage.ts';

// How machines come and go: what EC2 refuses, what breaks, and what ends them.

const launchesIn = (stage: Stage, zone: string): number =>
  [...stage.ec2.instances.values()].filter((one) => one.zone === zone).length;

test('a machine that registers while its end for silence is decided stays', async () => {
  const stage = createStage({ behaviourOf: () => 'dead' });
  const { store } = stage;
  let late = 0;
  stage.store = {
    ...store,
    async changeInstance(change) {
      // As the gateway writes it down in that very moment.
      if (change.patch.state === 'ending' && late === 0) {
        late = stage.kernel.now();
        const patch = { runnerId: 1, runnerName: 'dstack-late', registeredAt: late };
        await store.changeInstance({ key: change.key, from: ['pending'], patch });
      }
      return store.changeInstance(change);
    },
  };
  stage.start();
  await stage.pass(R + 20 * SECOND);
  stage.addJobs(1);
  await stage.until(() => late > 0, 10 * MINUTE);
  const [machine] = stage.live();
  await stage.pass(MINUTE);
  expect(stage.live()).toContain(machine);
});

describe('where EC2 has no capacity', () => {
  test('in one zone, the next is tried in the same tick', async () => {
    const stage = await openStage();
    const cheapest = zonesByPrice(stage)[0] ?? '';
    stage.ec2.setCapacity({ zone: cheapest, type: 'm5.large', market: 'spot' }, 0);
    stage.addJobs(1);
    await stage.until(() => stage.live().length === 1, 5 * SECOND);
    expect(launchesIn(stage, cheapest)).toBe(0);
  });

  test('in all zones, the job says so, and gets a machine when there is some', async () => {
    const stage = await openStage();
    const places = zonesByPrice(stage).map(
      (zone) => ({ zone, type: 'm5.large', market: 'spot' }) as const,
    );
    for (const place of places) stage.ec2.setCapacity(place, 0);
    const jobs = stage.addJobs(1);
    await stage.pass(30 * SECOND);
    expect(await stage.reasons()).toEqual(['no-capacity']);
    const tries = stage.calls.get('ec2.launch') ?? 0;
    expect(tries).toBe(3);
    for (const place of places) stage.ec2.setCapacity(place, null);
    await stage.until(isDone(jobs), 8 * MINUTE);
  });

  test('and there is another type, that one is taken', async () => {
    const stage = await openStage({ rules: rulesText({ 'm5.large': 4, 'm5.xlarge': 4 }) });
    for (const zone of zonesByPrice(stage)) {
      stage.ec2.setCapacity({ zone, type: 'm5.large', market: 'spot' }, 0);
    }
    stage.addJobs(1);
    await stage.until(() => stage.live().length === 1, 10 * SECOND);
    expect(stage.live()[0]?.type).toBe('m5.xlarge');
  });
});

const zonesByPrice = ({ ec2 }: Stage): readonly string[] =>
  ['eu-west-1a', 'eu-west-1b', 'eu-west-1c'].sort(
    (a, b) => ec2.spotPriceUsd('m5.large', a) - ec2.spotPriceUsd('m5.large', b),
  );

test.each(['lost-request', 'lost-answer'] as const)(
  'a launch whose answer does not come (%s) is sent again, and makes one machine',
  async (kind) => {
    const stage = await openStage();
    stage.knobs.fault = ({ name, nth }) =>
      name === 'ec2.launch' && nth <= 2 ? { kind } : undefined;
    const jobs = stage.addJobs(1);
    await stage.until(isDone(jobs), 6 * MINUTE);
    expect(stage.ec2.counts().launched).toBe(1);
    expect(stage.calls.get('ec2.launch')).toBeGreaterThan(1);
  },
);

test('a throttled EC2 gets the same launch again, and makes one machine', async () => {
  const stage = await openStage();
  stage.knobs.fault = ({ name, nth }) =>
    name === 'ec2.launch' && nth <= 3 ? { kind: 'throttled' } : undefined;
  const jobs = stage.addJobs(1);
  await stage.until(isDone(jobs), 6 * MINUTE);
  expect(stage.ec2.counts().launched).toBe(1);
});

test('a launch that nobody wants any more is let go without a machine', async () => {
  const stage = await openStage();
  stage.knobs.fault = ({ name }) => (name === 'ec2.launch' ? { kind: 'lost-request' } : undefined);
  const [job] = stage.addJobs(1);
  await stage.pass(15 * SECOND);
  if (job) stage.github.runners.cancel(job);
  stage.knobs.fault = () => undefined;
  // EC2 may show a machine late: its silence is not believed at once.
  await stage.pass(5 * R);
  expect(await stage.store.scopesWithWork()).toHaveLength(1);
  await stage.pass(10 * R);
  expect(stage.ec2.counts().launched).toBe(0);
  expect(await stage.store.scopesWithWork()).toEqual([]);
});

test('and EC2 is asked for it six times in R, whatever happens in its scope', async () => {
  const stage = await openStage();
  stage.knobs.fault = ({ name }) => (name === 'ec2.launch' ? { kind: 'lost-request' } : undefined);
  const [job] = stage.addJobs(1);
  await stage.pass(15 * SECOND);
  if (job) stage.github.runners.cancel(job);
  await stage.pass(R / 2);
  const asked = () => stage.calls.get('ec2.listLaunch') ?? 0;
  const before = asked();
  for (let i = 0; i < 30; i += 1) {
    stage.addJobs(1, { labels: ['dstack', 'cpu=64'] });
    await stage.pass(R / 30);
  }
  expect(asked() - before).toBeGreaterThanOrEqual(4);
  expect(asked() - before).toBeLessThanOrEqual(6);
});

test('a lease that a slow commit used up sends no launch; the next one does', async () => {
  const stage = createStage();
  const { store } = stage;
  let until = 0;
  let commits = 0;
  stage.store = {
    ...store,
    async lease(ask) {
      const lease = await store.lease(ask);
      if (lease && ask.name === repoScope(stage.repo.id)) until = lease.until;
      return lease;
    },
    async intend(...args) {
      const launches = await store.intend(...args);
      commits += 1;
      if (commits === 1) await stage.apps.get('app0')?.process.clock.sleep(LEASE_MS - 5 * SECOND);
      return launches;
    },
  };
  const leftMs: number[] = [];
  stage.knobs.fault = ({ name }) => {
    if (name === 'ec2.launch') leftMs.push(until - stage.kernel.now());
    return undefined;
  };
  stage.start();
  const jobs = stage.addJobs(1);
  await stage.until(isDone(jobs), 6 * MINUTE);
  expect(leftMs).toHaveLength(1);
  expect(leftMs[0]).toBeGreaterThan(LONGEST_CALL_MS);
});

test('the machine of a cancelled job ends within R of being online', async () => {
  const stage = await openStage();
  const [job] = stage.addJobs(1);
  await stage.until(() => stage.live().length === 1);
  if (job) stage.github.runners.cancel(job);
  await stage.until(() => stage.repo.runners.size === 1, 2 * MINUTE);
  await stage.until(() => stage.live().length === 0, R + 20 * SECOND);
  expect(stage.repo.runners.size).toBe(0);
});

test('a runner is removed by its name where it is known by a wrong id', async () => {
  const stage = await openStage();
  const [job] = stage.addJobs(1);
  await stage.until(() => stage.live().length === 1);
  if (job) stage.github.runners.cancel(job);
  await stage.until(() => stage.repo.runners.size === 1, 3 * MINUTE);
  await stage.pass(SECOND);
  const [machine] = stage.live();
  const known = machine && (await stage.store.instanceById(machine.id));
  const change = { from: ['online'], patch: { runnerId: 999 } } as const;
  if (known) expect(await stage.store.changeInstance({ key: known.key, ...change })).toBe(true);
  if (machine) stage.ec2.reclaim(machine.id, false);
  await stage.pass(2 * R);
  expect([stage.live().length, stage.repo.runners.size]).toEqual([0, 0]);
});

describe('a machine that', () => {
  test('never registers is replaced, and the job is done', async () => {
    const behaviourOf = (nth: number) => (nth === 1 ? 'dead' : 'sound');
    const stage = await openStage({ behaviourOf });
    const jobs = stage.addJobs(1);
    await stage.until(isDone(jobs), 9 * MINUTE);
    expect(stage.ec2.counts().launched).toBe(2);
    await stage.until(() => stage.live().length === 0, 2 * R);
  });

  test('takes no job is ended, and the job is done by another', async () => {
    const behaviourOf = (nth: number) => (nth === 1 ? 'ghost' : 'sound');
    const stage = await openStage({ behaviourOf });
    const jobs = stage.addJobs(1);
    await stage.until(isDone(jobs), 15 * MINUTE);
    expect(conclusions(jobs)).toEqual(['success']);
    await stage.until(() => stage.live().length === 0, 10 * R);
  });

  test.each(['hangs', 'power-off-fails'] as const)(
    'does not end after its job (%s) is ended R later',
    async (behaviour) => {
      const stage = await openStage({ behaviourOf: () => behaviour });
      const jobs = stage.addJobs(1);
      await stage.until(isDone(jobs), 5 * MINUTE);
      await stage.pass(R - 10 * SECOND);
      expect(stage.live()).toHaveLength(1);
      await stage.until(() => stage.live().length === 0, 30 * SECOND);
    },
  );

  test('dies in its job ends with it, and leaves nothing', async () => {
    const stage = await openStage({ behaviourOf: () => 'dies-in-job' });
    const jobs = stage.addJobs(1);
    await stage.until(isDone(jobs), 30 * MINUTE);
    await stage.until(() => stage.live().length === 0, 3 * R);
  });

  test('EC2 takes back while it boots is replaced', async () => {
    const stage = await openStage();
    const jobs = stage.addJobs(1);
    await stage.until(() => stage.live().length === 1);
    await stage.pass(12 * SECOND);
    stage.ec2.reclaim(stage.live()[0]?.id ?? '', false);
    await stage.until(isDone(jobs), 6 * MINUTE);
    expect(conclusions(jobs)).toEqual(['success']);
    expect(stage.ec2.counts().launched).toBe(2);
  });

  test('has a runner that GitHub lists, and denies as it is to be removed, keeps its job', async () => {
    const stage = await openStage();
    const [cancelled] = stage.addJobs(1);
    await stage.until(() => stage.repo.runners.size === 1);
    if (cancelled) stage.github.runners.cancel(cancelled);
    // It is handed a job in the very moment, of which nobody tells us.
    stage.knobs.hookFault = () => ({ kind: 'outage' });
    const jobs: Job[] = [];
    const end = stage.kernel.now() + 4 * R;
    stage.knobs.isHidden = ({ name }) => {
      if (name !== 'github.removeRunner' || stage.kernel.now() > end) return false;
      if (jobs.length === 0) jobs.push(...stage.addJobs(1, { durationMs: 2 * MINUTE }));
      return true;
    };
    await stage.until(() => jobs.length > 0, 5 * R);
    await stage.until(isDone(jobs), 5 * MINUTE);
    expect(conclusions(jobs)).toEqual(['success']);
    expect(stage.ec2.counts().launched).toBe(1);
    await stage.until(() => stage.live().length === 0, 10 * R);
  });

  test('is older than the longest life is ended, busy or not', async () => {
    const stage = await openStage({ rules: rulesText({ 'm5.large': 1 }, 'max-duration: 30m') });
    const jobs = stage.addJobs(1, { durationMs: 180 * MINUTE });
    await stage.until(isRunning(jobs));
    await stage.pass(27 * MINUTE);
    expect(stage.live()).toHaveLength(1);
    await stage.until(() => stage.live().length === 0, 4 * MINUTE);
  });
});

describe('when the App is', () => {
  const cases: readonly (readonly [string, (stage: Stage) => void])[] = [
    ['uninstalled', ({ github, installation }) => github.repos.uninstall(installation.id)],
    [
      'taken from the repository',
      ({ github, installation, repo }) => github.repos.select(installation.id, { remove: [repo] }),
    ],
    ['told that the repository is deleted', ({ github, repo }) => github.repos.deleteRepo(repo)],
  ];
  test.each(cases)('%s, its machines end', async (_, change) => {
    const stage = await openStage();
    const jobs = stage.addJobs(2, { durationMs: 60 * MINUTE });
    await stage.until(isRunning(jobs));
    change(stage);
    await stage.until(() => stage.live().length === 0, 20 * SECOND);
    const { launched } = stage.ec2.counts();
    await stage.pass(10 * MINUTE);
    expect(stage.ec2.counts().launched).toBe(launched);
  });
});

test('a renamed repository keeps its machines and its jobs', async () => {
  const stage = await openStage();
  const jobs = stage.addJobs(2, { durationMs: 5 * MINUTE });
  await stage.until(isRunning(jobs));
  stage.github.repos.rename(stage.repo, 'renamed');
  const more = stage.addJobs(1);
  await stage.until(isDone([...jobs, ...more]), 15 * MINUTE);
  expect(conclusions([...jobs, ...more])).toEqual(['success']);
});
