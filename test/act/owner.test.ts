import { describe, expect, test } from '@jest/globals';
import { conclusions, isDone, isRunning, MINUTE, R, REGION, rulesText, SECOND } from '../stage.ts';
import { openOwner } from './owner-world.ts';

// Rules in an owner's `.github` repository: whom they govern, and how places are shared.

const HOUR = 60 * MINUTE;
const max = (n: number, more = '') => rulesText({ 'm5.large': n }, more);

describe('repositories without a file', () => {
  test('have the machines that the owner allows, each its own', async () => {
    const owner = await openOwner({ owners: max(4) });
    const { stage, lib } = owner;
    const jobs = [...owner.addJobs(stage.repo, 1), ...owner.addJobs(lib, 1)];
    await stage.until(isRunning(jobs), 4 * MINUTE);
    expect(owner.live()).toEqual({ app: 1, lib: 1 });
    const scopes = stage.live().map(({ tags }) => tags['dstack:scope']);
    expect(new Set(scopes)).toEqual(new Set([`owner-${stage.repo.owner.id}`]));
    await stage.until(isDone(jobs));
    expect(conclusions(jobs)).toEqual(['success']);
    await stage.until(() => stage.live().length === 0, 2 * R);
  });

  test('share the maximum, and the last place is never taken twice', async () => {
    const owner = await openOwner({ owners: max(2) });
    const { stage, lib, home } = owner;
    const jobs = [stage.repo, lib, home].flatMap((repo) => owner.addJobs(repo, 3));
    expect(await owner.mostLive(isDone(jobs), HOUR)).toBe(2);
    expect(conclusions(jobs)).toEqual(['success']);
  });

  test('are not starved by one that floods the queue', async () => {
    const owner = await openOwner({ owners: max(3) });
    const { stage, lib } = owner;
    const flood = owner.addJobs(stage.repo, 60, { durationMs: 2 * MINUTE });
    await stage.until(() => stage.live().length === 3);
    const waited: number[] = [];
    for (let i = 0; i < 4; i += 1) {
      const at = stage.kernel.now();
      const jobs = owner.addJobs(lib, 1);
      await stage.until(isRunning(jobs), HOUR);
      waited.push(stage.kernel.now() - at);
    }
    // The flood has hours to go; nobody else waits longer than for one machine's job and its start.
    expect(isDone(flood)()).toBe(false);
    expect(Math.max(...waited)).toBeLessThan(6 * MINUTE);
  });

  test('have nothing where neither they nor the owner have a file', async () => {
    const owner = await openOwner({ owners: null });
    owner.addJobs(owner.lib, 1);
    await owner.stage.pass(2 * MINUTE);
    expect(await owner.stage.reasons()).toEqual(['no-rule']);
    expect(owner.stage.calls.get('ec2.launch')).toBeUndefined();
  });
});

describe('the owner’s file', () => {
  test('governs from the push on that brings it, and no more after the one that deletes it', async () => {
    const owner = await openOwner({ owners: null });
    const { stage, lib, home } = owner;
    const jobs = owner.addJobs(lib, 1, { durationMs: HOUR });
    await stage.pass(MINUTE);
    owner.push(home, max(1));
    await stage.until(isRunning(jobs), 5 * MINUTE);
    owner.push(home, null);
    await stage.until(() => stage.live().length === 0, 2 * R);
    await stage.pass(MINUTE);
    expect((await stage.store.repo(lib.id))?.scope).toBe(`repo-${lib.id}`);
  });

  test('ends what a lower maximum leaves no place for, the youngest first', async () => {
    const owner = await openOwner({ owners: max(4) });
    const { stage, lib, home } = owner;
    const old = owner.addJobs(lib, 1, { durationMs: HOUR });
    await stage.until(isRunning(old));
    const young = owner.addJobs(stage.repo, 2, { durationMs: HOUR });
    await stage.until(isRunning(young));
    owner.push(home, max(1));
    await stage.until(() => stage.live().length === 1, 20 * SECOND);
    expect(owner.live()).toEqual({ lib: 1 });
  });

  test.each(['renamed', 'deleted', 'uninstalled', 'transferred'] as const)(
    'is in force no more when its repository is %s',
    async (how) => {
      const owner = await openOwner({ owners: max(4) });
      const { stage, lib, home } = owner;
      const jobs = owner.addJobs(lib, 1, { durationMs: HOUR });
      await stage.until(isRunning(jobs));
      const { repos } = stage.github;
      if (how === 'renamed') repos.rename(home, 'dotgithub');
      if (how === 'deleted') repos.deleteRepo(home);
      if (how === 'uninstalled') repos.select(stage.installation.id, { remove: [home] });
      if (how === 'transferred') {
        const other = repos.addOwner('other');
        repos.install(other);
        repos.transfer(home, other);
      }
      await stage.until(() => stage.live().length === 0, 3 * R);
      await stage.pass(MINUTE);
      expect((await stage.store.repo(lib.id))?.scope).toBe(`repo-${lib.id}`);
    },
  );

  test('is not gone because GitHub cannot show it for a while', async () => {
    const owner = await openOwner({ owners: max(4) });
    const { stage, lib } = owner;
    const jobs = owner.addJobs(lib, 1, { durationMs: 10 * MINUTE });
    await stage.until(isRunning(jobs));
    stage.knobs.fault = ({ name }) =>
      name.startsWith('github.') ? { kind: 'throttled' } : undefined;
    await stage.pass(4 * MINUTE);
    stage.knobs.fault = () => undefined;
    await stage.until(isDone(jobs));
    expect(conclusions(jobs)).toEqual(['success']);
  });
});

describe('a repository’s own file', () => {
  test('narrows the owner’s: its own maximum holds for it, the owner’s for all', async () => {
    const owner = await openOwner({ owners: max(3), lib: max(1) });
    const { stage, lib } = owner;
    const jobs = [...owner.addJobs(lib, 4), ...owner.addJobs(stage.repo, 4)];
    await stage.until(() => stage.live().length === 3);
    expect(owner.live()).toEqual({ app: 2, lib: 1 });
    expect(await owner.mostLive(isDone(jobs), HOUR)).toBe(3);
  });

  test('cannot have more than the owner allows', async () => {
    const owner = await openOwner({ owners: max(2), lib: max(9) });
    const jobs = owner.addJobs(owner.lib, 5);
    expect(await owner.mostLive(isDone(jobs), HOUR)).toBe(2);
  });

  test('cannot have a type that the owner does not allow, and is told so', async () => {
    const owner = await openOwner({ owners: max(2), lib: rulesText({ 'c5.large': 1 }) });
    owner.addJobs(owner.lib, 1);
    await owner.stage.pass(MINUTE);
    expect(await owner.stage.reasons()).toEqual(['no-rule']);
    expect(owner.stage.live()).toEqual([]);
  });

  test('that comes while machines run keeps those that it allows, and ends the rest', async () => {
    const owner = await openOwner({ owners: max(4) });
    const { stage, lib } = owner;
    const jobs = owner.addJobs(lib, 3, { durationMs: HOUR });
    await stage.until(isRunning(jobs));
    owner.push(lib, max(1));
    await stage.until(() => stage.live().length === 1, 20 * SECOND);
    owner.push(lib, rulesText({}));
    await stage.until(() => stage.live().length === 0, 20 * SECOND);
  });

  test('with a max-price of its own gets no dearer machine, where the owner allows both markets', async () => {
    const rules = (more: string) =>
      `autoscale:\n  region: ${REGION}\n  rules:\n    - instance-type: m5.large\n      spot-policy: auto\n      max: 2\n${more}`;
    const own = rules('      max-price: 0.06\n');
    const { stage, addJobs, lib } = await openOwner({ owners: rules(''), lib: own });
    const labels = ['self-hosted', 'dstack', 'spot=on-demand'];
    const jobs = [...addJobs(lib, 1, { labels }), ...addJobs(stage.repo, 1, { labels })];
    await stage.pass(5 * MINUTE);
    expect(jobs.map(({ facts }) => facts.now.state)).toEqual(['queued', 'completed']);
    expect(await stage.reasons()).toEqual(['price-cap']);
    await stage.until(isDone(addJobs(lib, 1)));
  });

  test('has a budget for what it costs itself, whatever the others cost', async () => {
    const own = max(4, 'budget: 0.05');
    const owner = await openOwner({ owners: max(4, 'budget: 5'), lib: own });
    const { stage, lib } = owner;
    const others = owner.addJobs(stage.repo, 3, { durationMs: HOUR });
    await stage.until(isDone(others), 2 * HOUR);
    const its = owner.addJobs(lib, 1, { durationMs: 2 * HOUR });
    await stage.until(isDone(its), 3 * HOUR);
    const jobs = [...owner.addJobs(lib, 1), ...owner.addJobs(stage.repo, 1)];
    await stage.pass(5 * MINUTE);
    expect(jobs.map(({ facts }) => facts.now.state)).toEqual(['queued', 'completed']);
    expect(await stage.reasons()).toEqual(['budget']);
  });

  test('is free of the owner’s with `own-rules: allow`, and counts for itself', async () => {
    const owner = await openOwner({ owners: max(1, 'own-rules: allow'), lib: max(2) });
    const { stage, lib } = owner;
    const jobs = [...owner.addJobs(lib, 3), ...owner.addJobs(stage.repo, 2)];
    await stage.until(() => stage.live().length === 3);
    expect(owner.live()).toEqual({ app: 1, lib: 2 });
    await stage.until(isDone(jobs));
  });

  test('starts nothing before the owner’s can be read, which may allow less', async () => {
    const owner = await openOwner({ owners: 'autoscale: 7\n', lib: max(2) });
    const { stage, lib, home } = owner;
    const jobs = owner.addJobs(lib, 3);
    await stage.pass(3 * MINUTE);
    expect(stage.live()).toEqual([]);
    expect(await stage.reasons()).toEqual(['rules-invalid']);
    owner.push(home, max(1));
    expect(await owner.mostLive(isDone(jobs), HOUR)).toBe(1);
  });

  test('is free no more once a sweep reads so, when nobody told of the owner’s push', async () => {
    const owner = await openOwner({ owners: max(1, 'own-rules: allow'), lib: max(2) });
    const { stage, lib, home } = owner;
    const jobs = owner.addJobs(lib, 2, { durationMs: HOUR });
    await stage.until(isRunning(jobs));
    stage.knobs.hookFault = ({ event }) => (event === 'push' ? { kind: 'outage' } : undefined);
    owner.push(home, max(1));
    await stage.until(() => stage.live().length === 1, 3 * R);
    await stage.pass(MINUTE);
    expect((await stage.store.repo(lib.id))?.scope).toBe(`owner-${lib.owner.id}`);
  });

  test('holds for the machine of a job that is run again, when it has nothing else', async () => {
    const owner = await openOwner({ owners: max(4), lib: max(1) });
    const { stage, lib } = owner;
    const jobs = owner.addJobs(lib, 1, { durationMs: HOUR });
    await stage.until(isRunning(jobs));
    for (const { id } of stage.live()) stage.ec2.reclaim(id, false);
    owner.push(lib, max(1, 'enabled: false'));
    await stage.until(isDone(jobs), HOUR);
    const launched = stage.calls.get('ec2.launch');
    await stage.pass(3 * R);
    expect(stage.calls.get('ec2.launch')).toBe(launched);
  });

  test('takes its machines along where they fit, and none is above a maximum on the way', async () => {
    const owner = await openOwner({ owners: max(3, 'own-rules: allow') });
    const { stage, lib } = owner;
    const jobs = owner.addJobs(lib, 3, { durationMs: HOUR });
    await stage.until(isRunning(jobs));
    owner.push(lib, max(2));
    await stage.until(() => stage.live().length === 2, 30 * SECOND);
    await stage.pass(MINUTE);
    const rows = await stage.store.scopeRows(`repo-${lib.id}`);
    expect(rows.instances).toHaveLength(2);
    expect(rows.repos.map(({ id }) => id)).toEqual([lib.id]);
    // And back again: the owner's three places are free for them.
    owner.push(lib, null);
    await stage.pass(2 * MINUTE);
    const back = await stage.store.scopeRows(`owner-${lib.owner.id}`);
    expect(back.instances).toHaveLength(2);
    expect(stage.live()).toHaveLength(2);
  });

  test('goes under the owner’s with as many machines as have a place there', async () => {
    const owner = await openOwner({ owners: null, lib: max(3) });
    const { stage, lib, home } = owner;
    const jobs = owner.addJobs(lib, 3, { durationMs: HOUR });
    await stage.until(isRunning(jobs));
    owner.push(home, max(2));
    await stage.until(() => stage.live().length === 2, MINUTE);
    await stage.pass(MINUTE);
    const { instances } = await stage.store.scopeRows(`owner-${lib.owner.id}`);
    expect(instances).toHaveLength(2);
  });
});

test('a lost database gives the owner no more machines than the maximum', async () => {
  const owner = await openOwner({ owners: max(2) });
  const { stage, lib } = owner;
  const first = owner.addJobs(lib, 2, { durationMs: 20 * MINUTE });
  await stage.until(isRunning(first));
  stage.loseStore();
  const more = owner.addJobs(stage.repo, 4);
  expect(await owner.mostLive(isDone([...first, ...more]), HOUR)).toBe(2);
});
