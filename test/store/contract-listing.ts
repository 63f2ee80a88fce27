import { describe, expect, test } from '@jest/globals';
import type { Ec2State } from '../../src/model/launch.ts';
import type { Store } from '../../src/store/port.ts';
import {
  aLease,
  aListing,
  anIntent,
  aRepo,
  aSighting,
  EC2_STATES,
  GRACE_MS,
  launched,
  RULE,
  SCOPE,
  T,
} from './rows.ts';

type Open = () => Promise<Store>;

const NOW = T + 10 * GRACE_MS;
const quiet = { changed: [], strangers: [] };
const changed = { changed: [SCOPE], strangers: [] };

async function shown(store: Store): Promise<Record<string, string>> {
  const rows = await store.recentInstances(100);
  return Object.fromEntries(rows.map((row) => [row.key, `${row.state} ${row.ec2} ${row.id}`]));
}

export function sightingsContract(open: Open): void {
  describe('a sighting', () => {
    test.each(EC2_STATES)('as %s is never undone by an earlier word', async (state) => {
      const store = await open();
      await launched(store, ['i-1']);
      const rank = EC2_STATES.indexOf(state);
      const isOver = rank >= EC2_STATES.indexOf('shutting-down');
      await store.observe(aListing([aSighting('i-1', { ec2: state })]));
      for (const ec2 of EC2_STATES.slice(0, rank)) await store.sighted('i-1', ec2, '', NOW);
      const row = await store.instanceById('i-1');
      expect(row).toMatchObject({ ec2: state, state: isOver ? 'gone' : 'pending' });
    });

    test('of an end says why, unless we know better', async () => {
      const store = await open();
      await launched(store, ['i-1', 'i-2', 'i-3']);
      const patch = { state: 'ending', reason: 'rule removed' } as const;
      await store.changeInstance({ key: 'l1.0', from: ['pending'], patch });
      const ec2 = 'shutting-down';
      const ec2Reason = 'Server.SpotInstanceTermination: …';
      const ends = [1, 2].map((i) => aSighting(`i-${i}`, { ec2, ec2Reason }));
      expect(await store.observe(aListing([...ends, aSighting('i-3', { ec2 })]))).toEqual(changed);
      const reasons = await Promise.all([1, 2, 3].map((i) => store.instanceById(`i-${i}`)));
      expect(reasons.map((row) => row?.reason)).toEqual(['rule removed', ec2Reason, 'ended']);
      expect(reasons.map((row) => row?.goneAt)).toEqual([NOW, NOW, NOW]);
      await store.sighted('i-2', 'terminated', 'later', NOW + 1);
      const end = { ec2: 'terminated', reason: ec2Reason, goneAt: NOW };
      expect(await store.instanceById('i-2')).toMatchObject(end);
    });

    test('says since when one costs money whose launch was answered late', async () => {
      const store = await open();
      await launched(store, ['i-1', 'i-2']);
      const [early, late] = [T - 40_000, T + 40_000];
      const both = [
        aSighting('i-1', { launchedAt: early }),
        aSighting('i-2', { launchedAt: late }),
      ];
      await store.observe(aListing(both));
      expect((await store.instanceById('i-1'))?.launchedAt).toBe(early);
      expect((await store.instanceById('i-2'))?.launchedAt).toBe(T);
    });

    test('of nothing new changes nothing', async () => {
      const store = await open();
      await launched(store, ['i-1']);
      const listing = aListing([aSighting('i-1')]);
      expect(await store.observe(listing)).toEqual(changed);
      expect(await store.observe(listing)).toEqual(quiet);
      await store.sighted('i-99', 'running', '', NOW);
    });
  });
}

export function absenceContract(open: Open): void {
  describe('an instance that is not listed', () => {
    const missing = aListing([]);

    test('is gone when it is old enough to be listed', async () => {
      const store = await open();
      await launched(store, ['i-1']);
      const young = aListing([], { askedAt: T + GRACE_MS });
      expect(await store.observe(young)).toEqual(quiet);
      expect(await store.observe(aListing([], { account: 'other' }))).toEqual(quiet);
      expect(await store.observe(aListing([], { region: 'us-east-1' }))).toEqual(quiet);
      expect(await store.observe(missing)).toEqual(changed);
      const gone = { state: 'gone', reason: 'not listed by EC2', goneAt: NOW };
      expect(await store.instanceById('i-1')).toMatchObject(gone);
      expect(await store.observe(missing)).toEqual(quiet);
    });

    test('is not gone without an id: only its launch can tell', async () => {
      const store = await open();
      await store.intend(await aLease(store), [anIntent()], T);
      expect(await store.observe(missing)).toEqual(quiet);
      expect(await shown(store)).toEqual({ 'l1.0': 'requested unknown null' });
    });

    test('lives again when EC2 shows it after all', async () => {
      const store = await open();
      await launched(store, ['i-1']);
      await store.observe(missing);
      expect(await store.observe(aListing([aSighting('i-1')]))).toEqual(changed);
      const alive = { state: 'pending', ec2: 'running', reason: '', goneAt: null };
      expect(await store.instanceById('i-1')).toMatchObject(alive);
    });
  });
}

export function adoptionContract(open: Open): void {
  describe('an instance that we did not know', () => {
    test('takes a requested place of its launch, whose outcome stays unknown', async () => {
      const store = await open();
      await store.intend(await aLease(store), [anIntent({ want: 2 })], T);
      const launchedAt = T + 7;
      expect(await store.observe(aListing([aSighting('i-9', { launchedAt })]))).toEqual(changed);
      expect(await shown(store)).toEqual({
        'l1.0': 'pending running i-9',
        'l1.1': 'requested unknown null',
      });
      expect(await store.instanceById('i-9')).toMatchObject({ launchedAt });
      expect(await store.launch('l1')).toMatchObject({ outcome: 'unknown' });
    });

    test('is not counted again by the late answer to its launch', async () => {
      const store = await open();
      await store.intend(await aLease(store), [anIntent({ want: 3 })], T);
      await store.observe(aListing([aSighting('i-2')]));
      const instances = ['i-1', 'i-2'];
      await store.settle('l1', { outcome: 'launched', ownerAccount: '1', instances }, NOW);
      expect(await shown(store)).toEqual({
        'l1.0': 'pending running i-2',
        'l1.1': 'pending pending i-1',
        'l1.2': 'gone unknown null',
      });
    });

    test('gets a new row when its launch was given up', async () => {
      const store = await open();
      const lease = await aLease(store);
      await store.intend(lease, [anIntent()], T);
      await store.settle('l1', { outcome: 'cancelled', code: '', reason: 'not wanted', lease }, T);
      await store.observe(aListing([aSighting('i-1'), aSighting('i-2', { ec2: 'terminated' })]));
      expect(await shown(store)).toEqual({
        'l1.0': 'gone unknown null',
        'l1.1': 'pending running i-1',
      });
    });

    test('is adopted with its launch when its scope is known', async () => {
      const store = await open();
      await store.noteRepos([aRepo()], T);
      const lost = { launch: 'lost' } as const;
      const listing = aListing([
        aSighting('i-1', lost),
        aSighting('i-2', lost),
        aSighting('i-3', { launch: null, rule: null, ec2: 'pending' }),
        aSighting('i-4', { ...lost, ec2: 'shutting-down' }),
      ]);
      expect(await store.observe(listing)).toEqual(changed);
      expect(await shown(store)).toEqual({
        'lost.0': 'pending running i-1',
        'lost.1': 'pending running i-2',
        // Its runner may be left at GitHub.
        'lost.2': 'gone shutting-down i-4',
        'adopted-i-3.0': 'pending pending i-3',
      });
      const launch = { outcome: 'launched', count: 1, request: null, reason: 'adopted' };
      expect(await store.launch('lost')).toMatchObject({ ...launch, repo: 1, scope: SCOPE });
      expect(await store.instanceById('i-3')).toMatchObject({
        rule: RULE,
        repo: 1,
        launchedAt: T,
        createdAt: NOW,
        priceUsd: null,
      });
      expect(await store.observe(listing)).toEqual(quiet);
    });

    test.each<[Ec2State, readonly string[]]>([
      ['pending', ['i-8', 'i-9']],
      ['running', ['i-8', 'i-9']],
      ['shutting-down', []],
      ['terminated', []],
    ])('is a stranger of an unknown scope while %s', async (ec2, strangers) => {
      const store = await open();
      const [a, b] = [aSighting('i-9', { ec2 }), aSighting('i-8', { ec2, scope: null })];
      expect(await store.observe(aListing([a, b]))).toEqual({ changed: [], strangers });
      expect(await shown(store)).toEqual({});
    });

    test('is one row though a listing shows it on two pages', async () => {
      const store = await open();
      await store.intend(await aLease(store), [anIntent({ want: 2 })], T);
      const twice = [aSighting('i-1', { ec2: 'pending' }), aSighting('i-1')];
      expect(await store.observe(aListing(twice))).toEqual(changed);
      expect(await shown(store)).toEqual({
        'l1.0': 'pending running i-1',
        'l1.1': 'requested unknown null',
      });
    });

    test('takes no place of a launch in another account by copying its tag', async () => {
      const store = await open();
      await store.noteRepos([aRepo()], T);
      await store.intend(await aLease(store), [anIntent()], T);
      await store.observe(aListing([aSighting('i-1')], { account: 'other' }));
      expect(await shown(store)).toEqual({
        'adopted-i-1.0': 'pending running i-1',
        'l1.0': 'requested unknown null',
      });
      expect(await store.launch('adopted-i-1')).toMatchObject({ account: 'other' });
    });
  });
}
