import { describe, expect, test } from '@jest/globals';
import { rulesText } from '../stage.ts';
import { runStep } from './step.ts';

// A rules file, checked in a workflow: no app, no token.

const check = (text: string, more: Readonly<Record<string, string>> = {}, env = {}) =>
  runStep({ inputs: { check: 'rules.yml', ...more }, files: { 'rules.yml': text }, env });

describe('a rules file', () => {
  test('that is good says how many rules it has', async () => {
    const { code, log } = await check(rulesText({ 'm5.large': 4, 'c5.xlarge': 1 }));
    expect([code, log]).toEqual([0, 'rules.yml is good: 2 rules\n']);
  });

  test('with mistakes fails the step, with each at its place', async () => {
    const { code, log } = await check(`autoscale:
  region: eu-west-1
  spot: 100%, really
  rules:
    - instance-type: m5.large
      max: many
`);
    expect(code).toBe(1);
    expect(log.split('\n')).toEqual([
      expect.stringMatching(
        /^::error title=dstack,file=rules\.yml,line=3,col=3,endColumn=7::.*"spot"/,
      ),
      expect.stringMatching(
        /^::error title=dstack,file=rules\.yml,line=6,col=12,endColumn=16::.*many/,
      ),
      'rules.yml has 2 mistakes',
      '',
    ]);
  });

  test('with something doubtful warns and passes', async () => {
    const { code, log } = await check(rulesText({ 'm5.large': 0 }));
    expect([code, log]).toEqual([
      0,
      expect.stringMatching(/^::warning .*line=5,.*max: 0 allows no/),
    ]);
  });

  test('without a region is good where the app has one', async () => {
    const text = rulesText({ 'm5.large': 1 }).replace('  region: eu-west-1\n', '');
    expect((await check(text)).log).toContain('no region');
    expect((await check(text, { region: 'eu-west-1' })).code).toBe(0);
  });

  test('of an owner may have keys that others may not', async () => {
    const text = rulesText({ 'm5.large': 1 }, 'runner-group: CI');
    expect((await check(text)).log).toContain(`read in the owner's .github repository only`);
    expect((await check(text, {}, { GITHUB_REPOSITORY: 'acme/.github' })).code).toBe(0);
  });

  test('that is not there is asked for, with the step that brings it', async () => {
    const { code, log } = await runStep({ inputs: { check: 'none.yml' } });
    expect([code, log]).toEqual([1, expect.stringContaining('actions/checkout')]);
  });

  test.each([
    ['a line of its own', 'autoscale:\n  "a%0A::error::b": 1\n'],
    ['the mark of a command', 'autoscale:\n  "##[error]x": 1\n'],
  ])('cannot speak to the runner by %s in a key', async (_, text) => {
    const { log } = await check(text);
    const lines = log.trimEnd().split('\n');
    expect(lines.filter((line) => line.startsWith('::'))).toHaveLength(1);
    expect(lines.at(-1)).toBe('rules.yml has one mistake');
    expect(log).not.toContain('a%0A:');
  });
});

test('a step that is asked for nothing does nothing', async () => {
  const { code, log, outputs } = await runStep({});
  expect([code, log, outputs]).toEqual([0, '', {}]);
});
