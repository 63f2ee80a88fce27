import { expect, test } from '@jest/globals';
import { quotaOf } from '../../src/model/quota.ts';

test.each([
  ['m5.xlarge', 'Standard', 'L-34B43A08', 'L-1216C47A'],
  ['t4g.small', 'Standard', 'L-34B43A08', 'L-1216C47A'],
  ['im4gn.large', 'Standard', 'L-34B43A08', 'L-1216C47A'],
  ['d3en.xlarge', 'Standard', 'L-34B43A08', 'L-1216C47A'],
  ['g5.xlarge', 'G and VT', 'L-3819A6DF', 'L-DB2E81BA'],
  ['gr6.4xlarge', 'G and VT', 'L-3819A6DF', 'L-DB2E81BA'],
  ['vt1.3xlarge', 'G and VT', 'L-3819A6DF', 'L-DB2E81BA'],
  ['p4d.24xlarge', 'P2, P3 and P4', 'L-7212CCBC', 'L-417A185B'],
  ['p5en.48xlarge', 'P5', 'L-C4BD4855', 'L-417A185B'],
  ['f2.6xlarge', 'F', 'L-88CF9481', 'L-74FC7D96'],
  ['x2idn.16xlarge', 'X', 'L-E3A00192', 'L-7295265B'],
  ['inf2.xlarge', 'Inf', 'L-B5D1601B', 'L-1945791B'],
  ['trn1.2xlarge', 'Trn', 'L-6B0D517C', 'L-2C3B7624'],
  ['dl1.24xlarge', 'DL', 'L-85EED4F7', 'L-6E869C2A'],
])('%s counts against the quotas of %s', (type, name, spot, onDemand) => {
  expect(quotaOf(type, 'spot')).toEqual({ code: spot, name });
  expect(quotaOf(type, 'on-demand')).toEqual({ code: onDemand, name });
});

test.each(['hpc7g.4xlarge', 'mac2.metal', 'u-6tb1.metal'])('%s has no spot quota', (type) => {
  expect(quotaOf(type, 'spot')).toBeUndefined();
});
