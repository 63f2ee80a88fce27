import { expect, test } from '@jest/globals';
import { MINUTE, openStage, REGION, rulesText, SECOND, type Stage } from '../stage.ts';

// What `info` says of a rule of which nothing comes now.

async function infoOf(stage: Stage): Promise<string> {
  const { issues } = stage.github;
  issues.setCollaborator(stage.repo, 'alice', 'write');
  const { number } = issues.addIssue(stage.repo, { title: 'machines' });
  issues.addComment(stage.repo, number, '/dstack autoscale info', 'alice');
  await stage.pass(20 * SECOND);
  const all = issues.commentsOf(stage.repo, number);
  return all.ok ? all.value.map(({ body }) => body).join('\n') : '';
}

test('what EC2 is out of is told by zone', async () => {
  const stage = await openStage({ rules: rulesText({ 'm5.large': 1, 'c5.xlarge': 1 }) });
  for (const zone of ['a', 'b'].map((letter) => `${REGION}${letter}`)) {
    stage.ec2.setCapacity({ zone, type: 'm5.large', market: 'spot' }, 0);
  }
  stage.addJobs(1, { labels: ['dstack', 'm5.large'], durationMs: 30 * MINUTE });
  await stage.until(() => stage.live().length === 1);
  const marked = await stage.store.exhausted('default');
  const letters = marked.map(({ zone }) => zone.slice(REGION.length)).join(', ');
  const info = await infoOf(stage);
  expect(info).toContain(`EC2 has no free machine of this type (${letters})`);
  expect(info).toMatch(/c5\.xlarge.*OK/);
});

test('a quota that is used up is told of all its types, and of no other', async () => {
  const stage = await openStage({ rules: rulesText({ 'm5.large': 1, 'g5.xlarge': 1 }) });
  stage.ec2.change({ quotas: { 'standard spot': 0 } });
  stage.addJobs(1, { labels: ['dstack', 'm5.large'] });
  await stage.pass(20 * SECOND);
  const info = await infoOf(stage);
  expect(info).toMatch(/m5\.large.*spot vCPU quota is used up/);
  expect(info).toMatch(/g5\.xlarge.*OK/);
});

test('a paused rule is told with the machine to look at', async () => {
  const stage = await openStage({
    rules: rulesText({ 'm5.large': 3 }),
    behaviourOf: () => 'dead',
  });
  const [job] = stage.addJobs(3);
  await stage.pass(8 * MINUTE);
  // No job waits any more that could tell it.
  if (job) stage.github.runners.cancelRun(stage.repo, job.run.id);
  await stage.pass(10 * SECOND);
  expect(await infoOf(stage)).toMatch(/3 machines in a row did not register \(the last: i-\w+\)/);
});
