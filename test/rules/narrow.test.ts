import { describe, expect, test } from '@jest/globals';
import { narrow } from '../../src/rules/narrow.ts';
import { parseRules } from '../../src/rules/parse.ts';
import { rulesOf } from './problems.ts';

const OWNER = rulesOf(`autoscale:
  region: eu-west-1
  budget: 50
  max-duration: 2h
  rules:
    - instance-type: m5.large
      max: 4
      max-price: 0.10
    - instance-type: c5.large
      max: 2
`);

const head = 'autoscale:\n  region: eu-west-1\n';
const oneRule = (more = '', type = 'm5.large') =>
  `${head}  rules:\n    - instance-type: ${type}\n      max: 1\n${more}`;

const beyond = (text: string, owner = OWNER): readonly string[] => {
  const parsed = parseRules(text, { of: 'repository', within: owner });
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.errors));
  return parsed.beyond.map((p) => `${p.line}:${p.column}-${p.endColumn} ${p.message}`);
};

describe('what a repository has of its owner’s rules', () => {
  const left = (text: string, owner = OWNER) => {
    const { rules, ...rest } = narrow(owner, rulesOf(text));
    return { ...rest, rules: Object.fromEntries(rules) };
  };

  test.each([
    ['its own smaller maximum', oneRule(), { 'm5.large/eu-west-1': { max: 1, maxPriceUsd: 0.1 } }],
    [
      'the owner’s maximum where its own is larger',
      oneRule().replace('max: 1', 'max: 9'),
      { 'm5.large/eu-west-1': { max: 4, maxPriceUsd: 0.1 } },
    ],
    [
      'the lower price of both',
      oneRule('      max-price: 0.05\n'),
      { 'm5.large/eu-west-1': { max: 1, maxPriceUsd: 0.05 } },
    ],
    ['no type that the owner does not allow', oneRule('', 'r5.large'), {}],
    ['no region that the owner does not allow', oneRule('      region: us-east-1\n'), {}],
    ['nothing without rules', `${head}  rules: []\n`, {}],
  ])('is %s', (_, text, rules) => {
    expect(left(text).rules).toEqual(rules);
  });

  test.each([
    ['enabled only when both are', oneRule(), { enabled: true }, {}],
    [
      'disabled by itself',
      oneRule('').replace('  rules', '  enabled: false\n  rules'),
      { enabled: false },
      {},
    ],
    ['disabled by the owner', oneRule(), { enabled: false }, { enabled: false }],
    [
      'without forks unless both allow them',
      `${head}  forks: allow\n  rules: []\n`,
      { forks: 'deny' },
      {},
    ],
    [
      'with forks where both allow them',
      `${head}  forks: allow\n  rules: []\n`,
      { forks: 'allow' },
      { forks: 'allow' as const },
    ],
    ['as long as the shorter duration', oneRule(), { maxDurationMs: 7_200_000 }, {}],
    ['as dear as its own budget', `${head}  budget: 5\n  rules: []\n`, { budgetUsd: 5 }, {}],
  ])('is %s', (_, text, expected, owner) => {
    expect(left(text, { ...OWNER, ...owner })).toMatchObject(expected);
  });
});

describe('what goes beyond the owner’s rules is told at its place', () => {
  test.each([
    ['nothing', oneRule(), []],
    [
      'a larger maximum',
      oneRule().replace('max: 1', 'max: 9'),
      ["5:12-13 max 9 is more than the owner's 4, which applies"],
    ],
    [
      'a higher price',
      oneRule('      max-price: 0.2\n'),
      ["6:18-21 max-price 0.2 is more than the owner's 0.1, which applies"],
    ],
    [
      'a type that is not the owner’s',
      oneRule('', 'r5.large'),
      ["4:22-30 the owner's file allows no r5.large in eu-west-1, so this rule allows none"],
    ],
    [
      'a region that is not the owner’s',
      oneRule('      region: us-east-1\n'),
      ["4:22-30 the owner's file allows no m5.large in us-east-1, so this rule allows none"],
    ],
    [
      'what is not a number, in a rule',
      oneRule('      image: al2023\n'),
      [
        "6:14-20 image is the owner's to say, in the .github repository; what its file says applies",
      ],
    ],
    [
      'what is not a number, for the file',
      `${head}  reuse: workflow\n  rules: []\n`,
      [
        "3:10-18 reuse is the owner's to say, in the .github repository; what its file says applies",
      ],
    ],
    [
      'forks',
      `${head}  forks: allow\n  rules: []\n`,
      ["3:10-15 the owner's file denies forks; deny applies"],
    ],
    [
      'a longer life',
      `${head}  max-duration: 3h\n  rules: []\n`,
      ["3:17-19 max-duration is more than the owner's; the owner's applies"],
    ],
    [
      'a larger budget',
      `${head}  budget: 51\n  rules: []\n`,
      ["3:11-13 budget 51 is more than the owner's 50, which applies"],
    ],
  ])('%s', (_, text, expected) => {
    expect(beyond(text)).toEqual(expected);
  });

  test('that the owner has disabled it', () => {
    const text = `${head}  enabled: true\n  rules: []\n`;
    const told = beyond(text, { ...OWNER, enabled: false });
    expect(told).toEqual(["3:12-16 the owner's file has disabled autoscaling; that applies"]);
  });

  test('in the order of the lines', () => {
    const text = `${head}  retry: 1\n  rules:\n    - instance-type: m5.large\n      max: 5\n      disk: 40GB\n`;
    expect(beyond(text).map((line) => line.split(':')[0])).toEqual(['3', '6', '7']);
  });
});

test('an owner’s keys in a repository’s file are an error', () => {
  const parsed = parseRules(`${head}  runner-group: CI\n`, { of: 'repository' });
  expect(parsed).toMatchObject({ ok: false, errors: [{ kind: 'conflict', line: 3 }] });
});
