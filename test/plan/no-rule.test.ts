import { expect, test } from '@jest/globals';
import type { RuleView } from '../../src/model/world.ts';
import { plan } from '../../src/plan/plan.ts';
import { aJob, aRule, aWorld, NOW } from '../builders.ts';

const machine = (vcpus: number, gib: number, gpu?: string) => ({
  vcpus,
  memoryMib: gib * 1024,
  gpus: gpu === undefined ? null : { name: gpu, count: 1 },
});
const rules: readonly RuleView[] = [
  aRule(),
  aRule({ type: 'm5.4xlarge', machine: machine(16, 64), diskGb: 80 }),
  aRule({ type: 'g5.xlarge', region: 'eu-west-1', machine: machine(4, 16, 'A10G') }),
];

function reasonFor(labels: readonly string[]): readonly [string, string] {
  const { waits } = plan(aWorld({ jobs: [aJob({ labels: ['dstack', ...labels] })], rules }), NOW);
  const [wait] = waits;
  expect(wait?.reason.text.length).toBeLessThanOrEqual(140);
  return [wait?.reason.code ?? '', wait?.reason.text ?? ''];
}

test.each<[readonly string[], string]>([
  [['cpu=64'], 'No rule has `cpu=64`: the largest has 16 cpu (m5.4xlarge)'],
  [['CPU=1..1'], 'No rule has `CPU=1..1`: the smallest has 2 cpu (m5.large)'],
  [
    ['cpu=5..9'],
    'No rule has `cpu=5..9`: the next smaller has 4 cpu (g5.xlarge), the next larger has 16 cpu (m5.4xlarge)',
  ],
  [['dstack/x64/memory=65GB'], 'No rule has `memory=65gb`: the largest has 64 GB (m5.4xlarge)'],
  [['disk=100GB'], 'No rule has `disk=100GB`: the largest has 80 GB (m5.4xlarge)'],
  [['gpu=T4'], 'No rule has `gpu=T4`: there is A10G:1 (g5.xlarge)'],
  [['arm64'], 'No rule has `arm64`: the machines are x64'],
  [['type=c5.large'], 'No rule has `type=c5.large`: there is g5.xlarge, m5.4xlarge, m5.large'],
  [['region=us-west-2'], 'No rule has `region=us-west-2`: the rules are in eu-west-1, us-east-1'],
  [['image=al2023'], 'No rule has `image=al2023`: there is ubuntu-24.04'],
  [['spot=on-demand'], 'No rule has `spot=on-demand`: spot-policy is spot'],
  [['c5.large'], 'No rule has the label `c5.large`; nothing starts until one does'],
  [
    ['gpu=1', 'cpu=8'],
    'No rule with the labels before it has `cpu=8`: the largest has 4 cpu (g5.xlarge)',
  ],
])('a job that asks for %j is told what there is', (labels, text) => {
  expect(reasonFor(labels)).toEqual(['no-rule', text]);
});

test.each<[string, string]>([
  ['cpu=many', '`cpu=many` cannot be read: write `cpu=4` or `cpu=4..8`'],
  ['CPUs=4', '`CPUs=4` cannot be read: did you mean `cpu=4`?'],
  ['gpu=', '`gpu=` cannot be read: write `gpu=1`, `gpu=A10G` or `gpu=A10G:2`'],
  [
    'dstack/cpus=4/memory=16GB',
    '`dstack/cpus=4/memory=16GB` cannot be read: `cpus=4`: did you mean `cpu=4`?',
  ],
])('a job with the label `%s` is told that it cannot be read', (label, text) => {
  expect(reasonFor(['cpu=999', label])).toEqual(['bad-label', text]);
});

test('a bad label is told also where there are no rules', () => {
  const jobs = [aJob({ labels: ['dstack', 'cpu=many'] })];
  const rulesReason = { code: 'no-rule', text: 'No file.' };
  const { waits } = plan(aWorld({ jobs, rules: [], rulesReason }), NOW);
  expect(waits.map(({ reason }) => reason.code)).toEqual(['bad-label']);
});

test('a label that a rule has is served, whatever it looks like', () => {
  const jobs = [aJob({ labels: ['dstack', 'cpu=many'] })];
  const { waits } = plan(aWorld({ jobs, rules: [aRule({ labels: ['cpu=many'] })] }), NOW);
  expect(waits.map(({ reason }) => reason.code)).toEqual(['starting']);
});
