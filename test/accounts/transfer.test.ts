import { describe, expect, test } from '@jest/globals';
import { BODY, describeDesk, REGION } from './desk-world.ts';
import { KEYS, keptFor, no, ROLE } from './world.ts';

describeDesk(({ open, makeSpotRole }) => {
  const facts = { id: 7, name: 'app', defaultBranch: 'main', isPrivate: true, installation: 5 };

  test('an account does not go with a repository to its next owner, who sees nothing of it', async () => {
    await makeSpotRole();
    const { desk, kept, store } = open();
    await store.noteRepos([{ ...facts, owner: 'acme', ownerId: 9 }], 1);
    expect(await desk.configure('repo-7', BODY)).toMatchObject({ ok: true });
    expect(JSON.parse(String(kept.get('repo-7')))).toMatchObject({ owner: 9 });
    await store.noteRepos([{ ...facts, owner: 'mallet', ownerId: 66 }], 2);
    const seen = await desk.describe('repo-7');
    expect(seen).toMatchObject({
      account: null,
      problem: expect.stringContaining('another owner'),
    });
    expect(JSON.stringify(seen)).not.toContain(KEYS.accessKeyId.slice(-4));
    expect(await desk.configure('repo-7', BODY)).toMatchObject({ ok: true });
    expect(await desk.describe('repo-7')).toMatchObject({ problem: null });
  });

  describe('a repository of another owner than before', () => {
    const asked = { roleArn: ROLE, region: REGION };

    /** acme's role, which trusts the app with the id that acme was told, and no other. */
    async function openWithRole() {
      await makeSpotRole();
      const world = open();
      const { assume } = world;
      await world.store.noteRepos([{ ...facts, owner: 'acme', ownerId: 9 }], 1);
      const { externalId } = await world.desk.describe('repo-7');
      world.assume = async (ask) =>
        ask.externalId === externalId ? assume(ask) : no('denied', 'AccessDenied');
      const transfer = () => world.store.noteRepos([{ ...facts, owner: 'mallet', ownerId: 66 }], 2);
      return Object.assign(world, { externalId, transfer });
    }

    test.each([
      ['is kept', false],
      ['was cleared', true],
    ])('cannot take the role of that one, which %s', async (_, isCleared) => {
      const { desk, kept, externalId, transfer } = await openWithRole();
      expect(await desk.configure('repo-7', asked)).toMatchObject({ ok: true });
      expect(await desk.configure('repo-7', asked)).toMatchObject({ ok: true });
      if (isCleared) await desk.clear('repo-7', { force: false });
      const before = kept.get('repo-7');
      await transfer();
      const next = await desk.describe('repo-7');
      expect(next.externalId).not.toBe(externalId);
      expect(await desk.configure('repo-7', asked)).toMatchObject({
        ok: false,
        checks: [{ name: 'external id', ok: false, fix: expect.stringContaining(next.externalId) }],
      });
      expect(kept.get('repo-7')).toBe(before);
    });

    test('keeps nothing as its own that was given before the transfer was heard of', async () => {
      const world = await openWithRole();
      const { assume } = world;
      world.assume = async (ask) => {
        await world.transfer();
        return assume(ask);
      };
      await world.desk.configure('repo-7', asked);
      expect(await world.desk.describe('repo-7')).toMatchObject({ account: null });
    });

    test('deletes nothing in the account of that one', async () => {
      const { desk, transfer } = await openWithRole();
      expect(await desk.configure('repo-7', BODY)).toMatchObject({ ok: true });
      await transfer();
      expect(await desk.teardown('repo-7', REGION)).toMatchObject({
        ok: false,
        code: 'none',
        message: expect.stringContaining('another owner'),
      });
    });
  });

  test('an external id that a role demands already stays, whatever we would make now', async () => {
    await makeSpotRole();
    const { desk, kept, store } = open();
    await store.noteRepos([{ ...facts, owner: 'acme', ownerId: 9 }], 1);
    const externalId = 'an-id-that-was-made-long-ago';
    const { accessKeyId: _, secretAccessKey: __, ...rest } = JSON.parse(keptFor('repo-7'));
    kept.set('repo-7', JSON.stringify({ ...rest, owner: 9, roleArn: ROLE, externalId }));
    expect(await desk.describe('repo-7')).toMatchObject({ externalId, problem: null });
  });
});
