import { describe, expect, test } from '@jest/globals';
import { Ajv2020 } from 'ajv/dist/2020.js';
import fc from 'fast-check';
import { parse, stringify } from 'yaml';
import { parseRules } from '../../src/rules/parse.ts';
import { rulesSchema } from '../../src/rules/schema.ts';
import { ONE_RULE, rulesOf } from './problems.ts';

const validate = new Ajv2020({ strict: true, allowUnionTypes: true }).compile(rulesSchema);

/** Words and numbers at and around the border of what some key accepts. */
const VALUES: readonly unknown[] = [
  ...[true, false, null, 0, 1, -1, 0.5, 10, 11, 1000, 1001, 1e6, 1e9, Infinity, '', 'x', '1'],
  ...['eu-west-1', 'eu-west-1a', 'deny', 'allow', 'Deny', 'job', 'workflow', 'wait', 'cancel'],
  ...['spot', 'on-demand', 'auto', 'within', '6h', '0h', '9999h', '10000h', '99d', '100d', '1w'],
  ...['100GB', '0GB', '9999GB', '10000GB', '1TB', 'al2023', 'ubuntu-24.04', 'ubuntu-24x04'],
  ...['ami-01234567', 'ami-0123456789abcdef0', 'ami-0123456', 'ssm:/a/b', 'ssm:a', 'm5.xlarge'],
  ...[
    'm5.xlrage',
    'CI',
    ' CI',
    'a,b',
    'a b',
    [],
    ['cuda'],
    ['subnet-01234567'],
    ['sg-01234567'],
    ['sg-x'],
  ],
  ...[[1], [null], ['a', 'b'], {}, { a: 1 }, Array.from({ length: 17 }, () => 'a')],
];

const FILE_KEYS = [
  ...['enabled', 'region', 'image', 'forks', 'reuse', 'max-duration', 'retry', 'on-exhausted'],
  ...['exhausted-after', 'budget', 'runner-group', 'own-rules', 'rules', 'instance-type', 'Retry'],
];
const RULE_KEYS = [
  ...['instance-type', 'max', 'region', 'spot-policy', 'max-price', 'disk', 'subnets'],
  ...['security-groups', 'labels', 'image', 'forks', 'Max'],
];

const isValid = (file: unknown): boolean => validate(parse(stringify(file)));
const isParsed = (file: unknown): boolean =>
  parseRules(stringify(file), { defaultRegion: 'eu-west-1' }).ok;

describe('the schema and the parser', () => {
  test.each(FILE_KEYS)('agree on every value of %s', (key) => {
    for (const value of VALUES) {
      const file = { autoscale: { [key]: value } };
      expect([value, isValid(file)]).toEqual([value, isParsed(file)]);
    }
  });

  test.each(RULE_KEYS)('agree on every value of %s in a rule', (key) => {
    for (const value of VALUES) {
      const file = {
        autoscale: { rules: [{ 'instance-type': 'm5.large', max: 1, [key]: value }] },
      };
      expect([value, isValid(file)]).toEqual([value, isParsed(file)]);
    }
  });

  test('agree on files of any shape', () => {
    const value = fc.constantFrom(...VALUES);
    const rule = fc.dictionary(fc.constantFrom(...RULE_KEYS), value, { maxKeys: 3 });
    const autoscale = fc.dictionary(
      fc.constantFrom(...FILE_KEYS.filter((key) => key !== 'reuse' && key !== 'runner-group')),
      fc.oneof(value, fc.array(rule, { maxLength: 1 })),
      { maxKeys: 3 },
    );
    const file = fc.oneof(value, fc.record({ autoscale }), fc.record({ autoscale: value }));
    fc.assert(
      fc.property(file, (any) => isValid(any) === isParsed(any)),
      { numRuns: 1000 },
    );
  });
});

test('a default that is written changes nothing', () => {
  const { autoscale } = parse(ONE_RULE);
  const { properties } = JSON.parse(JSON.stringify(rulesSchema)).properties.autoscale;
  const rule = properties.rules.items.properties;
  const written = (keys: Record<string, { default?: unknown }>) =>
    Object.fromEntries(
      Object.entries(keys).flatMap(([k, v]) => ('default' in v ? [[k, v.default]] : [])),
    );
  const file = { ...written(properties), ...autoscale };
  file.rules = [{ ...written(rule), ...autoscale.rules[0] }];
  expect(Object.keys(file).length).toBeGreaterThan(9);
  expect(rulesOf(stringify({ autoscale: file }))).toEqual(rulesOf(ONE_RULE));
});

test('every key is described', () => {
  const { autoscale } = JSON.parse(JSON.stringify(rulesSchema)).properties;
  const keys = { ...autoscale.properties, ...autoscale.properties.rules.items.properties };
  for (const key of Object.keys(keys))
    expect([key, keys[key].description]).toEqual([key, expect.stringMatching(/\.$/)]);
});
