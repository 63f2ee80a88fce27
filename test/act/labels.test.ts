import { expect, test } from '@jest/globals';
import { isDone, MINUTE, openStage, rulesText, SECOND } from '../stage.ts';

test('a job gets a machine that has what its labels ask for, joined or not', async () => {
  const stage = await openStage({ rules: rulesText({ 'm5.large': 4, 'm5.xlarge': 4 }) });
  const jobs = [
    ...stage.addJobs(1, { labels: ['dstack/cpu=4/memory=16GB'] }),
    ...stage.addJobs(1, {
      labels: ['self-hosted', 'dstack', 'CPU=3..4', 'disk=30GB', 'spot=spot'],
    }),
  ];
  await stage.until(isDone(jobs), 8 * MINUTE);
  const types = [...stage.ec2.instances.values()].map(({ type }) => type);
  expect(types).toEqual(['m5.xlarge', 'm5.xlarge']);
});

test('a job whose label cannot be read is told so on its commit at once, and gets no machine', async () => {
  const stage = await openStage();
  stage.addJobs(1, { labels: ['dstack/cpus=2'] });
  // Before R / 2, when those are told that only have to wait.
  await stage.pass(15 * SECOND);
  const checks = [...stage.repo.talk.checks.values()];
  expect(checks).toMatchObject([{ name: 'dstack / queue', conclusion: 'failure' }]);
  expect(checks[0]?.title).toContain('did you mean `cpu=2`?');
  await stage.pass(MINUTE);
  expect(await stage.reasons()).toEqual(['bad-label']);
  expect(stage.ec2.counts().launched).toBe(0);
});
