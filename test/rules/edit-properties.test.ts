import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { type Rule, type RulesChange, type RulesFile, ruleId } from '../../src/model/rules.ts';
import { editRules } from '../../src/rules/edit.ts';
import { SCHEMA } from './edits.ts';
import { ONE_RULE, rulesOf } from './problems.ts';

const REGION = 'eu-west-1';
const TYPES = ['m5.large', 'm5.xlarge', 'g5.xlarge'];
const REGIONS = [REGION, 'us-east-1'];

const aChange: fc.Arbitrary<RulesChange> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record(
      {
        kind: fc.constant('allow' as const),
        type: fc.constantFrom(...TYPES),
        region: fc.constantFrom(...REGIONS),
        max: fc.integer({ min: 0, max: 3 }),
        spotPolicy: fc.constantFrom('spot' as const, 'on-demand' as const, 'auto' as const),
        maxPriceUsd: fc.constantFrom(0.6, 2),
      },
      { requiredKeys: ['kind', 'type', 'region', 'max'] },
    ),
  },
  { weight: 1, arbitrary: fc.constant<RulesChange>({ kind: 'clear' }) },
  { weight: 2, arbitrary: fc.boolean().map((value): RulesChange => ({ kind: 'enabled', value })) },
);

/** A line of a generated file, and what it is part of: a rule, or a name. */
interface Line {
  readonly of: string;
  readonly text: string;
}

const aComment = fc.constantFrom('', '', '', ' # why', '  # max: 9', ' #');
const aBreak = fc.constantFrom<readonly string[]>(
  [],
  [],
  [],
  [''],
  ['# - a: 1'],
  ['', '      # b'],
);
const aQuote = fc.constantFrom('', '', '"', "'");

const aKey = (key: string, value: fc.Arbitrary<string>) =>
  fc.record({ key: fc.constant(key), value, quote: aQuote, comment: aComment });

const aRule = fc.record({
  keys: fc
    .tuple(
      aKey('max', fc.constantFrom('1', '2', '3')),
      aKey('spot-policy', fc.constantFrom('spot', 'on-demand', 'auto')),
      aKey('labels', fc.constantFrom('[a, b]', '[]', '\n          - x')),
      aKey('max-price', fc.constantFrom('0.6', '1')),
    )
    .chain(([max, ...more]) => fc.shuffledSubarray(more).map((some) => [max, ...some])),
  at: fc.nat(3),
  before: aBreak,
  isFlow: fc.boolean(),
});
type ARule = typeof aRule extends fc.Arbitrary<infer T> ? T : never;

function linesOf(rule: ARule, pair: readonly [string, string], dash: string): readonly Line[] {
  const [type, region] = pair;
  const named = { quote: '', comment: '' };
  const all = [
    ...rule.keys.slice(0, rule.at),
    { key: 'instance-type', value: type, ...named },
    ...(region === REGION ? [] : [{ key: 'region', value: region, ...named }]),
    ...rule.keys.slice(rule.at),
  ];
  const of = ruleId(type, region);
  const before = rule.before.map((text) => ({ of: 'comment', text }));
  const entry = ({ key, value, quote }: (typeof all)[number]) => {
    const isText = /^[a-z]/.test(value);
    return `${key}: ${isText ? quote + value + quote : value.replace(/^\n/, rule.isFlow ? '[' : '\n')}`;
  };
  if (rule.isFlow) {
    const flow = all
      .filter(({ value }) => !value.startsWith('\n'))
      .map(entry)
      .join(', ');
    return [...before, { of, text: `${dash}- {${flow}}` }];
  }
  const lines = all.flatMap((one, i) => {
    const isLong = one.value.startsWith('\n');
    const text = (i === 0 ? `${dash}- ` : `${dash}  `) + entry(one).replace(/: \n/, ':\n');
    return (isLong ? text : text + one.comment).split('\n');
  });
  return [...before, ...lines.map((text) => ({ of, text }))];
}

const PAIRS = TYPES.flatMap((type) => REGIONS.map((region) => [type, region] as const));

/** A file as people lay it out, every line with what it is part of. */
const aFile = fc
  .record({
    pairs: fc.shuffledSubarray(PAIRS),
    rules: fc.array(aRule, { minLength: PAIRS.length, maxLength: PAIRS.length }),
    dash: fc.constantFrom('  ', '    '),
    comment: aComment,
    enabled: fc.constantFrom('', 'true', 'false'),
    isRulesFirst: fc.boolean(),
    eol: fc.constantFrom('\n', '\r\n'),
    mark: fc.constantFrom('', '\ufeff'),
    hasEnd: fc.boolean(),
  })
  .map(({ pairs, rules, dash, comment, enabled, isRulesFirst, eol, mark, hasEnd }) => {
    const items = pairs.flatMap((pair, i) => (rules[i] ? linesOf(rules[i], pair, dash) : []));
    const list: readonly Line[] = [{ of: 'rules', text: `  rules:${comment}` }, ...items];
    const others: readonly Line[] = [
      { of: 'region', text: `  region: ${REGION}${comment}` },
      ...(enabled === '' ? [] : [{ of: 'enabled', text: `  enabled: ${enabled}${comment}` }]),
    ];
    const lines = [
      { of: 'head', text: `${mark}autoscale:${comment}` },
      ...(isRulesFirst ? [...list, ...others] : [...others, ...list]),
    ];
    const text = lines.map((line) => line.text).join(eol) + (hasEnd ? eol : '');
    return { lines, text, eol };
  });

/** What the change makes of the rules, said in another way than the code says it. */
function wanted(file: RulesFile, change: RulesChange): RulesFile {
  if (change.kind === 'enabled') return { ...file, enabled: change.value };
  if (change.kind === 'clear') return { ...file, rules: [] };
  const { kind, ...given } = change;
  const id = ruleId(change.type, change.region);
  const [fresh] = rulesOf(ONE_RULE).rules;
  const was = file.rules.find((rule) => rule.id === id);
  const rule = { ...fresh, ...was, ...given, id } as Rule;
  const others = file.rules.map((one) => (one.id === id ? rule : one));
  const all = was === undefined ? [...others, rule] : others;
  return { ...file, rules: all.filter((one) => one.id !== id || change.max > 0) };
}

/** Which lines the change may touch. */
const touched = (change: RulesChange, isLastRule: boolean): ((line: Line) => boolean) => {
  if (change.kind === 'enabled') return ({ of }) => of === 'enabled';
  const id = change.kind === 'allow' ? ruleId(change.type, change.region) : '';
  return ({ of }) =>
    change.kind === 'clear'
      ? of === 'rules' || of.includes('/')
      : of === id || (of === 'rules' && isLastRule);
};

describe('an edit', () => {
  test('means the change and nothing else, and touches the lines that it names', () => {
    let edits = 0;
    fc.assert(
      fc.property(aFile, aChange, ({ lines, text, eol }, change) => {
        const before = rulesOf(text);
        const result = editRules(text, change, { schemaUrl: SCHEMA });
        if (!result.ok) throw new Error(JSON.stringify(result.problems));
        const after = result.text ?? '';
        expect(rulesOf(after)).toEqual(wanted(before, change));
        expect(after === text).toBe(!result.changed);
        if (!result.changed) return;
        edits++;
        const isTouched = touched(change, rulesOf(after).rules.length === 0);
        const rest = lines.filter((line) => !isTouched(line)).map((line) => line.text);
        const kept: string[] = [];
        const written: string[] = [];
        for (const line of after.split(eol)) {
          (line === rest[kept.length] ? kept : written).push(line);
        }
        expect(kept).toEqual(rest);
        const named = lines.filter(isTouched).length;
        // At most the five lines of a new rule, or two new keys of an old one.
        const isEmptyEnd = written.at(-1) === '' ? 1 : 0;
        expect(written.length - isEmptyEnd).toBeLessThanOrEqual(named + (named === 0 ? 5 : 2));
      }),
      { numRuns: 1000 },
    );
    expect(edits).toBeGreaterThan(500);
  });

  test('that is asked for again changes nothing', () => {
    fc.assert(
      fc.property(aFile, aChange, ({ text }, change) => {
        const first = editRules(text, change, { schemaUrl: SCHEMA });
        if (!first.ok) throw new Error(JSON.stringify(first.problems));
        expect(editRules(first.text, change, { schemaUrl: SCHEMA })).toMatchObject({
          changed: false,
          text: first.text,
        });
      }),
      { numRuns: 300 },
    );
  });
});

describe('any text', () => {
  const pieces = fc
    .array(
      fc.constantFrom(
        ...[
          'autoscale:',
          'rules:',
          'max: 1',
          'instance-type: m5.xlarge',
          'enabled: ',
          'true',
          '- ',
        ],
        ...['\n', '\n  ', '\n    ', '\n      ', '\t', '\r\n', '\ufeff', '[', ']', '{', '}', ', '],
        ...['&a ', '*a', '!x ', '|', '>-', '"', "'", '# c', '---\n', '...\n', '? ', ': ', '~'],
      ),
      { maxLength: 30 },
    )
    .map((all) => all.join(''));

  const isAnswered = (text: string, change: RulesChange): void => {
    const options = { schemaUrl: SCHEMA, defaultRegion: REGION };
    const result = editRules(text, change, options);
    if (!result.ok) expect(result.problems.length).toBeGreaterThan(0);
    else if (result.changed) rulesOf(result.text ?? '', options);
  };

  test('is edited or refused with a problem', () => {
    fc.assert(fc.property(pieces, aChange, isAnswered), { numRuns: 1500 });
  });

  test('is so when a good file is damaged', () => {
    const damage = fc.tuple(fc.nat(ONE_RULE.length), fc.nat(6), pieces);
    fc.assert(
      fc.property(damage, aChange, ([at, cut, piece], change) =>
        isAnswered(ONE_RULE.slice(0, at) + piece + ONE_RULE.slice(at + cut), change),
      ),
      { numRuns: 1500 },
    );
  });
});
