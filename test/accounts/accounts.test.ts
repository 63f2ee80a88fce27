import { describe, expect, test } from '@jest/globals';
import { createScopedAccounts } from '../../src/accounts/accounts.ts';
import { createAccounts } from '../../src/accounts/default.ts';
import type { AwsKeys } from '../../src/accounts/port.ts';
import type { Ec2 } from '../../src/ec2/port.ts';
import { done } from '../../src/model/reply.ts';
import { handWorld, KEYS, keptFor, MINUTE, no } from './world.ts';

const REPO = { id: 7, ownerId: 9, scope: 'repo-7' } as const;
const UNDER_OWNERS = { ...REPO, scope: 'owner-9' } as const;

function withDefault(...owners: string[]) {
  const world = handWorld();
  const made: { region: string; credentials: () => Promise<AwsKeys> }[] = [];
  const state = { code: '' };
  const ec2 = {
    list: async () => (state.code === '' ? done([]) : no('denied', state.code)),
  } as unknown as Ec2;
  const accounts = createScopedAccounts({
    keyring: world.ring,
    fallback: createAccounts({ owners, makeEc2: () => ec2 }),
    clock: world.clock,
    makeEc2: (region, credentials) => {
      made.push({ region, credentials });
      return ec2;
    },
  });
  return { ...world, accounts, made, state };
}

describe('a repository is served', () => {
  test('by its own credentials, then by its owner’s, then by the app’s', async () => {
    const { accounts, kept, clock } = withDefault('9');
    expect(await accounts.accountFor(REPO)).toEqual({ account: 'default', region: null });
    kept.set('owner-9', keptFor('owner-9', { repositories: [7] }));
    kept.set('repo-7', keptFor('repo-7', { region: 'us-east-1' }));
    clock.advance(MINUTE);
    expect(await accounts.accountFor(REPO)).toEqual({ account: 'repo-7', region: 'us-east-1' });
    kept.delete('repo-7');
    clock.advance(6 * MINUTE);
    expect(await accounts.accountFor(REPO)).toEqual({ account: 'owner-9', region: 'eu-west-1' });
  });

  test.each([
    ['named', REPO, [7], 'owner-9'],
    ['not named', REPO, [8], undefined],
    ['under the rules of the owner', UNDER_OWNERS, [], 'owner-9'],
  ])('by its owner’s credentials when it is %s', async (_, repo, repositories, account) => {
    const { accounts, kept } = withDefault();
    kept.set('owner-9', keptFor('owner-9', { repositories }));
    const expected = account
      ? { account }
      : { reason: { code: 'no-account', text: expect.stringContaining('named') } };
    expect(await accounts.accountFor(repo)).toMatchObject(expected);
  });

  test('by nobody else while its own credentials are refused or cannot be read', async () => {
    const { accounts, kept, callers, clock } = withDefault('*');
    kept.set('repo-7', keptFor('repo-7'));
    callers.set(KEYS.accessKeyId, no('denied', 'ExpiredToken'));
    const why = { reason: { code: 'credentials', text: expect.stringContaining('ExpiredToken') } };
    expect(await accounts.accountFor(REPO)).toEqual(why);
    callers.clear();
    clock.advance(MINUTE);
    expect(await accounts.accountFor(REPO)).toMatchObject({ account: 'repo-7' });
    kept.set('repo-8', no('unreachable', 'ECONNREFUSED'));
    expect(await accounts.accountFor({ ...REPO, id: 8, scope: 'repo-8' })).toMatchObject({
      reason: { code: 'credentials', text: expect.stringContaining('ECONNREFUSED') },
    });
    kept.set('owner-9', no('invalid', 'DecryptionFailure'));
    expect(await accounts.accountFor({ ...REPO, id: 6, scope: 'repo-6' })).toMatchObject({
      reason: { code: 'credentials', text: expect.stringContaining('DecryptionFailure') },
    });
  });

  test('never by credentials whose value names another scope', async () => {
    const { accounts, kept } = withDefault('*');
    kept.set('repo-7', keptFor('repo-8'));
    expect(await accounts.accountFor(REPO)).toMatchObject({ reason: { code: 'credentials' } });
  });
});

test('an account that another owner gave serves nobody after a transfer, and falls back to none', async () => {
  const { accounts, kept, clock } = withDefault('*');
  kept.set('repo-7', keptFor('repo-7', { owner: 9 }));
  expect(await accounts.accountFor(REPO)).toMatchObject({ account: 'repo-7' });
  expect(await accounts.accountFor({ ...REPO, ownerId: 66 })).toEqual({
    reason: { code: 'credentials', text: expect.stringContaining('given by another owner') },
  });
  kept.set('repo-7', keptFor('repo-7', { owner: 66 }));
  clock.advance(6 * MINUTE);
  expect(await accounts.accountFor({ ...REPO, ownerId: 66 })).toMatchObject({ account: 'repo-7' });
});

describe('a client', () => {
  test('is one for each account and region, and signs with what is kept now', async () => {
    const { accounts, kept, made, clock } = withDefault('*');
    kept.set('repo-7', keptFor('repo-7'));
    const first = accounts.ec2('repo-7', 'eu-west-1');
    expect(accounts.ec2('repo-7', 'eu-west-1')).toBe(first);
    expect(accounts.ec2('repo-7', 'us-east-1')).not.toBe(first);
    expect(await made[0]?.credentials()).toMatchObject({ accessKeyId: KEYS.accessKeyId });
    kept.set('repo-7', keptFor('repo-7', { accessKeyId: 'AKIAI44QH8DHBEXAMPLE' }));
    clock.advance(5 * MINUTE);
    expect(await made[0]?.credentials()).toMatchObject({ accessKeyId: 'AKIAI44QH8DHBEXAMPLE' });
    kept.clear();
    clock.advance(5 * MINUTE);
    await expect(made[0]?.credentials()).rejects.toMatchObject({ name: 'CredentialsRefused' });
  });

  test('that AWS refuses makes the credentials be looked at, and pauses the scope', async () => {
    const { accounts, kept, callers, clock, state } = withDefault('*');
    kept.set('repo-7', keptFor('repo-7'));
    await accounts.accountFor(REPO);
    clock.advance(2 * MINUTE);
    callers.set(KEYS.accessKeyId, no('denied', 'InvalidClientTokenId'));
    expect(await accounts.accountFor(REPO)).toMatchObject({ account: 'repo-7' });
    state.code = 'UnauthorizedOperation';
    await accounts.ec2('repo-7', 'eu-west-1').list('app');
    expect(await accounts.accountFor(REPO)).toMatchObject({ account: 'repo-7' });
    state.code = 'AuthFailure';
    await accounts.ec2('repo-7', 'eu-west-1').list('app');
    expect(await accounts.accountFor(REPO)).toMatchObject({ reason: { code: 'credentials' } });
  });
});
