import {
  DescribeInstanceAttributeCommand,
  DescribeInstancesCommand,
  DescribeSecurityGroupsCommand,
  DescribeVolumesCommand,
  EC2Client,
} from '@aws-sdk/client-ec2';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { createEc2 } from '../../src/ec2/ec2.ts';
import type { Ec2 } from '../../src/ec2/port.ts';
import { silentLog } from '../../src/lib/log.ts';
import { type Moto, motoServer, startMoto } from '../moto.ts';
import { ec2Contract, launched, value } from './contract.ts';
import { aLaunchRequest } from './requests.ts';

// The adapter before moto, which checks the form of calls and remembers what they made. It knows no
// tokens, capacity, prices or quotas, and launches min(count) instances: those are the sandbox's to show.

const region = 'us-east-1';
const credentials = { accessKeyId: 'AKIAIOSFODNN7EXAMPLE', secretAccessKey: 'secret' };
const MOTO = {
  tokens: false,
  batches: false,
  prices: false,
  checks: true,
  quotas: false,
  limits: false,
};

if (motoServer === undefined) {
  test.skip('needs moto_server', () => {});
} else {
  ec2Contract('the adapter before moto', MOTO, async () => {
    const moto = await startMoto();
    const ec2 = createEc2({ region, credentials, endpoint: moto.url, log: silentLog });
    const rest = () => Promise.resolve();
    return { ec2, region, images: ['al2023'], rest, close: () => moto.stop() };
  });

  describe('what moto keeps of a launch', () => {
    let moto: Moto;
    let ec2: Ec2;
    let aws: EC2Client;

    beforeAll(async () => {
      moto = await startMoto();
      ec2 = createEc2({ region, credentials, endpoint: moto.url, log: silentLog });
      aws = new EC2Client({ region, credentials, endpoint: moto.url });
    });
    afterAll(() => moto.stop());

    test('is hardened, tagged and closed', async () => {
      const [subnet] = value(await ec2.subnets([]));
      const image = value(await ec2.image('al2023', 'x64'));
      const group = value(await ec2.securityGroup(subnet?.vpc ?? ''));
      const request = aLaunchRequest({
        subnet: subnet?.id ?? '',
        zone: subnet?.zone ?? '',
        imageId: image.id,
        rootDevice: image.rootDevice,
        securityGroups: [group],
      });
      const [id = ''] = launched(await ec2.launch(request)).instances;

      const { Reservations } = await aws.send(new DescribeInstancesCommand({ InstanceIds: [id] }));
      const instance = Reservations?.[0]?.Instances?.[0];
      const tags = Object.entries(request.tags).map(([Key, Value]) => ({ Key, Value }));
      expect(instance).toMatchObject({
        InstanceLifecycle: 'spot',
        ClientToken: request.clientToken,
        SubnetId: request.subnet,
        PublicIpAddress: expect.any(String),
        MetadataOptions: {
          HttpEndpoint: 'enabled',
          HttpTokens: 'required',
          HttpPutResponseHopLimit: 1,
        },
        SecurityGroups: [{ GroupId: group, GroupName: 'dstack-runners' }],
        Tags: expect.arrayContaining(tags),
      });
      expect(instance?.IamInstanceProfile).toBeUndefined();

      const ofInstance = [{ Name: 'attachment.instance-id', Values: [id] }];
      const { Volumes } = await aws.send(new DescribeVolumesCommand({ Filters: ofInstance }));
      expect(Volumes).toMatchObject([
        {
          VolumeType: 'gp3',
          Encrypted: true,
          Size: request.diskGb,
          Tags: expect.arrayContaining(tags),
        },
      ]);
      const attribute = async (Attribute: 'userData' | 'instanceInitiatedShutdownBehavior') =>
        aws.send(new DescribeInstanceAttributeCommand({ InstanceId: id, Attribute }));
      const behavior = await attribute('instanceInitiatedShutdownBehavior');
      expect(behavior.InstanceInitiatedShutdownBehavior?.Value).toBe('terminate');
      const { UserData } = await attribute('userData');
      expect(Buffer.from(UserData?.Value ?? '', 'base64').toString()).toBe(request.userData);
      const { SecurityGroups } = await aws.send(
        new DescribeSecurityGroupsCommand({ GroupIds: [group] }),
      );
      expect(SecurityGroups?.[0]?.IpPermissions).toEqual([]);
    });

    test('keeps one security group for two that ask at once', async () => {
      const [subnet] = value(await ec2.subnets([]));
      const vpc = subnet?.vpc ?? '';
      const other = createEc2({ region, credentials, endpoint: moto.url, log: silentLog });
      const groups = await Promise.all([ec2, ec2, other].map((one) => one.securityGroup(vpc)));
      expect(new Set(groups.map(value)).size).toBe(1);
    });
  });
}
