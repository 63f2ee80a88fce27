import { describe, expect, test } from '@jest/globals';
import type { ScopeId } from '../../src/model/ids.ts';
import type { Store } from '../../src/store/port.ts';
import { aLease, anIntent, aRepo, jobEvent, launched, RULE, SCOPE, T, tell } from './rows.ts';

type Open = () => Promise<Store>;

const MINUTE = 60_000;

export function historyContract(open: Open): void {
  describe('the history of machines', () => {
    const asked = { scope: SCOPE, rule: RULE, since: T, limit: 9 };

    test("has a rule's machines, the newest first, with what EC2 said to their launch", async () => {
      const store = await open();
      const lease = await launched(store, ['i-1', 'i-2']);
      await store.intend(lease, [anIntent({ id: 'l2' })], T + 1);
      const refused = { outcome: 'failed', code: 'InvalidAMIID.NotFound', reason: 'no' } as const;
      await store.settle('l2', { ...refused, lease }, T + 2);
      const found = await store.machinesOfRule(asked);
      expect(found.map(({ key, code }) => [key, code])).toEqual([
        ['l2.0', 'InvalidAMIID.NotFound'],
        ['l1.1', ''],
        ['l1.0', ''],
      ]);
      const { code: _, ...row } = found[2] ?? { code: '' };
      expect(row).toEqual(await store.instanceById('i-1'));
    });

    test('is of one rule and scope, of some time, and of so many', async () => {
      const store = await open();
      const lease = await launched(store, ['i-1', 'i-2', 'i-3']);
      const other = anIntent({ id: 'l2', rule: 'c5.large/eu-west-1' });
      await store.intend(lease, [other], T + 1);
      const keys = async (given: Partial<typeof asked>) =>
        (await store.machinesOfRule({ ...asked, ...given })).map(({ key }) => key);
      expect(await keys({ limit: 2 })).toEqual(['l1.2', 'l1.1']);
      expect(await keys({ since: T + 1 })).toEqual([]);
      expect(await keys({ rule: 'c5.large/eu-west-1' })).toEqual(['l2.0']);
      expect(await keys({ scope: 'repo-2' })).toEqual([]);
    });

    test('counts the jobs that began on machines of a scope', async () => {
      const store = await open();
      await launched(store, ['i-1', 'i-2']);
      const ran = (id: number, runnerName: string, startedAt: number) =>
        jobEvent({ id, state: 'in_progress', runnerName, startedAt });
      await tell(
        store,
        ran(21, 'dstack-i-1-abc123', T),
        ran(22, 'dstack-i-1-abc124', T + 5),
        ran(23, 'dstack-i-2-abc123', T + 5),
        ran(24, 'somebody-elses', T + 5),
        jobEvent({ id: 25 }),
      );
      const count = (scope: ScopeId, since: number, repo: number | null = null) =>
        store.jobsRun({ scope, repo, since });
      expect(await count(SCOPE, T)).toBe(3);
      expect(await count(SCOPE, T + 1)).toBe(2);
      expect(await count(SCOPE, T, 1)).toBe(3);
      expect(await count(SCOPE, T, 2)).toBe(0);
      expect(await count('repo-2', T)).toBe(0);
    });

    test('counts what lives in an account, by type and market', async () => {
      const store = await open();
      await launched(store, ['i-1', 'i-2', 'i-3']);
      await store.sighted('i-3', 'shutting-down', '', T);
      const lease = await aLease(store);
      const market = 'on-demand';
      await store.intend(lease, [anIntent({ id: 'b', market, want: 2 })], T);
      await store.intend(lease, [anIntent({ id: 'c', account: 'repo-9' })], T);
      const one = { region: 'eu-west-1', type: 'm5.large' };
      expect(await store.liveIn('default')).toEqual([
        { ...one, market: 'on-demand', count: 2 },
        { ...one, market: 'spot', count: 2 },
      ]);
      expect(await store.liveIn('elsewhere')).toEqual([]);
    });

    test('counts the hours of spot machines, and how many EC2 took back', async () => {
      const store = await open();
      await store.noteRepos([aRepo()], T);
      const lease = await aLease(store);
      const launch = async (id: string, given: Parameters<typeof anIntent>[0] = {}) => {
        await store.intend(lease, [anIntent({ id, ...given })], T);
        const instances = [`i-${id}`];
        await store.settle(id, { outcome: 'launched', ownerAccount: '1', instances }, T);
      };
      await launch('a');
      await launch('b');
      await launch('c', { zone: 'eu-west-1b' });
      await launch('d', { market: 'on-demand' });
      await launch('e', { account: 'repo-9' });
      await store.sighted('i-a', 'terminated', 'Server.SpotInstanceTermination: x', T + MINUTE);
      await store.sighted('i-b', 'terminated', 'Client.InstanceInitiatedShutdown', T + 2 * MINUTE);
      const place = { region: 'eu-west-1', type: 'm5.large' };
      const now = T + 5 * MINUTE;
      expect(await store.spotHistory('default', { since: T, now })).toEqual([
        { ...place, zone: 'eu-west-1a', reclaims: 1, ms: 3 * MINUTE },
        { ...place, zone: 'eu-west-1b', reclaims: 0, ms: 5 * MINUTE },
      ]);
      expect(await store.spotHistory('default', { since: T + 1, now })).toEqual([]);
    });
  });
}
