import { describe, expect, test } from '@jest/globals';
import { subnetRows } from '../../src/sandbox/aws-catalogue.ts';
import type { RunCall } from '../../src/sandbox/ec2-launch.ts';
import type { Ec2Watch } from '../../src/sandbox/ec2-model.ts';
import {
  aCall,
  createEc2World,
  HOUR_MS,
  MINUTE_MS,
  one,
  outcome,
  REGION,
  SECOND_MS,
} from './ec2-world.ts';

const IN_A = { zone: 'eu-west-1a', type: 'm5.xlarge', market: 'spot' } as const;

describe('RunInstances', () => {
  test.each<[string, Partial<RunCall>, string]>([
    ['an unknown type', { type: 'zz9.mega' }, 'InvalidParameterValue'],
    ['an unknown image', { imageId: 'ami-1' }, 'InvalidAMIID.NotFound'],
    ['an unknown subnet', { subnet: 'subnet-1' }, 'InvalidSubnetID.NotFound'],
    ['an unknown zone', { subnet: '', zone: 'eu-west-1z' }, 'InvalidParameterValue'],
    ['an unknown group', { securityGroups: ['sg-1'] }, 'InvalidGroup.NotFound'],
    ['an Arm type with an x64 image', { type: 'm7g.large' }, 'InvalidParameterCombination'],
    ['a disk smaller than the image', { diskGb: 1 }, 'InvalidBlockDeviceMapping'],
    ['too much user data', { userData: 'x'.repeat(16_385) }, 'InvalidUserData.Malformed'],
    ['a price below the market', { maxPriceUsd: 0.01 }, 'SpotMaxPriceTooLow'],
    ['none at all', { minCount: 0, maxCount: 0 }, 'InvalidParameterValue'],
    ['fewer than it asks for', { minCount: 2, maxCount: 1 }, 'InvalidParameterValue'],
  ])('refuses %s', (_, wrong, code) => {
    expect(outcome(createEc2World().run(wrong))).toBe(code);
  });

  test('refuses a type in a zone that does not have it', () => {
    const { model } = createEc2World();
    const zone = 'us-east-1e';
    const subnet = subnetRows('us-east-1').find((row) => row.zone === zone)?.id ?? '';
    const call = { ...aCall({}, 'us-east-1'), subnet, type: 'm7i.xlarge' };
    expect(outcome(model.runInstances('us-east-1', call))).toBe('Unsupported');
  });

  test('launches as many as there is room for, and none below the minimum', () => {
    const { model, run } = createEc2World();
    model.setCapacity(IN_A, 2);
    expect(outcome(run({ maxCount: 5 }))).toBe(2);
    const refused = run();
    expect(refused).toMatchObject({ code: 'InsufficientInstanceCapacity', status: 500 });
    model.setCapacity(IN_A, 3);
    expect(outcome(run({ minCount: 4, maxCount: 4 }))).toBe('InsufficientInstanceCapacity');
    model.setCapacity(IN_A, null);
    expect(outcome(run({ maxCount: 4 }))).toBe(4);
  });

  test('gives capacity back when an instance ends', () => {
    const { model, run } = createEc2World();
    model.setCapacity(IN_A, 1);
    const { id } = one(run());
    expect(outcome(run())).toBe('InsufficientInstanceCapacity');
    model.terminateInstances(REGION, [id]);
    expect(outcome(run())).toBe(1);
  });

  test('counts quota in vCPUs, by class and market', () => {
    const { model, run } = createEc2World();
    model.change({ quotas: { 'standard spot': 9, 'standard on-demand': 3 } });
    expect(outcome(run({ maxCount: 3 }))).toBe(2);
    expect(outcome(run())).toBe('MaxSpotInstanceCountExceeded');
    expect(outcome(run({ market: 'on-demand' }))).toBe('VcpuLimitExceeded');
    expect(outcome(run({ type: 'g4dn.xlarge' }))).toBe(1);
  });

  describe('under a client token', () => {
    const clientToken = 'token';

    test('gives the same answer, also after the instance has ended', async () => {
      const { model, run, pass } = createEc2World();
      const { id } = one(run({ clientToken }));
      model.terminateInstances(REGION, [id]);
      await pass(2 * HOUR_MS);
      expect(one(run({ clientToken })).id).toBe(id);
      expect(model.counts().launched).toBe(1);
    });

    test('refuses other parameters, also after it launched nothing', () => {
      const { model, run } = createEc2World();
      model.setCapacity(IN_A, 0);
      expect(outcome(run({ clientToken }))).toBe('InsufficientInstanceCapacity');
      expect(outcome(run({ clientToken, maxCount: 2 }))).toBe('IdempotentParameterMismatch');
      model.setCapacity(IN_A, 1);
      expect(outcome(run({ clientToken }))).toBe(1);
    });

    test('is another launch in another zone', () => {
      const { model, run } = createEc2World();
      for (const { id: subnet } of subnetRows(REGION)) run({ clientToken, subnet });
      expect(model.counts().launched).toBe(3);
    });

    test('is one launch for the region where no place is named', () => {
      const { model, run } = createEc2World();
      const first = one(run({ clientToken, subnet: '' }));
      expect(one(run({ clientToken, subnet: '' })).id).toBe(first.id);
      expect(model.counts().launched).toBe(1);
    });
  });

  test('draws on a bucket of 5 calls that refills by 2 a second', async () => {
    const { model, run, pass } = createEc2World({ hasRateLimits: true });
    const burst = Array.from({ length: 7 }, () => outcome(run()));
    expect(burst.filter((one) => one === 'RequestLimitExceeded')).toHaveLength(2);
    await pass(SECOND_MS);
    expect([run(), run(), run()].map(outcome)).toEqual([1, 1, 'RequestLimitExceeded']);
    expect(model.calls.get('RunInstances')).toBe(10);
  });

  test('needs permission', () => {
    const { run } = createEc2World({ denied: ['RunInstances'] });
    expect(run()).toMatchObject({ code: 'UnauthorizedOperation', status: 403 });
  });
});

describe('an instance', () => {
  test('lives through the states of EC2 and is forgotten an hour after its end', async () => {
    const { model, run, pass } = createEc2World();
    const heard: string[] = [];
    model.on('running', () => heard.push('running'));
    model.on('ended', () => heard.push('ended'));
    const instance = one(run());
    expect(instance.state).toBe('pending');
    await pass(10 * SECOND_MS);
    expect(instance.state).toBe('running');
    model.terminateInstances(REGION, [instance.id]);
    expect(instance).toMatchObject({
      state: 'shutting-down',
      stateReason: { code: 'Client.UserInitiatedShutdown' },
    });
    await pass(5 * SECOND_MS);
    expect(instance.state).toBe('terminated');
    expect(heard).toEqual(['running', 'ended']);
    await pass(HOUR_MS);
    expect(model.instances.size).toBe(0);
  });

  test('never runs when it ends while it is pending', async () => {
    const { model, run, pass } = createEc2World();
    const instance = one(run());
    model.terminateInstances(REGION, [instance.id]);
    await pass(MINUTE_MS);
    expect(instance).toMatchObject({ state: 'terminated', runningAt: null });
  });

  test('is not known to EC2 before it is visible, and lives all the same', async () => {
    const { model, run, pass } = createEc2World({ visibleAfterMs: [3_000, 3_000] });
    const { id } = one(run());
    expect(outcome(model.describeInstances(REGION, { ids: [id] }))).toBe(
      'InvalidInstanceID.NotFound',
    );
    expect(outcome(model.describeInstances(REGION, {}))).toBe(0);
    expect(outcome(model.terminateInstances(REGION, [id]))).toBe('InvalidInstanceID.NotFound');
    await pass(3 * SECOND_MS);
    expect(outcome(model.describeInstances(REGION, { ids: [id] }))).toBe(1);
  });

  test('ends alone when EC2 knows the whole batch, else not at all', () => {
    const { model, run } = createEc2World();
    const instance = one(run());
    const batch = [instance.id, 'i-00000000000000bad'];
    expect(outcome(model.terminateInstances(REGION, batch))).toBe('InvalidInstanceID.NotFound');
    expect(instance.state).toBe('pending');
  });

  test('ends by its own power-off', async () => {
    const { model, run, pass } = createEc2World();
    const instance = one(run());
    await pass(MINUTE_MS);
    model.powerOff(instance.id);
    expect(instance.stateReason?.code).toBe('Client.InstanceInitiatedShutdown');
  });

  test('stays when it powers off on-demand without the order to terminate', async () => {
    const { model, run, pass } = createEc2World();
    const instance = one(run({ market: 'on-demand', endsByPowerOff: false }));
    await pass(MINUTE_MS);
    model.powerOff(instance.id);
    expect(instance.state).toBe('running');
  });

  test('is taken back two minutes after its notice, or without one', async () => {
    const { model, run, pass } = createEc2World();
    const noticed: string[] = [];
    model.on('notice', ({ id }) => noticed.push(id));
    const [first, second] = [one(run()), one(run())];
    await pass(MINUTE_MS);
    model.reclaim(first.id, true);
    model.reclaim(second.id, false);
    expect([first.state, second.state]).toEqual(['running', 'shutting-down']);
    await pass(2 * MINUTE_MS);
    expect(first.stateReason?.code).toBe('Server.SpotInstanceTermination');
    expect(noticed).toEqual([first.id]);
  });

  test('is not taken back when it is on-demand', async () => {
    const { model, run, pass } = createEc2World();
    const instance = one(run({ market: 'on-demand' }));
    model.reclaim(instance.id, false);
    await pass(MINUTE_MS);
    expect(instance.state).toBe('running');
  });
});

describe('the bill', () => {
  /** Runs from 10 s after its launch until it is ended `ranMs` later. */
  async function hoursBilled(
    ranMs: number,
    end: (world: ReturnType<typeof createEc2World>, id: string) => void,
  ): Promise<number> {
    const world = createEc2World();
    const instance = one(world.run());
    await world.pass(10 * SECOND_MS + ranMs);
    end(world, instance.id);
    await world.pass(3 * HOUR_MS);
    const { usd, onDemandUsd, machineHours } = world.model.cost();
    expect(usd).toBeCloseTo(machineHours * instance.priceUsd, 9);
    expect(onDemandUsd).toBeCloseTo(machineHours * instance.onDemandUsd, 9);
    expect(instance.priceUsd / instance.onDemandUsd).toBeGreaterThan(0.29);
    expect(instance.priceUsd / instance.onDemandUsd).toBeLessThan(0.61);
    return machineHours;
  }
  const terminate = (world: ReturnType<typeof createEc2World>, id: string) =>
    world.model.terminateInstances(REGION, [id]);

  test('is by the second from running on', async () => {
    expect(await hoursBilled(30 * MINUTE_MS, terminate)).toBeCloseTo(0.5, 9);
  });

  test('is a minute at least', async () => {
    expect(await hoursBilled(SECOND_MS, terminate)).toBeCloseTo(1 / 60, 9);
  });

  test('leaves out what EC2 takes back in the first hour, and nothing later', async () => {
    const reclaim = ({ model }: ReturnType<typeof createEc2World>, id: string) =>
      model.reclaim(id, false);
    expect(await hoursBilled(59 * MINUTE_MS, reclaim)).toBe(0);
    expect(await hoursBilled(90 * MINUTE_MS, reclaim)).toBeCloseTo(1.5, 9);
  });

  test('is due when somebody else ends it after the notice', async () => {
    const hours = await hoursBilled(30 * MINUTE_MS, (world, id) => {
      world.model.reclaim(id, true);
      terminate(world, id);
    });
    expect(hours).toBeCloseTo(0.5, 9);
  });
});

describe('a watch over our promises', () => {
  const watch: Ec2Watch = {
    maxOf: () => 1,
    hasIntent: (launch) => launch === 'intended',
    mustNotEnd: () => false,
  };
  const tags = {
    'dstack:scope': 'repo-1',
    'dstack:rule': 'm5.xlarge/eu-west-1',
    'dstack:launch': 'intended',
  };

  test('is silent while they are kept', () => {
    const { kernel, model, run } = createEc2World();
    model.watch(watch);
    const { id } = one(run({ tags }));
    model.terminateInstances(REGION, [id]);
    run({ tags });
    expect(kernel.violation).toBeNull();
    expect(model.counts()).toEqual({ launched: 2, left: 1, aboveMax: 0 });
  });

  test.each<[string, Partial<Ec2Watch>, object, string]>([
    ['a maximum that is exceeded', { maxOf: () => 0 }, tags, 'max'],
    ['a launch that nobody wrote down', {}, { ...tags, 'dstack:launch': 'other' }, 'intent-first'],
    ['a busy machine that is ended', { mustNotEnd: () => true }, tags, 'busy-kill'],
  ])('tells %s', (_, more, wrongTags, rule) => {
    const { kernel, model, run } = createEc2World();
    model.watch({ ...watch, ...more });
    const { id } = one(run({ tags: { ...wrongTags } }));
    model.terminateInstances(REGION, [id]);
    expect(kernel.violation?.rule).toBe(rule);
  });
});
