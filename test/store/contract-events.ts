import { describe, expect, test } from '@jest/globals';
import type { Event } from '../../src/model/event.ts';
import type { Job } from '../../src/model/job.ts';
import type { Store } from '../../src/store/port.ts';
import { aDelivery, aRepo, aReport, jobEvent, pushEvent, SCOPE, T, tell } from './rows.ts';

type Open = () => Promise<Store>;

const jobOf = async (store: Store, id = 11): Promise<Job | undefined> =>
  (await store.recentJobs(100)).find((job) => job.id === id);

export function deliveriesContract(open: Open): void {
  describe('deliveries', () => {
    test('are new once, in a batch and across batches', async () => {
      const store = await open();
      const [a, b, c] = [aDelivery('a'), aDelivery('b'), aDelivery('c')];
      expect(await store.receive([a, b, a])).toEqual([true, true, false]);
      expect(await store.receive([b, c])).toEqual([false, true]);
      expect(await store.receive([])).toEqual([]);
    });

    test('wait in the order of arrival until they are applied', async () => {
      const store = await open();
      const [late, early, other] = [aDelivery('z', jobEvent(), T), aDelivery('a'), aDelivery('m')];
      await store.receive([late]);
      await store.receive([early, other]);
      expect(await store.unapplied(2)).toEqual([late, early]);
      await store.apply([late], T);
      expect(await store.unapplied(10)).toEqual([early, other]);
      expect(await store.receive([late])).toEqual([false]);
    });

    test('answer the scopes in which something is new, sorted and once each', async () => {
      const store = await open();
      const job = (id: number, repo: number) => jobEvent({ id, repo });
      expect(await tell(store, job(1, 9), job(2, 10), job(3, 9))).toEqual(['repo-10', 'repo-9']);
      expect(await tell(store, job(1, 9))).toEqual([]);
    });
  });
}

export function jobsContract(open: Open): void {
  describe('jobs', () => {
    test.each([
      ['waiting', 'queued'],
      ['queued', 'in_progress'],
      ['waiting', 'completed'],
      ['in_progress', 'completed'],
    ] as const)('move forward from %s to %s, and never back', async (from, to) => {
      const store = await open();
      expect(await tell(store, jobEvent({ state: from }))).toEqual([SCOPE]);
      expect(await tell(store, jobEvent({ state: to }))).toEqual([SCOPE]);
      expect(await tell(store, jobEvent({ state: from, name: 'late' }))).toEqual([]);
      expect(await jobOf(store)).toMatchObject({ state: to, name: 'build' });
    });

    test('are completed at once when the first word came last', async () => {
      const store = await open();
      const done = jobEvent({ state: 'completed', conclusion: 'success', completedAt: T + 9 });
      await tell(store, done, jobEvent({ state: 'in_progress' }), jobEvent());
      expect(await jobOf(store)).toMatchObject({ state: 'completed', conclusion: 'success' });
    });

    test('keep the runner and the times that a later word leaves out', async () => {
      const store = await open();
      const started = { runnerId: 5, runnerName: 'r5', startedAt: T + 1 };
      await tell(store, jobEvent({ state: 'in_progress', ...started }));
      await tell(store, jobEvent({ state: 'completed', completedAt: T + 2 }));
      expect(await jobOf(store)).toMatchObject({ ...started, completedAt: T + 2 });
    });

    test('are filled in by the same state again, where nothing was known', async () => {
      const store = await open();
      await tell(store, jobEvent({ state: 'in_progress', startedAt: T + 1 }));
      const again = { state: 'in_progress', startedAt: T + 5, runnerId: 5, name: 'x' } as const;
      expect(await tell(store, jobEvent(again))).toEqual([SCOPE]);
      expect(await jobOf(store)).toMatchObject({ startedAt: T + 1, runnerId: 5, name: 'build' });
    });

    test('keep an environment that any word named', async () => {
      const store = await open();
      await tell(store, jobEvent(), jobEvent({ state: 'waiting', hasEnvironment: true }));
      await tell(store, jobEvent({ state: 'in_progress' }));
      expect(await jobOf(store)).toMatchObject({ state: 'in_progress', hasEnvironment: true });
    });

    test('of two attempts are two jobs', async () => {
      const store = await open();
      await tell(store, jobEvent({ state: 'completed' }), jobEvent({ id: 12, attempt: 2 }));
      expect(await jobOf(store, 11)).toMatchObject({ state: 'completed', attempt: 1 });
      expect(await jobOf(store, 12)).toMatchObject({ state: 'queued', attempt: 2 });
    });

    test('move forward by a read as by an event', async () => {
      const store = await open();
      await store.noteRepos([aRepo()], T);
      expect(await store.report([aReport(), aReport({ id: 12 })], T)).toEqual([SCOPE]);
      expect(await store.report([aReport({ state: 'completed' })], T)).toEqual([SCOPE]);
      expect(await store.report([aReport()], T)).toEqual([]);
      expect(await store.report([], T)).toEqual([]);
      expect((await store.scopeRows(SCOPE)).jobs.map((job) => job.id)).toEqual([12]);
    });

    test('are known again by the thousand', async () => {
      const store = await open();
      const jobs = Array.from({ length: 1_001 }, (_, i) => aReport({ id: i + 1 }));
      expect(await store.report(jobs, T)).toEqual([SCOPE]);
      expect(await store.report(jobs, T)).toEqual([]);
      expect(await store.recentJobs(2_000)).toHaveLength(1_001);
    });

    test('keep ids and times up to 2^53', async () => {
      const store = await open();
      const id = Number.MAX_SAFE_INTEGER;
      await tell(store, jobEvent({ id, run: id, repo: id - 1, queuedAt: id }));
      expect(await jobOf(store, id)).toMatchObject({ id, run: id, repo: id - 1, queuedAt: id });
      expect(await store.scopesWithWork()).toEqual([`repo-${id - 1}`]);
    });
  });
}

export function reposContract(open: Open): void {
  describe('repositories', () => {
    test('are noted by any event, heard at its time, and never earlier', async () => {
      const store = await open();
      await store.apply([aDelivery('a', jobEvent(), T + 5)], T + 9);
      await store.apply([aDelivery('b', jobEvent(), T + 2)], T + 9);
      const known = { ...aRepo(), scope: SCOPE, heardAt: T + 5, removedAt: null };
      expect(await store.repo(1)).toEqual(known);
      await store.heard(1, T + 4);
      expect(await store.repo(1)).toEqual(known);
      await store.heard(1, T + 8);
      expect(await store.repo(1)).toEqual({ ...known, heardAt: T + 8 });
      expect(await store.repo(2)).toBeNull();
    });

    test('change their name, owner and installation, and keep their scope', async () => {
      const store = await open();
      await tell(store, jobEvent());
      const repo = aRepo({ owner: 'new', ownerId: 8, name: 'else', installation: 80 });
      const moved = { kind: 'repository', action: 'transferred', repo } as const;
      expect(await tell(store, moved)).toEqual([SCOPE]);
      expect(await store.repo(1)).toMatchObject({ ...repo, scope: SCOPE, removedAt: null });
      expect(await store.reposOf(70)).toEqual([]);
      expect((await store.reposOf(80)).map((row) => row.id)).toEqual([1]);
    });

    test('keep their installation when an earlier one is named late', async () => {
      const store = await open();
      await tell(store, jobEvent({}, { installation: 80, name: 'new' }));
      await tell(store, jobEvent({ id: 2 }, { installation: 70, name: 'old' }));
      expect(await store.repo(1)).toMatchObject({ installation: 80, name: 'new' });
      const added = { kind: 'installation', action: 'added', repos: null } as const;
      expect(await tell(store, { ...added, installation: 70, ownerId: 7 })).toEqual([]);
      expect(await store.repo(1)).toMatchObject({ installation: 80 });
    });

    test('are back when the App is heard of under another installation', async () => {
      const store = await open();
      const gone = { kind: 'installation', action: 'removed', repos: null } as const;
      await tell(store, jobEvent(), { ...gone, installation: 70, ownerId: 7 });
      expect(await store.repo(1)).toMatchObject({ removedAt: T });
      await tell(store, jobEvent({ id: 2 }, { installation: 80 }));
      expect(await store.repo(1)).toMatchObject({ installation: 80, removedAt: null });
    });

    test('that were deleted stay removed, until they are read at GitHub', async () => {
      const store = await open();
      await tell(store, jobEvent(), { kind: 'repository', action: 'deleted', repo: aRepo() });
      await tell(store, jobEvent({ state: 'in_progress' }));
      expect(await store.repo(1)).toMatchObject({ removedAt: T });
      await store.removeRepo(1, T + 1);
      expect(await store.repo(1)).toMatchObject({ removedAt: T });
      await store.noteRepos([aRepo({ name: 'back' })], T + 2);
      expect(await store.repo(1)).toMatchObject({ removedAt: null, name: 'back', heardAt: T + 2 });
    });

    test.each([
      ['those listed', [2], [2]],
      ['all', null, [1, 2]],
    ])('leave with their installation: %s', async (_, repos, removed) => {
      const store = await open();
      await store.noteRepos([aRepo(), aRepo({ id: 2 }), aRepo({ id: 3, installation: 71 })], T);
      const event = { kind: 'installation', installation: 70, ownerId: 7, repos } as const;
      const scopes = removed.map((id) => `repo-${id}`);
      expect(await tell(store, { ...event, action: 'removed' })).toEqual(scopes);
      const known = [...(await store.reposOf(70)), ...(await store.reposOf(71))];
      const gone = known.filter((repo) => repo.removedAt !== null);
      expect(gone.map((repo) => repo.id)).toEqual(removed);
      expect(await tell(store, { ...event, action: 'added', installation: 90 })).toEqual(
        // Of the same owner, and so all of them when none is listed.
        repos === null ? ['repo-1', 'repo-2', 'repo-3'] : scopes,
      );
      const back = await store.reposOf(90);
      expect(back.map((repo) => repo.removedAt)).toEqual(back.map(() => null));
    });
  });

  describe('wanted rules', () => {
    const wanted = async (store: Store) => (await store.scopeRows(SCOPE)).rules?.wantedCommit;

    test('are the commit of the last push to the default branch', async () => {
      const store = await open();
      expect(await tell(store, pushEvent('c1'), pushEvent('c2'))).toEqual([SCOPE]);
      expect(await wanted(store)).toBe('c2');
      await tell(store, pushEvent('c3', 'feature'), pushEvent(null));
      expect(await wanted(store)).toBe('c2');
      expect((await store.scopeRows(SCOPE)).rules).toMatchObject({ text: null, readAt: 0 });
    });

    test('are those of another default branch, once it is the default', async () => {
      const store = await open();
      await tell(store, pushEvent('c1'));
      const edited = (defaultBranch: string): Event => ({
        kind: 'repository',
        action: 'edited',
        repo: aRepo({ defaultBranch }),
      });
      await tell(store, edited('main'));
      expect(await wanted(store)).toBe('c1');
      expect(await tell(store, edited('next'))).toEqual([SCOPE]);
      expect(await wanted(store)).toBe('next');
      expect((await store.scopeRows(SCOPE)).rules).toMatchObject({ text: null, readAt: 0 });
    });
  });
}
