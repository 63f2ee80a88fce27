import { describe, expect, test } from '@jest/globals';
import { capabilityOf, needsOf, unmet } from '../../src/model/labels.ts';
import type { RuleView } from '../../src/model/world.ts';
import { aRule } from '../builders.ts';

const gpus = { name: 'Radeon Pro V520', count: 2 };
const rule = aRule({
  type: 'g4ad.8xlarge',
  labels: ['Cuda', 'size=xl', 'cpus=many'],
  machine: { vcpus: 32, memoryMib: 131_072, gpus },
  diskGb: 60,
});

/** The label that the rule's machines do not have; undefined when they have all. */
const lacks = (labels: readonly string[], given: Partial<RuleView> = {}): string | undefined =>
  unmet(needsOf(labels, 'dstack'), capabilityOf({ ...rule, ...given }, 'dstack'))?.label;

describe('a rule', () => {
  test.each([
    ...['self-hosted', 'Linux', 'DSTACK', 'x64', 'arch=x64', 'g4ad.8xlarge', 'type=G4ad.8xlarge'],
    ...['cpu=32', 'cpu=1', 'cpu=32..64', 'memory=128GB', 'memory=64GB..128GB', 'disk=60GB'],
    ...['gpu=1', 'gpu=2', 'gpu=RadeonProV520', 'gpu=radeon-pro-v520:2', 'region=us-east-1'],
    ...['spot=spot', 'spot=auto', 'image=Ubuntu-24.04', 'run=7', 'retry=0', 'cuda', 'size=xl'],
    ...['cpus=many', 'dstack/cpu=32/memory=128GB', 'dstack/run=7/cuda'],
  ])('has `%s`', (label) => {
    expect(lacks([label])).toBeUndefined();
  });

  test.each([
    ...['windows', 'arm64', 'arch=arm64', 'm5.large', 'type=m5.large', 'cpu=33', 'cpu=1..31'],
    ...['memory=129GB', 'memory=1GB..127GB', 'disk=61GB', 'gpu=3', 'gpu=A10G', 'region=eu-west-1'],
    ...['spot=on-demand', 'image=al2023', 'size=xxl', 'cpu=many', 'run=', 'dstack/', ''],
    ...['dstack/cpu=32/memory=256GB', 'dstack/cuda/gpu=3'],
  ])('lacks `%s`', (label) => {
    expect(lacks([label])).toBe(label);
  });

  test('lacks the first label that is not met', () => {
    expect(lacks(['dstack', 'cpu=4', 'CPU=64', 'gpu=9'])).toBe('CPU=64');
  });

  test('without a GPU has none of any name', () => {
    const machine = { vcpus: 2, memoryMib: 8192, gpus: null };
    expect(lacks(['gpu=1'], { machine })).toBe('gpu=1');
    expect(lacks(['gpu=A10G'], { machine })).toBe('gpu=A10G');
  });

  test('for both markets has each of them', () => {
    const markets = ['spot', 'on-demand'] as const;
    expect(lacks(['spot=spot', 'spot=on-demand'], { markets })).toBeUndefined();
  });

  test('that AWS has said nothing of has whatever only AWS knows', () => {
    const unknown = { arch: null, machine: null, diskGb: null };
    expect(lacks(['arm64', 'cpu=64', 'memory=1GB', 'gpu=A10G', 'disk=99GB'], unknown)).toBe(
      undefined,
    );
    expect(lacks(['region=eu-west-1'], unknown)).toBe('region=eu-west-1');
  });
});
