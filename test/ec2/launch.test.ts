import { expect, test } from '@jest/globals';
import { runInstancesInput } from '../../src/ec2/launch.ts';
import { aLaunchRequest } from './requests.ts';

test('the form is hardened, tagged, and for up to as many as asked for', () => {
  const request = aLaunchRequest({ count: 3, tags: { Name: 'a', 'dstack:launch': 'l' } });
  const Tags = [
    { Key: 'Name', Value: 'a' },
    { Key: 'dstack:launch', Value: 'l' },
  ];
  expect(runInstancesInput(request)).toEqual({
    ClientToken: 'token-1',
    MinCount: 1,
    MaxCount: 3,
    ImageId: 'ami-0123456789abcdef0',
    InstanceType: 'm5.large',
    SubnetId: 'subnet-1',
    SecurityGroupIds: ['sg-1'],
    UserData: Buffer.from(request.userData).toString('base64'),
    InstanceInitiatedShutdownBehavior: 'terminate',
    MetadataOptions: {
      HttpEndpoint: 'enabled',
      HttpTokens: 'required',
      HttpPutResponseHopLimit: 1,
    },
    BlockDeviceMappings: [
      {
        DeviceName: '/dev/sda1',
        Ebs: { VolumeType: 'gp3', VolumeSize: 30, Encrypted: true, DeleteOnTermination: true },
      },
    ],
    TagSpecifications: [
      { ResourceType: 'instance', Tags },
      { ResourceType: 'volume', Tags },
    ],
    InstanceMarketOptions: {
      MarketType: 'spot',
      SpotOptions: { SpotInstanceType: 'one-time', InstanceInterruptionBehavior: 'terminate' },
    },
  });
});

test('a maximum price is given only where the rule has one', () => {
  const input = runInstancesInput(aLaunchRequest({ maxPriceUsd: 0.6 }));
  expect(input.InstanceMarketOptions?.SpotOptions?.MaxPrice).toBe('0.6');
});

test('an on-demand launch has no market', () => {
  const input = runInstancesInput(aLaunchRequest({ market: 'on-demand', maxPriceUsd: 0.6 }));
  expect(input).not.toHaveProperty('InstanceMarketOptions');
});

test.each([
  ['t3.medium', 'standard'],
  ['t4g.small', 'standard'],
  ['trn1.2xlarge', undefined],
  ['m5.large', undefined],
])('%s gets CPU credits: %s', (type, credits) => {
  expect(runInstancesInput(aLaunchRequest({ type })).CreditSpecification?.CpuCredits).toBe(credits);
});
