import { expect, test } from '@jest/globals';
import {
  previewVerdict,
  type RulesPreview,
  refusedVerdict,
} from '../../src/commands/rules-check.ts';
import { parseRules } from '../../src/rules/parse.ts';

const PATH = '.github/dstack.yml';

function side(rules: string, more = '') {
  const parsed = parseRules(`autoscale:\n  region: eu-west-1\n${more}  rules: [${rules}]\n`);
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.errors));
  const prices = { nowUsd: 0.05, atMostUsd: 0.1 };
  return { file: parsed.rules, rules: parsed.rules.rules.map((rule) => ({ rule, ...prices })) };
}

const M5 = '{instance-type: m5.large, max: 4}';
const LESS = '{instance-type: m5.large, max: 1}';
const C5 = '{instance-type: c5.large, max: 2, spot-policy: auto, max-price: 0.2}';
const preview = (more: Partial<RulesPreview> = {}): RulesPreview => ({
  path: PATH,
  before: side(M5),
  after: side(`${LESS}, ${C5}`),
  holds: 'merge',
  withoutAws: null,
  inUse: new Map([['m5.large/eu-west-1', { all: 3, busy: 2 }]]),
  warnings: [],
  beyond: [],
  remarks: [],
  ...more,
});

test('a preview shows what changes, what would end and what it costs', () => {
  const note = { path: PATH, line: 4, column: 3, endColumn: 9, message: 'no @spot market' };
  const verdict = previewVerdict(preview({ warnings: [note], remarks: ['Not checked: x.'] }));
  expect(verdict.title).toBe('2 rules · at most $0.300/h');
  expect(verdict.annotations).toEqual([{ ...note, level: 'warning' }]);
  expect(verdict.summary).toBe(
    [
      'At most, with all machines running: $0.400/hour ($292.00/month) → **$0.300/hour ($219.00/month)**.',
      '',
      '| Type | Region | Before | After | Price now | At most |',
      '|---|---|---|---|--:|--:|',
      '| m5.large | eu-west-1 | 4 spot | 1 spot | $0.0500/h | $0.100/h |',
      '| c5.large | eu-west-1 | – | 2 auto, $0.200/h at most | $0.0500/h | $0.100/h |',
      '',
      '**What ends at merge**',
      '',
      '- m5.large/eu-west-1: 2 of 3 machines, 2 of them busy now',
      '',
      '**Warnings**',
      '',
      '- .github/dstack.yml, line 4: no @\u200bspot market',
      '',
      '**Notes**',
      '',
      '- Not checked: x.',
    ].join('\n'),
  );
});

test.each<[string, Partial<RulesPreview>, string]>([
  ['no rules', { after: side('') }, 'no rules · no machine may be launched'],
  ['a pause', { after: side(M5, '  enabled: false\n') }, '1 rule · autoscaling is off'],
  ['a fork', { withoutAws: 'it is a fork.' }, '2 rules · checked without AWS'],
])('the title of %s has no price', (_, more, title) => {
  expect(previewVerdict(preview(more)).title).toBe(title);
});

test('what goes beyond the owner’s rules fails the check at its line', () => {
  const beyond = [
    { path: 'dstack.yml', line: 4, column: 12, endColumn: 13, message: 'max 9 is more than 4' },
  ];
  const verdict = previewVerdict(preview({ beyond }));
  expect(verdict).toMatchObject({ conclusion: 'failure', title: 'line 4: max 9 is more than 4' });
  expect(verdict.annotations).toEqual([{ ...beyond[0], level: 'failure' }]);
  expect(verdict.summary).toContain("**Beyond the owner's rules, so it does not apply**");
});

test('a price that AWS does not say is not taken for nothing', () => {
  const { file, rules } = side(M5);
  const after = { file, rules: rules.map((one) => ({ ...one, atMostUsd: null })) };
  const verdict = previewVerdict(preview({ after }));
  expect(verdict.title).toBe('1 rule · AWS does not say what they cost');
  expect(verdict.summary).toContain('→ **unknown**');
});

test('a pause costs nothing, ends all machines, and is named among the settings', () => {
  const after = side(M5, '  enabled: false\n');
  const { summary } = previewVerdict(preview({ after, holds: 'now' }));
  expect(summary).toContain('→ **$0/hour');
  expect(summary).toContain('- enabled: `true` → `false`');
  expect(summary).toContain('**What ends**\n\n- m5.large/eu-west-1: 3 of 3');
});

test('many rules are cut, and counted', () => {
  const many = Array.from({ length: 80 }, (_, i) => `{instance-type: m${i}.large, max: 1}`);
  const { summary } = previewVerdict(preview({ after: side(many.join(',')) }));
  expect(summary.match(/^\| m\d+\.large/gm)).toHaveLength(50);
  expect(summary).toContain('and 30 more rules');
});

test('a refusal has one annotation for each mistake and a title of 140 signs at most', () => {
  const error = { kind: 'wrong-value', line: 9, column: 5, endColumn: 8 } as const;
  const errors = [
    { ...error, message: 'x'.repeat(300) },
    { ...error, line: 10, message: '@all' },
  ];
  const inForce = '3f2a91c0000';
  const verdict = refusedVerdict({ path: PATH, errors, holds: 'merge', inForce });
  expect(verdict.title).toMatch(/^line 9: x+… \(and 1 more\); rules of 3f2a91c stay in force$/);
  expect(verdict.title).toHaveLength(140);
  expect(verdict.summary).toContain(
    '2 mistakes in `.github/dstack.yml`. Merged like this, rules of 3f2a91c stay in force.',
  );
  expect(verdict.summary).toContain('- line 10, column 5: @\u200ball');
  expect(verdict.annotations.map(({ line, level }) => [line, level])).toEqual([
    [9, 'failure'],
    [10, 'failure'],
  ]);
});
