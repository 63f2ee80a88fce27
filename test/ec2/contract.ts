import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import type { Ec2, LaunchAnswer } from '../../src/ec2/port.ts';
import type { LaunchRequest, Place } from '../../src/model/launch.ts';
import { quotaOf } from '../../src/model/quota.ts';
import type { Reply } from '../../src/model/reply.ts';
import type { Sighting } from '../../src/store/port.ts';

// What act may rely on, whoever is behind the port: the sandbox in process, the adapter before the
// sandbox's HTTP face, the adapter before moto. `can` says what a world is able to show at all.

export interface Ec2World {
  /** Its calls settle without further help, on a virtual clock too. */
  readonly ec2: Ec2;
  readonly region: string;
  /** Names of the rules file that this world has images for. */
  readonly images: readonly string[];
  /** Lets time pass until all that was launched shows and all that was ended is terminated. */
  rest(): Promise<void>;
  // The next three only where the world can show limits.
  /** How many more may be launched in this place. */
  setCapacity?(place: Pick<Place, 'zone' | 'type' | 'market'>, more: number): void;
  /** vCPUs of all spot instances of the region's standard types together. */
  setSpotQuota?(vcpus: number): void;
  /** What is launched from now on shows only after the next rest. */
  hideNewOnes?(): void;
  close(): Promise<void>;
}

export interface Ec2Abilities {
  /** The same token and bytes give the same instances. */
  readonly tokens: boolean;
  /** One call launches several, and fewer than asked for when there is no more room. */
  readonly batches: boolean;
  /** Spot prices that differ and are checked against the request's maximum. */
  readonly prices: boolean;
  /** Types, images and subnets are checked, as EC2 checks them. */
  readonly checks: boolean;
  /** The price list and the account's quotas can be asked for. */
  readonly quotas: boolean;
  /** Capacity and quotas come to an end, and what is new shows late. */
  readonly limits: boolean;
}

export const EVERYTHING: Ec2Abilities = {
  tokens: true,
  batches: true,
  prices: true,
  checks: true,
  quotas: true,
  limits: true,
};

const APP = 'github.com/1';
const TYPE = 'm5.xlarge';

export function ec2Contract(
  name: string,
  can: Ec2Abilities,
  openWorld: () => Promise<Ec2World>,
): void {
  describe(`Ec2: ${name}`, () => {
    let world: Ec2World;
    let ec2: Ec2;
    let launches = 0;
    let app = APP;

    beforeAll(async () => {
      world = await openWorld();
      ec2 = world.ec2;
    });
    afterAll(() => world.close());
    // An app of its own for each test keeps the tests apart in a world that never forgets.
    beforeEach(() => {
      app = `${APP}${++launches}`;
    });

    async function aRequest(more: Partial<LaunchRequest> = {}): Promise<LaunchRequest> {
      const image = value(await ec2.image(world.images[0] ?? '', 'x64'));
      const [subnet] = value(await ec2.subnets([]));
      if (!subnet) throw new Error('the default VPC has no subnet');
      const group = value(await ec2.securityGroup(subnet.vpc));
      const launch = `launch-${++launches}`;
      return {
        region: world.region,
        zone: subnet.zone,
        subnet: subnet.id,
        type: TYPE,
        market: 'spot',
        clientToken: `token-${launches}`,
        count: 1,
        maxPriceUsd: null,
        imageId: image.id,
        rootDevice: image.rootDevice,
        diskGb: Math.max(30, image.sizeGb),
        securityGroups: [group],
        tags: {
          Name: 'a machine',
          'dstack:app': app,
          'dstack:scope': 'repo-7',
          'dstack:rule': `${TYPE}/${world.region}`,
          'dstack:launch': launch,
        },
        userData: '#!/bin/sh\nDSTACK_URL=http://127.0.0.1:3000\n',
        ...more,
      };
    }

    const launchOf = (request: LaunchRequest): string => request.tags['dstack:launch'] ?? '';
    const listed = async (): Promise<readonly Sighting[]> => value(await ec2.list(app));

    describe('the catalogue', () => {
      test('knows a type by its name, and where it is offered', async () => {
        const [facts] = value(await ec2.types([TYPE]));
        expect(facts).toMatchObject({ type: TYPE, arch: 'x64', vcpus: 4, memoryMib: 16_384 });
        expect(facts?.hasSpot).toBe(true);
        expect(facts?.zones.length).toBeGreaterThan(0);
        expect(facts?.zones).toEqual([...(facts?.zones ?? [])].sort());
      });

      test('knows the architecture of an Arm type', async () => {
        const [facts] = value(await ec2.types(['m7g.large']));
        expect(facts?.arch).toBe('arm64');
      });

      test('knows the GPUs of a type, and that most have none', async () => {
        const facts = value(await ec2.types(['g4dn.xlarge', TYPE]));
        const gpus = facts.map(({ type, gpus }) => [type, gpus]);
        expect(gpus).toContainEqual(['g4dn.xlarge', { name: 'T4', count: 1 }]);
        expect(gpus).toContainEqual([TYPE, null]);
      });

      test('leaves out a type that does not exist, and keeps the others', async () => {
        const facts = value(await ec2.types(['zz9.mega', TYPE]));
        expect(facts.map(({ type }) => type)).toEqual([TYPE]);
        expect(value(await ec2.types([]))).toEqual([]);
      });

      test('has spot prices for each type and zone', async () => {
        const prices = value(await ec2.spotPrices([TYPE]));
        expect(prices.length).toBeGreaterThan(0);
        for (const { type, zone, priceUsd } of prices) {
          expect(type).toBe(TYPE);
          expect(zone.startsWith(world.region)).toBe(true);
          expect(priceUsd).toBeGreaterThan(0);
        }
        const places = prices.map(({ type, zone }) => `${type} ${zone}`);
        expect(new Set(places).size).toBe(places.length);
      });

      test('lists all types that the region offers, by name', async () => {
        const names = value(await ec2.typeNames());
        expect(names).toEqual(expect.arrayContaining([TYPE, 'm7g.large']));
        expect(names).toEqual([...new Set(names)].sort());
      });

      const whenQuotas = can.quotas ? test : test.skip;
      whenQuotas('has the price of a type on demand, and none of what does not exist', async () => {
        const onDemand = value(await ec2.onDemandPrice(TYPE));
        const spot = value(await ec2.spotPrices([TYPE])).map(({ priceUsd }) => priceUsd);
        expect(onDemand).toBeGreaterThan(Math.max(...spot));
        expect(value(await ec2.onDemandPrice('zz9.mega'))).toBeNull();
      });

      whenQuotas('knows the quota of a class and market by its code', async () => {
        const spot = quotaOf(TYPE, 'spot')?.code ?? '';
        expect(value(await ec2.vcpuQuota(spot))).toBeGreaterThan(0);
        const onDemand = quotaOf(TYPE, 'on-demand')?.code ?? '';
        expect(value(await ec2.vcpuQuota(onDemand))).toBeGreaterThan(0);
        expect(value(await ec2.vcpuQuota('L-00000000'))).toBeNull();
      });

      test('finds images by name and by id', async () => {
        for (const image of world.images) {
          const found = value(await ec2.image(image, 'x64'));
          expect(found).toMatchObject({ id: expect.stringMatching(/^ami-/), arch: 'x64' });
          expect(found.rootDevice).toMatch(/^\/dev\//);
          expect(found.sizeGb).toBeGreaterThan(0);
          expect(value(await ec2.image(found.id, 'x64'))).toEqual(found);
        }
      });

      test('says that an image is missing', async () => {
        const parameter = 'ssm:/aws/service/none/of/that';
        expect(await ec2.image(parameter, 'x64')).toMatchObject({ ok: false, reason: 'missing' });
        const id = 'ami-00000000000000bad';
        expect(await ec2.image(id, 'x64')).toMatchObject({ ok: false, reason: 'missing' });
      });

      test('lists the subnets of the default VPC by zone, or those that are named', async () => {
        const all = value(await ec2.subnets([]));
        expect(all.length).toBeGreaterThan(1);
        expect(all.map(({ zone }) => zone)).toEqual([...all.map(({ zone }) => zone)].sort());
        const last = all.slice(-1);
        expect(value(await ec2.subnets(last.map(({ id }) => id)))).toEqual(last);
        const none = await ec2.subnets(['subnet-00000000000000bad']);
        expect(none).toMatchObject({ ok: false, reason: 'missing' });
      });

      test('makes our security group once', async () => {
        const vpc = value(await ec2.subnets([]))[0]?.vpc ?? '';
        const group = value(await ec2.securityGroup(vpc));
        expect(group).toMatch(/^sg-/);
        expect(value(await ec2.securityGroup(vpc))).toBe(group);
      });

      test('deletes our security groups, and finds none then', async () => {
        const vpc = value(await ec2.subnets([]))[0]?.vpc ?? '';
        const group = value(await ec2.securityGroup(vpc));
        expect(value(await ec2.removeGroups())).toEqual([group]);
        expect(value(await ec2.removeGroups())).toEqual([]);
        expect(value(await ec2.securityGroup(vpc))).not.toBe(group);
      });
    });

    describe('a launch', () => {
      test('is found again by app and by launch, with all that its tags say', async () => {
        const request = await aRequest();
        const { instances, ownerAccount } = launched(await ec2.launch(request));
        expect(ownerAccount).toMatch(/^\d{12}$/);
        await world.rest();
        const [sighting, ...others] = await listed();
        expect(others).toEqual([]);
        expect(sighting).toMatchObject({
          id: instances[0],
          ownerAccount,
          ec2: 'running',
          ec2Reason: '',
          zone: request.zone,
          type: TYPE,
          market: 'spot',
          launch: launchOf(request),
          scope: 'repo-7',
          rule: request.tags['dstack:rule'],
        });
        expect(value(await ec2.listLaunch(launchOf(request)))).toEqual([sighting]);
        expect(value(await ec2.listLaunch('launch-of-nobody'))).toEqual([]);
      });

      test('says on-demand of an on-demand instance', async () => {
        launched(await ec2.launch(await aRequest({ market: 'on-demand' })));
        await world.rest();
        expect((await listed()).map(({ market }) => market)).toEqual(['on-demand']);
      });

      test('tells apart what belongs to another app', async () => {
        launched(await ec2.launch(await aRequest()));
        await world.rest();
        expect(value(await ec2.list('github.com/another'))).toEqual([]);
      });

      const whenBatches = can.batches ? test : test.skip;
      whenBatches('of several is one call', async () => {
        const { instances } = launched(await ec2.launch(await aRequest({ count: 3 })));
        expect(new Set(instances).size).toBe(3);
        await world.rest();
        expect((await listed()).map(({ id }) => id).sort()).toEqual([...instances].sort());
      });

      const whenTokens = can.tokens ? test : test.skip;
      whenTokens('sent again is the same launch', async () => {
        const request = await aRequest();
        const first = launched(await ec2.launch(request));
        expect(launched(await ec2.launch(request)).instances).toEqual(first.instances);
        await world.rest();
        expect(await listed()).toHaveLength(1);
      });

      whenTokens('under a used token is refused when anything differs', async () => {
        const request = await aRequest();
        launched(await ec2.launch(request));
        const again = await ec2.launch({ ...request, diskGb: request.diskGb + 1 });
        expect(again).toMatchObject({ ok: false, code: 'IdempotentParameterMismatch' });
      });

      whenTokens('under a used token in another zone is another launch', async () => {
        const request = await aRequest();
        const first = launched(await ec2.launch(request));
        const other = value(await ec2.subnets([])).find(({ zone }) => zone !== request.zone);
        if (!other) throw new Error('one zone only');
        const elsewhere = { ...request, zone: other.zone, subnet: other.id };
        expect(launched(await ec2.launch(elsewhere)).instances).not.toEqual(first.instances);
      });

      const whenChecks = can.checks ? test : test.skip;
      whenChecks.each<[string, Partial<LaunchRequest>]>([
        ['an unknown type', { type: 'zz9.mega' }],
        ['an unknown image', { imageId: 'ami-00000000000000bad' }],
        ['an unknown subnet', { subnet: 'subnet-00000000000000bad' }],
      ])('of %s is invalid', async (_, wrong) => {
        const answer = await ec2.launch(await aRequest(wrong));
        expect(answer).toMatchObject({ ok: false, failure: 'invalid', code: expect.any(String) });
      });

      const whenPrices = can.prices ? test : test.skip;
      whenPrices('below the spot price is refused for its price', async () => {
        const answer = await ec2.launch(await aRequest({ maxPriceUsd: 0.001 }));
        expect(answer).toMatchObject({ ok: false, failure: 'price', code: 'SpotMaxPriceTooLow' });
      });
    });

    describe('an end', () => {
      test('is final, may be asked for twice, and stays listed with its reason', async () => {
        const { instances } = launched(await ec2.launch(await aRequest()));
        await world.rest();
        for (const _ of ['first', 'second']) {
          const ended = value(await ec2.terminate(instances));
          expect(ended.map(({ id }) => id)).toEqual(instances);
          expect(['shutting-down', 'terminated']).toContain(ended[0]?.ec2);
          await world.rest();
        }
        const [sighting] = await listed();
        expect(sighting).toMatchObject({ id: instances[0], ec2: 'terminated' });
        expect(sighting?.ec2Reason).toMatch(/^Client\.UserInitiatedShutdown/);
      });

      test('of an unknown instance spoils nothing for the others', async () => {
        const { instances } = launched(await ec2.launch(await aRequest()));
        await world.rest();
        const [id = ''] = instances;
        const unknown = 'i-00000000000000bad';
        const ended = value(await ec2.terminate([unknown, id]));
        expect(ended.find((one) => one.id === unknown)?.ec2).toBe('unknown');
        expect(ended.find((one) => one.id === id)?.ec2).not.toBe('unknown');
        await world.rest();
        expect((await listed()).map((one) => one.ec2)).toEqual(['terminated']);
      });

      test('of nothing is no call', async () => {
        expect(value(await ec2.terminate([]))).toEqual([]);
      });
    });

    const whenLimits = can.limits ? describe : describe.skip;
    whenLimits('a world with limits', () => {
      test('has no capacity, then a little', async () => {
        const request = await aRequest({ count: 3, type: 'c5.xlarge' });
        world.setCapacity?.(request, 0);
        expect(await ec2.launch(request)).toMatchObject({
          ok: false,
          failure: 'capacity',
          code: 'InsufficientInstanceCapacity',
        });
        world.setCapacity?.(request, 2);
        expect(launched(await ec2.launch(request)).instances).toHaveLength(2);
      });

      test('counts vCPUs against the quota, and gives them back', async () => {
        world.setSpotQuota?.(0);
        expect(value(await ec2.vcpuQuota(quotaOf(TYPE, 'spot')?.code ?? ''))).toBe(0);
        const request = await aRequest();
        expect(await ec2.launch(request)).toMatchObject({
          ok: false,
          failure: 'quota',
          code: 'MaxSpotInstanceCountExceeded',
        });
        world.setSpotQuota?.(10_000);
        expect(launched(await ec2.launch(await aRequest())).instances).toHaveLength(1);
      });

      test('shows nothing of a new instance at first', async () => {
        world.hideNewOnes?.();
        const request = await aRequest();
        const { instances } = launched(await ec2.launch(request));
        expect(await listed()).toEqual([]);
        expect(value(await ec2.listLaunch(launchOf(request)))).toEqual([]);
        const ended = value(await ec2.terminate(instances));
        expect(ended.map((one) => one.ec2)).toEqual(['unknown']);
        await world.rest();
        expect(await listed()).toMatchObject([{ id: instances[0], ec2: 'running' }]);
      });
    });
  });
}

export function value<T>(reply: Reply<T>): T {
  if (!reply.ok) throw new Error(`${reply.reason} ${reply.code}: ${reply.message}`);
  return reply.value;
}

export function launched(answer: LaunchAnswer): LaunchAnswer & { readonly ok: true } {
  if (!answer.ok) throw new Error(`${answer.failure} ${answer.code}: ${answer.message}`);
  return answer;
}
