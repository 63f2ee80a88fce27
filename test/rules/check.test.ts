import { describe, expect, test } from '@jest/globals';
import { parseRules } from '../../src/rules/parse.ts';
import { ONE_RULE, problemsOf, rulesOf } from './problems.ts';

const withKeys = (keys: string): string => ONE_RULE.replace('autoscale:\n', `autoscale:\n${keys}`);

describe('keys that do not go together', () => {
  test('are a runner group and machines for a whole workflow', () => {
    const text = withKeys('  runner-group: CI\n  reuse: workflow\n');
    expect(problemsOf(text, { of: 'owner' })).toEqual([
      '3:10-18 conflict reuse: workflow is not possible with runner-group; write job',
    ]);
  });

  test.each([
    ['runner-group', 'CI'],
    ['own-rules', 'allow'],
  ])("are %s and a repository's own file", (key, value) => {
    const text = withKeys(`  ${key}: ${value}\n`);
    const start = key.length + 5;
    expect(problemsOf(text, { of: 'repository' })).toEqual([
      `2:${start}-${start + value.length} conflict "${key}" is read in the owner's .github repository only`,
    ]);
    expect(parseRules(text, { of: 'owner' }).ok).toBe(true);
    expect(parseRules(text).ok).toBe(true);
  });

  test("are read in an owner's file", () => {
    const file = rulesOf(withKeys('  runner-group: CI\n  own-rules: allow\n'), { of: 'owner' });
    expect([file.runnerGroup, file.ownRules]).toEqual(['CI', 'allow']);
  });
});

describe('a warning', () => {
  test.each([
    [
      'forks that are allowed',
      withKeys('  forks: allow\n'),
      '2:10-15 risk anyone who can open a pull request on a public repository can use machines',
    ],
    [
      'a time that nothing reads',
      withKeys('  exhausted-after: 5m\n'),
      '2:20-22 no-effect exhausted-after has no effect without on-exhausted: cancel',
    ],
    [
      'a rule that allows nothing',
      ONE_RULE.replace('max: 1', 'max: 0'),
      '5:12-13 no-effect max: 0 allows no m5.xlarge at all',
    ],
    [
      'a graphics card without its driver',
      ONE_RULE.replace('m5', 'g5'),
      '4:22-31 risk g5.xlarge has a graphics card and ubuntu-24.04 no driver; ubuntu-24.04-gpu has one',
    ],
  ])('names %s', (_, text, warning) => {
    expect(parseRules(text).ok).toBe(true);
    expect(problemsOf(text)).toEqual([warning]);
  });

  test.each([
    ['an ordinary file', ONE_RULE],
    [
      'a graphics card with its driver',
      `${ONE_RULE.replace('m5', 'p4d')}      image: ubuntu-24.04-gpu\n`,
    ],
    ['a time that cancel reads', withKeys('  on-exhausted: cancel\n  exhausted-after: 5m\n')],
  ])('does not come for %s', (_, text) => {
    expect(problemsOf(text)).toEqual([]);
  });
});

test('a runner group is for organizations only', () => {
  const text = withKeys('  runner-group: CI\n');
  expect(problemsOf(text, { of: 'owner' })).toEqual([]);
  expect(problemsOf(text, { of: 'person' })).toEqual([
    '2:17-19 conflict runner-group needs an organization: GitHub has none for the account of a person',
  ]);
});
