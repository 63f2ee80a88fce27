import { describe, expect, test } from '@jest/globals';
import type { Lease, Store } from '../../src/store/port.ts';
import {
  aLease,
  aListing,
  anIntent,
  aRepo,
  aRulesRecord,
  aSighting,
  jobEvent,
  launched,
  pushEvent,
  RULE,
  SCOPE,
  T,
  tell,
} from './rows.ts';

type Open = () => Promise<Store>;

const OWNER = 'owner-7';
const home = (facts = {}) => aRepo({ id: 9, name: '.github', ...facts });
const maxima = (max: number) => new Map([[RULE, max]]);

/** Two repositories and the owner's, of which the first has machines by its own file. */
async function withMachines(store: Store, ids = ['i-1', 'i-2']): Promise<Lease> {
  await store.noteRepos([home(), aRepo(), aRepo({ id: 2, name: 'lib' })], T);
  return launched(store, ids);
}

const scopesOf = async (store: Store) => {
  const rows = await Promise.all(([SCOPE, OWNER] as const).map(store.scopeRows));
  return rows.map(({ repos, instances, launches }) => [
    repos.map(({ id }) => id),
    instances.map(({ key }) => key),
    launches.map(({ id }) => id),
  ]);
};

export function ownersContract(open: Open): void {
  describe('an owner', () => {
    test('has the scope of the `.github` repository, however it is first heard of', async () => {
      const store = await open();
      const scopes = await tell(store, pushEvent('c1', 'main', home({ name: '.GitHub' })));
      expect(scopes).toEqual([OWNER]);
      expect(await store.repo(9)).toMatchObject({ scope: OWNER });
      expect(await store.rules(OWNER)).toMatchObject({ wantedCommit: 'c1', readAt: 0 });
    });

    test('shows the file in force, and those of the repositories, in both scopes', async () => {
      const store = await open();
      await store.noteRepos([home(), aRepo()], T);
      const [owners, own] = [aRulesRecord({ scope: OWNER }), aRulesRecord({ scope: SCOPE })];
      await store.saveRules(await aLease(store, OWNER), owners);
      await store.saveRules(await aLease(store), own);
      const rows = await store.scopeRows(SCOPE);
      expect(rows).toMatchObject({ rules: own, ownerRules: owners, home: { id: 9 } });
      await store.moveRepo(await aLease(store), { repo: 1, to: OWNER, maxima: new Map() });
      const after = await store.scopeRows(OWNER);
      expect(after).toMatchObject({ rules: owners, ownerRules: owners, home: { id: 9 } });
      expect([...after.own]).toEqual([[SCOPE, own]]);
      expect(after.repos.map(({ id }) => id)).toEqual([1, 9]);
    });

    test.each([
      ['is removed', (store: Store) => store.removeRepo(9, T), null],
      ['is renamed', (store: Store) => store.noteRepos([home({ name: 'old' })], T), null],
      ['has another owner', (store: Store) => store.noteRepos([home({ ownerId: 8 })], T), null],
      [
        'gave its name to another',
        (store: Store) => store.noteRepos([home({ id: 10 })], T + 1),
        { id: 10 },
      ],
    ])('has no file in force from a `.github` repository that %s', async (_, change, expected) => {
      const store = await open();
      await store.noteRepos([home(), aRepo()], T);
      await change(store);
      const { home: found } = await store.scopeRows(SCOPE);
      if (expected === null) expect(found).toBeNull();
      else expect(found).toMatchObject(expected);
    });

    test('has work by a push to a repository that its rules govern', async () => {
      const store = await open();
      await store.noteRepos([home(), aRepo()], T);
      await store.moveRepo(await aLease(store), { repo: 1, to: OWNER, maxima: new Map() });
      expect(await tell(store, pushEvent('c1'))).toEqual([OWNER]);
      expect(await store.rules(SCOPE)).toMatchObject({ wantedCommit: 'c1' });
      expect(await store.scopesWithWork()).toEqual([OWNER]);
    });

    test('has the jobs of its repositories, and knows which had one lately', async () => {
      const store = await open();
      await withMachines(store, []);
      for (const [repo, scope] of [
        [1, SCOPE],
        [2, 'repo-2'],
      ] as const) {
        await store.moveRepo(await aLease(store, scope), { repo, to: OWNER, maxima: new Map() });
      }
      const completedAt = T + 50;
      await tell(
        store,
        jobEvent({ id: 1 }),
        jobEvent({ id: 2, repo: 2, state: 'completed', completedAt }, { name: 'lib' }),
      );
      expect((await store.scopeRows(OWNER)).jobs.map(({ id }) => id)).toEqual([1]);
      const active = async (since: number) =>
        (await store.reposActiveSince(OWNER, since)).map(({ id }) => id);
      expect(await active(T + 50)).toEqual([1, 2]);
      expect(await active(T + 51)).toEqual([1]);
    });
  });

  describe('a repository', () => {
    test('moves with all that lives of it, and counts where it is then', async () => {
      const store = await open();
      const lease = await withMachines(store);
      await store.intend(lease, [anIntent({ id: 'l2' })], T);
      expect(await store.moveRepo(lease, { repo: 1, to: OWNER, maxima: maxima(3) })).toBe(true);
      expect(await scopesOf(store)).toEqual([
        [[], [], []],
        [[1, 9], ['l1.0', 'l1.1', 'l2.0'], ['l2']],
      ]);
      const of = { scope: OWNER, repo: 2, max: 4 } as const;
      const intents = [anIntent({ ...of, id: 'l3', want: 4 })];
      const owners = await aLease(store, OWNER);
      expect(await store.intend(owners, intents, T)).toMatchObject([{ count: 1 }]);
    });

    test.each([
      ['a rule would have more than its maximum', maxima(2), 'me'],
      ['no rule is for what it has', new Map<string, number>(), 'me'],
      ['the lease is another scope’s', maxima(9), 'other'],
    ])('stays where %s', async (_, maxima, whose) => {
      const store = await open();
      const mine = await withMachines(store);
      const owners = await aLease(store, OWNER);
      await store.intend(owners, [anIntent({ id: 'l2', scope: OWNER, repo: 2, max: 1 })], T);
      const lease = whose === 'me' ? mine : owners;
      expect(await store.moveRepo(lease, { repo: 1, to: OWNER, maxima })).toBe(false);
      expect(await scopesOf(store)).toEqual([
        [[1], ['l1.0', 'l1.1'], []],
        [[9], ['l2.0'], ['l2']],
      ]);
    });

    test('that has moved already is followed by what it left behind, where that has a place', async () => {
      const store = await open();
      const lease = await withMachines(store);
      const move = { repo: 1, to: OWNER, maxima: maxima(3) } as const;
      await store.moveRepo(lease, move);
      await store.intend(lease, [anIntent({ id: 'l2' })], T);
      expect(await store.moveRepo(lease, { ...move, maxima: maxima(2) })).toBe(false);
      expect(await store.moveRepo(lease, move)).toBe(true);
      expect(await scopesOf(store)).toEqual([
        [[], [], []],
        [[1, 9], ['l1.0', 'l1.1', 'l2.0'], ['l2']],
      ]);
    });

    test('takes along what is over, and no word of GitHub brings it back', async () => {
      const store = await open();
      const lease = await withMachines(store);
      await store.sighted('i-1', 'terminated', '', T);
      expect(await store.moveRepo(lease, { repo: 1, to: OWNER, maxima: maxima(1) })).toBe(true);
      await tell(store, jobEvent());
      await store.noteRepos([aRepo()], T + 1);
      expect(await store.repo(1)).toMatchObject({ scope: OWNER });
      const rows = await store.recentInstances(9);
      expect(rows.map(({ key, scope }) => [key, scope])).toEqual([
        ['l1.1', OWNER],
        ['l1.0', OWNER],
      ]);
    });

    test('has no more of the owner’s places than its own maximum', async () => {
      const store = await open();
      await withMachines(store, []);
      const of = { scope: OWNER, max: 5, want: 9 } as const;
      const lease = await aLease(store, OWNER);
      const both = [
        anIntent({ ...of, id: 'a', repo: 1, repoMax: 2 }),
        anIntent({ ...of, id: 'b', repo: 2 }),
        anIntent({ ...of, id: 'c', repo: 1, repoMax: 2 }),
      ];
      const launches = await store.intend(lease, both, T);
      expect(launches.map(({ id, count }) => `${id} ${count}`)).toEqual(['a 2', 'b 3']);
    });
  });

  test.each(['User', 'Organization', undefined] as const)(
    'whose account it is stays known: %s',
    async (type) => {
      const store = await open();
      await store.noteRepos([aRepo(type === undefined ? {} : { ownerType: type })], T);
      expect((await store.repo(1))?.ownerType).toBe(type);
    },
  );

  describe('a machine of an owner', () => {
    test.each([
      ['for the owner, whatever governs its repository', { scope: OWNER, repo: 1 }, OWNER],
      ['for whom governs its repository now', { scope: SCOPE, repo: null }, 'repo-1'],
    ] as const)('is adopted %s', async (_, tags, scope) => {
      const store = await open();
      await store.noteRepos([home(), aRepo()], T);
      await store.observe(aListing([aSighting('i-1', { ...tags, runnerGroup: 'CI' })]));
      const seen = { repo: 1, scope, runnerGroup: 'CI' };
      expect(await store.instanceById('i-1')).toMatchObject(seen);
    });

    test('follows its repository when that moved before the database was lost', async () => {
      const store = await open();
      await store.noteRepos([home(), aRepo()], T);
      await store.moveRepo(await aLease(store), { repo: 1, to: OWNER, maxima: new Map() });
      await store.observe(aListing([aSighting('i-1')]));
      expect(await store.instanceById('i-1')).toMatchObject({ repo: 1, scope: OWNER });
    });

    test('is a stranger when its tags name no repository that we know', async () => {
      const store = await open();
      await store.noteRepos([home()], T);
      const tags = { scope: OWNER, repo: 5 } as const;
      const seen = await store.observe(aListing([aSighting('i-1', tags)]));
      expect(seen.strangers).toEqual(['i-1']);
    });
  });
}
