import { describe, expect, test } from '@jest/globals';
import { offersOf } from '../../src/act/offers.ts';
import { createMemoryStore } from '../../src/store/memory.ts';
import type { Store } from '../../src/store/port.ts';
import { aRuleOf, openAwsWorld } from './aws-world.ts';

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;
/** More than the call itself takes. */
const MARGIN_MS = 10_000;
const at = { account: 'default', region: 'eu-west-1' };
const TYPES = 'DescribeInstanceTypes';

test.each([
  ['type names', 'DescribeInstanceTypeOfferings', 12 * HOUR_MS],
  ['on-demand prices', 'GetProducts', DAY_MS],
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
  await pass(MARGIN_MS / 2);
  expect(calls(action)).toBe(before);
  await pass(MARGIN_MS);
  await ask();
  await pass(MARGIN_MS);
  expect(calls(action)).toBe(before + 1);
});

describe('what AWS said', () => {
  const typeIn = ({ catalogue, go }: ReturnType<typeof openAwsWorld>) =>
    go(catalogue.type(at, 'm5.xlarge'));

  test('is not asked for again after a restart', async () => {
    const world = openAwsWorld();
    const before = await typeIn(world);
    const restarted = openAwsWorld({}, world.store);
    expect(await typeIn(restarted)).toEqual(before);
    expect(restarted.calls(TYPES)).toBe(0);
    const { catalogue, go } = restarted;
    await world.go(world.catalogue.prices(at, 'm5.xlarge'));
    const prices = await go(catalogue.prices(at, 'm5.xlarge'));
    expect(prices.ok && [...prices.value.keys()]).toHaveLength(3);
    expect(restarted.calls('DescribeSpotPriceHistory')).toBe(0);
  });

  test('is asked for by several at once once', async () => {
    const world = openAwsWorld();
    const ask = () => world.catalogue.type(at, 'm5.xlarge');
    await world.go(Promise.all([ask(), ask(), ask()]));
    expect(world.calls(TYPES)).toBe(1);
  });

  test('serves at once when it is not fresh any more, and is new the next time', async () => {
    const world = openAwsWorld();
    const { catalogue, kernel, pass, go } = world;
    const ask = () => go(catalogue.prices(at, 'm5.xlarge'));
    await ask();
    await pass(11 * MINUTE_MS);
    const askedAt = kernel.now();
    await ask();
    expect(kernel.now()).toBe(askedAt);
    await pass(MARGIN_MS);
    expect(world.calls('DescribeSpotPriceHistory')).toBe(2);
    await pass(2 * HOUR_MS);
    // Prices of two hours ago are none.
    const later = kernel.now();
    await ask();
    expect(kernel.now()).toBeGreaterThan(later);
  });

  test('serves on while AWS does not answer, and not when AWS says no', async () => {
    const world = openAwsWorld();
    const { catalogue, pass, go, knobs } = world;
    const ask = () => go(catalogue.prices(at, 'm5.xlarge'));
    await ask();
    knobs.fault = () => ({ kind: 'lost-request' });
    await pass(3 * HOUR_MS);
    expect(await ask()).toMatchObject({ ok: true });
    knobs.fault = () => undefined;
    world.model.change({ denied: ['DescribeSpotPriceHistory'] });
    await pass(MINUTE_MS);
    expect(await ask()).toMatchObject({ ok: false, reason: 'denied' });
    world.model.change({ denied: [] });
    knobs.fault = () => ({ kind: 'lost-request' });
    await pass(8 * DAY_MS);
    expect(await ask()).toMatchObject({ ok: false });
  });

  test('is forgotten when EC2 refused what it said, in the store as well', async () => {
    const world = openAwsWorld();
    await typeIn(world);
    world.catalogue.forget(at);
    await world.pass(1);
    await typeIn(world);
    expect(world.calls(TYPES)).toBe(2);
    world.catalogue.forget({ ...at, region: 'us-east-1' });
    await typeIn(world);
    expect(world.calls(TYPES)).toBe(2);
  });

  test('is asked for anew before it is due while it is used, and else not', async () => {
    const world = openAwsWorld();
    const { catalogue, pass, go } = world;
    const ask = () => go(catalogue.prices(at, 'm5.xlarge'));
    const calls = () => world.calls('DescribeSpotPriceHistory');
    await ask();
    await pass(4 * MINUTE_MS);
    await go(catalogue.refresh());
    expect(calls()).toBe(1);
    await pass(2 * MINUTE_MS);
    await go(catalogue.refresh());
    expect(calls()).toBe(2);
    await pass(11 * MINUTE_MS);
    await go(catalogue.refresh());
    expect(calls()).toBe(2);
  });
});

test('offers know what spot machines of theirs did in their zone', async () => {
  const store: Store = {
    ...createMemoryStore(),
    spotHistory: async () => [
      { region: 'eu-west-1', zone: 'eu-west-1b', type: 'm5.large', reclaims: 2, ms: 3 * HOUR_MS },
      { region: 'us-east-1', zone: 'us-east-1b', type: 'm5.large', reclaims: 9, ms: 9 * HOUR_MS },
    ],
  };
  const { catalogue, go } = openAwsWorld({}, store);
  const rule = aRuleOf('m5.large');
  const no = { exhausted: [], hasFallback: false, hasBudget: false };
  const ask = { catalogue, account: 'default', rule, ...no };
  const { offers } = await go(offersOf(ask));
  expect(offers.map(({ zone, seen }) => [zone, seen.reclaims, seen.hours])).toEqual([
    ['eu-west-1a', 0, 0],
    ['eu-west-1b', 2, 3],
    ['eu-west-1c', 0, 0],
  ]);
});
