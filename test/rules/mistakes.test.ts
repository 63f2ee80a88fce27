import { describe, expect, test } from '@jest/globals';
import { ONE_RULE, problemsOf } from './problems.ts';

describe('a bad file', () => {
  const MISSING = 'the key "autoscale" is missing; write "autoscale:" first and indent the rest';
  const EMPTY = '1:1-2 missing-key the file is empty; it needs the key "autoscale"';

  test.each<[string, string, readonly string[]]>([
    ['is empty', '', [EMPTY]],
    ['has only comments', '# rules\n# none\n', [EMPTY]],
    ['has only a byte order mark', '\ufeff', [EMPTY]],
    [
      'is a word',
      'hello',
      [
        '1:1-6 wrong-value the file: hello is not accepted; write keys under it, such as "autoscale:"',
      ],
    ],
    [
      'is a list',
      '- a\n',
      [
        '1:1-4 wrong-value the file: a list is not accepted; write keys under it, such as "autoscale:"',
      ],
    ],
    ['lacks autoscale', 'rules: []\nforks: deny\n', [`1:1-6 missing-key ${MISSING}`]],
    ['has a number for a key', '1: 2\n', [`1:1-2 missing-key ${MISSING}`]],
    [
      'has nothing under autoscale',
      'autoscale:\n',
      ['1:11-12 wrong-value autoscale: there is no value; write keys under it, such as "enabled:"'],
    ],
    [
      'mistypes autoscale after a BOM',
      '\ufeffautoscal:\n',
      ['1:1-9 unknown-key unknown key "autoscal" in the file; did you mean "autoscale"?'],
    ],
    [
      'has a key beside autoscale',
      'autoscale: {}\nforks: deny\n',
      ['2:1-6 unknown-key unknown key "forks" in the file; it belongs under autoscale'],
    ],
    [
      'is indented by a tab',
      'autoscale:\n\tretry: 1\n',
      ['2:1-2 syntax Tabs are not allowed as indentation'],
    ],
    [
      'has Windows line ends and a mistake',
      'autoscale:\r\n  retry: x\r\n',
      ['2:10-11 wrong-value retry: x is not accepted; write a whole number from 0 to 10'],
    ],
    [
      'has a second document',
      `${ONE_RULE}---\na: 1\n`,
      ['6:1-4 syntax a second document begins here; the file holds one'],
    ],
    [
      'has an unknown tag',
      'autoscale:\n  forks: !secret deny\n',
      ['2:10-17 syntax Unresolved tag: !secret'],
    ],
    [
      'has a binary tag',
      'autoscale:\n  forks: !!binary aGk=\n',
      ['2:10-18 syntax Unresolved tag: tag:yaml.org,2002:binary'],
    ],
    ['has a list for a key', '? [a]\n: 1\n', ['1:3-4 syntax a key must be a plain word']],
    [
      'has an alias without an anchor',
      'autoscale:\n  rules: *r\n',
      ['2:10-12 syntax no anchor &r comes before this alias'],
    ],
    [
      'has keys without values',
      'autoscale: {retry, runner-group}\n',
      [
        '1:13-18 wrong-value retry: there is no value',
        '1:20-32 wrong-value runner-group: there is no value',
      ],
    ],
  ])('%s', (_, text, problems) => {
    expect(problemsOf(text)).toEqual(problems);
  });

  test.each(['<<', '__proto__', 'constructor', 'toString'])('does not know the key %s', (key) => {
    expect(problemsOf(`autoscale:\n  ${key}: {retry: 1}\n`)).toEqual([
      `2:3-${3 + key.length} unknown-key unknown key "${key}" in autoscale; known are enabled, region, ` +
        'image, forks, reuse, max-duration, retry, on-exhausted, exhausted-after, budget, ' +
        'runner-group, own-rules, rules',
    ]);
  });

  test.each<[string, string, readonly string[]]>([
    [
      'misspells a key',
      '      spot_policy: auto\n',
      ['6:7-18 unknown-key unknown key "spot_policy" in a rule; did you mean "spot-policy"?'],
    ],
    [
      'names a part of a key',
      '      price: 1\n',
      ['6:7-12 unknown-key unknown key "price" in a rule; did you mean "max-price"?'],
    ],
    [
      'misplaces a key',
      '      forks: deny\n',
      [
        '6:7-12 unknown-key unknown key "forks" in a rule; it belongs under autoscale, not in a rule',
      ],
    ],
    ['repeats a key', '      max: 2\n', ['6:7-10 duplicate-key "max" is written twice in a rule']],
    [
      'repeats a rule',
      '    - {instance-type: m5.xlarge, max: 2}\n',
      ['6:23-32 duplicate-rule a second rule for m5.xlarge in eu-west-1; keep one, with one max'],
    ],
    [
      'lacks a key',
      '    - instance-type: m5.large\n',
      ['6:7-20 missing-key a rule needs the key "max"'],
    ],
    [
      'misspells a needed key',
      '    - instance_type: m5.large\n      max: 1\n',
      ['6:7-20 unknown-key unknown key "instance_type" in a rule; did you mean "instance-type"?'],
    ],
    [
      'has two mistakes in two rules',
      '      retries: 1\n    - {instance-type: x, max: 1}\n',
      [
        '6:7-14 unknown-key unknown key "retries" in a rule; known are instance-type, max, region, spot-policy, max-price, disk, subnets, security-groups, labels, image',
        '7:23-24 wrong-value instance-type: x is not accepted; write an instance type such as m5.xlarge',
      ],
    ],
    [
      'refuses a region once',
      '    - {instance-type: m5.xlarge, max: 1, region: x}\n',
      ['6:50-51 wrong-value region: x is not accepted; write a region such as eu-west-1'],
    ],
  ])('whose rule %s', (_, lines, problems) => {
    expect(problemsOf(ONE_RULE + lines)).toEqual(problems);
  });

  test.each([
    [
      'by a %YAML 1.1 directive, under which "yes" would be true',
      '%YAML 1.1\n---\nautoscale:\n  enabled: yes\n',
      ['4:12-15 wrong-value enabled: yes is not accepted; write true or false'],
    ],
    [
      'once in a list that an alias repeats',
      `${ONE_RULE}      labels: &l [1]\n    - {instance-type: m5.large, max: 1, labels: *l}\n`,
      [
        '6:19-20 wrong-value labels: 1 is not accepted; ' +
          'write a label without spaces and commas (in quotes if a number)',
      ],
    ],
    [
      'once in the region that a rule would take',
      ONE_RULE.replace('eu-west-1', 'europe'),
      ['2:11-17 wrong-value region: europe is not accepted; write a region such as eu-west-1'],
    ],
    [
      'in the order of the text',
      `${ONE_RULE}    - instance-type: m5.large\n      forks: deny\n`,
      [
        '6:7-20 missing-key a rule needs the key "max"',
        '7:7-12 unknown-key unknown key "forks" in a rule; ' +
          'it belongs under autoscale, not in a rule',
      ],
    ],
  ])('is reported %s', (_, text, problems) => {
    expect(problemsOf(text)).toEqual(problems);
  });

  test('says once that no rule has a region', () => {
    const rules = ['m5.large', 'm5.xlarge'].map((t) => `    - {instance-type: ${t}, max: 1}\n`);
    expect(problemsOf(`autoscale:\n  rules:\n${rules.join('')}`)).toEqual([
      '3:23-31 missing-key no region: write the key "region" here, or under autoscale for all rules',
    ]);
  });
});
