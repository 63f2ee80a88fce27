import { describe, expect, test } from '@jest/globals';
import { type OfferAsk, offersOf } from '../../src/act/offers.ts';
import type { Rule } from '../../src/model/rules.ts';
import { IMAGES, imageId } from '../../src/sandbox/aws-catalogue.ts';
import { aRuleOf, openAwsWorld, zones } from './aws-world.ts';

type World = ReturnType<typeof openAwsWorld>;

/** m5.xlarge on demand in eu-west-1. */
const ON_DEMAND = 0.21408;

async function offered(
  { catalogue, account, go }: World,
  given: Partial<Rule>,
  more: Partial<OfferAsk> = {},
) {
  const rule = aRuleOf('m5.xlarge', given);
  const plain = { catalogue, account, rule, exhausted: [], hasFallback: false, hasBudget: false };
  return await go(offersOf({ ...plain, ...more }));
}

async function offers(...asked: Parameters<typeof offered>) {
  const { offers: all, rule } = await offered(...asked);
  const shown = all.map(({ zone, market, priceUsd }) => [zone, market, priceUsd]);
  return { blocked: rule.blocked?.code ?? null, shown };
}

const spotIn = ({ model }: World) =>
  zones.map((zone) => [zone, 'spot', model.spotPriceUsd('m5.xlarge', zone)]);
const onDemandAt = (priceUsd: number | null) => zones.map((zone) => [zone, 'on-demand', priceUsd]);

describe('a spot rule', () => {
  test('is offered in each zone, and nobody asks for the price list', async () => {
    const world = openAwsWorld();
    expect(await offers(world, {})).toEqual({ blocked: null, shown: spotIn(world) });
    await world.pass(60_000);
    expect(world.calls('GetProducts')).toBe(0);
  });

  test('without a price in any zone is blocked', async () => {
    const given = { region: 'us-east-1', type: 'hpc7g.4xlarge', image: 'al2023' };
    expect(await offers(openAwsWorld(), given)).toEqual({ blocked: 'no-spot', shown: [] });
  });
});

describe('a rule for both markets', () => {
  test('does not wait for the price list, and has its price the next time', async () => {
    const world = openAwsWorld();
    const given = { spotPolicy: 'auto' } as const;
    const first = await offers(world, given);
    expect(first.shown).toEqual([...spotIn(world), ...onDemandAt(null)]);
    await world.pass(60_000);
    const second = await offers(world, given);
    expect(second.shown).toEqual([...spotIn(world), ...onDemandAt(ON_DEMAND)]);
    expect(world.calls('GetProducts')).toBe(1);
  });

  test.each([
    ['a maximum', { maxPriceUsd: 0.3 }, { hasBudget: false }],
    ['a budget', {}, { hasBudget: true }],
  ])('with %s has on-demand offers once their price is known', async (_, given, more) => {
    const world = openAwsWorld();
    const both = { spotPolicy: 'auto', ...given } as const;
    expect((await offers(world, both, more)).shown).toEqual(spotIn(world));
    await world.pass(60_000);
    const { shown } = await offers(world, both, more);
    expect(shown).toEqual([...spotIn(world), ...onDemandAt(ON_DEMAND)]);
  });
});

describe('an on-demand rule', () => {
  const given = { spotPolicy: 'on-demand' } as const;

  test('is offered at the list price, and nobody asks for spot prices', async () => {
    const world = openAwsWorld();
    expect(await offers(world, given)).toEqual({ blocked: null, shown: onDemandAt(ON_DEMAND) });
    expect(world.calls('DescribeSpotPriceHistory')).toBe(0);
  });

  test('is offered without a price where the price list is not told', async () => {
    const world = openAwsWorld({ denied: ['GetProducts'] });
    expect(await offers(world, given)).toEqual({ blocked: null, shown: onDemandAt(null) });
  });

  test.each([
    ['max-price', { maxPriceUsd: 0.3 }, { hasBudget: true }],
    ['budget', {}, { hasBudget: true }],
  ])('under a %s is blocked where the price list is not told', async (cap, more, asked) => {
    const world = openAwsWorld({ denied: ['GetProducts'] });
    const { rule, offers: all } = await offered(world, { ...given, ...more }, asked);
    expect(all).toEqual([]);
    expect(rule.blocked?.code).toBe('iam');
    expect(rule.blocked?.text).toContain(`nothing starts under a ${cap}`);
    expect(rule.blocked?.text).toContain('grant pricing:GetProducts');
  });
});

test('an image of another architecture is no offer', async () => {
  const arm = IMAGES.find(({ arch }) => arch === 'arm64');
  const image = arm ? imageId(arm, 'eu-west-1') : '';
  expect(await offers(openAwsWorld(), { image })).toEqual({ blocked: 'image', shown: [] });
});

test('a subnet that is not there is said to be missing', async () => {
  const subnets = ['subnet-00000000000000bad'];
  expect(await offers(openAwsWorld(), { subnets })).toEqual({ blocked: 'network', shown: [] });
});

test('a rule says what its machines have, as far as AWS has said it', async () => {
  const world = openAwsWorld();
  const seen = async (given: Partial<Rule>) =>
    (await offered(world, { type: 'g5.xlarge', id: 'g5.xlarge/eu-west-1', ...given })).rule;
  const gpus = { name: 'A10G', count: 1 };
  const machine = { vcpus: 4, memoryMib: 16_384, gpus };
  expect(await seen({})).toMatchObject({ arch: 'x64', machine, markets: ['spot'], diskGb: 30 });
  const image = 'ubuntu-24.04-gpu';
  expect(await seen({ image, diskGb: 40, spotPolicy: 'auto' })).toMatchObject({
    ...{ image, diskGb: 75, markets: ['spot', 'on-demand'] },
  });
  const unknown = { arch: null, machine: null, diskGb: null };
  expect(await seen({ type: 'zz9.mega' })).toMatchObject(unknown);
});
