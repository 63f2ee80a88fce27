import {
  CreateTagsCommand,
  DescribeInstancesCommand,
  DescribeInstanceTypesCommand,
  DescribeVpcsCommand,
  EC2Client,
  paginateDescribeInstances,
  RunInstancesCommand,
  type RunInstancesCommandInput,
  TerminateInstancesCommand,
} from '@aws-sdk/client-ec2';
import { GetParametersCommand, SSMClient } from '@aws-sdk/client-ssm';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { createEc2 } from '../../src/ec2/ec2.ts';
import { createSts } from '../../src/ec2/sts.ts';
import { systemClock } from '../../src/lib/clock.ts';
import { silentLog } from '../../src/lib/log.ts';
import { IMAGES, imageId, subnetRows } from '../../src/sandbox/aws-catalogue.ts';
import { signProof } from '../../src/sandbox/aws-identity.ts';
import { EVERYTHING, ec2Contract } from '../ec2/contract.ts';
import { type AwsStage, CREDENTIALS, openAws, REGION } from './aws-stage.ts';

ec2Contract("the adapter before the sandbox's HTTP face", EVERYTHING, async () => {
  const stage = await openAws({ visibleAfterMs: [0, 0], hasRateLimits: false });
  const { model, aws } = stage;
  return {
    ec2: createEc2({
      region: REGION,
      credentials: CREDENTIALS,
      endpoint: aws.url,
      log: silentLog,
    }),
    region: REGION,
    images: ['ubuntu-24.04', 'al2023', 'ubuntu-24.04-gpu'],
    rest: () => stage.pass(60_000),
    setCapacity: model.setCapacity,
    setSpotQuota: (vcpus) => model.change({ quotas: { 'standard spot': vcpus } }),
    hideNewOnes: () => model.change({ visibleAfterMs: [50_000, 50_000] }),
    close: stage.close,
  };
});

describe('the HTTP face of AWS', () => {
  let stage: AwsStage;
  let ec2: EC2Client;
  let options: object;

  beforeAll(async () => {
    stage = await openAws({ visibleAfterMs: [0, 0], hasRateLimits: false });
    options = {
      region: REGION,
      credentials: CREDENTIALS,
      endpoint: stage.aws.url,
      maxAttempts: 1,
    };
    ec2 = new EC2Client(options);
  });
  afterAll(() => stage.close());

  const [ubuntu] = IMAGES;
  const input = (more: Partial<RunInstancesCommandInput> = {}): RunInstancesCommandInput => ({
    MinCount: 1,
    MaxCount: 1,
    InstanceType: 'm5.large',
    ImageId: ubuntu && imageId(ubuntu, REGION),
    SubnetId: subnetRows(REGION)[0]?.id,
    InstanceInitiatedShutdownBehavior: 'terminate',
    InstanceMarketOptions: { MarketType: 'spot' },
    UserData: Buffer.from('DSTACK_URL=http://a?b=1&c=2').toString('base64'),
    TagSpecifications: [
      { ResourceType: 'volume', Tags: [{ Key: 'kind', Value: 'disk' }] },
      { ResourceType: 'instance', Tags: [{ Key: 'kind', Value: 'a <b> & "c"' }] },
    ],
    ...more,
  });

  test('gives back what an instance was launched with', async () => {
    const run = await ec2.send(new RunInstancesCommand(input()));
    const id = run.Instances?.[0]?.InstanceId ?? '';
    expect(run.OwnerId).toBe('123456789012');
    expect(stage.model.instances.get(id)?.userData).toBe('DSTACK_URL=http://a?b=1&c=2');
    const found = await ec2.send(new DescribeInstancesCommand({ InstanceIds: [id] }));
    expect(found.Reservations?.[0]?.Instances?.[0]).toMatchObject({
      InstanceId: id,
      InstanceType: 'm5.large',
      InstanceLifecycle: 'spot',
      Placement: { AvailabilityZone: 'eu-west-1a' },
      Architecture: 'x86_64',
      LaunchTime: expect.any(Date),
      Tags: [{ Key: 'kind', Value: 'a <b> & "c"' }],
    });
  });

  test('checks permission alone on a dry run', async () => {
    const dry = new RunInstancesCommand(input({ DryRun: true }));
    await expect(ec2.send(dry)).rejects.toMatchObject({
      name: 'DryRunOperation',
      $metadata: { httpStatusCode: 412 },
    });
    stage.model.change({ denied: ['RunInstances'] });
    await expect(ec2.send(dry)).rejects.toMatchObject({
      name: 'UnauthorizedOperation',
      $metadata: { httpStatusCode: 403 },
    });
    stage.model.change({ denied: [] });
  });

  test('answers a lack of capacity with HTTP 500, as EC2 does', async () => {
    const place = { zone: 'eu-west-1a', type: 'c5.xlarge', market: 'spot' } as const;
    stage.model.setCapacity(place, 0);
    const run = new RunInstancesCommand(input({ InstanceType: 'c5.xlarge' }));
    await expect(ec2.send(run)).rejects.toMatchObject({
      name: 'InsufficientInstanceCapacity',
      $metadata: { httpStatusCode: 500 },
    });
  });

  test('lists in pages, by tag and by token, without doubles', async () => {
    const Tags = [{ Key: 'page', Value: 'yes' }];
    const TagSpecifications = [{ ResourceType: 'instance' as const, Tags }];
    for (let n = 0; n < 4; n++) {
      const ClientToken = `page-${n}`;
      await ec2.send(
        new RunInstancesCommand(input({ MaxCount: 3, TagSpecifications, ClientToken })),
      );
    }
    const Filters = [{ Name: 'tag:page', Values: ['yes'] }];
    const sizes: number[] = [];
    const ids = new Set<string | undefined>();
    for await (const page of paginateDescribeInstances({ client: ec2, pageSize: 5 }, { Filters })) {
      const instances = (page.Reservations ?? []).flatMap((one) => one.Instances ?? []);
      sizes.push(instances.length);
      for (const { InstanceId } of instances) ids.add(InstanceId);
    }
    expect(sizes).toEqual([5, 5, 2]);
    expect(ids.size).toBe(12);
    const byToken = [{ Name: 'client-token', Values: ['page-2'] }];
    const { Reservations } = await ec2.send(new DescribeInstancesCommand({ Filters: byToken }));
    expect(Reservations?.flatMap((one) => one.Instances ?? [])).toHaveLength(3);
  });

  test('refuses a filter and an instance that it does not know', async () => {
    const Filters = [{ Name: 'moon-phase', Values: ['full'] }];
    await expect(ec2.send(new DescribeInstancesCommand({ Filters }))).rejects.toMatchObject({
      name: 'InvalidParameterValue',
    });
    const InstanceIds = ['i-00000000000000bad'];
    await expect(ec2.send(new TerminateInstancesCommand({ InstanceIds }))).rejects.toMatchObject({
      name: 'InvalidInstanceID.NotFound',
    });
  });

  test('tags instances after birth, too', async () => {
    const run = await ec2.send(new RunInstancesCommand(input()));
    const Resources = [run.Instances?.[0]?.InstanceId ?? ''];
    const Tags = [{ Key: 'late', Value: 'yes' }];
    await ec2.send(new CreateTagsCommand({ Resources, Tags }));
    const Filters = [{ Name: 'tag:late', Values: ['yes'] }];
    const { Reservations } = await ec2.send(new DescribeInstancesCommand({ Filters }));
    expect(Reservations).toHaveLength(1);
  });

  test('knows types by pattern, and the default VPC', async () => {
    const Filters = [{ Name: 'instance-type', Values: ['g*.xlarge'] }];
    const { InstanceTypes } = await ec2.send(new DescribeInstanceTypesCommand({ Filters }));
    const gpus = InstanceTypes?.map((one) => one.GpuInfo?.Gpus?.[0]?.Name);
    expect(gpus).toEqual(['T4', 'A10G']);
    const isDefault = [{ Name: 'is-default', Values: ['true'] }];
    const { Vpcs } = await ec2.send(new DescribeVpcsCommand({ Filters: isDefault }));
    expect(Vpcs).toMatchObject([{ IsDefault: true }]);
  });

  test('has the public parameters of its images', async () => {
    const Names = [ubuntu?.parameter ?? '', '/none'];
    const { Parameters, InvalidParameters } = await new SSMClient(options).send(
      new GetParametersCommand({ Names }),
    );
    expect(Parameters).toMatchObject([{ Value: expect.stringMatching(/^ami-/) }]);
    expect(InvalidParameters).toEqual(['/none']);
  });

  describe('STS', () => {
    const audience = 'app.test';
    const proofOf = (instance: string, more: { region?: string; now?: number } = {}) =>
      signProof({ instance, audience, region: REGION, now: systemClock.now(), ...more });
    const aMachine = async (): Promise<string> => {
      const run = await ec2.send(new RunInstancesCommand(input()));
      return run.Instances?.[0]?.InstanceId ?? '';
    };
    const callerOf = (proof: ReturnType<typeof proofOf>) =>
      createSts({ audience, endpoint: stage.aws.url, log: silentLog }).callerOf(proof, REGION);

    test('sees the machine behind a proof', async () => {
      const id = await aMachine();
      const arn = `arn:aws:sts::123456789012:assumed-role/aws:ec2-instance/${id}`;
      expect(await callerOf(proofOf(id))).toEqual({ ok: true, value: { arn } });
    });

    test('denies a forged, an old and a stranger proof', async () => {
      const id = await aMachine();
      const other = await aMachine();
      const forged = { ...proofOf(id), securityToken: proofOf(other).securityToken };
      expect(await callerOf(forged)).toMatchObject({ code: 'SignatureDoesNotMatch' });
      const old = proofOf(id, { now: systemClock.now() - 1_000_000 });
      expect(await callerOf(old)).toMatchObject({ ok: false, code: 'RequestExpired' });
      const stranger = proofOf('i-00000000000000bad');
      expect(await callerOf(stranger)).toMatchObject({ reason: 'denied' });
    });

    test('calls whoever has no session token an ordinary user', async () => {
      const answer = await fetch(stage.aws.url, {
        method: 'POST',
        headers: { authorization: proofOf('i-00000000000000bad').authorization },
        body: 'Action=GetCallerIdentity&Version=2011-06-15',
      });
      expect(await answer.text()).toContain('<Arn>arn:aws:iam::123456789012:user/sandbox</Arn>');
    });
  });
});
