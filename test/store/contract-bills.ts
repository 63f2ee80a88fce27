import { describe, expect, test } from '@jest/globals';
import type { InstanceId } from '../../src/model/ids.ts';
import type { Store } from '../../src/store/port.ts';
import { aLease, aListing, anIntent, aRepo, aRequest, aSighting, RULE, SCOPE, T } from './rows.ts';

type Open = () => Promise<Store>;

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const RECLAIM = 'Server.SpotInstanceTermination: x';

export function billsContract(open: Open): void {
  describe('bills', () => {
    /** Launches one machine at T, and ends it so long afterwards; null: it lives. */
    async function ran(
      store: Store,
      id: string,
      of: Partial<Parameters<typeof anIntent>[0]> & { ms: number | null; reason?: string },
    ): Promise<InstanceId> {
      const { ms, reason = '', ...intent } = of;
      const lease = await aLease(store);
      await store.intend(lease, [anIntent({ id, ...intent })], T);
      const machine = `i-${id}`;
      const launched = { outcome: 'launched', ownerAccount: '1', instances: [machine] } as const;
      await store.settle(id, launched, T);
      if (ms !== null) await store.sighted(machine, 'terminated', reason, T + ms);
      return machine;
    }

    async function openAll(): Promise<Store> {
      const store = await open();
      await store.noteRepos([aRepo(), aRepo({ id: 2, name: 'lib' })], T);
      return store;
    }

    const one = { repo: 1, priceUsd: 0.045, diskGb: 30, unpriced: null };
    const place = { region: 'eu-west-1', zone: 'eu-west-1a', type: 'm5.large', market: 'spot' };
    const unpriced = { ...place, account: 'default' };
    const alike = (ms: number, machines = 1) => ({
      ...{ pricedMs: ms, billedMs: ms, livedMs: ms, machines },
    });

    test('sum up what costs alike: of a repository, at a price, with a disk', async () => {
      const store = await openAll();
      await ran(store, 'a', { ms: 10 * MINUTE });
      await ran(store, 'b', { ms: null });
      await ran(store, 'c', { ms: 5 * MINUTE, priceUsd: 0.05 });
      await ran(store, 'd', { ms: 5 * MINUTE, request: { ...aRequest(), diskGb: 500 } });
      await ran(store, 'e', { ms: 5 * MINUTE, repo: 2 });
      await ran(store, 'f', { ms: 5 * MINUTE, priceUsd: null });
      const elsewhere = { ...unpriced, zone: 'eu-west-1b' };
      await ran(store, 'g', { ms: 6 * MINUTE, priceUsd: null, zone: 'eu-west-1b' });
      expect(await store.bills(SCOPE, { from: T, to: T + 20 * MINUTE })).toEqual([
        { ...one, priceUsd: null, unpriced, ...alike(5 * MINUTE) },
        { ...one, priceUsd: null, unpriced: elsewhere, ...alike(6 * MINUTE) },
        { ...one, ...alike(30 * MINUTE, 2) },
        { ...one, diskGb: 500, ...alike(5 * MINUTE) },
        { ...one, priceUsd: 0.05, ...alike(5 * MINUTE) },
        { ...one, repo: 2, ...alike(5 * MINUTE) },
      ]);
      expect(await store.bills('repo-9', { from: T, to: T + 20 * MINUTE })).toEqual([]);
    });

    test('are of a minute at least, which nobody lived', async () => {
      const store = await openAll();
      await ran(store, 'a', { ms: 1_000 });
      await ran(store, 'b', { ms: 2_000 });
      expect(await store.bills(SCOPE, { from: T, to: T + HOUR })).toEqual([
        { ...one, pricedMs: 2 * MINUTE, billedMs: 2 * MINUTE, livedMs: 3_000, machines: 2 },
      ]);
    });

    test('are of what falls into the time that is asked for', async () => {
      const store = await openAll();
      await ran(store, 'a', { ms: 10 * MINUTE });
      await ran(store, 'b', { ms: 30 * MINUTE });
      await ran(store, 'c', { ms: null });
      const from = T + 20 * MINUTE;
      expect(await store.bills(SCOPE, { from, to: T + 50 * MINUTE })).toEqual([
        { ...one, ...alike(40 * MINUTE, 2) },
      ]);
    });

    test('leave the price out for what EC2 took back within its first hour', async () => {
      const store = await openAll();
      await ran(store, 'a', { ms: HOUR - 1, reason: RECLAIM });
      await ran(store, 'b', { ms: HOUR, reason: RECLAIM });
      await ran(store, 'c', { ms: HOUR - 1, reason: 'Client.InstanceInitiatedShutdown' });
      expect(await store.bills(SCOPE, { from: T, to: T + 2 * HOUR })).toEqual([
        { ...one, ...alike(3 * HOUR - 2, 2), pricedMs: 2 * HOUR - 1 },
      ]);
    });

    test('count what was asked for and not answered, and not what never was', async () => {
      const store = await openAll();
      const lease = await aLease(store);
      await store.intend(lease, [anIntent({ id: 'a' }), anIntent({ id: 'b' })], T);
      await store.settle('b', { outcome: 'failed', code: 'X', reason: 'no', lease }, T + MINUTE);
      expect(await store.bills(SCOPE, { from: T, to: T + 2 * MINUTE })).toEqual([
        { ...one, pricedMs: 2 * MINUTE, billedMs: 2 * MINUTE, livedMs: 0, machines: 1 },
      ]);
    });

    test('know neither price nor disk of what was adopted', async () => {
      const store = await openAll();
      const lost = aSighting('i-1', { launch: 'lost', rule: RULE, launchedAt: T });
      await store.observe(aListing([lost]));
      expect(await store.bills(SCOPE, { from: T, to: T + HOUR })).toEqual([
        { ...one, priceUsd: null, unpriced, diskGb: null, ...alike(HOUR) },
      ]);
    });
  });
}
