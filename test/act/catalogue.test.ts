import { expect, test } from '@jest/globals';
import { openAwsWorld } from './aws-world.ts';

const HOUR_MS = 3_600_000;
/** More than the call itself takes. */
const MARGIN_MS = 10_000;
const at = { account: 'default', region: 'eu-west-1' };

test.each([
  ['type names', 'DescribeInstanceTypeOfferings', 12 * HOUR_MS],
  ['on-demand prices', 'GetProducts', 24 * HOUR_MS],
  ['quotas', 'GetServiceQuota', HOUR_MS / 6],
])('%s are asked for once in their time', async (_, action, maxAgeMs) => {
  const { catalogue, go, pass, calls } = openAwsWorld();
  const ask = () =>
    go(
      Promise.all([
        catalogue.typeNames(at),
        catalogue.onDemandPrice(at, 'm5.xlarge'),
        catalogue.vcpuQuota(at, 'L-34B43A08'),
      ]),
    );
  await ask();
  await pass(maxAgeMs - MARGIN_MS);
  const before = calls(action);
  await ask();
  expect(calls(action)).toBe(before);
  await pass(2 * MARGIN_MS);
  await ask();
  expect(calls(action)).toBe(before + 1);
});
