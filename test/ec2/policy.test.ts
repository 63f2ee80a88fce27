import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { CALLS, policyFor } from '../../src/ec2/policy.ts';

const FOLDER = join(import.meta.dirname, '../../src/ec2');
/** IAM's names of the services whose SDKs are called otherwise. */
const PREFIXES: Readonly<Record<string, string>> = { 'service-quotas': 'servicequotas' };

/** What a file takes from an SDK, at once or when it is needed. */
const IMPORT = /\{([^{}]*)\}\s*(?:from|=\s*await import\()\s*'@aws-sdk\/client-([\w-]+)'/g;

/** `ec2:RunInstances` for each command and paginator. */
function callsIn(source: string): readonly string[] {
  const imports = [...source.matchAll(IMPORT)];
  // An import that is written in another way would hide its calls.
  expect(imports).toHaveLength([...source.matchAll(/@aws-sdk\/client-/g)].length);
  return imports.flatMap(([, names = '', sdk = '']) =>
    [...names.matchAll(/\bpaginate([A-Z]\w+)|\b([A-Z]\w+)Command\b/g)].map(
      ([, paged, command]) => `${PREFIXES[sdk] ?? sdk}:${paged ?? command}`,
    ),
  );
}

const sources = readdirSync(FOLDER).map((file) => readFileSync(join(FOLDER, file), 'utf8'));
const calls = [...new Set(sources.flatMap(callsIn))].sort();
const ask = { region: 'eu-west-1', account: '123456789012', bucket: 'artifacts' };
const statement = (sid: string, more = {}) =>
  policyFor({ ...ask, ...more }).Statement.find(({ Sid }) => Sid === sid);

test('every call of the folder is in the list, and nothing else', () => {
  expect(calls.length).toBeGreaterThan(10);
  expect(Object.keys(CALLS).sort()).toEqual(calls);
});

test('every call has a statement, and every statement a call', () => {
  const allowed = policyFor(ask).Statement.flatMap(({ Action }) => Action);
  // Tags are given by the launch itself, which IAM sees as a call of its own.
  expect([...new Set(allowed)].sort()).toEqual([...calls, 'ec2:CreateTags'].sort());
  for (const { Action } of policyFor(ask).Statement) expect(Action).not.toEqual([]);
});

describe('the policy', () => {
  test('ends only what has our tag', () => {
    expect(statement('End')).toMatchObject({
      Action: ['ec2:TerminateInstances'],
      Resource: 'arn:aws:ec2:eu-west-1:123456789012:instance/*',
      Condition: { Null: { 'aws:ResourceTag/dstack:app': 'false' } },
    });
  });

  test('gives tags at birth only', () => {
    const made = ['RunInstances', 'CreateSecurityGroup'];
    const Condition = { StringEquals: { 'ec2:CreateAction': made } };
    expect(statement('TagAtBirth')).toMatchObject({ Condition });
  });

  test.each([
    [false, { 'ec2:MetadataHttpTokens': 'required', 'ec2:InstanceMarketType': 'spot' }],
    [true, { 'ec2:MetadataHttpTokens': 'required' }],
  ])('launches tagged machines; on demand as well: %s', (onDemand, StringEquals) => {
    const { Condition } = statement('Launch', { onDemand }) ?? {};
    expect(Condition).toEqual({ Null: { 'aws:RequestTag/dstack:app': 'false' }, StringEquals });
  });

  test.each([
    ['us-gov-west-1', 'aws-us-gov'],
    ['cn-north-1', 'aws-cn'],
    ['eusc-de-east-1', 'aws-eusc'],
    ['*', 'aws'],
  ])('of %s names the resources of %s', (region, partition) => {
    const arns = policyFor({ ...ask, region }).Statement.flatMap(({ Resource }) => Resource);
    for (const arn of arns.filter((one) => one !== '*')) {
      expect(arn).toMatch(new RegExp(`^arn:${partition}:(?:ec2|ssm|iam|s3):`));
      expect(arn.split(':')[3]).toBe(/:(?:iam|s3):/.test(arn) ? '' : region);
    }
  });

  test('allows nothing in a bucket that is not named', () => {
    expect(statement('Bucket')?.Resource).toBe('arn:aws:s3:::artifacts/*');
    const { region, account } = ask;
    const without = policyFor({ region, account }).Statement.map(({ Sid }) => Sid);
    expect(without).not.toContain('Bucket');
  });

  test('fits into what IAM takes for a managed policy', () => {
    const IAM_MAX_CHARACTERS = 6_144;
    expect(JSON.stringify(policyFor({ ...ask, region: 'ap-southeast-2' })).length).toBeLessThan(
      IAM_MAX_CHARACTERS,
    );
  });
});
