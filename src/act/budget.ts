import type { Instant } from '../lib/clock.ts';
import { isoOf, monthStart, nextMonthStart } from '../lib/instant.ts';
import { costUsd } from '../model/cost.ts';
import type { RepoId, ScopeId } from '../model/ids.ts';
import type { Reason } from '../model/job.ts';
import type { Instance } from '../model/launch.ts';
import type { Month } from '../model/outcome.ts';
import type { RulesFile } from '../model/rules.ts';
import type { ActDeps } from './deps.ts';

type Need = Pick<ActDeps, 'store' | 'clock'>;

/** What the scope's machines cost since the first of the month, UTC, at the prices of their launches. */
export async function spentUsd(
  { store, clock }: Need,
  scope: ScopeId,
  repo?: RepoId,
): Promise<number> {
  const to = clock.now();
  const from = monthStart(to);
  const all = await store.instancesSince(scope, from);
  const instances = repo === undefined ? all : all.filter((one) => one.repo === repo);
  return instances.reduce((sum, one) => sum + costUsd(one, { from, to }), 0);
}

/** How much of what the scope did since the first of the month, UTC. */
export async function monthOf(
  { store, clock }: Need,
  scope: ScopeId,
  repo: RepoId | null,
): Promise<Month> {
  const to = clock.now();
  const since = monthStart(to);
  const all = await store.instancesSince(scope, since);
  const mine = all.filter((one) => repo === null || one.repo === repo);
  const machineMs = mine.reduce((sum, one) => sum + livedMs(one, { from: since, to }), 0);
  return { jobs: await store.jobsRun({ scope, repo, since }), machineMs };
}

function livedMs(
  { launchedAt, goneAt }: Pick<Instance, 'launchedAt' | 'goneAt'>,
  { from, to }: { readonly from: Instant; readonly to: Instant },
): number {
  return launchedAt === null ? 0 : Math.max(0, (goneAt ?? to) - Math.max(launchedAt, from));
}

/** Launches stop when the month's money is spent; machines that run go on to their jobs' end. */
export async function budgetReason(
  deps: Need,
  of: {
    readonly scope: ScopeId;
    readonly file: Pick<RulesFile, 'budgetUsd'>;
    /** Of this one alone. */
    readonly repo?: RepoId;
  },
): Promise<Reason | undefined> {
  const { budgetUsd } = of.file;
  if (budgetUsd === null) return undefined;
  const spent = await spentUsd(deps, of.scope, of.repo);
  if (spent < budgetUsd) return undefined;
  const until = isoOf(nextMonthStart(deps.clock.now())).slice(0, 10);
  return {
    code: 'budget',
    text: `The month's budget of $${budgetUsd} is spent; nothing is launched until ${until}, or until \`budget\` is raised.`,
  };
}
