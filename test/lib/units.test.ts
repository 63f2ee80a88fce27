import { expect, test } from '@jest/globals';
import { AWS_REGION, durationMs, sizeGb } from '../../src/lib/units.ts';

test.each([
  ['90s', 90_000],
  ['10m', 600_000],
  ['6h', 21_600_000],
  ['1d', 86_400_000],
  ['0s', undefined],
  ['10', undefined],
  ['10 m', undefined],
  ['1.5h', undefined],
  ['-1h', undefined],
  ['100d', undefined],
  ['10M', undefined],
])('reads the duration %j as %p ms', (text, ms) => {
  expect(durationMs(text)).toBe(ms);
});

test.each([
  ['100GB', 100],
  ['9999GB', 9999],
  ['0GB', undefined],
  ['100', undefined],
  ['100G', undefined],
  ['100gb', undefined],
  ['10000GB', undefined],
])('reads the size %j as %p GB', (text, gb) => {
  expect(sizeGb(text)).toBe(gb);
});

test.each([
  ['eu-west-1', true],
  ['us-gov-east-1', true],
  ['us-isob-east-1', true],
  ['eusc-de-east-1', true],
  ['eu-west-1a', false],
  ['EU-WEST-1', false],
  ['europe', false],
])('takes %s for a region: %p', (text, is) => {
  expect(new RegExp(AWS_REGION).test(text)).toBe(is);
});
