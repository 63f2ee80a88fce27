import { describe, expect, test } from '@jest/globals';
import { ONE_RULE, rulesOf } from './problems.ts';

describe('a good file', () => {
  test('has every default applied', () => {
    expect(rulesOf(ONE_RULE)).toEqual({
      enabled: true,
      region: 'eu-west-1',
      image: 'ubuntu-24.04',
      forks: 'deny',
      reuse: 'job',
      maxDurationMs: 6 * 3_600_000,
      retry: 2,
      onExhausted: 'wait',
      exhaustedAfterMs: 600_000,
      budgetUsd: null,
      runnerGroup: null,
      ownRules: 'within',
      rules: [
        {
          id: 'm5.xlarge/eu-west-1',
          type: 'm5.xlarge',
          region: 'eu-west-1',
          max: 1,
          spotPolicy: 'spot',
          maxPriceUsd: null,
          diskGb: null,
          subnets: [],
          securityGroups: [],
          labels: [],
          image: 'ubuntu-24.04',
        },
      ],
    });
  });

  test('keeps every key that is written', () => {
    const text = `autoscale:
  enabled: false
  region: us-gov-west-1
  image: ssm:/images/ci
  forks: deny
  reuse: workflow
  max-duration: 90m
  retry: 0
  on-exhausted: cancel
  exhausted-after: 45s
  budget: 12.5
  own-rules: allow
  rules:
    - instance-type: c7i.metal-24xl
      max: 1000
      region: eusc-de-east-1
      spot-policy: auto
      max-price: 0.75
      disk: 200GB
      subnets: [subnet-0123456789abcdef0, subnet-01234567]
      security-groups:
        - sg-0123456789abcdef0
      labels: [cuda, "3.10"]
      image: ami-0123456789abcdef0
`;
    expect(rulesOf(text)).toEqual({
      enabled: false,
      region: 'us-gov-west-1',
      image: 'ssm:/images/ci',
      forks: 'deny',
      reuse: 'workflow',
      maxDurationMs: 5_400_000,
      retry: 0,
      onExhausted: 'cancel',
      exhaustedAfterMs: 45_000,
      budgetUsd: 12.5,
      runnerGroup: null,
      ownRules: 'allow',
      rules: [
        {
          id: 'c7i.metal-24xl/eusc-de-east-1',
          type: 'c7i.metal-24xl',
          region: 'eusc-de-east-1',
          max: 1000,
          spotPolicy: 'auto',
          maxPriceUsd: 0.75,
          diskGb: 200,
          subnets: ['subnet-0123456789abcdef0', 'subnet-01234567'],
          securityGroups: ['sg-0123456789abcdef0'],
          labels: ['cuda', '3.10'],
          image: 'ami-0123456789abcdef0',
        },
      ],
    });
  });

  test.each([
    ['its own', '      region: us-east-1\n', 'us-east-1'],
    ["the file's", '', 'eu-west-1'],
  ])('takes the region of a rule: %s', (_, line, region) => {
    expect(rulesOf(ONE_RULE + line, { defaultRegion: 'eu-north-1' }).rules[0]?.region).toBe(region);
  });

  test('falls back to the region of the app', () => {
    const text = ONE_RULE.replace('  region: eu-west-1\n', '');
    expect(rulesOf(text, { defaultRegion: 'eu-north-1' }).rules[0]?.id).toBe(
      'm5.xlarge/eu-north-1',
    );
  });

  test('lets one type have a rule in each of two regions', () => {
    const second = '    - {instance-type: m5.xlarge, max: 2, region: us-east-1}\n';
    expect(rulesOf(ONE_RULE + second).rules.map(({ max }) => max)).toEqual([1, 2]);
  });

  test.each([
    ['a byte order mark', `\ufeff${ONE_RULE}`],
    ['Windows line ends', ONE_RULE.replaceAll('\n', '\r\n')],
    ['a document marker and comments', `# rules\n---\n${ONE_RULE}# end\n`],
    [
      'flow style',
      JSON.stringify({
        autoscale: { region: 'eu-west-1', rules: [{ 'instance-type': 'm5.xlarge', max: 1 }] },
      }),
    ],
    ['a YAML 1.1 directive', `%YAML 1.1\n---\n${ONE_RULE}`],
  ])('may have %s', (_, text) => {
    expect(rulesOf(text).rules.map(({ id }) => id)).toEqual(['m5.xlarge/eu-west-1']);
  });

  test('has no rules when all of them are commented out', () => {
    expect(rulesOf('autoscale:\n  rules:\n    # - instance-type: m5.xlarge\n').rules).toEqual([]);
  });

  test('may share a list by an anchor', () => {
    const text = `${ONE_RULE}      labels: &l [a, b]
    - instance-type: m5.large
      max: 1
      labels: *l
`;
    expect(rulesOf(text).rules[1]?.labels).toEqual(['a', 'b']);
  });

  test.each([
    'm5.xlarge',
    'u-6tb1.metal',
    'u7i-12tb.224xlarge',
    'x2iezn.12xlarge',
    'mac2-m2pro.metal',
    'g5g.2xlarge',
    'p6-b200.48xlarge',
    't3.nano',
  ])('may name %s', (type) => {
    expect(rulesOf(ONE_RULE.replace('m5.xlarge', type)).rules[0]?.type).toBe(type);
  });
});
