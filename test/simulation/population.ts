import { ownerScope, repoScope } from '../../src/model/ids.ts';
import type { GitHubModel } from '../../src/sandbox/github.ts';
import type { JobSpec, Repo } from '../../src/sandbox/github-state.ts';
import { HOME } from './owners.ts';
import type { Promises } from './promises.ts';
import type { JobPlan, RulePlan, Scenario } from './scenario.ts';
import type { World } from './world.ts';

export const RULES_PATH = '.github/dstack.yml';

export const rulesText = (rules: readonly RulePlan[], more: readonly string[] = []): string =>
  [
    'autoscale:',
    ...more.map((line) => `  ${line}`),
    rules.length === 0 ? '  rules: []' : '  rules:',
    ...rules.flatMap(({ type, region, max, spotPolicy }) => [
      `    - instance-type: ${type}`,
      `      max: ${max}`,
      `      region: ${region}`,
      `      spot-policy: ${spotPolicy}`,
    ]),
    '',
  ].join('\n');

export function addRepos(
  github: GitHubModel,
  promises: Promises,
  { repos, isOwners }: Scenario,
): readonly Repo[] {
  const owner = github.repos.addOwner('acme');
  const [first] = repos;
  if (isOwners && first) {
    const files = { [RULES_PATH]: rulesText(first.rules) };
    github.repos.addRepo({ owner, name: HOME, files });
    promises.file(ownerScope(owner.id), first.rules);
  }
  const made = repos.map(({ rules }, i) => {
    const files = isOwners ? {} : { [RULES_PATH]: rulesText(rules) };
    const repo = github.repos.addRepo({ owner, name: `repo-${i}`, files });
    if (!isOwners) promises.file(repoScope(repo.id), rules);
    return repo;
  });
  github.repos.install(owner);
  return made;
}

export function addJob(world: World, plan: JobPlan): void {
  const repo = world.repos[plan.repo];
  if (!repo) return;
  const { github, kernel } = world;
  const labels = ['self-hosted', 'dstack', ...(plan.type === '' ? [] : [plan.type])];
  const name = `job-${world.jobs.length}`;
  const mates = (plan.mates ?? []).map(({ durationMs, fails }, i): JobSpec => {
    const own = { name: `${name}-${i + 1}`, labels, durationMs };
    return fails ? { ...own, result: 'failure' } : own;
  });
  const run = github.jobs.addRun(repo, {
    jobs: [
      {
        name,
        labels,
        durationMs: plan.durationMs,
        ...(plan.fails ? { result: 'failure' } : {}),
        ...(plan.approveMs === undefined ? {} : { environment: 'production' }),
      },
      ...mates,
    ],
  });
  for (const job of run.jobs) {
    world.jobs.push(job);
    if (plan.approveMs === undefined) continue;
    kernel.at(plan.approveMs, 'approval', () => github.jobs.approve(job));
  }
}
