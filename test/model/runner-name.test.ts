import { expect, test } from '@jest/globals';
import { runOf } from '../../src/model/labels.ts';
import { instanceOfRunner, nextRunnerName, runnerName } from '../../src/model/runner-name.ts';

test("a runner's name leads back to its machine, for each job that this takes", () => {
  const first = runnerName('i-0abc', '123456789abc');
  const second = nextRunnerName(first);
  const third = nextRunnerName(second);
  expect([first, second, third]).toEqual([
    'dstack-i-0abc-123456',
    'dstack-i-0abc-123456-2',
    'dstack-i-0abc-123456-3',
  ]);
  expect([first, second, third].map(instanceOfRunner)).toEqual(['i-0abc', 'i-0abc', 'i-0abc']);
  expect(instanceOfRunner('my-runner')).toBeUndefined();
});

test.each([
  [['dstack', 'run=26900000001'], 26_900_000_001],
  [['dstack/cpu=4/Run=7'], 7],
  [['dstack/run=7/cpu=4'], 7],
  [['dstack', 'run=abc'], null],
  [['rerun=7', 'dstack'], null],
  [[], null],
])('%j belong to the run %s', (labels, run) => {
  expect(runOf(labels)).toBe(run);
});
