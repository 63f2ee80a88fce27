import { describe, expect, test } from '@jest/globals';
import type { Rerun } from '../../src/model/rerun.ts';
import type { Store } from '../../src/store/port.ts';
import {
  aLease,
  aListing,
  aSighting,
  GRACE_MS,
  jobEvent,
  launched,
  SCOPE,
  T,
  tell,
} from './rows.ts';

type Open = () => Promise<Store>;

const SPOT = 'Server.SpotInstanceTermination: Instance terminated due to spot interruption';
const nameOf = (i: number) => `dstack-i-${i}-abc123`;

/** Machines `i-1` to `i-<count>` of one launch. */
const someMachines = (store: Store, count: number) =>
  launched(
    store,
    Array.from({ length: count }, (_, i) => `i-${i + 1}`),
  );

const ends = (id: string, ec2Reason: string) =>
  aListing([aSighting(id, { ec2: 'shutting-down', ec2Reason })], { missingGraceMs: 20 * GRACE_MS });

const keys = async (store: Store, since = T) =>
  (await store.reclaimed(SCOPE, since)).map(({ instance }) => instance.id);

const aRerun = (facts: Partial<Rerun> = {}): Rerun => ({
  scope: SCOPE,
  repo: 1,
  run: 111,
  attempt: 1,
  outcome: 'open',
  job: null,
  names: [],
  reason: '',
  at: T,
  tries: 0,
  retryAt: T,
  toldAt: null,
  ...facts,
});

export function reclaimedContract(open: Open): void {
  describe('machines that EC2 takes back', () => {
    test('are those with a notice and those that EC2 says it took, with their jobs', async () => {
      const store = await open();
      await someMachines(store, 4);
      const patch = { noticeAt: T + 120_000, noticeAction: 'terminate', noticedAt: T };
      await store.changeInstance({ key: 'l1.0', from: ['pending'], patch });
      await store.observe(ends('i-2', SPOT));
      await store.observe(ends('i-3', 'Client.UserInitiatedShutdown: User initiated shutdown'));
      const on = (i: number) => ({ state: 'in_progress', runnerName: nameOf(i) }) as const;
      await tell(
        store,
        jobEvent({ id: 12, ...on(1) }),
        jobEvent({ id: 13, ...on(2) }),
        jobEvent({ id: 14, ...on(2) }),
        jobEvent({ id: 15, ...on(3) }),
        jobEvent({ id: 16, state: 'in_progress', runnerName: 'somebody else' }),
      );
      const seen = await store.reclaimed(SCOPE, T);
      expect(seen.map(({ instance, jobs }) => [instance.id, jobs.map(({ id }) => id)])).toEqual([
        ['i-1', [12]],
        ['i-2', [13, 14]],
      ]);
      expect(seen[0]?.instance).toMatchObject(patch);
      expect(seen[1]?.instance).toMatchObject({ state: 'gone', ec2Reason: SPOT });
      expect(seen[1]?.instance.reclaimedAt).not.toBeNull();
      expect(await store.reclaimed('repo-9', T)).toEqual([]);
    });

    test('had jobs among those of a run, which are found by their ids', async () => {
      const store = await open();
      await tell(store, jobEvent({ id: 13 }), jobEvent({ id: 11 }), jobEvent({ id: 12 }));
      const found = await store.jobs([13, 99, 11, 13]);
      expect(found.map(({ id }) => id)).toEqual([11, 13]);
      expect(found[0]).toMatchObject({ repo: 1, state: 'queued', hasEnvironment: false });
      expect(await store.jobs([])).toEqual([]);
    });

    test('are told of for a while', async () => {
      const store = await open();
      await someMachines(store, 1);
      await store.observe(ends('i-1', SPOT));
      const goneAt = (await store.instanceById('i-1'))?.goneAt ?? 0;
      expect(await keys(store, goneAt)).toEqual(['i-1']);
      expect(await keys(store, goneAt + 1)).toEqual([]);
    });

    test('are known by a listing that comes after our own call to end them', async () => {
      const store = await open();
      await someMachines(store, 1);
      await store.sighted('i-1', 'terminated', '', T + 1);
      expect(await keys(store)).toEqual([]);
      const { changed } = await store.observe(ends('i-1', SPOT));
      expect(changed).toEqual([SCOPE]);
      expect(await keys(store)).toEqual(['i-1']);
      // The first word stands.
      await store.observe(ends('i-1', 'Client.Other'));
      expect((await store.instanceById('i-1'))?.ec2Reason).toBe(SPOT);
    });
  });
}

export function rerunsContract(open: Open): void {
  describe('re-runs', () => {
    test('are written once for an attempt, and changed only from what they were', async () => {
      const store = await open();
      const lease = await aLease(store);
      const asked = aRerun({ outcome: 'asked', job: 11, names: ['build'], reason: 'taken' });
      expect(await store.saveRerun(lease, asked, 'open')).toBe(false);
      expect(await store.saveRerun(lease, aRerun(), null)).toBe(true);
      expect(await store.saveRerun(lease, asked, null)).toBe(false);
      expect(await store.reruns(SCOPE, T)).toEqual([aRerun()]);
      expect(await store.saveRerun(lease, asked, 'open')).toBe(true);
      expect(await store.saveRerun(lease, asked, 'open')).toBe(false);
      expect(await store.reruns(SCOPE, T)).toEqual([asked]);
      const second = aRerun({ attempt: 2 });
      expect(await store.saveRerun(lease, second, null)).toBe(true);
      expect(await store.reruns(SCOPE, T)).toEqual([asked, second]);
    });

    test('are not written under a lease that is lost', async () => {
      const store = await open();
      const lease = await aLease(store);
      await store.lease({ name: SCOPE, holder: 'you', now: T + 60_000, ttlMs: 60_000 });
      expect(await store.saveRerun(lease, aRerun(), null)).toBe(false);
      expect(await store.reruns(SCOPE, T)).toEqual([]);
    });

    test('are work while they are open or asked', async () => {
      const store = await open();
      await tell(store, jobEvent({ state: 'completed' }));
      const lease = await aLease(store);
      expect(await store.scopesWithWork()).toEqual([]);
      await store.saveRerun(lease, aRerun(), null);
      expect(await store.scopesWithWork()).toEqual([SCOPE]);
      await store.saveRerun(lease, aRerun({ outcome: 'asked' }), 'open');
      expect(await store.scopesWithWork()).toEqual([SCOPE]);
      await store.saveRerun(lease, aRerun({ outcome: 'done' }), 'asked');
      expect(await store.scopesWithWork()).toEqual([]);
      // Settled ones are told of for a while, and forgotten with the rest.
      expect(await store.reruns(SCOPE, T)).toHaveLength(1);
      expect(await store.reruns(SCOPE, T + 1)).toEqual([]);
      await store.prune(T + 1);
      expect(await store.reruns(SCOPE, T)).toEqual([]);
    });
  });
}
