import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { createScopedAccounts } from '../../src/accounts/accounts.ts';
import { createAccounts } from '../../src/accounts/default.ts';
import { createDesk } from '../../src/accounts/desk.ts';
import { createIdentities } from '../../src/accounts/identity.ts';
import type { AwsKeys } from '../../src/accounts/port.ts';
import { createEc2 } from '../../src/ec2/ec2.ts';
import { createTrial } from '../../src/ec2/trial.ts';
import { createKeys } from '../../src/lib/keys.ts';
import { silentLog as log } from '../../src/lib/log.ts';
import { createMemoryStore } from '../../src/store/memory.ts';
import { type Moto, motoServer, startMoto } from '../moto.ts';
import { AWS_ACCOUNT, handWorld, KEYS, keptFor, no, ROLE } from './world.ts';

// The desk before moto's EC2, with an STS that is set by hand: moto's never refuses.

const REGION = 'eu-west-1';
const BODY = { ...KEYS, region: REGION };

let moto: Moto;

function open() {
  const world = handWorld();
  const { vault, ring: keyring, identities, clock } = world;
  const store = createMemoryStore();
  const at = (region: string, credentials: AwsKeys | (() => Promise<AwsKeys>)) =>
    createEc2({ region, credentials, endpoint: moto.url, log });
  const fallback = createAccounts({ owners: [], makeEc2: (region) => at(region, KEYS) });
  const accounts = createScopedAccounts({ keyring, fallback, clock, makeEc2: at });
  const living = async () => [...world.living].map((account) => ({ account, region: REGION }));
  const desk = createDesk({
    vault,
    keyring,
    identities,
    accounts,
    store: { ...store, livingRegions: living },
    keys: createKeys('a secret key of today'),
    clock,
    log,
    app: 'github.example/1',
    makeEc2: at,
    makeTrial: (region, credentials) => createTrial({ region, credentials, endpoint: moto.url }),
  });
  // The same object, so that a test can set what STS says.
  return Object.assign(world, { desk, accounts, store });
}

if (motoServer === undefined) {
  test.skip('needs moto_server', () => {});
} else {
  beforeAll(async () => {
    moto = await startMoto();
  });
  afterAll(() => moto.stop());
  beforeEach(() => fetch(`${moto.url}/moto-api/reset`, { method: 'POST' }));

  const makeSpotRole = () =>
    fetch(moto.url, {
      method: 'POST',
      headers: {
        'content-type': 'application/x-www-form-urlencoded',
        authorization:
          'AWS4-HMAC-SHA256 Credential=A/20260101/us-east-1/iam/aws4_request, SignedHeaders=host, Signature=0',
      },
      body: 'Action=CreateRole&RoleName=AWSServiceRoleForEC2Spot&AssumeRolePolicyDocument=%7B%22Version%22%3A%222012-10-17%22%2C%22Statement%22%3A%5B%5D%7D&Version=2010-05-08',
    });

  test('an account does not go with a repository to its next owner, who sees nothing of it', async () => {
    await makeSpotRole();
    const { desk, kept, store } = open();
    const facts = { id: 7, name: 'app', defaultBranch: 'main', isPrivate: true, installation: 5 };
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
    const facts = { id: 7, name: 'app', defaultBranch: 'main', isPrivate: true, installation: 5 };
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
    const facts = { id: 7, name: 'app', defaultBranch: 'main', isPrivate: true, installation: 5 };
    await store.noteRepos([{ ...facts, owner: 'acme', ownerId: 9 }], 1);
    const externalId = 'an-id-that-was-made-long-ago';
    const { accessKeyId: _, secretAccessKey: __, ...rest } = JSON.parse(keptFor('repo-7'));
    kept.set('repo-7', JSON.stringify({ ...rest, owner: 9, roleArn: ROLE, externalId }));
    expect(await desk.describe('repo-7')).toMatchObject({ externalId, problem: null });
  });

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

  test('STS says who signs, and assumes a role', async () => {
    process.env['AWS_ACCESS_KEY_ID'] = 'AKIAIOSFODNN7EXAMPLE';
    process.env['AWS_SECRET_ACCESS_KEY'] = 'secret';
    const identities = createIdentities({ region: 'us-east-1', endpoint: moto.url });
    expect(await identities.callerOf(KEYS)).toMatchObject({ value: { account: AWS_ACCOUNT } });
    const ask = { roleArn: ROLE, externalId: 'e'.repeat(32), sessionName: 'dstack-repo-7' };
    const session = await identities.assume(ask);
    expect(session).toMatchObject({
      value: { keys: { accessKeyId: expect.stringMatching(/^ASIA/) } },
    });
  });
}
