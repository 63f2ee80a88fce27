import { expect, test } from '@jest/globals';
import { pricesOf } from '../../src/act/prices.ts';
import { subnetRows } from '../../src/sandbox/aws-catalogue.ts';
import { aRuleOf, openAwsWorld, zones } from './aws-world.ts';

/** m5.xlarge on demand in eu-west-1. */
const ON_DEMAND = 0.21408;

/** What a spot machine costs in each zone, by zone. */
const spotIn = ({ model }: ReturnType<typeof openAwsWorld>): readonly number[] =>
  zones.map((zone) => model.spotPriceUsd('m5.xlarge', zone));

test.each([
  ['spot', null, 'spot', ON_DEMAND],
  ['spot', 0.1, 'spot', 0.1],
  ['auto', null, 'spot', ON_DEMAND],
  ['on-demand', null, ON_DEMAND, ON_DEMAND],
] as const)(
  '%s with the price %s costs %s now, at most %s',
  async (spotPolicy, maxPriceUsd, now, most) => {
    const world = openAwsWorld();
    const rule = aRuleOf('m5.xlarge', { spotPolicy, maxPriceUsd });
    expect(await world.go(pricesOf({ ...world, rule }))).toEqual({
      nowUsd: now === 'spot' ? Math.min(...spotIn(world)) : now,
      atMostUsd: most,
    });
  },
);

test('the price now is the cheapest among the zones of the subnets', async () => {
  const world = openAwsWorld();
  const prices = spotIn(world);
  const dearest = zones[prices.indexOf(Math.max(...prices))];
  const subnet = subnetRows('eu-west-1').find(({ zone }) => zone === dearest);
  const rule = aRuleOf('m5.xlarge', { subnets: [subnet?.id ?? ''] });
  const { nowUsd } = await world.go(pricesOf({ ...world, rule }));
  expect(nowUsd).toBe(Math.max(...prices));
});

test('without subnets that AWS names, it is the cheapest of the region', async () => {
  const world = openAwsWorld({ denied: ['DescribeSubnets'] });
  const { nowUsd } = await world.go(pricesOf({ ...world, rule: aRuleOf('m5.xlarge') }));
  expect(nowUsd).toBe(Math.min(...spotIn(world)));
});

test('what AWS does not tell is null', async () => {
  const world = openAwsWorld({ denied: ['DescribeSpotPriceHistory', 'GetProducts'] });
  const none = { nowUsd: null, atMostUsd: null };
  expect(await world.go(pricesOf({ ...world, rule: aRuleOf('m5.xlarge') }))).toEqual(none);
  const capped = aRuleOf('m5.large', { maxPriceUsd: 0.5 });
  expect(await world.go(pricesOf({ ...world, rule: capped }))).toEqual({ ...none, atMostUsd: 0.5 });
});

test('a type without a spot market costs nothing under spot, and its list price otherwise', async () => {
  const world = openAwsWorld();
  const rule = aRuleOf('hpc7g.4xlarge', { region: 'us-east-1' });
  const prices = { nowUsd: null, atMostUsd: 1.683 };
  expect(await world.go(pricesOf({ ...world, rule }))).toEqual(prices);
  const auto = { ...rule, spotPolicy: 'auto' } as const;
  expect(await world.go(pricesOf({ ...world, rule: auto }))).toEqual({ ...prices, nowUsd: 1.683 });
});
