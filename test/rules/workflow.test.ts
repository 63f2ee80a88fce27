import { describe, expect, test } from '@jest/globals';
import { namesWithEnvironment, readWorkflow } from '../../src/rules/workflow.ts';

const jobs = (text: string) => readWorkflow(text)?.jobs.map(({ name, labels }) => [name, labels]);

test('reads the labels of each job and where they are written', () => {
  const text =
    'on: push\njobs:\n  a:\n    runs-on: [self-hosted, dstack]\n  b:\n    runs-on: dstack\n';
  expect(readWorkflow(text)).toEqual({
    jobs: [
      {
        name: 'a',
        labels: ['self-hosted', 'dstack'],
        place: { line: 4, column: 14, endColumn: 35 },
      },
      { name: 'b', labels: ['dstack'], place: { line: 6, column: 14, endColumn: 20 } },
    ],
    computed: 0,
  });
});

test.each([
  // biome-ignore lint/suspicious/noTemplateCurlyInString: GitHub's own expression.
  ['an expression', '${{ matrix.os }}'],
  // biome-ignore lint/suspicious/noTemplateCurlyInString: GitHub's own expression.
  ['an expression among labels', '[dstack, "cpu=${{ matrix.cpu }}"]'],
  ['a group', '{group: large, labels: dstack}'],
  ['an alias', '*here'],
])('counts %s, and does not guess', (_, runsOn) => {
  const text = `x: &here dstack\njobs:\n  a:\n    runs-on: ${runsOn}\n`;
  expect(readWorkflow(text)).toEqual({ jobs: [], computed: 1 });
});

test.each([
  ['no YAML', 'jobs: ['],
  ['too large', `jobs: {}\n#${'x'.repeat(300_000)}`],
])('reads nothing of a text that is %s', (_, text) => {
  expect(readWorkflow(text)).toBeUndefined();
});

test.each([[''], ['a'], ['jobs: 3'], ['jobs: [a]'], ['jobs:\n  a: b'], ['jobs:\n  a: {uses: x}']])(
  'finds no job in %j',
  (text) => {
    expect(jobs(text)).toEqual([]);
  },
);

test('stops at 500 jobs', () => {
  const many = Array.from({ length: 600 }, (_, i) => `  j${i}: {runs-on: dstack}`);
  expect(jobs(['jobs:', ...many].join('\n'))).toHaveLength(500);
});

describe('whether a job names an environment', () => {
  const jobs = (text: string) => `on: push\njobs:\n${text}`;
  const DEPLOY = '  deploy:\n    environment: production\n';
  const BUILD = '  build:\n    runs-on: dstack\n';
  test.each<[string, string, string, boolean]>([
    ['it does', jobs(DEPLOY), 'deploy', true],
    ['it does not', jobs(BUILD), 'build', false],
    ['another does', jobs(BUILD + DEPLOY), 'build', false],
    [
      'by its own name',
      jobs('  a:\n    name: Ship it\n    environment: {name: x}\n'),
      'Ship it',
      true,
    ],
    ['of a matrix', jobs(`${DEPLOY}    strategy: {}\n`), 'deploy (1, x64)', true],
    ['of a matrix without one', jobs(BUILD + DEPLOY), 'build (1, x64)', false],
    [
      'a computed name may be its',
      jobs(`  a:\n    name: "\${{ x }}"\n    environment: x\n${BUILD}`),
      'build',
      true,
    ],
    [
      'another workflow is called',
      jobs('  call:\n    uses: ./.github/workflows/x.yml\n'),
      'call / build',
      true,
    ],
    ['it is not there', jobs(BUILD), 'test', true],
    ['no YAML', 'jobs: [', 'build', true],
    ['no jobs', 'on: push\n', 'build', true],
    ['too large a file', `${jobs(BUILD)}#${'x'.repeat(300_000)}`, 'build', true],
  ])('%s', (_, text, name, expected) => {
    expect([...namesWithEnvironment(text, new Set([name]))]).toEqual(expected ? [name] : []);
  });
});
