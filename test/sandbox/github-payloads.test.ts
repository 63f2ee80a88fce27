import { expect, test } from '@jest/globals';
import { webhookProblems as problemsOf } from '../github/webhooks.ts';
import { addJob, addRunner, createWorld, MINUTE_MS, startMachine, value } from './github-world.ts';

// GitHub's published schemas judge every payload that the sandbox sends.

test.each(['Organization', 'User'] as const)(
  'agree, for an owner that is a %s',
  async (ownerType) => {
    const world = createWorld({ ownerType });
    const { repos, runners, jobs } = world.model;
    repos.commit(world.repo, { '.github/dstack.yml': 'a', 'b.txt': 'b' });
    repos.commit(world.repo, { '.github/dstack.yml': 'c', 'b.txt': null });
    repos.commit(world.repo, { x: 'y' }, 'feature');
    startMachine(world, addRunner(world));
    addJob(world);
    const waiting = addJob(world, ['dstack'], { environment: 'production' });
    await world.pass(20 * MINUTE_MS);
    jobs.approve(waiting);
    runners.cancel(waiting);
    const { issues, commits, pulls } = world.model;
    const { number } = issues.addIssue(world.repo);
    issues.addComment(world.repo, number, '/dstack help', 'ann');
    const answer = value(issues.comment(world.repo, number, 'answer'));
    value(issues.editComment(world.repo, answer.id, 'another'));
    const spec = { head: 'feature', base: 'main', title: 'One', body: '' };
    const pull = value(pulls.open(world.repo, spec)).issue;
    issues.addComment(world.repo, pull.number, 'x', 'renovate[bot]');
    pulls.merge(world.repo, pull.number, 'ann');
    value(commits.deleteBranch(world.repo, 'feature'));
    value(commits.makeBranch(world.repo, 'feature', world.repo.branches.get('main') ?? ''));
    const { id } = world.installation;
    repos.select(id, { remove: [world.repo] });
    repos.select(id, { add: [world.repo] });
    repos.rename(world.repo, 'renamed');
    repos.setDefaultBranch(world.repo, 'feature');
    repos.suspend(id);
    repos.unsuspend(id);
    const next = repos.addOwner('next', ownerType);
    repos.install(next);
    repos.transfer(world.repo, next);
    repos.deleteRepo(world.repo);
    repos.uninstall(id);
    await world.pass(MINUTE_MS);

    const seen = new Set(
      world.hooks.map(
        ({ event, payload }) => `${event} ${'action' in payload ? payload.action : ''}`,
      ),
    );
    expect([...seen].sort()).toEqual([
      'installation created',
      'installation deleted',
      'installation suspend',
      'installation unsuspend',
      'installation_repositories added',
      'installation_repositories removed',
      'issue_comment created',
      'issue_comment edited',
      'pull_request closed',
      'pull_request opened',
      'push ',
      'repository deleted',
      'repository edited',
      'repository renamed',
      'repository transferred',
      'workflow_job completed',
      'workflow_job in_progress',
      'workflow_job queued',
      'workflow_job waiting',
    ]);
    expect(world.hooks.flatMap(({ event, payload }) => problemsOf(event, payload))).toEqual([]);
  },
);

test('a payload that differs from the schema is found', async () => {
  const world = createWorld();
  addJob(world);
  await world.pass(MINUTE_MS);
  const hook = world.hooks.find(({ event }) => event === 'workflow_job');
  expect(problemsOf('workflow_job', { ...hook?.payload, sender: undefined })).toEqual([
    "workflow_job queued must have required property 'sender'",
  ]);
});
