import type { GitHubModel } from '../../src/sandbox/github.ts';
import {
  type Job,
  type JobSpec,
  type Repo,
  WORKFLOW_PATH,
} from '../../src/sandbox/github-state.ts';
import { hunt } from './races.ts';
import type { JobPlan, RulePlan, Scenario } from './scenario.ts';
import type { World } from './world.ts';

export const RULES_PATH = '.github/dstack.yml';
const HOME = '.github';
const NEVER_AGAIN = 'retry=0';

/** Its author does not want it to run again by itself. */
export const isBarred = ({ spec }: Job): boolean =>
  spec.environment !== undefined || spec.labels.includes(NEVER_AGAIN);

/** The file that all runs come from: where no webhook told of a job, it says which have an environment. */
const WORKFLOW = `on: push
jobs:
  work:
    runs-on: [self-hosted, dstack]
  deploy:
    runs-on: [self-hosted, dstack]
    environment: production
`;

export const rulesText = (rules: readonly RulePlan[], more: readonly string[] = []): string =>
  [
    'autoscale:',
    ...more.map((line) => `  ${line}`),
    rules.length === 0 ? '  rules: []' : '  rules:',
    ...rules.flatMap(({ type, region, max, spotPolicy, maxPriceUsd }) => [
      `    - instance-type: ${type}`,
      `      max: ${max}`,
      `      region: ${region}`,
      `      spot-policy: ${spotPolicy}`,
      ...(maxPriceUsd === undefined ? [] : [`      max-price: ${maxPriceUsd}`]),
    ]),
    '',
  ].join('\n');

/** What an owner's file says besides its rules. */
export const ownersLines = (ownRules: 'allow' | undefined): readonly string[] =>
  ownRules === 'allow' ? ['own-rules: allow'] : [];

export function addRepos(
  github: GitHubModel,
  { repos, isOwners, isApart, ownRules }: Scenario,
): readonly Repo[] {
  const owner = github.repos.addOwner('acme');
  const [first] = repos;
  if (isOwners && first) {
    const files = { [RULES_PATH]: rulesText(first.rules, ownersLines(ownRules)) };
    github.repos.addRepo({ owner, name: HOME, files });
  }
  const other = isApart ? github.repos.addOwner('other') : owner;
  const made = repos.map(({ rules, own }, i) => {
    const its = isOwners ? own : rules;
    const file = its ? { [RULES_PATH]: rulesText(its) } : {};
    const files = { [WORKFLOW_PATH]: WORKFLOW, ...file };
    return github.repos.addRepo({ owner: i === 0 ? owner : other, name: `repo-${i}`, files });
  });
  for (const one of new Set([owner, other])) github.repos.install(one);
  return made;
}

export function addJob(world: World, plan: JobPlan): void {
  const repo = world.repos[plan.repo];
  if (!repo) return;
  const { github, kernel } = world;
  const labels = ['self-hosted', 'dstack', ...(plan.type === '' ? [] : [plan.type])];
  const name = plan.approveMs === undefined ? 'work' : 'deploy';
  const n = world.jobs.length;
  const mates = (plan.mates ?? []).map(({ durationMs, fails, isOnce }, i): JobSpec => {
    const its = isOnce ? [...labels, NEVER_AGAIN] : labels;
    const own = { name: `work (${n}, ${i + 1})`, labels: its, durationMs };
    return fails ? { ...own, result: 'failure' } : own;
  });
  const run = github.jobs.addRun(repo, {
    jobs: [
      {
        name: `${name} (${n})`,
        labels,
        durationMs: plan.durationMs,
        ...(plan.fails ? { result: 'failure' } : {}),
        ...(plan.withheldMs === undefined ? {} : { withheldMs: plan.withheldMs }),
        ...(plan.approveMs === undefined ? {} : { environment: 'production' }),
      },
      ...mates,
    ],
  });
  for (const job of run.jobs) {
    world.jobs.push(job);
    if (job === run.jobs[0] && plan.reclaims !== undefined) hunt(world, job, plan.reclaims);
    if (plan.cancelMs !== undefined) kernel.at(plan.cancelMs, 'cancel', () => cancel(world, job));
    if (plan.approveMs === undefined) continue;
    kernel.at(plan.approveMs, 'approval', () => github.jobs.approve(job));
  }
}

export function cancel({ kernel, github, cancelled }: World, job: Job): void {
  if (job.facts.now.state === 'completed') return;
  kernel.mark(`fault cancel ${job.facts.now.state}`);
  cancelled.add(job);
  github.runners.cancel(job);
}
