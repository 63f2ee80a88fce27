import { describe, expect, test } from '@jest/globals';
import type { Store } from '../../src/store/port.ts';
import {
  aLease,
  anIntent,
  aReport,
  aRulesRecord,
  jobEvent,
  launched,
  pushEvent,
  SCOPE,
  T,
  tell,
} from './rows.ts';

type Open = () => Promise<Store>;

export function leasesContract(open: Open): void {
  describe('leases', () => {
    const ask = { name: SCOPE, holder: 'a', now: T, ttlMs: 100 };

    test('go to one holder at a time, with a fence that grows with each new one', async () => {
      const store = await open();
      const first = await store.lease(ask);
      expect(first).toEqual({ name: SCOPE, holder: 'a', fence: 1, until: T + 100 });
      expect(await store.lease({ ...ask, holder: 'b', now: T + 99 })).toBeNull();
      expect(await store.lease({ ...ask, holder: 'b', now: T + 100 })).toMatchObject({ fence: 2 });
      expect(await store.lease({ ...ask, now: T + 150 })).toBeNull();
      expect(await store.lease({ ...ask, name: 'other', holder: 'b' })).toMatchObject({ fence: 1 });
    });

    test('are renewed under the same fence, also late when nobody took them', async () => {
      const store = await open();
      await store.lease(ask);
      expect(await store.lease({ ...ask, now: T + 50 })).toMatchObject({
        until: T + 150,
        fence: 1,
      });
      expect(await store.lease({ ...ask, now: T + 500 })).toMatchObject({
        until: T + 600,
        fence: 1,
      });
    });

    test('are answered as they are while most of their time is left', async () => {
      const store = await open();
      const first = await store.lease(ask);
      expect(await store.lease({ ...ask, now: T + 49 })).toEqual(first);
    });

    test('are released by their holder alone, and the fence goes on growing', async () => {
      const store = await open();
      const old = await aLease(store);
      await store.release({ ...old, fence: 0 });
      expect(await store.lease({ ...ask, holder: 'b' })).toBeNull();
      await store.release(old);
      const next = await store.lease({ ...ask, holder: 'b' });
      expect(next).toMatchObject({ holder: 'b', fence: 2 });
      await store.release(old);
      expect(await store.lease({ ...ask, holder: 'c' })).toBeNull();
    });

    test('that another one took fence every write off', async () => {
      const store = await open();
      const old = await launched(store, ['i-1']);
      await tell(store, jobEvent(), jobEvent({ id: 12, state: 'in_progress' }));
      await store.lease({ name: SCOPE, holder: 'b', now: T + 60_000, ttlMs: 1 });
      const before = await store.scopeRows(SCOPE);
      const reason = { code: 'max', text: 'full' };
      const [key, from] = ['l1.0', ['pending']] as const;
      expect([
        await store.saveRules(old, aRulesRecord()),
        await store.saveReasons(old, [{ job: 11, reason }], T),
        await store.intend(old, [anIntent({ id: 'l2' })], T),
        await store.changeInstance({ key, from, patch: { state: 'ending' }, lease: old }),
        await store.setAside(old, 11, T + 1, 1),
        await store.requeue(old, 12, T),
      ]).toEqual([false, false, [], false, false, false]);
      expect(await store.scopeRows(SCOPE)).toEqual(before);
    });
  });
}

export function scopesContract(open: Open): void {
  describe('scopes', () => {
    test('have work by queued jobs, living instances and wanted rules', async () => {
      const store = await open();
      expect(await store.scopesWithWork()).toEqual([]);
      await tell(
        store,
        jobEvent({ id: 1, repo: 5 }),
        jobEvent({ id: 2, repo: 6, state: 'in_progress' }),
        jobEvent({ id: 3, repo: 7, state: 'completed' }),
        jobEvent({ id: 4, repo: 8, state: 'waiting' }),
        pushEvent('c1', 'main', { id: 9 }),
      );
      await launched(store, ['i-1']);
      expect(await store.scopesWithWork()).toEqual(['repo-1', 'repo-5', 'repo-9']);
    });

    test('of removed repositories have work only while an instance lives', async () => {
      const store = await open();
      await launched(store, ['i-1']);
      await tell(store, jobEvent({ id: 1, repo: 5 }), pushEvent('c1', 'main', { id: 9 }));
      for (const repo of [1, 5, 9]) await store.removeRepo(repo, T);
      expect(await store.scopesWithWork()).toEqual([SCOPE]);
      await store.sighted('i-1', 'terminated', '', T);
      expect(await store.scopesWithWork()).toEqual([]);
    });

    test('of removed repositories are told by when that was, the last first', async () => {
      const store = await open();
      for (const id of [5, 6, 7, 8]) await tell(store, pushEvent('c1', 'main', { id }));
      for (const [id, at] of [
        [5, 1],
        [6, 3],
        [7, 2],
      ] as const) {
        await store.removeRepo(id, T + at);
      }
      const idsUntil = async (until: number, limit = 10) =>
        (await store.removedUntil(until, limit)).map(({ id }) => id);
      expect(await idsUntil(T)).toEqual([]);
      expect(await idsUntil(T + 2)).toEqual([7, 5]);
      expect(await idsUntil(T + 9, 2)).toEqual([6, 7]);
    });

    test('are active when they have work or had a job since then', async () => {
      const store = await open();
      const done = { state: 'completed', completedAt: T + 50 } as const;
      await tell(
        store,
        jobEvent({ id: 1, repo: 5, ...done }),
        jobEvent({ id: 2, repo: 6, ...done, completedAt: T + 200 }),
        jobEvent({ id: 3, repo: 7, state: 'in_progress' }),
        jobEvent({ id: 4, repo: 8, ...done, queuedAt: T + 100 }),
      );
      expect(await store.scopesActiveSince(T + 100)).toEqual(['repo-6', 'repo-7', 'repo-8']);
    });

    test('show what is unfinished, oldest first', async () => {
      const store = await open();
      await tell(
        store,
        jobEvent({ id: 3, queuedAt: T + 1 }),
        jobEvent({ id: 2, queuedAt: T + 1 }),
        jobEvent({ id: 4, queuedAt: T }),
        jobEvent({ id: 5, state: 'completed' }),
        jobEvent({ id: 6, repo: 2 }),
      );
      const lease = await aLease(store);
      await store.intend(lease, [anIntent({ id: 'b', want: 2 }), anIntent({ id: 'a' })], T);
      const settled = { outcome: 'failed', code: 'X', reason: 'no', lease } as const;
      await store.intend(lease, [anIntent({ id: 'c' })], T);
      await store.settle('c', settled, T);
      const rows = await store.scopeRows(SCOPE);
      expect(rows.repos.map((repo) => repo.id)).toEqual([1]);
      expect(rows.jobs.map((job) => job.id)).toEqual([4, 2, 3]);
      expect(rows.instances.map((row) => row.key)).toEqual(['a.0', 'b.0', 'b.1']);
      expect(rows.launches.map((row) => row.id)).toEqual(['a', 'b']);
      const none = { repos: [], jobs: [], instances: [], launches: [], own: new Map() };
      const files = { scope: 'owner-1', rules: null, home: null, ownerRules: null };
      expect(await store.scopeRows('owner-1')).toEqual({ ...none, ...files });
    });

    test('given to a caller stay as they were', async () => {
      const store = await open();
      await tell(store, jobEvent());
      const before = await store.scopeRows(SCOPE);
      const copy = structuredClone(before);
      await tell(store, jobEvent({ state: 'in_progress' }), pushEvent('c1'));
      await launched(store, ['i-1']);
      expect(before).toEqual(copy);
    });
  });

  describe('rules', () => {
    test('are saved whole, and the commit that they answer is wanted no more', async () => {
      const store = await open();
      await tell(store, pushEvent('c2'));
      const lease = await aLease(store);
      const record = aRulesRecord({ commit: 'c2', wantedCommit: 'c2' });
      expect(await store.saveRules(lease, record)).toBe(true);
      expect((await store.scopeRows(SCOPE)).rules).toEqual({ ...record, wantedCommit: null });
    });

    test('that were asked for later stay', async () => {
      const store = await open();
      const lease = await aLease(store);
      const later = aRulesRecord({ readAt: T + 2, text: 'later' });
      await store.saveRules(lease, later);
      await store.saveRules(lease, aRulesRecord({ readAt: T + 1, text: 'earlier' }));
      expect((await store.scopeRows(SCOPE)).rules).toEqual(later);
    });

    test.each([null, 'c2'])('keep a push that came while they were read for %s', async (read) => {
      const store = await open();
      await tell(store, pushEvent('c2'), pushEvent('c3'));
      await store.saveRules(await aLease(store), aRulesRecord({ wantedCommit: read }));
      expect((await store.scopeRows(SCOPE)).rules).toEqual(aRulesRecord({ wantedCommit: 'c3' }));
    });
  });

  describe('reasons', () => {
    const reasonOf = async (store: Store, id: number) => {
      const job = (await store.recentJobs(9)).find((each) => each.id === id);
      return [job?.reason, job?.reasonAt];
    };
    const [full, dear] = [
      { code: 'max', text: 'full' },
      { code: 'max', text: 'fuller' },
    ];

    test('keep their time while code and text are the same', async () => {
      const store = await open();
      await tell(store, jobEvent());
      const lease = await aLease(store);
      const save = (reason: typeof full | null, at: number) =>
        store.saveReasons(lease, [{ job: 11, reason }], at);
      expect(await save(full, T + 1)).toBe(true);
      expect(await save({ ...full }, T + 2)).toBe(true);
      expect(await reasonOf(store, 11)).toEqual([full, T + 1]);
      await save(dear, T + 3);
      expect(await reasonOf(store, 11)).toEqual([dear, T + 3]);
      await save(null, T + 4);
      expect(await reasonOf(store, 11)).toEqual([null, null]);
    });

    test('are for jobs that wait, and go when a job moves on', async () => {
      const store = await open();
      await tell(store, jobEvent({ id: 1, state: 'in_progress' }), jobEvent({ id: 2 }));
      const lease = await aLease(store);
      const reasons = [1, 2, 3].map((job) => ({ job, reason: full }));
      expect(await store.saveReasons(lease, reasons, T)).toBe(true);
      expect(await reasonOf(store, 1)).toEqual([null, null]);
      expect(await reasonOf(store, 2)).toEqual([full, T]);
      await tell(store, jobEvent({ id: 2, state: 'in_progress' }));
      expect(await reasonOf(store, 2)).toEqual([null, null]);
    });
  });

  describe('a job', () => {
    test('is set aside while it is queued', async () => {
      const store = await open();
      await tell(store, jobEvent());
      const lease = await aLease(store);
      expect(await store.setAside(lease, 11, T + 5, 5)).toBe(true);
      const [job] = (await store.scopeRows(SCOPE)).jobs;
      expect(job).toMatchObject({ asideUntil: T + 5, asideMs: 5 });
      await tell(store, jobEvent({ state: 'in_progress' }));
      expect(await store.setAside(lease, 11, T + 9, 9)).toBe(false);
      const [moved] = (await store.scopeRows(SCOPE)).jobs;
      expect(moved).toMatchObject({ asideUntil: null, asideMs: 0 });
    });

    test('is back from aside when GitHub tells of it again, not when it is only read', async () => {
      const store = await open();
      await tell(store, jobEvent());
      const lease = await aLease(store);
      await store.setAside(lease, 11, T + 5, 5);
      const aside = async () => {
        const [job] = (await store.scopeRows(SCOPE)).jobs;
        return [job?.asideUntil, job?.asideMs];
      };
      expect(await store.report([aReport()], T)).toEqual([]);
      expect(await aside()).toEqual([T + 5, 5]);
      expect(await tell(store, jobEvent({ state: 'waiting' }))).toEqual([]);
      expect(await aside()).toEqual([T + 5, 5]);
      expect(await tell(store, jobEvent())).toEqual([SCOPE]);
      // The next time doubles all the same.
      expect(await aside()).toEqual([null, 5]);
    });

    test('goes back to queued without its runner, from in_progress only', async () => {
      const store = await open();
      const started = { runnerId: 5, runnerName: 'r', startedAt: T + 1 };
      await tell(store, jobEvent({ state: 'in_progress', ...started }));
      const lease = await aLease(store);
      expect(await store.requeue(lease, 11, T + 2)).toBe(true);
      const [job] = (await store.scopeRows(SCOPE)).jobs;
      const none = { runnerId: null, runnerName: null, startedAt: null };
      expect(job).toMatchObject({ state: 'queued', ...none });
      expect(await store.requeue(lease, 11, T + 2)).toBe(false);
      expect(await store.requeue(lease, 99, T + 2)).toBe(false);
    });
  });
}
