import { describe, expect, test } from '@jest/globals';
import type { JobView, World } from '../../src/model/world.ts';
import { labelsFor } from '../../src/plan/plan.ts';
import { aJob, anIdle, anInstance, aRule, aWorld, LABELS, NOW } from '../builders.ts';

const asking = (id: number, labels: readonly string[], given: Partial<JobView> = {}): JobView =>
  aJob({ id, labels, queuedAt: NOW - 1_000 + id, ...given });

/** What machine `a.0` registers beyond the labels of its rule. */
function further(given: Partial<World>): readonly string[] {
  const labels = labelsFor(aWorld({ instances: [anInstance()], ...given }), 'a.0', NOW);
  expect(labels.slice(0, LABELS.length)).toEqual(LABELS);
  return labels.slice(LABELS.length);
}

const joined = 'dstack/type=m5.large/x64';

test.each<[string, readonly JobView[], readonly string[]]>([
  ['nothing without jobs', [], []],
  ['nothing that it has already, in any case', [asking(1, ['DSTACK', 'Linux'])], []],
  [
    'labels as the job spells them',
    [asking(1, ['dstack/Type=M5.large'])],
    ['dstack/Type=M5.large'],
  ],
  [
    'those of several jobs, the oldest first',
    [asking(2, ['dstack', 'type=m5.large']), asking(1, [joined])],
    [joined, 'type=m5.large'],
  ],
  [
    'those of one run only, the oldest',
    [asking(1, ['dstack', 'run=7']), asking(2, ['dstack', 'run=8', joined])],
    ['run=7'],
  ],
  [
    'those of the same run and of none',
    [asking(1, ['dstack', 'run=7']), asking(2, [joined]), asking(3, ['dstack/run=7'])],
    ['run=7', joined, 'dstack/run=7'],
  ],
  ['nothing of what it cannot serve', [asking(1, ['dstack', 'gpu=1'])], []],
  ['nothing of another repository', [asking(1, [joined], { repo: 2 })], []],
  ['nothing of a job that is set aside', [asking(1, [joined], { asideUntil: NOW + 1 })], []],
  [
    'nothing of a job with a label that GitHub refuses',
    [asking(1, [`run=${'7'.repeat(253)}`])],
    [],
  ],
])('registers %s', (_, jobs, expected) => {
  expect(further({ jobs })).toEqual(expected);
});

test('registers first what no registered runner can take', () => {
  const jobs = [asking(1, ['dstack', 'run=7']), asking(2, ['dstack', 'run=8'])];
  const other = anIdle({ key: 'b.0', labels: [...LABELS, 'run=7'] });
  expect(further({ jobs, instances: [anInstance(), other] })).toEqual(['run=8']);
  expect(further({ jobs, instances: [anInstance(), { ...other, state: 'busy' }] })).toEqual([
    'run=7',
  ]);
});

describe('with another machine on its way', () => {
  const small = aRule();
  const large = aRule({
    type: 'm5.4xlarge',
    machine: { vcpus: 16, memoryMib: 65_536, gpus: null },
  });
  const two = ['dstack', 'cpu=2'];
  const many = ['dstack', 'cpu=16'];
  const other = anInstance({ key: 'b.0', rule: small.id });
  const at = (jobs: readonly JobView[], instances = [other]) => {
    const machine = anInstance({ rule: large.id });
    const world = aWorld({ rules: [small, large], jobs, instances: [machine, ...instances] });
    return labelsFor(world, 'a.0', NOW).filter((label) => label.startsWith('cpu='));
  };

  test('a large one leaves the small job to the small one', () => {
    expect(at([asking(1, two), asking(2, many)])).toEqual(['cpu=16']);
  });

  test('a large one takes the small job that nobody else comes for', () => {
    expect(at([asking(1, two), asking(2, two), asking(3, many)])).toEqual(['cpu=2', 'cpu=16']);
    expect(at([asking(1, two), asking(2, many)], [])).toEqual(['cpu=2', 'cpu=16']);
  });

  test('one for which there is no job takes whatever it can', () => {
    expect(at([asking(1, two)])).toEqual(['cpu=2']);
  });
});

test('registers the further labels of its rule', () => {
  const world = aWorld({ instances: [anInstance()], rules: [aRule({ labels: ['cuda'] })] });
  expect(labelsFor(world, 'a.0', NOW)).toContain('cuda');
});

test('registers at most 100 labels, and all of a job or none', () => {
  const jobs = Array.from({ length: 60 }, (_, i) =>
    asking(i, ['dstack', `dstack/retry=${i}`, `dstack/x64/retry=${i}`]),
  );
  const labels = further({ jobs });
  expect(labels).toHaveLength(94);
  expect(labels.at(-1)).toBe('dstack/x64/retry=46');
});

test.each<[string, Partial<World>]>([
  ['whose rule is gone', { rules: [] }],
  ['whose architecture is not known', { rules: [aRule({ arch: null })] }],
  ['that is not there', { instances: [] }],
])('has no labels for a machine %s', (_, given) => {
  expect(labelsFor(aWorld({ instances: [anInstance()], ...given }), 'a.0', NOW)).toEqual([]);
});

test('does not take a machine for the one that serves its own jobs', () => {
  const jobs = [asking(1, ['dstack', 'run=7']), asking(2, ['dstack', 'run=8'])];
  expect(further({ jobs, instances: [anIdle({ labels: [...LABELS, 'run=7'] })] })).toEqual([
    'run=7',
  ]);
});
