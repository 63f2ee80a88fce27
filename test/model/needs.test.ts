import { describe, expect, test } from '@jest/globals';
import { LABEL_KEYS, type Need, needOf } from '../../src/model/needs.ts';

const upTo = (kind: 'cpu' | 'memory' | 'disk', least: number, most = Number.POSITIVE_INFINITY) => ({
  kind,
  least,
  most,
});
const gpu = (name: string | null, count: number): Need => ({ kind: 'gpu', name, count });
const label: Need = { kind: 'label' };

test.each<[string, Need]>([
  ['dstack', label],
  ['m5.large', label],
  ['team=blue', label],
  ['constructor=1', label],
  ['', label],
  ['x64', { kind: 'arch', arch: 'x64' }],
  ['arch=arm64', { kind: 'arch', arch: 'arm64' }],
  ['type=m7i-flex.large', { kind: 'type', value: 'm7i-flex.large' }],
  ['cpu=4', upTo('cpu', 4)],
  ['cpu=4..8', upTo('cpu', 4, 8)],
  ['cpu=4..4', upTo('cpu', 4, 4)],
  ['memory=16gb', upTo('memory', 16)],
  ['memory=16', upTo('memory', 16)],
  ['memory=16gb..64gb', upTo('memory', 16, 64)],
  ['memory=16..64gb', upTo('memory', 16, 64)],
  ['disk=100gb', upTo('disk', 100)],
  ['gpu=1', gpu(null, 1)],
  ['gpu=a10g', gpu('a10g', 1)],
  ['gpu=a10g:2', gpu('a10g', 2)],
  ['region=us-gov-east-1', { kind: 'region', value: 'us-gov-east-1' }],
  ['spot=spot', { kind: 'market', market: 'spot' }],
  ['spot=on-demand', { kind: 'market', market: 'on-demand' }],
  ['spot=auto', { kind: 'market', market: null }],
  ['image=ubuntu-24.04', { kind: 'image', value: 'ubuntu-24.04' }],
  ['image=ssm:/my/image', { kind: 'image', value: 'ssm:/my/image' }],
  ['image=ami-0abc', { kind: 'image', value: 'ami-0abc' }],
])('`%s` is read', (part, need) => {
  expect(needOf(part)).toEqual(need);
});

describe('what looks like a requirement and is none', () => {
  test.each([
    ...['cpu=', 'cpu=many', 'cpu=0', 'cpu=-1', 'cpu=1e9', 'cpu=4=5', 'cpu=4gb', 'cpu=١', 'cpu= 4'],
    ...['cpu=8..4', 'cpu=4..', 'cpu=..8', 'cpu=4..8..9', 'cpu=123456', 'memory=16mb', 'disk=big'],
    ...['gpu=', 'gpu=0', 'gpu=a10g:', 'gpu=a10g:0', 'gpu=:2', 'type=m5', 'type=m5.huge'],
    ...['region=europe', 'region=eu-west-1a', 'arch=', 'spot=', 'spot=yes', 'image=', 'image=ssm:'],
    ...['run=', 'retry=', 'retry=many', 'cpus=many'],
  ])('`%s` says how it is written', (part) => {
    const need = needOf(part);
    expect(need).toMatchObject({ kind: 'bad', meant: null });
    expect(need.kind === 'bad' && need.write).toContain('`');
  });

  test.each([
    ['cpus=4', 'cpu=4'],
    ['mem=16gb', 'memory=16gb'],
    ['ram=16gb', 'memory=16gb'],
    ['memroy=16gb', 'memory=16gb'],
    ['gpus=a10g:2', 'gpu=a10g:2'],
    ['instance-type=m5.large', 'type=m5.large'],
    ['regions=eu-west-1', 'region=eu-west-1'],
    ['spot=ondemand', 'spot=on-demand'],
    ['arch=arm-64', 'arch=arm64'],
    ['spot-policy=on_demand', 'spot=on-demand'],
  ])('`%s` is known to mean `%s`', (part, meant) => {
    expect(needOf(part)).toMatchObject({ kind: 'bad', meant });
  });

  test('is never a key as it is', () => {
    for (const key of LABEL_KEYS) expect(needOf(`${key}=`)).toMatchObject({ kind: 'bad' });
  });
});
