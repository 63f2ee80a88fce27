import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { parseRules } from '../../src/rules/parse.ts';
import { MAX_BYTES, MAX_PROBLEMS } from '../../src/rules/source.ts';
import { ONE_RULE, problemsOf } from './problems.ts';

const fill = (piece: string): string => piece.repeat(Math.floor(MAX_BYTES / piece.length));

describe('a hostile file', () => {
  test('of a megabyte is one problem', () => {
    expect(problemsOf('a: é\n'.repeat(200_000))).toEqual([
      '1:1-2 too-large the file has 1200000 bytes; at most 65536 are read',
    ]);
  });

  test('is read up to the last byte allowed', () => {
    const padding = '#'.repeat(MAX_BYTES - ONE_RULE.length);
    expect(parseRules(ONE_RULE + padding).ok).toBe(true);
    expect(parseRules(`${ONE_RULE}${padding}#`).ok).toBe(false);
  });

  test('that is nested too deeply is one problem', () => {
    const text = `autoscale: ${'['.repeat(60_000)}`;
    expect(problemsOf(text)).toEqual([expect.stringContaining('syntax nested too deeply')]);
  });

  test('with a bomb of aliases is not expanded', () => {
    const level = (i: number) => `    - &a${i} [${`*a${i - 1},`.repeat(9)}]\n`;
    const bomb = Array.from({ length: 9 }, (_, i) => level(i + 1)).join('');
    expect(problemsOf(`autoscale:\n  rules:\n    - &a0 [x]\n${bomb}`)).toEqual(
      Array.from({ length: 10 }, (_, i) => expect.stringContaining(`${i + 3}:`)),
    );
  });

  test('with an anchor that holds itself ends', () => {
    expect(problemsOf('autoscale:\n  rules: &r [*r]\n')).toEqual([
      '2:13-17 wrong-value a rule: a list is not accepted; ' +
        'write keys under it, such as "instance-type:"',
    ]);
  });

  test('with more than 100 aliases is refused at the first too many', () => {
    const labels = `      labels: [&a x${',*a'.repeat(101)}]\n`;
    expect(problemsOf(ONE_RULE + labels)).toEqual([
      '6:321-323 syntax more than 100 aliases in one file',
    ]);
  });

  test('with more than 100 rules is refused at the first too many', () => {
    const rule = (i: number) => `    - {instance-type: m5.${i}xlarge, max: 1}\n`;
    const rules = (n: number) => Array.from({ length: n }, (_, i) => rule(i + 100)).join('');
    const head = 'autoscale:\n  region: eu-west-1\n  rules:\n';
    expect(problemsOf(head + rules(100))).toEqual([]);
    expect(problemsOf(head + rules(101))).toEqual([
      '104:7-44 wrong-value rules: 101 items; write at most 100',
    ]);
  });

  test('with a mistake on every line is cut off', () => {
    const lines = Array.from({ length: 5000 }, (_, i) => `  k${i}: 1\n`).join('');
    const problems = problemsOf(`autoscale:\n${lines}`);
    expect(problems).toHaveLength(MAX_PROBLEMS);
    expect(problems.at(-1)).toMatch(/^51:3-6 unknown-key /);
  });

  test.each([
    '[',
    '{a: ',
    '- ',
    '? - ',
    ']',
    '"',
    "'\n",
    '& ',
    '!',
    '%a\n',
    '---\n',
    'a:\n',
    '\r',
    '\0',
  ])('of %j alone gets an answer', (piece) => {
    expect(parseRules(fill(piece)).ok).toBe(false);
  });
});

describe('any text', () => {
  const ofYaml = fc
    .array(
      fc.constantFrom(
        ...['autoscale:', 'rules:', 'max:', 'instance-type:', 'm5.xlarge', 'retry:', '- ', '  '],
        ...['\n', '\n  ', '\n    ', '\t', '\r\n', '\ufeff', '[', ']', '{', '}', ',', ': ', '? '],
        ...['&a ', '*a', '!x ', '!!str ', '|', '>', '"', "'", '#', '---\n', '...\n', '%YAML 1.1\n'],
        ...['1', '-1', '1e9', '.inf', '~', 'true', '\0', '\ud800', '<<: ', '__proto__: '],
      ),
      { maxLength: 40 },
    )
    .map((pieces) => pieces.join(''));

  const hasSenseAnswer = (text: string): void => {
    const parsed = parseRules(text, { defaultRegion: 'eu-west-1' });
    const problems = parsed.ok ? parsed.warnings : parsed.errors;
    if (!parsed.ok) expect(problems.length).toBeGreaterThan(0);
    const lines = text.split('\n');
    for (const { line, column, endColumn, message } of problems) {
      expect(line).toBeGreaterThanOrEqual(1);
      expect(line).toBeLessThanOrEqual(lines.length);
      expect(column).toBeGreaterThanOrEqual(1);
      expect(column).toBeLessThanOrEqual((lines[line - 1]?.length ?? 0) + 1);
      expect(endColumn).toBeGreaterThan(column);
      expect(message).not.toMatch(/[\r\n]/);
    }
  };

  test('never throws, and each problem is at a place of the text', () => {
    fc.assert(fc.property(fc.oneof(ofYaml, fc.string({ unit: 'binary' })), hasSenseAnswer), {
      numRuns: 2000,
    });
  });

  test('never throws when a good file is damaged', () => {
    const damage = fc.tuple(fc.nat(ONE_RULE.length), fc.nat(6), fc.oneof(ofYaml, fc.string()));
    fc.assert(
      fc.property(damage, ([at, cut, piece]) =>
        hasSenseAnswer(ONE_RULE.slice(0, at) + piece + ONE_RULE.slice(at + cut)),
      ),
      { numRuns: 2000 },
    );
  });
});
