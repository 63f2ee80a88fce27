import type { Instant } from '../lib/clock.ts';
import { isoOf, monthStart, nextMonthStart } from '../lib/instant.ts';
import { type Bill, usdOf } from '../model/cost.ts';
import type { RepoId, ScopeId } from '../model/ids.ts';
import type { Reason } from '../model/job.ts';
import type { Month } from '../model/outcome.ts';
import type { RulesFile } from '../model/rules.ts';
import type { ActDeps } from './deps.ts';

type Need = Pick<ActDeps, 'store' | 'clock' | 'catalogue'>;
type Budgeted = Pick<RulesFile, 'budgetUsd'>;

/**
 * What the scope's machines cost since the first of the month, UTC, at the prices of their launches;
 * where those are not known, as after a lost database, at what is known of today's.
 */
export async function billsOf(deps: Need, scope: ScopeId): Promise<readonly Bill[]> {
  const to = deps.clock.now();
  const bills = await deps.store.bills(scope, { from: monthStart(to), to });
  return bills.map((bill) => {
    const { unpriced } = bill;
    if (unpriced === null || bill.machines === 0) return bill;
    return { ...bill, priceUsd: deps.catalogue.priceKnown(unpriced, unpriced) };
  });
}

/** The same, asked for only where somebody's budget hangs on it. */
export const billsFor = async (
  deps: Need,
  scope: ScopeId,
  files: readonly (Budgeted | null)[],
): Promise<readonly Bill[]> =>
  files.some((file) => file !== null && file.budgetUsd !== null) ? billsOf(deps, scope) : [];

/** null: of all repositories of the scope. */
export const ofRepo = (bills: readonly Bill[], repo: RepoId | null): readonly Bill[] =>
  repo === null ? bills : bills.filter((bill) => bill.repo === repo);

export const spentUsd = (bills: readonly Bill[]): number =>
  bills.reduce((sum, bill) => sum + usdOf(bill), 0);

/** Machines of which only disk and address are counted, since nobody tells their price. */
export const unpricedIn = (bills: readonly Bill[]): number =>
  bills.reduce((sum, { priceUsd, machines }) => sum + (priceUsd === null ? machines : 0), 0);

/** How much of what the scope did since the first of the month, UTC. */
export async function monthOf(
  { store, clock }: Need,
  of: {
    readonly scope: ScopeId;
    readonly repo: RepoId | null;
    readonly bills: readonly Bill[];
  },
): Promise<Month> {
  const { scope, repo, bills } = of;
  const machineMs = bills.reduce((sum, { livedMs }) => sum + livedMs, 0);
  const since = monthStart(clock.now());
  return { jobs: await store.jobsRun({ scope, repo, since }), machineMs };
}

/** Launches stop when the month's money is spent; machines that run go on to their jobs' end. */
export function budgetReason(
  { budgetUsd }: Budgeted,
  bills: readonly Bill[],
  now: Instant,
): Reason | undefined {
  if (budgetUsd === null) return undefined;
  const spent = spentUsd(bills);
  if (spent < budgetUsd) return undefined;
  const until = isoOf(nextMonthStart(now)).slice(0, 10);
  return {
    code: 'budget',
    text: `The month's budget of $${budgetUsd} is spent; nothing is launched until ${until}, or until \`budget\` is raised.`,
  };
}
