import { describe, expect, test } from '@jest/globals';
import { createAccounts } from '../../src/accounts/default.ts';
import type { Ec2 } from '../../src/ec2/port.ts';

const ASK = { id: 7, ownerId: 42, scope: 'repo-7' } as const;

const withOwners = (...owners: string[]) => {
  const made: string[] = [];
  const makeEc2 = (region: string): Ec2 => {
    made.push(region);
    return {} as Ec2;
  };
  return { accounts: createAccounts({ owners, makeEc2 }), made };
};

describe('the default account', () => {
  test.each([
    ['the owner by its id', ['41', '42']],
    ['everyone', ['*']],
  ])('serves %s', async (_, owners) => {
    expect(await withOwners(...owners).accounts.accountFor(ASK)).toEqual({
      account: 'default',
      region: null,
    });
  });

  test.each([
    ['nobody', []],
    ['others', ['4', '421']],
  ])('that serves %s has a reason that names the variable', async (_, owners) => {
    expect(await withOwners(...owners).accounts.accountFor(ASK)).toEqual({
      reason: { code: 'no-account', text: expect.stringMatching(/\b42\b.*DSTACK_DEFAULT_ACCOUNT/) },
    });
  });

  test('has one client for a region', () => {
    const { accounts, made } = withOwners('*');
    const first = accounts.ec2('default', 'eu-west-1');
    expect(accounts.ec2('default', 'eu-west-1')).toBe(first);
    expect(accounts.ec2('default', 'us-east-1')).not.toBe(first);
    expect(made).toEqual(['eu-west-1', 'us-east-1']);
  });

  test('keeps no more clients than AWS has regions, however many are named', () => {
    const { accounts, made } = withOwners('*');
    for (let n = 0; n < 1000; n++) accounts.ec2('default', `xx-none-${n}`);
    accounts.ec2('default', 'xx-none-999');
    expect(made).toHaveLength(1000);
    accounts.ec2('default', 'xx-none-0');
    expect(made).toHaveLength(1001);
  });

  test('is the only account here', () => {
    expect(() => withOwners('*').accounts.ec2('123456789012', 'eu-west-1')).toThrow('123456789012');
  });
});
