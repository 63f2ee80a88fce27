import { describe, expect, test } from '@jest/globals';
import type { RulesChange } from '../../src/model/rules.ts';
import { allow, edit, edited, SCHEMA } from './edits.ts';

const clear: RulesChange = { kind: 'clear' };
const disable: RulesChange = { kind: 'enabled', value: false };
const enable: RulesChange = { kind: 'enabled', value: true };

/** Lines below `autoscale:` and a default region. */
const file = (...lines: readonly string[]): string =>
  ['autoscale:', '  region: eu-west-1', ...lines, ''].join('\n');

const TWO = file(
  '  rules: # what we pay for',
  '    # builds',
  '    - instance-type: m5.xlarge # the cheap one',
  '      max: 2   # was 3',
  '',
  '    # training',
  '    - max: 4',
  "      instance-type: 'g5.xlarge'",
  "      region: 'us-east-1'",
  "      spot-policy: 'auto'",
  '      labels: [cuda]',
  '# end',
);
const gpu = { type: 'g5.xlarge', region: 'us-east-1' };

describe('a rule that is there', () => {
  test.each<[what: string, change: RulesChange, from: string, to: string]>([
    ['gets another maximum', allow(4), 'max: 2   # was 3', 'max: 4   # was 3'],
    ['of another region too', allow(5, gpu), '- max: 4', '- max: 5'],
    [
      'keeps the quotes of a value',
      allow(4, { ...gpu, spotPolicy: 'on-demand' }),
      "'auto'",
      "'on-demand'",
    ],
    [
      'gets an option in a line of its own',
      allow(2, { spotPolicy: 'auto' }),
      '# was 3',
      '# was 3\n      spot-policy: auto',
    ],
    [
      'gets several',
      allow(3, { spotPolicy: 'auto', maxPriceUsd: 0.6 }),
      '2   # was 3',
      '3   # was 3\n      max-price: 0.6\n      spot-policy: auto',
    ],
    [
      'is removed by a maximum of 0, with its lines only',
      allow(0),
      '    - instance-type: m5.xlarge # the cheap one\n      max: 2   # was 3\n',
      '',
    ],
    [
      'is removed as the last one',
      allow(0, gpu),
      TWO.slice(TWO.indexOf('    - max: 4'), TWO.indexOf('# end')),
      '',
    ],
  ])('%s', (_, change, from, to) => {
    expect(TWO).toContain(from);
    expect(edited(TWO, change)).toBe(TWO.replace(from, to));
  });

  test('leaves a comment below its last line when it is removed', () => {
    const last = ['    - max: 1', '      instance-type: m5.xlarge', '      labels:', '        - x'];
    const from = file(
      '  rules:',
      '    - {instance-type: a1.large, max: 1}',
      ...last,
      '        # - y',
    );
    const to = file('  rules:', '    - {instance-type: a1.large, max: 1}', '        # - y');
    expect(edited(from, allow(0))).toBe(to);
  });

  test('is told as it was and as it is', () => {
    expect(edit(TWO, allow(4))).toMatchObject({ before: { max: 2 }, after: { max: 4 } });
    expect(edit(TWO, allow(0))).toMatchObject({ changed: true, before: { max: 2 } });
    expect(edit(TWO, allow(0))).not.toHaveProperty('after');
  });

  test.each<[what: string, change: RulesChange]>([
    ['the same maximum', allow(2)],
    ['a default that is not written', allow(2, { spotPolicy: 'spot' })],
    ['the removal of one that is not there', allow(0, { type: 'c7g.large' })],
    ['what is enabled', enable],
  ])('is not touched by %s', (_, change) => {
    expect(edit(TWO, change)).toMatchObject({ ok: true, changed: false, text: TWO });
  });

  test('is found by the region that applies where no file names one', () => {
    const text = 'autoscale:\n  rules:\n    - instance-type: m5.xlarge\n      max: 1\n';
    const options = { defaultRegion: 'eu-west-1' };
    expect(edited(text, allow(2), options)).toBe(text.replace('max: 1', 'max: 2'));
  });

  test.each<[layout: string, from: string, change: RulesChange, to: string]>([
    ['flow', '{instance-type: m5.xlarge, max: 1}', allow(2), '{instance-type: m5.xlarge, max: 2}'],
    [
      'flow with a new key',
      '{max: 1, instance-type: m5.xlarge}',
      allow(1, { maxPriceUsd: 0.25 }),
      '{max: 1, max-price: 0.25, instance-type: m5.xlarge}',
    ],
    [
      'JSON',
      '{"instance-type": "m5.xlarge", "max": 1}',
      allow(2, { spotPolicy: 'auto' }),
      '{"instance-type": "m5.xlarge", "max": 2, "spot-policy": "auto"}',
    ],
    [
      'a folded text',
      'instance-type: m5.xlarge\n      spot-policy: >-\n        spot\n      max: 1',
      allow(1, { spotPolicy: 'auto' }),
      'instance-type: m5.xlarge\n      spot-policy: auto\n      max: 1',
    ],
    [
      'a dash in a line of its own',
      '\n      instance-type: m5.xlarge\n      max: 1',
      allow(2, { spotPolicy: 'auto' }),
      '\n      instance-type: m5.xlarge\n      max: 2\n      spot-policy: auto',
    ],
    [
      'an alias',
      'instance-type: m5.xlarge\n      max: &m 1\n    - instance-type: m5.large\n      max: *m',
      allow(2, { type: 'm5.large' }),
      'instance-type: m5.xlarge\n      max: &m 1\n    - instance-type: m5.large\n      max: 2',
    ],
  ])('keeps its layout: %s', (_, from, change, to) => {
    expect(edited(file('  rules:', `    - ${from}`), change)).toBe(file('  rules:', `    - ${to}`));
  });
});

describe('a rule that is new', () => {
  const lines = (indent: string) => [`${indent}- instance-type: m5.xlarge`, `${indent}  max: 1`];

  test.each<[where: string, from: string, to: string]>([
    [
      'below the last one, before what follows the list',
      file('  rules:', '  - instance-type: m5.large', '    max: 1', '    # big', '  retry: 1'),
      file(
        ...['  rules:', '  - instance-type: m5.large', '    max: 1', '    # big', ...lines('  ')],
        '  retry: 1',
      ),
    ],
    [
      'below a last value of several lines, before what follows it',
      file(
        ...['  rules:', '    - {instance-type: m5.large, max: 1}', '    - instance-type: a1.large'],
        ...['      max: 1', '      labels:', '        - x', '', '    # others', '  retry: 1'],
      ),
      file(
        ...['  rules:', '    - {instance-type: m5.large, max: 1}', '    - instance-type: a1.large'],
        ...['      max: 1', '      labels:', '        - x', ...lines('    '), '', '    # others'],
        '  retry: 1',
      ),
    ],
    ['below rules that has nothing', file('  rules:'), file('  rules:', ...lines('    '))],
    ['in place of null', file('  rules: ~ # no'), file('  rules: # no', ...lines('    '))],
    ['in place of []', file('  rules: []  # no'), file('  rules:  # no', ...lines('    '))],
    [
      'below rules that are commented out',
      file('  rules:', '    # - instance-type: m5.large', '    #   max: 1', '  retry: 1'),
      file(
        ...['  rules:', '    # - instance-type: m5.large', '    #   max: 1', ...lines('    ')],
        '  retry: 1',
      ),
    ],
    [
      'with the key rules, where it is missing',
      file('  retry: 1 # once'),
      file('  retry: 1 # once', '  rules:', ...lines('    ')),
    ],
    [
      'with the step of the file',
      'autoscale:\n    region: eu-west-1\n',
      `autoscale:\n    region: eu-west-1\n    rules:\n${lines('        ').join('\n')}\n`,
    ],
    [
      'in a list in brackets',
      file('  rules: [{max: 2, instance-type: m5.large},]'),
      file('  rules: [{max: 2, instance-type: m5.large}, {instance-type: m5.xlarge, max: 1},]'),
    ],
    [
      'in braces, where the last one is',
      file('  rules:', '    - {max: 2, instance-type: m5.large}'),
      file(
        '  rules:',
        '    - {max: 2, instance-type: m5.large}',
        '    - {instance-type: m5.xlarge, max: 1}',
      ),
    ],
    [
      'in a file in braces',
      'autoscale: {region: eu-west-1}\n',
      'autoscale: {region: eu-west-1, rules: [{instance-type: m5.xlarge, max: 1}]}\n',
    ],
    [
      'in empty brackets of a file in braces',
      'autoscale: {region: eu-west-1, rules: []}\n',
      'autoscale: {region: eu-west-1, rules: [{instance-type: m5.xlarge, max: 1}]}\n',
    ],
    [
      'at the end of a file without a line ending',
      'autoscale:\r\n  region: eu-west-1\r\n  rules:\r\n  - {instance-type: m5.large, max: 2}',
      'autoscale:\r\n  region: eu-west-1\r\n  rules:\r\n  - {instance-type: m5.large, max: 2}' +
        '\r\n  - {instance-type: m5.xlarge, max: 1}',
    ],
  ])('goes %s', (_, from, to) => {
    expect(edited(from, allow(1))).toBe(to);
  });

  test('names its region where it is not the default of the file', () => {
    expect(edited(file('  rules:'), allow(1, { ...gpu, spotPolicy: 'auto', maxPriceUsd: 2 }))).toBe(
      file(
        ...['  rules:', '    - instance-type: g5.xlarge', '      max: 1'],
        ...['      region: us-east-1', '      spot-policy: auto', '      max-price: 2'],
      ),
    );
  });
});

describe('a file without content', () => {
  const rule = '    - instance-type: m5.xlarge\n      max: 1\n      region: eu-west-1\n';
  const head =
    `# yaml-language-server: $schema=${SCHEMA}\n` +
    '# The EC2 instances that jobs of GitHub Actions may use.\nautoscale:\n';

  test.each<[what: string, text: string | null, change: RulesChange, to: string | null]>([
    ['is created', null, allow(1), `${head}  rules:\n${rule}`],
    ['is created empty', null, clear, `${head}  rules: []\n`],
    ['is created disabled', null, disable, `${head}  enabled: false\n`],
    ['is not created to enable', null, enable, null],
    ['is not created to remove', null, allow(0), null],
    ['is filled', '', allow(1), `autoscale:\n  rules:\n${rule}`],
    ['keeps its comments', '# ours', allow(1), `# ours\nautoscale:\n  rules:\n${rule}`],
    ['keeps its mark', '\ufeff# a\n', disable, '\ufeff# a\nautoscale:\n  enabled: false\n'],
    ['keeps its key', 'autoscale: # a\n', allow(1), `autoscale: # a\n  rules:\n${rule}`],
    ['loses its null', 'autoscale: null # a', disable, 'autoscale: # a\n  enabled: false'],
    ['is disabled in braces', 'autoscale: {}\n', disable, 'autoscale: {enabled: false}\n'],
    ['is left alone by clear', '# a\n', clear, '# a\n'],
  ])('%s', (_, text, change, to) => {
    expect(edited(text, change)).toBe(to);
    expect(edit(text, change)).toMatchObject({ ok: true, changed: text !== to });
  });
});

describe('clear', () => {
  test.each<[what: string, from: string, to: string]>([
    [
      'keeps comments',
      TWO,
      file('  rules: [] # what we pay for', '    # builds', '', '    # training', '# end'),
    ],
    [
      'empties brackets',
      file('  rules: [{max: 1, instance-type: a1.large}, {max: 1, instance-type: m5.large} ,]'),
      file('  rules: [ ]'),
    ],
    [
      'empties brackets without a comma at the end',
      file('  rules: [{max: 1, instance-type: a1.large}, {max: 1, instance-type: m5.large}]'),
      file('  rules: []'),
    ],
    [
      'takes an alias out together with what it stands for',
      file(
        ...['  rules:', '    - {instance-type: m5.xlarge, max: &m 1}'],
        '    - {instance-type: m5.large, max: *m}',
      ),
      file('  rules: []'),
    ],
    ['leaves nothing alone', file('  rules:'), file('  rules:')],
  ])('%s', (_, from, to) => {
    expect(edited(from, clear)).toBe(to);
  });
});

describe('a list in brackets', () => {
  const A = '{instance-type: m5.xlarge, max: 1}';
  const B = '{instance-type: m5.large, max: 2}';
  const C = '{instance-type: a1.large, max: 3}';

  test.each<[which: string, from: string, to: string]>([
    ['the first', `[${A}, ${B}]`, `[${B}]`],
    ['the middle', `[${B}, ${A}, ${C}]`, `[${B}, ${C}]`],
    ['the last', `[${B}, ${A}]`, `[${B}]`],
    ['the last before a comma', `[ ${B}, ${A}, ]`, `[ ${B}, ]`],
    ['the only one', `[ ${A} ]`, '[  ]'],
    [
      'one in a line of its own',
      `[\n    ${A}, # one\n    ${B}, # two\n  ]`,
      `[\n    # one\n    ${B}, # two\n  ]`,
    ],
  ])('loses %s', (_, from, to) => {
    expect(edited(file(`  rules: ${from}`), allow(0))).toBe(file(`  rules: ${to}`));
  });
});

describe('disable and enable', () => {
  test.each<[what: string, from: string, change: RulesChange, to: string]>([
    [
      'write the key first',
      file('  retry: 1'),
      disable,
      file('  retry: 1').replace('\n', '\n  enabled: false\n'),
    ],
    ['change it where it is', file('  enabled: true # on'), disable, file('  enabled: false # on')],
    ['and back', file('  enabled: false'), enable, file('  enabled: true')],
  ])('%s', (_, from, change, to) => {
    expect(edited(from, change)).toBe(to);
  });
});

describe('what cannot be edited', () => {
  const shared = 'write the value out in both places, or edit the file by hand';

  test('is a file with errors', () => {
    expect(edited(`${TWO}  x: 1\n`, allow(1))).toMatch(/^15:3 unknown-key unknown key "x"/);
  });

  test.each<[what: string, text: string, change: RulesChange, problem: string]>([
    [
      'a value that another rule uses',
      file(
        '  rules:',
        '    - instance-type: m5.xlarge',
        '      max: &m 1',
        '    - {instance-type: m5.large, max: *m}',
      ),
      allow(2),
      `6:38 conflict what would change is also used here, as *m; ${shared}`,
    ],
    [
      'a rule with a list that another one uses',
      file(
        '  rules:',
        '    - {instance-type: m5.xlarge, max: 1, labels: &l [a]}',
        '    - {instance-type: m5.large, max: 1, labels: *l}',
      ),
      allow(0),
      `5:49 conflict what would change is also used here, as *l; ${shared}`,
    ],
  ])('is %s', (_, text, change, problem) => {
    expect(edited(text, change)).toBe(problem);
  });

  test('is a layout where lines cannot be told apart', () => {
    const text =
      'autoscale:\n  region: eu-west-1\n  ? rules\n  : - {instance-type: m5.xlarge, max: 1}\n';
    expect(edited(text, allow(0))).toBe(
      '1:1 conflict the file is laid out in a way that a command cannot edit; edit it by hand',
    );
  });

  test('is a file that has 100 rules', () => {
    const rules = Array.from(
      { length: 100 },
      (_, i) => `    - {instance-type: m5.${i + 100}xlarge, max: 1}`,
    );
    expect(edited(file('  rules:', ...rules), allow(1))).toMatch(/wrong-value rules: 101 items/);
  });

  test('is a file that is too large', () => {
    expect(edited(`${TWO}#${'x'.repeat(65_536)}`, allow(4))).toMatch(/^1:1 too-large/);
  });
});
