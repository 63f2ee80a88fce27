import { expect, test } from '@jest/globals';
import type { Fault } from '../../src/sandbox/kernel.ts';
import { isDone, MINUTE, openStage, SECOND, type Stage } from '../stage.ts';

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
