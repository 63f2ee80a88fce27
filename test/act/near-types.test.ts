import { expect, test } from '@jest/globals';
import { nearTypes } from '../../src/act/near-types.ts';

const NAMES = [
  ...['c5.xlarge', 'g5.xlarge', 'm5.2xlarge', 'm5.large', 'm5.xlarge', 'm5a.xlarge', 'm6i.xlarge'],
  ...['m7i.xlarge', 't3.micro', 'trn1.2xlarge'],
];

test.each([
  ['m5.xlrge', ['m5.xlarge', 'm5.2xlarge', 'm5.large']],
  ['m5xlarge', ['m5.xlarge']],
  ['m8i.xlarge', ['m6i.xlarge', 'm7i.xlarge', 'm5.xlarge']],
  ['m5.9xlarge', ['m5.2xlarge', 'm5.xlarge', 'm5.large']],
  ['g6.xlarge', ['g5.xlarge']],
  ['u-6tb1.metal', []],
])('%s may have been %j', (type, near) => {
  expect(nearTypes(type, NAMES)).toEqual(near);
});
