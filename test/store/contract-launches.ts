import { describe, expect, test } from '@jest/globals';
import type { Instance } from '../../src/model/launch.ts';
import type { Store } from '../../src/store/port.ts';
import { aLease, anIntent, aRepo, aRequest, launched, RULE, SCOPE, T } from './rows.ts';

type Open = () => Promise<Store>;

const OWNER = '123456789012';

async function instances(store: Store): Promise<ReadonlyMap<string, Instance>> {
  return new Map((await store.recentInstances(100)).map((row) => [row.key, row]));
}

const ids = async (store: Store) => {
  const rows = [...(await instances(store)).values()];
  return Object.fromEntries(rows.map((row) => [row.key, `${row.state} ${row.id}`]));
};

export function intentsContract(open: Open): void {
  describe('intents', () => {
    test('are launches of unknown outcome with requested instances', async () => {
      const store = await open();
      const lease = await aLease(store);
      const { max: _, repoMax: __, ...intent } = anIntent({ want: 2 });
      const launch = {
        ...intent,
        count: 2,
        createdAt: T,
        outcome: 'unknown',
        code: '',
        tries: 0,
        retryAt: T,
        request: aRequest(2),
      };
      expect(await store.intend(lease, [anIntent({ want: 2 })], T)).toEqual([launch]);
      expect(await store.launch('l1')).toEqual(launch);
      expect(await store.launch('l2')).toBeNull();
      expect([...(await instances(store)).keys()]).toEqual(['l1.1', 'l1.0']);
      expect((await instances(store)).get('l1.0')).toMatchObject({
        launch: 'l1',
        state: 'requested',
        ec2: 'unknown',
        id: null,
        priceUsd: 0.045,
        diskGb: 30,
        createdAt: T,
      });
      expect(await store.livingRegions()).toEqual([{ account: 'default', region: 'eu-west-1' }]);
    });

    test('are cut to what the rule has left, in order, and left out when that is nothing', async () => {
      const store = await open();
      const lease = await aLease(store);
      const want = (id: string, count: number, rule = RULE) =>
        anIntent({ id, want: count, max: 5, rule });
      const all = [want('a', 3), want('b', 4), want('c', 1), want('d', 4, 'c5.large/eu-west-1')];
      const written = await store.intend(lease, all, T);
      expect(written.map(({ id, count, request }) => [id, count, request?.count])).toEqual([
        ['a', 3, 3],
        ['b', 2, 2],
        ['d', 4, 4],
      ]);
      expect(await store.intend(lease, [want('e', 1)], T)).toEqual([]);
      expect(await store.launch('e')).toBeNull();
    });

    test('count what lives, of this scope and rule alone', async () => {
      const store = await open();
      const lease = await launched(store, ['i-1', 'i-2']);
      const next = (id: string, scope = SCOPE) => anIntent({ id, scope, want: 2, max: 2 });
      expect(await store.intend(lease, [next('full')], T)).toEqual([]);
      expect(await store.intend(lease, [next('other', 'repo-2')], T)).toMatchObject([{ count: 2 }]);
      await store.sighted('i-1', 'shutting-down', '', T);
      expect(await store.intend(lease, [next('half')], T)).toMatchObject([{ count: 1 }]);
    });

    test('that are written already are answered as they are', async () => {
      const store = await open();
      const lease = await launched(store, ['i-1']);
      const before = await instances(store);
      const again = await store.intend(lease, [anIntent({ want: 3 })], T + 9);
      expect(again).toMatchObject([{ id: 'l1', count: 1, outcome: 'launched', createdAt: T }]);
      expect(await instances(store)).toEqual(before);
    });
  });
}

export function settlementsContract(open: Open): void {
  describe('launches', () => {
    const answer = (...instances: string[]) =>
      ({ outcome: 'launched', ownerAccount: OWNER, instances }) as const;
    const refused = { outcome: 'failed', code: 'UnauthorizedOperation', reason: 'denied' } as const;
    const failed = async (store: Store) => ({ ...refused, lease: await aLease(store) });

    async function intended(want: number): Promise<Store> {
      const store = await open();
      await store.noteRepos([aRepo()], T);
      await store.intend(await aLease(store), [anIntent({ want, max: 20 })], T);
      return store;
    }

    test('count what was sent, until the outcome is known', async () => {
      const store = await intended(1);
      await store.sent('l1', T + 5);
      await store.sent('l1', T + 9);
      expect(await store.launch('l1')).toMatchObject({ tries: 2, retryAt: T + 9 });
      await store.settle('l1', await failed(store), T);
      await store.sent('l1', T + 20);
      expect(await store.launch('l1')).toMatchObject({ tries: 2, retryAt: T + 9 });
    });

    test('put the ids on their instances in order, the tenth after the ninth', async () => {
      const store = await intended(12);
      const seen = Array.from({ length: 12 }, (_, i) => `i-${i}`);
      await store.settle('l1', answer(...seen), T + 1);
      const rows = await instances(store);
      expect(seen.map((_, i) => rows.get(`l1.${i}`)?.id)).toEqual(seen);
      const pending = { state: 'pending', ec2: 'pending', ownerAccount: OWNER };
      expect(rows.get('l1.0')).toMatchObject({ ...pending, launchedAt: T + 1, goneAt: null });
      expect(await store.launch('l1')).toMatchObject({ outcome: 'launched', request: null });
      expect(await store.instanceById('i-3')).toEqual(rows.get('l1.3'));
      expect(await store.instanceById('i-99')).toBeNull();
    });

    test('free the places that EC2 does not fill', async () => {
      const store = await intended(3);
      await store.settle('l1', answer('i-1'), T + 1);
      expect(await ids(store)).toEqual({
        'l1.0': 'pending i-1',
        'l1.1': 'gone null',
        'l1.2': 'gone null',
      });
      const rest = { reason: 'not launched', goneAt: T + 1 };
      expect((await instances(store)).get('l1.1')).toMatchObject(rest);
    });

    test.each(['failed', 'cancelled'] as const)('free all places when %s', async (outcome) => {
      const store = await intended(2);
      await store.settle('l1', { ...(await failed(store)), outcome }, T + 1);
      const code = 'UnauthorizedOperation';
      expect(await store.launch('l1')).toMatchObject({ outcome, code, request: null });
      const rows = [...(await instances(store)).values()];
      const gone = { state: 'gone', reason: 'denied', goneAt: T + 1 };
      expect(rows).toMatchObject([gone, gone]);
    });

    test('are not freed by who has lost the lease', async () => {
      const store = await intended(1);
      const { lease, ...late } = await failed(store);
      await store.release(lease);
      await aLease(store, lease.name, 'another');
      await store.settle('l1', { ...late, lease }, T + 1);
      expect(await store.launch('l1')).toMatchObject({ outcome: 'unknown' });
      await store.settle('l1', answer('i-1'), T + 2);
      expect(await ids(store)).toEqual({ 'l1.0': 'pending i-1' });
    });

    test('are settled once', async () => {
      const store = await intended(1);
      await store.settle('l1', answer('i-1'), T);
      const before = [await store.launch('l1'), await instances(store)];
      await store.settle('l1', await failed(store), T + 5);
      await store.settle('l1', answer('i-2'), T + 5);
      await store.settle('unheard-of', await failed(store), T + 5);
      expect([await store.launch('l1'), await instances(store)]).toEqual(before);
    });
  });
}

export function instancesContract(open: Open): void {
  describe('instances', () => {
    test('change only from the states named, and keep what is not named', async () => {
      const store = await open();
      await launched(store, ['i-1']);
      const key = 'l1.0';
      const online = { state: 'online', onlineAt: T + 5, labels: ['dstack', 'x64'] } as const;
      const from = ['pending'] as const;
      expect(await store.changeInstance({ key, from, patch: online })).toBe(true);
      expect(await store.changeInstance({ key, from, patch: { state: 'busy' } })).toBe(false);
      expect(await store.changeInstance({ key: 'no', from, patch: online })).toBe(false);
      expect(await store.changeInstance({ key, from: [], patch: online })).toBe(false);
      expect(await store.instanceById('i-1')).toMatchObject({
        ...online,
        id: 'i-1',
        launchedAt: T,
      });
      expect(await store.changeInstance({ key, from: ['online'], patch: {} })).toBe(true);
    });

    test('change under a lease while it holds', async () => {
      const store = await open();
      const lease = await launched(store, ['i-1']);
      const change = { key: 'l1.0', from: ['pending'], patch: { endAskedAt: T } } as const;
      expect(await store.changeInstance({ ...change, lease })).toBe(true);
      const old = { ...lease, fence: lease.fence + 1 };
      expect(await store.changeInstance({ ...change, lease: old })).toBe(false);
    });

    test('are registered by one only', async () => {
      const store = await open();
      await launched(store, ['i-1']);
      const register = (runnerId: number) =>
        store.changeInstance({
          key: 'l1.0',
          from: ['pending'],
          patch: { runnerId, registeredAt: T },
          isUnregistered: true,
        });
      expect([await register(1), await register(2)]).toEqual([true, false]);
      expect(await store.instanceById('i-1')).toMatchObject({ runnerId: 1 });
    });

    test('that are gone stay gone, but can be noted upon', async () => {
      const store = await open();
      await launched(store, ['i-1']);
      await store.sighted('i-1', 'terminated', 'User', T);
      const change = { key: 'l1.0', from: ['gone', 'busy'] } as const;
      const patch = { state: 'online', runnerId: 9 } as const;
      expect(await store.changeInstance({ ...change, patch })).toBe(false);
      expect(await store.changeInstance({ ...change, patch: { runnerId: 9 } })).toBe(true);
      expect(await store.instanceById('i-1')).toMatchObject({ state: 'gone', runnerId: 9 });
    });

    test('gone without a finished job may have left a runner', async () => {
      const store = await open();
      await launched(store, ['i-1', 'i-2', 'i-3', 'i-4']);
      const note = (index: number, patch: { runnerName?: string; finishedAt?: number }) =>
        store.changeInstance({ key: `l1.${index}`, from: ['pending'], patch });
      // Its id is not known where GitHub's answer was lost.
      await note(0, { runnerName: 'r5' });
      await note(1, { runnerName: 'r6', finishedAt: T });
      await note(2, { runnerName: 'r7' });
      for (const i of [1, 2, 3]) await store.sighted(`i-${i}`, 'terminated', '', T + i);
      const runners = async () => (await store.orphanRunners(9)).map((row) => row.runnerName);
      expect(await runners()).toEqual(['r7', 'r5']);
      expect(await store.orphanRunners(1)).toHaveLength(1);
      await store.removeRepo(1, T);
      expect(await runners()).toEqual([]);
    });
  });
}
