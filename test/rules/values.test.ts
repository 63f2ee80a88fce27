import { describe, expect, test } from '@jest/globals';
import { ONE_RULE, problemsOf } from './problems.ts';

const USD = 'write a number of dollars above 0 and up to 1000000, such as 0.60';

describe('a bad value', () => {
  test.each([
    ['enabled: yes', '12-15', 'enabled: yes is not accepted; write true or false'],
    ['enabled: "true"', '12-18', 'enabled: "true" is not accepted; write true or false'],
    [
      'region: eu-west-1a',
      '11-21',
      'region: eu-west-1a is not accepted; write a region such as eu-west-1',
    ],
    ['forks: Deny', '10-14', 'forks: Deny is not accepted; did you mean deny? write deny or allow'],
    ['forks: [deny]', '10-16', 'forks: a list is not accepted; write deny or allow'],
    ['forks: {a: b}', '10-16', 'forks: a mapping is not accepted; write deny or allow'],
    ['forks:', '9-10', 'forks: there is no value; write deny or allow'],
    [
      'max-duration: 6',
      '17-18',
      'max-duration: 6 is not accepted; write a duration such as 90s, 10m, 6h or 1d',
    ],
    ['retry: -1', '10-12', 'retry: -1 is not accepted; write a whole number from 0 to 10'],
    ['retry: 1.5', '10-13', 'retry: 1.5 is not accepted; write a whole number from 0 to 10'],
    ['retry: 1e9', '10-13', 'retry: 1e9 is not accepted; write a whole number from 0 to 10'],
    ['retry: .nan', '10-14', 'retry: .nan is not accepted; write a whole number from 0 to 10'],
    ['budget: .inf', '11-15', `budget: .inf is not accepted; ${USD}`],
    ['budget: 0', '11-12', `budget: 0 is not accepted; ${USD}`],
    ['rules: none', '10-14', 'rules: none is not accepted; write a list, each item after "- "'],
    [
      'rules: [m5.xlarge]',
      '11-20',
      'a rule: m5.xlarge is not accepted; write keys under it, such as "instance-type:"',
    ],
  ])('of the file is named: %s', (line, columns, message) => {
    expect(problemsOf(`autoscale:\n  ${line}\n`)).toEqual([`2:${columns} wrong-value ${message}`]);
  });

  test.each([
    ['max-price: $0.60', '18-23', `max-price: $0.60 is not accepted; ${USD}`],
    ['disk: 100', '13-16', 'disk: 100 is not accepted; write a size from 1GB to 9999GB'],
    [
      'labels: [3.10]',
      '16-20',
      'labels: 3.10 is not accepted; write a label without spaces and commas (in quotes if a number)',
    ],
    [
      'subnets: [subnet-x]',
      '17-25',
      'subnets: subnet-x is not accepted; write an id such as subnet-0123456789abcdef0',
    ],
    [
      'security-groups: sg-1',
      '24-28',
      'security-groups: sg-1 is not accepted; write a list, each item after "- "',
    ],
    [
      'image: ubuntu-24.4',
      '14-25',
      'image: ubuntu-24.4 is not accepted; did you mean ubuntu-24.04? write ubuntu-24.04, ubuntu-24.04-gpu, al2023, an id such as ami-0123456789abcdef0, or ssm:/path',
    ],
    [
      'spot-policy: ondemand',
      '20-28',
      'spot-policy: ondemand is not accepted; did you mean on-demand? write spot or on-demand or auto',
    ],
  ])('of a rule is named: %s', (line, columns, message) => {
    expect(problemsOf(`${ONE_RULE}      ${line}\n`)).toEqual([
      `6:${columns} wrong-value ${message}`,
    ]);
  });

  test.each(['1001', '-1', '1e9', '.inf', '1.5', '"1"', '1_000', 'ten'])(
    'of max is refused with its bounds: %s',
    (max) => {
      expect(problemsOf(ONE_RULE.replace('max: 1', `max: ${max}`))).toEqual([
        `5:12-${12 + max.length} wrong-value max: ${max} is not accepted; write a whole number from 0 to 1000`,
      ]);
    },
  );

  test.each(['m5', 'm5.xlrage', 'M5.xlarge', 'm5 xlarge', 'xlarge', '.xlarge', '5'])(
    'is not an instance type: %s',
    (type) => {
      expect(problemsOf(ONE_RULE.replace('m5.xlarge', type))).toEqual([
        `4:22-${22 + type.length} wrong-value instance-type: ${type} is not accepted; write an instance type such as m5.xlarge`,
      ]);
    },
  );
});
