import { expect, test } from '@jest/globals';
import { without } from '../../src/act/prepare.ts';
import type { Fault } from '../../src/sandbox/kernel.ts';
import { aRepo, aWorld, RULE } from '../builders.ts';
import { createStage, isDone, MINUTE, openStage, R, REGION, SECOND, type Stage } from '../stage.ts';

// Something is missing that every launch needs, and neither EC2 nor GitHub gives it: the job says what.

const LOST: Fault = { kind: 'lost-request' };
const losing = (call: string) => (stage: Stage) => {
  stage.knobs.fault = ({ name }) => (name === call ? LOST : undefined);
};

test.each<[what: string, begin: (stage: Stage) => void, code: string, text: RegExp]>([
  [
    'a security group that EC2 does not tell of',
    losing('ec2.securityGroup'),
    'aws-slow',
    /^AWS gives no security group in eu-west-1 now: \S+\.$/,
  ],
  [
    'a security group that EC2 refuses',
    ({ ec2 }) => void ec2.change({ denied: ['DescribeSecurityGroups', 'CreateSecurityGroup'] }),
    'iam',
    /^AWS refuses the security group of machines in eu-west-1: UnauthorizedOperation\.$/,
  ],
  [
    'a runner that GitHub does not name',
    losing('github.actionsRunner'),
    'github-slow',
    /^GitHub does not name the runner to install now: \S+\.$/,
  ],
])('a job that lacks %s says so, and starts when it is there', async (_, begin, code, text) => {
  const stage = await openStage();
  begin(stage);
  const jobs = stage.addJobs(2);
  await stage.pass(MINUTE);
  const waits = (await stage.store.recentJobs(10)).map(({ reason }) => reason);
  expect(waits.map((reason) => reason?.code)).toEqual([code, code]);
  expect(waits[0]?.text).toMatch(text);
  expect(stage.ec2.counts().launched).toBe(0);
  stage.knobs.fault = () => undefined;
  stage.ec2.change({ denied: [] });
  await stage.until(() => stage.live().length === 2, 20 * SECOND);
  expect(await stage.reasons()).toEqual(['starting']);
  await stage.until(isDone(jobs));
});

const CHEAPER = 'us-east-1';
const DENIED = { ok: false, reason: 'denied', code: 'UnauthorizedOperation', message: '' } as const;

test('a rule that lacks something leaves its jobs to the next one', async () => {
  const stage = createStage({ rules: null });
  stage.knobs.accounts = (one) => ({
    ...one,
    ec2(account, region) {
      const ec2 = one.ec2(account, region);
      return region === CHEAPER ? { ...ec2, securityGroup: async () => DENIED } : ec2;
    },
  });
  const rule = (region: string) => `    - {instance-type: m5.large, region: ${region}, max: 1}\n`;
  stage.push(`autoscale:\n  rules:\n${rule(REGION)}${rule(CHEAPER)}`);
  stage.start();
  await stage.pass(2 * R);
  stage.addJobs(1, { durationMs: 30 * MINUTE });
  await stage.until(() => stage.live().length === 1, 20 * SECOND);
  expect(stage.live()[0]?.zone).toMatch(REGION);
  stage.addJobs(1);
  await stage.pass(MINUTE);
  const [, second] = (await stage.store.recentJobs(10)).toSorted((a, b) => a.id - b.id);
  expect(second?.reason?.text).toMatch(/^m5\.large in eu-west-1: 1 of 1 machines in use/);
});

test('what one repository lacks closes the rule to that one alone', () => {
  const reason = { code: 'github-denied', text: 'No.' };
  const repos = [aRepo({ id: 1, closed: { other: reason } }), aRepo({ id: 2 })];
  const { repos: after } = without(aWorld({ repos }), [{ repo: 1, rule: RULE, reason }]);
  expect(after.map(({ closed }) => closed)).toEqual([{ other: reason, [RULE]: reason }, undefined]);
});
