import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import type { GitHub, RepoRef } from '../../src/github/port.ts';
import type { JobId, RunId } from '../../src/model/ids.ts';
import type { Refusal, Reply } from '../../src/model/reply.ts';
import type { GitHubWorld } from './contract.ts';

const NOBODY = 999_999_999;

/** What runs again, and when: whoever is behind the port. */
export function rerunContract(name: string, openWorld: () => Promise<GitHubWorld>): void {
  let world: GitHubWorld;
  let github: GitHub;
  let repo: RepoRef;

  const got = <T>(reply: Reply<T>): T => {
    if (!reply.ok) throw new Error(`refused: ${reply.reason} ${reply.code} ${reply.message}`);
    return reply.value;
  };
  const refused = (reason: Refusal) => expect.objectContaining({ ok: false, reason });

  /** A run with one job, which is queued. */
  async function aRun(): Promise<{ readonly run: RunId; readonly job: JobId }> {
    const job = await world.addJob(['dstack']);
    await world.rest();
    return { run: got(await github.job(repo, job)).run, job };
  }

  async function aFailedRun() {
    const made = await aRun();
    await world.cancelJob(made.job);
    await world.rest();
    return made;
  }

  describe(`a run at GitHub: ${name}`, () => {
    beforeEach(async () => {
      world = await openWorld();
      ({ github, repo } = world);
    });
    afterEach(() => world.close());

    test('says how far it is, and what it runs', async () => {
      const { run, job } = await aRun();
      const facts = got(await github.run(repo, run));
      expect(facts).toEqual({
        isFork: false,
        attempt: 1,
        isComplete: false,
        conclusion: null,
        path: expect.stringMatching(/^\.github\/workflows\/.+\.yml$/),
        sha: got(await github.job(repo, job)).sha,
      });
      await world.cancelJob(job);
      await world.rest();
      const after = { ...facts, isComplete: true, conclusion: 'cancelled' };
      expect(got(await github.run(repo, run))).toEqual(after);
      expect(await github.run(repo, NOBODY)).toEqual(refused('missing'));
    });

    test.each<[string, (run: RunId, job: JobId) => Promise<Reply<null>>]>([
      ['what failed in it', (run) => github.rerunFailed(repo, run)],
      ['one job', (_, job) => github.rerunJob(repo, job)],
    ])('runs %s again as its next attempt, under a new id', async (_, again) => {
      const { run, job } = await aFailedRun();
      expect(await again(run, job)).toEqual({ ok: true, value: null });
      await world.rest();
      expect(got(await github.run(repo, run))).toMatchObject({ attempt: 2, isComplete: false });
      const jobs = got(await github.runJobs(repo, run));
      expect(jobs).toMatchObject([{ run, attempt: 2, state: 'queued', hasEnvironment: null }]);
      expect(jobs[0]?.id).not.toBe(job);
      // The earlier one stays what it was.
      expect(got(await github.job(repo, job))).toMatchObject({ attempt: 1, state: 'completed' });
    });

    test('runs nothing again before it is complete', async () => {
      const { run, job } = await aRun();
      expect(await github.rerunFailed(repo, run)).toEqual(refused('denied'));
      expect(await github.rerunJob(repo, job)).toEqual(refused('denied'));
      expect(got(await github.run(repo, run)).attempt).toBe(1);
    });

    test('that nobody knows is missing', async () => {
      expect(await github.rerunFailed(repo, NOBODY)).toEqual(refused('missing'));
      expect(await github.rerunJob(repo, NOBODY)).toEqual(refused('missing'));
    });
  });
}
