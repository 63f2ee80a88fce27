import { describe, expect, test } from '@jest/globals';
import { answerBody, errorBody, useAws } from './aws.ts';

// What neither moto nor the sandbox shows of the catalogue and the network.

const aws = useAws();

describe('spot prices', () => {
  const row = (zone: string, price: string, timestamp: string): string =>
    `<item><instanceType>m5.large</instanceType><productDescription>Linux/UNIX</productDescription>` +
    `<spotPrice>${price}</spotPrice><timestamp>${timestamp}</timestamp><availabilityZone>${zone}</availabilityZone></item>`;

  test('are the newest of each zone, whatever the order', async () => {
    const rows = [
      row('us-east-1a', '0.0400', '2026-11-01T12:00:00.000Z'),
      row('us-east-1a', '0.0300', '2026-11-01T11:00:00.000Z'),
      row('us-east-1b', '0.0500', '2026-11-01T10:00:00.000Z'),
      row('us-east-1b', '0.0600', '2026-11-01T11:00:00.000Z'),
      row('us-east-1c', '', '2026-11-01T11:00:00.000Z'),
    ];
    const body = `<spotPriceHistorySet>${rows.join('')}</spotPriceHistorySet><nextToken></nextToken>`;
    aws.answer = () => [200, answerBody('DescribeSpotPriceHistory', body)];
    expect(await aws.ec2.spotPrices(['m5.large'])).toEqual({
      ok: true,
      value: [
        { type: 'm5.large', zone: 'us-east-1b', priceUsd: 0.06 },
        { type: 'm5.large', zone: 'us-east-1a', priceUsd: 0.04 },
      ],
    });
    expect(aws.forms).toHaveLength(1);
    expect(aws.forms[0]?.get('ProductDescription.1')).toBe('Linux/UNIX');
  });

  test('of no type are no call', async () => {
    expect(await aws.ec2.spotPrices([])).toEqual({ ok: true, value: [] });
    expect(aws.forms).toEqual([]);
  });
});

test('a type without a Linux architecture is left out', async () => {
  const type = (name: string, arch: string): string =>
    `<item><instanceType>${name}</instanceType><vCpuInfo><defaultVCpus>2</defaultVCpus></vCpuInfo>` +
    `<memoryInfo><sizeInMiB>1024</sizeInMiB></memoryInfo>` +
    `<processorInfo><supportedArchitectures><item>i386</item><item>${arch}</item></supportedArchitectures></processorInfo></item>`;
  const both = type('mac1.metal', 'x86_64_mac') + type('t2.nano', 'x86_64');
  aws.answer = (form) =>
    form.get('Action') === 'DescribeInstanceTypes'
      ? [200, answerBody('DescribeInstanceTypes', `<instanceTypeSet>${both}</instanceTypeSet>`)]
      : [200, answerBody('DescribeInstanceTypeOfferings', '')];
  expect(await aws.ec2.types(['mac1.metal', 't2.nano'])).toEqual({
    ok: true,
    value: [
      {
        ...{ type: 't2.nano', arch: 'x64', vcpus: 2, memoryMib: 1024, gpus: null },
        ...{ hasSpot: false, zones: [] },
      },
    ],
  });
});

describe('the security group', () => {
  const groups = (...ids: string[]): string =>
    answerBody(
      'DescribeSecurityGroups',
      `<securityGroupInfo>${ids.map((id) => `<item><groupId>${id}</groupId></item>`).join('')}</securityGroupInfo>`,
    );

  test('that another process made in between is taken', async () => {
    let isMade = false;
    aws.answer = (form) => {
      if (form.get('Action') === 'DescribeSecurityGroups') {
        return [200, isMade ? groups('sg-theirs') : groups()];
      }
      isMade = true;
      return [400, errorBody('InvalidGroup.Duplicate')];
    };
    expect(await aws.ec2.securityGroup('vpc-1')).toEqual({ ok: true, value: 'sg-theirs' });
  });

  test('is made by one call for all that ask at once', async () => {
    aws.answer = (form) =>
      form.get('Action') === 'DescribeSecurityGroups'
        ? [200, groups()]
        : [200, answerBody('CreateSecurityGroup', '<groupId>sg-new</groupId>')];
    const asked = await Promise.all([
      aws.ec2.securityGroup('vpc-1'),
      aws.ec2.securityGroup('vpc-1'),
    ]);
    expect(asked).toEqual([
      { ok: true, value: 'sg-new' },
      { ok: true, value: 'sg-new' },
    ]);
    const made = aws.forms.filter((form) => form.get('Action') === 'CreateSecurityGroup');
    expect(made.map((form) => form.get('VpcId'))).toEqual(['vpc-1']);
  });

  test('that may not be made says so, and is tried again by the next call', async () => {
    aws.answer = (form) =>
      form.get('Action') === 'DescribeSecurityGroups'
        ? [200, groups()]
        : [403, errorBody('UnauthorizedOperation')];
    const denied = { ok: false, reason: 'denied', code: 'UnauthorizedOperation' };
    expect(await aws.ec2.securityGroup('vpc-1')).toMatchObject(denied);
    aws.answer = () => [200, groups('sg-1')];
    expect(await aws.ec2.securityGroup('vpc-1')).toEqual({ ok: true, value: 'sg-1' });
  });
});

test('a region without a default VPC says which key to set', async () => {
  aws.answer = () => [200, answerBody('DescribeSubnets', '<subnetSet/>')];
  expect(await aws.ec2.subnets([])).toMatchObject({
    ok: false,
    reason: 'missing',
    message: expect.stringContaining('`subnets`'),
  });
  expect(aws.forms[0]?.get('Filter.1.Name')).toBe('default-for-az');
});

test.each([
  ['debian-12', 'missing'],
  ['ami-0123456789abcdef0', 'missing'],
])('an image %s that is not there is %s', async (name, reason) => {
  aws.answer = () => [200, answerBody('DescribeImages', '<imagesSet/>')];
  expect(await aws.ec2.image(name, 'x64')).toMatchObject({ ok: false, reason, code: 'NoImage' });
});

test('an image of Windows or without a disk of its own is invalid', async () => {
  const image = '<item><imageId>ami-1</imageId><architecture>x86_64</architecture></item>';
  aws.answer = () => [200, answerBody('DescribeImages', `<imagesSet>${image}</imagesSet>`)];
  const reply = await aws.ec2.image('ami-1', 'x64');
  expect(reply).toMatchObject({ ok: false, reason: 'invalid', code: 'UnusableImage' });
});
