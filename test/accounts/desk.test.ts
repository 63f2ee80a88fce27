import { describe, expect, test } from '@jest/globals';
import { createIdentities } from '../../src/accounts/identity.ts';
import type { ScopeId } from '../../src/model/ids.ts';
import { BODY, describeDesk, REGION } from './desk-world.ts';
import { AWS_ACCOUNT, KEYS, no, ROLE } from './world.ts';

describeDesk(({ open, makeSpotRole, endpoint }) => {
  describe('configuring', () => {
    test('forgets what EC2 refused to the credentials before', async () => {
      await makeSpotRole();
      const { desk, store } = open();
      const place = { region: '*', zone: '*', type: '*', market: '*' } as const;
      const mark = { ...place, until: 2, forMs: 1, since: 1, why: 'AuthFailure' };
      for (const account of ['repo-7', 'repo-8']) await store.exhaust({ account, ...mark });
      expect(await desk.configure('repo-7', BODY)).toMatchObject({ ok: true });
      expect(await store.exhausted('repo-7')).toEqual([]);
      expect(await store.exhausted('repo-8')).toHaveLength(1);
    });

    test('keeps what stood all checks, and shows it masked', async () => {
      await makeSpotRole();
      const { desk, kept, accounts } = open();
      const done = await desk.configure('repo-7', BODY);
      expect(done.checks.map(({ name, ok, text }) => [name, ok, text])).toEqual([
        ['identity', true, expect.stringContaining(AWS_ACCOUNT)],
        ['region', true, `${REGION} is enabled`],
        ['launch', true, expect.stringContaining('dry run')],
        ['spot role', true, expect.any(String)],
        ['quota', true, expect.any(String)],
      ]);
      expect(done).toMatchObject({ ok: true, account: { accessKeyId: 'AKIA************MPLE' } });
      expect(JSON.stringify([done, await desk.describe('repo-7')])).not.toContain('xxxx');
      expect(JSON.parse(String(kept.get('repo-7')))).toMatchObject({
        scope: 'repo-7',
        account: AWS_ACCOUNT,
        ...KEYS,
      });
      const repo = { id: 7, ownerId: 9, scope: 'repo-7' } as const;
      expect(await accounts.accountFor(repo)).toEqual({ account: 'repo-7', region: REGION });
      expect(await accounts.ec2('repo-7', REGION).subnets([])).toMatchObject({ ok: true });
    });

    test('keeps nothing when a check fails, and every failure has a fix', async () => {
      const { desk, kept } = open();
      const done = await desk.configure('repo-7', { ...BODY, bucket: 'no-such-bucket-of-ours' });
      expect(done).toMatchObject({ ok: false, code: 'checks' });
      expect(done.checks.filter(({ ok }) => !ok)).toEqual([
        expect.objectContaining({
          name: 'spot role',
          fix: expect.stringContaining('create-service'),
        }),
        expect.objectContaining({ name: 'bucket', fix: expect.stringContaining('s3:PutObject') }),
      ]);
      expect(kept.size).toBe(0);
    });

    test.each([
      ['a region that is not', { region: 'eu-none-9' }, 'region', 'no region eu-none-9'],
      ['a region that is not enabled', { region: 'ap-east-1' }, 'region', 'not enabled'],
    ])('%s keeps nothing', async (_, change, name, text) => {
      const { desk, kept } = open();
      const { checks } = await desk.configure('repo-7', { ...BODY, ...change });
      expect(checks.find(({ ok }) => !ok)).toMatchObject({
        name,
        text: expect.stringContaining(text),
      });
      expect(kept.size).toBe(0);
    });

    test('keys that AWS does not know are told so', async () => {
      const { desk, callers } = open();
      callers.set(KEYS.accessKeyId, no('denied', 'InvalidClientTokenId'));
      expect(await desk.configure('repo-7', BODY)).toMatchObject({
        ok: false,
        checks: [
          { name: 'identity', ok: false, text: expect.stringContaining('InvalidClientTokenId') },
        ],
      });
    });

    test.each([
      ['a secret with a line break', { secretAccessKey: `${'x'.repeat(40)}\n` }, 'line break'],
      ['a secret in the wrong place', { accessKeyId: 'x/+='.repeat(10) }, 'accessKeyId'],
      ['a zone', { region: 'eu-west-1a' }, 'region'],
      ['keys and a role', { roleArn: ROLE }, 'not both'],
      ["an owner's repositories", { repositories: [1] }, 'owner'],
      ['a bucket with a slash', { bucket: 'a/b' }, 'bucket'],
    ])('%s is refused before AWS is asked', async (_, change, word) => {
      const { desk, calls } = open();
      const done = await desk.configure('repo-7', { ...BODY, ...change });
      expect(done).toMatchObject({
        ok: false,
        code: 'shape',
        message: expect.stringContaining(word),
      });
      expect(JSON.stringify(done)).not.toMatch(/xxxx|\/\+=x/);
      expect(calls).toEqual([]);
    });

    test('does not change the AWS account under machines that run', async () => {
      await makeSpotRole();
      const { desk, living, kept } = open();
      await desk.configure('repo-7', BODY);
      const other = String(kept.get('repo-7')).replace(AWS_ACCOUNT, '999999999999');
      kept.set('repo-7', other);
      living.add('repo-7');
      expect(await desk.configure('repo-7', BODY)).toMatchObject({ ok: false, code: 'busy' });
      expect(kept.get('repo-7')).toBe(other);
    });
  });

  describe('a role', () => {
    const asked = { roleArn: ROLE, region: REGION };

    test('that demands our external id and no other is kept with it', async () => {
      await makeSpotRole();
      const world = open();
      const { externalId } = await world.desk.describe('repo-7');
      const { assume } = world;
      world.assume = async (ask) =>
        ask.externalId === externalId ? assume(ask) : no('denied', 'AccessDenied');
      expect(await world.desk.configure('repo-7', asked)).toMatchObject({ ok: true });
      expect(JSON.parse(String(world.kept.get('repo-7')))).toMatchObject({ externalId });
      expect((await world.desk.describe('repo-8')).externalId).not.toBe(externalId);
    });

    test.each([
      ['none', (id: string | null) => id === null || !id.startsWith('not-')],
      ['any', () => true],
      ['any that is not absent', (id: string | null) => id !== null],
    ])('that takes %s is refused with the policy that mends it', async (_, takes) => {
      const world = open();
      const { externalId } = await world.desk.describe('repo-7');
      const { assume } = world;
      world.assume = async (ask) =>
        takes(ask.externalId) ? assume(ask) : no('denied', 'AccessDenied');
      expect(await world.desk.configure('repo-7', asked)).toMatchObject({
        ok: false,
        checks: [{ name: 'external id', ok: false, fix: expect.stringContaining(externalId) }],
      });
      expect(world.kept.size).toBe(0);
    });
  });

  describe('tearing down', () => {
    test('deletes the security group, and refuses while machines run', async () => {
      await makeSpotRole();
      const { desk, living, accounts } = open();
      expect(await desk.teardown('repo-7', null)).toMatchObject({ code: 'none' });
      await desk.configure('repo-7', BODY);
      const ec2 = accounts.ec2('repo-7', REGION);
      const subnets = await ec2.subnets([]);
      const made = await ec2.securityGroup((subnets.ok && subnets.value[0]?.vpc) || '');
      living.add('repo-7');
      expect(await desk.teardown('repo-7', null)).toMatchObject({ code: 'busy' });
      living.clear();
      expect(await desk.teardown('repo-7', null)).toEqual({
        ok: true,
        region: REGION,
        groups: [made.ok && made.value],
      });
    });
  });

  test.each(['eu-west-1a', 'no-such;region', '', 'eu-west-1.example/'])(
    'tearing down in the region %p is not tried',
    async (region) => {
      await makeSpotRole();
      const { desk, calls } = open();
      await desk.configure('repo-7', BODY);
      calls.length = 0;
      expect(await desk.teardown('repo-7', region)).toMatchObject({
        code: 'shape',
        message: expect.stringContaining('region'),
      });
      expect(calls).toEqual([]);
    },
  );

  describe('clearing', () => {
    test('refuses while machines run, and closes nothing', async () => {
      await makeSpotRole();
      const { desk, living, accounts } = open();
      await desk.configure('repo-7', BODY);
      living.add('repo-7');
      expect(await desk.clear('repo-7', { force: false })).toMatchObject({ code: 'busy' });
      const repo = { id: 7, ownerId: 9, scope: 'repo-7' } as const;
      expect(await accounts.accountFor(repo)).toMatchObject({ account: 'repo-7' });
    });

    test('by force launches nothing more, and forgets when the last machine is gone', async () => {
      await makeSpotRole();
      const { desk, living, accounts, kept } = open();
      await desk.configure('repo-7', BODY);
      living.add('repo-7');
      expect(await desk.clear('repo-7', { force: true })).toMatchObject({ code: 'ending' });
      const repo = { id: 7, ownerId: 9, scope: 'repo-7' } as const;
      expect(await accounts.accountFor(repo)).toMatchObject({ reason: { code: 'credentials' } });
      expect(await accounts.ec2('repo-7', REGION).list('app')).toMatchObject({ ok: true });
      living.clear();
      expect(await desk.clear('repo-7', { force: true })).toEqual({ ok: true, ended: 0 });
      expect(kept.size).toBe(0);
      expect(await desk.clear('repo-7', { force: true })).toMatchObject({ code: 'none' });
    });
  });

  describe('what is asked at the same time', () => {
    /** The vault takes what closes an account only when it is let. */
    function openSlow() {
      const world = open();
      const { write } = world.vault;
      const going = Promise.withResolvers<void>();
      const reached = Promise.withResolvers<void>();
      Object.assign(world.vault, {
        write: async (scope: ScopeId, text: string) => {
          if (JSON.parse(text).closed === true) {
            reached.resolve();
            await going.promise;
          }
          return write(scope, text);
        },
      });
      return Object.assign(world, { isClosing: reached.promise, goOn: going.resolve });
    }

    test('of one account is done one after the other: what was kept last stays', async () => {
      await makeSpotRole();
      const { desk, kept, isClosing, goOn } = openSlow();
      expect(await desk.configure('repo-7', BODY)).toMatchObject({ ok: true });
      const clearing = desk.clear('repo-7', { force: false });
      await isClosing;
      const configuring = desk.configure('repo-7', BODY);
      const tearingDown = desk.teardown('repo-7', null);
      expect(await desk.configure('repo-8', BODY)).toMatchObject({ ok: true });
      expect(await desk.describe('repo-7')).toMatchObject({ problem: null });
      goOn();
      expect(await clearing).toMatchObject({ ok: true });
      expect(await configuring).toMatchObject({ ok: true });
      expect(await tearingDown).toMatchObject({ ok: true });
      expect(JSON.parse(String(kept.get('repo-7')))).not.toHaveProperty('closed');
    });
  });

  test('STS says who signs, and assumes a role', async () => {
    process.env['AWS_ACCESS_KEY_ID'] = 'AKIAIOSFODNN7EXAMPLE';
    process.env['AWS_SECRET_ACCESS_KEY'] = 'secret';
    const identities = createIdentities({ region: 'us-east-1', endpoint: endpoint() });
    expect(await identities.callerOf(KEYS)).toMatchObject({ value: { account: AWS_ACCOUNT } });
    const ask = { roleArn: ROLE, externalId: 'e'.repeat(32), sessionName: 'dstack-repo-7' };
    const session = await identities.assume(ask);
    expect(session).toMatchObject({
      value: { keys: { accessKeyId: expect.stringMatching(/^ASIA/) } },
    });
  });
});
