import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import type { GitHub, RepoRef, RunnerPlace } from '../../src/github/port.ts';
import type { Refusal, Reply } from '../../src/model/reply.ts';
import type { GitHubWorld } from './contract.ts';

// Runners of an organization's group, which serve those of its repositories that may use the group.

const LABELS = ['self-hosted', 'linux', 'x64', 'dstack'];

export function groupContract(name: string, openWorld: () => Promise<GitHubWorld>): void {
  let world: GitHubWorld;
  let github: GitHub;
  let repo: RepoRef;
  let place: RunnerPlace;

  const got = <T>(reply: Reply<T>): T => {
    if (!reply.ok) throw new Error(`refused: ${reply.reason} ${reply.code} ${reply.message}`);
    return reply.value;
  };
  const refused = (reason: Refusal) => expect.objectContaining({ ok: false, reason });
  const register = async (runner: string) =>
    got(await github.register(place, { name: runner, labels: LABELS }));

  describe(`GitHub's runner groups: ${name}`, () => {
    beforeEach(async () => {
      world = await openWorld();
      ({ github, repo } = world);
      place = { ...repo, group: 'CI' };
    });
    afterEach(() => world.close());

    test('a group is found by its name, and the default one has its own', async () => {
      await world.addGroup('CI');
      const ci = got(await github.runnerGroup(repo, 'CI'));
      const all = got(await github.runnerGroup(repo, 'Default'));
      expect(ci.id).not.toBe(all.id);
    });

    test('a group that is not there is missing, to those who would register in it, too', async () => {
      expect(await github.runnerGroup(repo, 'CI')).toEqual(refused('missing'));
      const runner = { name: 'r1', labels: LABELS };
      expect(await github.register(place, runner)).toEqual(refused('missing'));
    });

    test('a group for other repositories is missing for this one', async () => {
      const other = await world.addRepo('other');
      await world.addGroup('CI', [other]);
      expect(await github.runnerGroup(repo, 'CI')).toEqual(refused('missing'));
      expect(await github.runnerGroup(other, 'CI')).toMatchObject({ ok: true });
    });

    test('without the permission all of it is denied', async () => {
      await world.addGroup('CI');
      await world.withdrawRunners();
      expect(await github.runnerGroup(repo, 'CI')).toEqual(refused('denied'));
      expect(await github.runners(place)).toEqual(refused('denied'));
      expect(await github.removeRunner(place, 1)).toEqual(refused('denied'));
    });

    test('its runner is listed at the organization, and at no repository', async () => {
      await world.addGroup('CI');
      const { runnerId } = await register('r1');
      await register('r2');
      await world.rest();
      expect(got(await github.runners(place, 'r1'))).toEqual([
        { id: runnerId, name: 'r1', isOnline: false, isBusy: false },
      ]);
      expect(got(await github.runners(place))).toHaveLength(2);
      expect(got(await github.runners(repo))).toEqual([]);
      const again = { name: 'r1', labels: LABELS };
      expect(await github.register(place, again)).toEqual(refused('conflict'));
    });

    test('its runner is removed at the organization, once', async () => {
      await world.addGroup('CI');
      const { runnerId } = await register('r1');
      expect(await github.removeRunner(repo, runnerId)).toEqual(refused('missing'));
      expect(await github.removeRunner(place, runnerId)).toEqual({ ok: true, value: null });
      expect(await github.removeRunner(place, runnerId)).toEqual(refused('missing'));
    });

    test('its runner is there and can be removed when the repository is not', async () => {
      await world.addGroup('CI');
      const { runnerId } = await register('r1');
      await world.deleteRepo();
      await world.rest();
      expect(got(await github.runners(place, 'r1'))).toMatchObject([{ id: runnerId }]);
      expect(await github.removeRunner(place, runnerId)).toEqual({ ok: true, value: null });
      const runner = { name: 'r2', labels: LABELS };
      expect(await github.register({ ...place, group: 'CD' }, runner)).toEqual(refused('missing'));
    });

    test('its runner takes the job of a repository, and is busy until that ends', async () => {
      await world.addGroup('CI');
      const { runnerId, jitConfig } = await register('r1');
      await world.connect(jitConfig);
      const job = await world.addJob(['dstack']);
      await world.rest();
      expect(got(await github.job(repo, job))).toMatchObject({ runnerId, runnerName: 'r1' });
      expect(await github.removeRunner(place, runnerId)).toEqual(refused('busy'));
    });

    test('its runner takes no job of a repository that may not use the group', async () => {
      const other = await world.addRepo('other');
      await world.addGroup('CI', [other]);
      place = { ...other, group: 'CI' };
      const { jitConfig } = await register('r1');
      await world.connect(jitConfig);
      const job = await world.addJob(['dstack']);
      await world.rest();
      expect(got(await github.job(repo, job))).toMatchObject({ state: 'queued' });
    });
  });
}
