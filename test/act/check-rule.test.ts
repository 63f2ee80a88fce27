import { describe, expect, test } from '@jest/globals';
import { checkRule } from '../../src/act/check-rule.ts';
import type { Rule } from '../../src/model/rules.ts';
import { IMAGES, imageId, subnetRows } from '../../src/sandbox/aws-catalogue.ts';
import type { Ec2Change } from '../../src/sandbox/ec2-model.ts';
import { aRuleOf, openAwsWorld } from './aws-world.ts';

async function check(rule: Rule, settings: Ec2Change = {}) {
  const { catalogue, account, go } = openAwsWorld(settings);
  return go(checkRule({ catalogue, account, rule }));
}

const idOf = (arch: 'x64' | 'arm64'): string => {
  const row = IMAGES.find((one) => one.name === 'ubuntu-24.04' && one.arch === arch);
  return row ? imageId(row, 'eu-west-1') : '';
};
const subnetIn = (zone: string): string =>
  subnetRows(zone.slice(0, -1)).find((one) => one.zone === zone)?.id ?? '';

test.each([
  ['m5.xlarge', aRuleOf('m5.xlarge')],
  ['m7g.large', aRuleOf('m7g.large')],
  ['g5.xlarge', aRuleOf('g5.xlarge', { spotPolicy: 'auto', image: 'ubuntu-24.04-gpu' })],
  ['hpc7g', aRuleOf('hpc7g.4xlarge', { region: 'us-east-1', spotPolicy: 'on-demand' })],
  ['an image by its id', aRuleOf('m5.xlarge', { image: idOf('x64') })],
])('nothing is held against %s', async (_, rule) => {
  expect(await check(rule)).toEqual({ problems: [], unchecked: [] });
});

describe('what AWS or the account cannot do is a problem:', () => {
  const few = { quotas: { 'standard spot': 3, 'standard on-demand': 2 } } as const;
  test.each<[string, Rule, Ec2Change, string]>([
    [
      'a type that does not exist',
      aRuleOf('m5.xlrge'),
      {},
      'no-type: m5.xlrge is no instance type of eu-west-1.',
    ],
    [
      'a type without a spot market',
      aRuleOf('hpc7g.4xlarge', { region: 'us-east-1', image: 'al2023' }),
      {},
      'no-spot: hpc7g.4xlarge has no spot market in us-east-1; allow it with `--spot-policy on-demand`.',
    ],
    [
      'subnets in zones without the type',
      aRuleOf('g5.xlarge', { region: 'us-east-1', subnets: [subnetIn('us-east-1e')] }),
      {},
      'network: None of the subnets is in a zone of us-east-1 that offers g5.xlarge; see `subnets`.',
    ],
    [
      'a subnet that is not there',
      aRuleOf('m5.xlarge', { subnets: ['subnet-00000000000000bad'] }),
      {},
      'network: The account has no such subnet in eu-west-1; see `subnets` in the rule for m5.xlarge.',
    ],
    [
      'a spot quota below one machine',
      aRuleOf('m5.xlarge'),
      few,
      'quota: One m5.xlarge needs 4 vCPUs; the spot quota L-34B43A08 (Standard) of eu-west-1 is 3.',
    ],
    [
      'an on-demand quota below one machine',
      aRuleOf('m5.xlarge', { spotPolicy: 'on-demand' }),
      few,
      'quota: One m5.xlarge needs 4 vCPUs; the on-demand quota L-1216C47A (Standard) of eu-west-1 is 2.',
    ],
    [
      'an image of another architecture',
      aRuleOf('m5.xlarge', { image: idOf('arm64') }),
      {},
      `image: Image ${idOf('arm64')} is for arm64, and m5.xlarge is x64; see \`image\` in the rules file.`,
    ],
    [
      'an image that is not there',
      aRuleOf('m5.xlarge', { image: `ssm:/${'long/'.repeat(20)}ami-id` }),
      {},
      'image: Image …ng/long/long/long/long/long/long/ami-id is not in eu-west-1 (InvalidAMIID.NotFound); see `image` in the rules file.',
    ],
  ])('%s', async (_, rule, settings, told) => {
    const { problems, unchecked } = await check(rule, settings);
    expect(unchecked).toEqual([]);
    expect(problems.map(({ code, text }) => `${code}: ${text}`)).toEqual([told]);
    for (const { text } of problems) expect(text.length).toBeLessThanOrEqual(140);
  });

  test('all at once', async () => {
    const rule = aRuleOf('hpc7g.4xlarge', { region: 'us-east-1', image: 'debian-12' });
    const { problems } = await check(rule);
    expect(problems.map(({ code }) => code)).toEqual(['no-spot', 'image']);
  });
});

test('an unknown type comes with real ones of the region that are like it', async () => {
  const [problem] = (await check(aRuleOf('m5.xlrge'))).problems;
  expect(problem?.nearest).toEqual(['m5.xlarge', 'm5.2xlarge', 'm5.4xlarge']);
  const [far] = (await check(aRuleOf('hpc7g.4xlarge'))).problems;
  expect(far?.code).toBe('no-type');
  expect(far).not.toHaveProperty('nearest');
});

test('a quota comes with the page where it can be raised', async () => {
  const [problem] = (await check(aRuleOf('m5.xlarge'), { quotas: { 'standard spot': 0 } }))
    .problems;
  expect(problem?.url).toBe(
    'https://eu-west-1.console.aws.amazon.com/servicequotas/home/services/ec2/quotas/L-34B43A08',
  );
});

test.each([
  ['spot quota', { 'standard spot': 0 }, []],
  ['on-demand quota', { 'standard on-demand': 0 }, []],
  ['quota in either market', { 'standard spot': 0, 'standard on-demand': 0 }, ['quota', 'quota']],
])('a rule for both markets without %s has problems %j', async (_, quotas, codes) => {
  const { problems } = await check(aRuleOf('m5.xlarge', { spotPolicy: 'auto' }), { quotas });
  expect(problems.map(({ code }) => code)).toEqual(codes);
});

describe('what AWS does not tell is held against no rule, and said:', () => {
  const NO = 'Not checked, because AWS does not say (UnauthorizedOperation)';
  test.each([
    ['DescribeInstanceTypes', `${NO}: whether eu-west-1 can launch m5.xlarge.`],
    ['DescribeSpotPriceHistory', `${NO}: the spot market of m5.xlarge in eu-west-1.`],
    ['DescribeSubnets', `${NO}: the subnets in eu-west-1.`],
    ['GetServiceQuota', `${NO}: the spot quota L-34B43A08 of eu-west-1.`],
    ['DescribeImages', `${NO}: image ubuntu-24.04 in eu-west-1.`],
  ])('%s', async (action, told) => {
    expect(await check(aRuleOf('m5.xlarge'), { denied: [action] })).toEqual({
      problems: [],
      unchecked: [told],
    });
  });

  test('a quota of one market, while the other has no room', async () => {
    const { catalogue, account, go, model } = openAwsWorld({ quotas: { 'standard spot': 0 } });
    const rule = aRuleOf('m5.xlarge', { spotPolicy: 'auto' });
    await go(catalogue.vcpuQuota({ account, region: rule.region }, 'L-34B43A08'));
    model.change({ denied: ['GetServiceQuota'] });
    expect(await go(checkRule({ catalogue, account, rule }))).toEqual({
      problems: [],
      unchecked: [`${NO}: the on-demand quota L-1216C47A of eu-west-1.`],
    });
  });

  test('without the list of types, an unknown one is still a problem', async () => {
    const denied = { denied: ['DescribeInstanceTypeOfferings'] };
    const { problems } = await check(aRuleOf('m5.xlrge'), denied);
    expect(problems).toEqual([{ code: 'no-type', text: expect.any(String) }]);
  });
});
