import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import type { GitHub, RepoRef } from '../../src/github/port.ts';
import type { Instant } from '../../src/lib/clock.ts';
import type { JobId } from '../../src/model/ids.ts';
import type { JobState } from '../../src/model/job.ts';
import type { Refusal, Reply } from '../../src/model/reply.ts';
import type { Files } from '../../src/sandbox/github-commits.ts';

// What act, gateway and reconcile may rely on, whoever is behind the port: the sandbox in process,
// and the adapter before the sandbox's HTTP face.

/** One owner with the App installed on one private repository, `main` its default branch. */
export interface GitHubWorld {
  /** Its calls settle without further help, on a virtual clock too. */
  readonly github: GitHub;
  readonly repo: RepoRef;
  readonly ownerId: number;
  now(): Instant;
  /** Commits to main; null deletes the file. Gives the commit. */
  commit(path: string, entry: Files[string]): Promise<string>;
  /** A run with one job of these labels; `isHeld`: it waits for an approval first. */
  addJob(labels: readonly string[], isHeld?: boolean): Promise<JobId>;
  cancelJob(id: JobId): Promise<void>;
  /** A machine with this just-in-time configuration connects; it works until it is stopped. */
  connect(jitConfig: string): Promise<void>;
  /** Lets time pass until GitHub has handed out what it can, and its lists show it. */
  rest(): Promise<void>;
  /** Another repository of the owner, with the App. */
  addRepo(name: string): Promise<RepoRef>;
  /** A runner group of the owner, which is an organization; for these repositories, or for all. */
  addGroup(name: string, repos?: readonly RepoRef[]): Promise<void>;
  /** The owner's word: organization-level runners may not be touched by the App. */
  withdrawRunners(): Promise<void>;
  rename(name: string): Promise<void>;
  deleteRepo(): Promise<void>;
  uninstall(): Promise<void>;
  suspend(): Promise<void>;
  /** Uses up what the installation may call in this hour. */
  exhaust(): Promise<void>;
  /** Whether our webhook answers with 202, or with 500, from now on. */
  takeDeliveries(isTaken: boolean): Promise<void>;
  close(): Promise<void>;
}

const LABELS = ['self-hosted', 'linux', 'x64', 'dstack'];
const PATH = '.github/dstack.yml';
const NOBODY = 999_999_999;

export function gitHubContract(name: string, openWorld: () => Promise<GitHubWorld>): void {
  let world: GitHubWorld;
  let github: GitHub;
  let repo: RepoRef;

  const got = <T>(reply: Reply<T>): T => {
    if (!reply.ok) throw new Error(`refused: ${reply.reason} ${reply.code} ${reply.message}`);
    return reply.value;
  };
  const refused = (reason: Refusal) => expect.objectContaining({ ok: false, reason });
  const register = async (runner: string, labels = LABELS) =>
    got(await github.register(repo, { name: runner, labels }));
  const stateOf = async (id: JobId): Promise<JobState> => got(await github.job(repo, id)).state;

  describe(`GitHub: ${name}`, () => {
    beforeEach(async () => {
      world = await openWorld();
      ({ github, repo } = world);
    });
    afterEach(() => world.close());

    describe('a file', () => {
      test('is read at a branch and at a commit', async () => {
        const before = await world.commit(PATH, 'autoscale: {} # für später\n');
        await world.commit(PATH, 'autoscale:\n  enabled: false\n');
        const old = got(await github.file(repo, PATH, before));
        expect(old.text).toBe('autoscale: {} # für später\n');
        const now = got(await github.file(repo, PATH, 'main'));
        expect(now.text).toBe('autoscale:\n  enabled: false\n');
      });

      test('is read anew when it changed, and the same when it did not', async () => {
        await world.commit(PATH, 'one');
        expect(got(await github.file(repo, PATH, 'main')).text).toBe('one');
        expect(got(await github.file(repo, PATH, 'main')).text).toBe('one');
        await world.commit(PATH, 'two');
        expect(got(await github.file(repo, PATH, 'main')).text).toBe('two');
      });

      test('that is empty is there', async () => {
        await world.commit(PATH, '');
        expect(got(await github.file(repo, PATH, 'main')).text).toBe('');
      });

      test('is missing when it was never there, is deleted, or has no such branch', async () => {
        expect(await github.file(repo, PATH, 'main')).toEqual(refused('missing'));
        await world.commit(PATH, 'text');
        await world.commit(PATH, null);
        expect(await github.file(repo, PATH, 'main')).toEqual(refused('missing'));
        expect(await github.file(repo, PATH, 'other')).toEqual(refused('missing'));
      });
    });

    describe('a runner', () => {
      test('is registered offline, and found by its name', async () => {
        const { runnerId, jitConfig } = await register('r1');
        await register('r2');
        expect(jitConfig).not.toBe('');
        await world.rest();
        expect(got(await github.runners(repo, 'r1'))).toEqual([
          { id: runnerId, name: 'r1', isOnline: false, isBusy: false },
        ]);
        const all = got(await github.runners(repo));
        expect(all.map((runner) => runner.name).sort()).toEqual(['r1', 'r2']);
      });

      test('is in no list under another name', async () => {
        await register('r1');
        expect(got(await github.runners(repo, 'r'))).toEqual([]);
      });

      test('cannot have the name of another', async () => {
        await register('r1');
        expect(await github.register(repo, { name: 'r1', labels: LABELS })).toEqual(
          refused('conflict'),
        );
      });

      test.each([
        ['no labels', []],
        ['a hundred and one', Array.from({ length: 101 }, (_, i) => `l${i}`)],
      ])('with %s is invalid', async (_, labels) => {
        expect(await github.register(repo, { name: 'r1', labels })).toEqual(refused('invalid'));
      });

      test('is online when its machine connected', async () => {
        const { jitConfig } = await register('r1');
        await world.connect(jitConfig);
        await world.rest();
        expect(got(await github.runners(repo, 'r1'))).toMatchObject([{ isOnline: true }]);
      });

      test('is removed once; then it is missing, and its name is free', async () => {
        const { runnerId } = await register('r1');
        expect(await github.removeRunner(repo, runnerId)).toEqual({ ok: true, value: null });
        expect(await github.removeRunner(repo, runnerId)).toEqual(refused('missing'));
        await register('r1');
      });

      test('is busy with the job that it was given, and cannot be removed', async () => {
        const { runnerId, jitConfig } = await register('r1');
        await world.connect(jitConfig);
        await world.addJob(['dstack']);
        await world.rest();
        expect(got(await github.runners(repo, 'r1'))).toMatchObject([{ isBusy: true }]);
        expect(await github.removeRunner(repo, runnerId)).toEqual(refused('busy'));
      });
    });

    test('the Actions runner has a version, a link and a checksum', async () => {
      const runner = got(await github.actionsRunner(repo, 'x64'));
      expect(runner).toEqual({
        version: expect.stringMatching(/^\d+\.\d+\.\d+$/),
        url: expect.stringMatching(/^https?:.*\.tar\.gz$/),
        sha256: expect.stringMatching(/^[0-9a-f]{64}$/),
      });
    });

    describe('a job', () => {
      test('is queued, with its labels as they were written and no runner', async () => {
        const id = await world.addJob(['Self-Hosted', 'dstack/cpu=4']);
        await world.rest();
        expect(got(await github.job(repo, id))).toMatchObject({
          id,
          repo: repo.id,
          attempt: 1,
          state: 'queued',
          conclusion: null,
          labels: ['Self-Hosted', 'dstack/cpu=4'],
          runnerId: null,
          runnerName: null,
          startedAt: null,
          completedAt: null,
        });
      });

      test('waits while it is not approved', async () => {
        const id = await world.addJob(['dstack'], true);
        await world.rest();
        expect(await stateOf(id)).toBe('waiting');
      });

      test('is in progress on the runner that took it', async () => {
        const id = await world.addJob(['DSTACK']);
        const { runnerId, jitConfig } = await register('r1');
        await world.connect(jitConfig);
        await world.rest();
        const job = got(await github.job(repo, id));
        expect(job).toMatchObject({ state: 'in_progress', runnerId, runnerName: 'r1' });
        expect(job.startedAt).not.toBeNull();
      });

      test('that was cancelled before it ran has ended without a runner', async () => {
        const id = await world.addJob(['dstack']);
        await world.rest();
        await world.cancelJob(id);
        await world.rest();
        expect(got(await github.job(repo, id))).toMatchObject({
          state: 'completed',
          conclusion: 'cancelled',
          runnerId: null,
          startedAt: null,
        });
      });

      test('ends with its run, cancelled whatever it was at', async () => {
        const id = await world.addJob(['dstack']);
        await world.rest();
        const { run } = got(await github.job(repo, id));
        expect(await github.cancelRun(repo, run)).toEqual({ ok: true, value: null });
        await world.rest();
        const ended = { state: 'completed', conclusion: 'cancelled' };
        expect(got(await github.job(repo, id))).toMatchObject(ended);
        expect(await github.cancelRun(repo, run)).toEqual(refused('conflict'));
        expect(await github.cancelRun(repo, NOBODY)).toEqual(refused('missing'));
      });

      test('that nobody knows is missing', async () => {
        expect(await github.job(repo, NOBODY)).toEqual(refused('missing'));
      });
    });

    test('unfinished jobs are the queued, waiting and running ones', async () => {
      const ended = await world.addJob(['dstack']);
      await world.rest();
      await world.cancelJob(ended);
      const { jitConfig } = await register('r1', [...LABELS, 'a']);
      await world.connect(jitConfig);
      const running = await world.addJob(['a']);
      const queued = await world.addJob(['b']);
      const waiting = await world.addJob(['dstack'], true);
      await world.rest();
      const jobs = got(await github.unfinishedJobs(repo));
      const states = jobs.map((job) => [job.id, job.state]);
      expect(states.sort()).toEqual(
        [
          [running, 'in_progress'],
          [queued, 'queued'],
          [waiting, 'waiting'],
        ].sort(),
      );
      const alone = got(await github.job(repo, queued));
      expect(jobs.find((job) => job.id === queued)).toEqual(alone);
    });

    describe('a repository', () => {
      test('is read by its id, also by the installation that has it', async () => {
        const facts = got(await github.repository(repo.installation, repo.id));
        expect(facts).toEqual({
          ...repo,
          ownerId: world.ownerId,
          ownerType: 'Organization',
          defaultBranch: 'main',
          isPrivate: true,
        });
        expect(got(await github.repositories(repo.installation))).toEqual([facts]);
      });

      test('keeps its id when it is renamed', async () => {
        await world.rename('renamed');
        const facts = got(await github.repository(repo.installation, repo.id));
        expect(facts).toMatchObject({ id: repo.id, name: 'renamed' });
      });

      test('that was renamed is still served under the name that we know', async () => {
        const before = await world.commit(PATH, 'text');
        await world.rename('renamed');
        expect(got(await github.file(repo, PATH, before)).text).toBe('text');
        const { runnerId } = await register('r1');
        expect(await github.removeRunner(repo, runnerId)).toEqual({ ok: true, value: null });
      });

      test('is listed with the others', async () => {
        const other = await world.addRepo('other');
        const all = got(await github.repositories(repo.installation));
        expect(all.map(({ id }) => id).sort()).toEqual([repo.id, other.id].sort());
      });

      test('that is deleted is missing, with all that was in it', async () => {
        const { runnerId } = await register('r1');
        const id = await world.addJob(['dstack']);
        await world.deleteRepo();
        const missing = refused('missing');
        expect(await github.repository(repo.installation, repo.id)).toEqual(missing);
        expect(await github.file(repo, PATH, 'main')).toEqual(missing);
        expect(await github.job(repo, id)).toEqual(missing);
        expect(await github.removeRunner(repo, runnerId)).toEqual(missing);
        expect(await github.register(repo, { name: 'r2', labels: LABELS })).toEqual(missing);
      });
    });

    describe('an installation', () => {
      test('is listed with its owner', async () => {
        const value = [{ id: repo.installation, ownerId: world.ownerId }];
        expect(await github.installations()).toEqual({ ok: true, value });
      });

      test('that was removed is in no list, and all of it is denied', async () => {
        await world.uninstall();
        expect(await github.installations()).toEqual({ ok: true, value: [] });
        expect(await github.repositories(repo.installation)).toEqual(refused('denied'));
        expect(await github.file(repo, PATH, 'main')).toEqual(refused('denied'));
      });

      test('that is suspended is denied', async () => {
        await world.suspend();
        expect(await github.file(repo, PATH, 'main')).toEqual(refused('denied'));
        expect(await github.repositories(repo.installation)).toEqual(refused('denied'));
      });
    });

    test('a limit that is reached says until when, for all calls of the installation', async () => {
      await world.exhaust();
      const replies = [await github.file(repo, PATH, 'main'), await github.runners(repo)];
      for (const reply of replies) {
        expect(reply).toEqual(refused('throttled'));
        const retryAt = reply.ok ? 0 : (reply.retryAt ?? 0);
        expect(retryAt).toBeGreaterThan(world.now());
        expect(retryAt).toBeLessThanOrEqual(world.now() + 3_601_000);
      }
      expect(await github.installations()).toMatchObject({ ok: true });
    });

    describe('a delivery', () => {
      const failed = async (since: Instant) => got(await github.failedDeliveries(since));

      test('that we took is not among the failed ones', async () => {
        const since = world.now();
        await world.takeDeliveries(true);
        await world.addJob(['dstack']);
        await world.rest();
        expect(await failed(since)).toEqual([]);
      });

      test('that failed is, until it was delivered again and taken', async () => {
        await world.rest();
        const since = world.now();
        await world.takeDeliveries(false);
        await world.addJob(['dstack']);
        await world.rest();
        const [lost, ...more] = await failed(since);
        expect(more).toEqual([]);
        // GitHub writes whole seconds.
        expect(lost?.at).toBeGreaterThan(since - 1000);
        expect(await github.redeliver(lost?.id ?? 0)).toEqual({ ok: true, value: null });
        await world.rest();
        expect((await failed(since)).map(({ guid }) => guid)).toEqual([lost?.guid]);
        await world.takeDeliveries(true);
        const [again] = await failed(since);
        expect(await github.redeliver(again?.id ?? 0)).toEqual({ ok: true, value: null });
        await world.rest();
        expect(await failed(since)).toEqual([]);
      });

      test('is listed after those that failed before it', async () => {
        await world.rest();
        await world.takeDeliveries(false);
        const since = world.now();
        for (let i = 0; i < 3; i++) {
          await world.addJob(['dstack']);
          await world.rest();
        }
        const times = (await failed(since)).map(({ at }) => at);
        expect(times).toHaveLength(3);
        expect(times).toEqual(times.toSorted((a, b) => a - b));
      });

      test('from before the time asked for is left out', async () => {
        await world.takeDeliveries(false);
        await world.addJob(['dstack']);
        await world.rest();
        expect(await failed(world.now() + 1000)).toEqual([]);
      });

      test('that nobody made cannot be delivered again', async () => {
        expect(await github.redeliver(NOBODY)).toEqual(refused('missing'));
      });
    });
  });
}
