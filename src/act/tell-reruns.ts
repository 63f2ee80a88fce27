import { type LossRow, rerunCard } from '../commands/rerun-card.ts';
import type { Talk } from '../github/port.ts';
import type { ScopeId } from '../model/ids.ts';
import type { Repo } from '../model/repo.ts';
import type { Rerun } from '../model/rerun.ts';
import { type ActDeps, LEASE_MS } from './deps.ts';
import { attemptKey, type Loss, lossOf, REMEMBERED_MS } from './lost.ts';
import { jobLink, machineRow } from './rules-state.ts';

type Need = Pick<ActDeps, 'store' | 'clock' | 'log' | 'settings'> & {
  readonly talk: Talk;
  readonly holder: string;
};

const CHECK_NAME = 'dstack / re-run';

/** Says on the commit what was lost, and what became of it; in how many ms it is tried again. */
export async function tellReruns(deps: Need, scope: ScopeId): Promise<number | undefined> {
  const { store, clock, settings } = deps;
  const since = clock.now() - REMEMBERED_MS;
  const untold = (await store.reruns(scope, since)).filter(
    ({ toldAt, outcome }) => toldAt === null && (outcome === 'done' || outcome === 'none'),
  );
  if (untold.length === 0) return undefined;
  const losses = (await store.reclaimed(scope, since)).flatMap(
    (one) => lossOf(one, clock.now()) ?? [],
  );
  let isLeft = false;
  for (const row of untold) {
    const repo = await store.repo(row.repo);
    const its = losses.filter(({ job }) => attemptKey(job) === attemptKey(row));
    const isTold = !repo || (await tell(deps, { repo, row, losses: its }));
    if (isTold) await noteTold(deps, row);
    else isLeft = true;
  }
  return isLeft ? settings.resyncMs / 4 : undefined;
}

/** False: another time GitHub may let it through. */
async function tell(
  deps: Need,
  of: { readonly repo: Repo; readonly row: Rerun; readonly losses: readonly Loss[] },
): Promise<boolean> {
  const { repo, row, losses } = of;
  const [first] = losses;
  if (!first || repo.removedAt !== null) return true;
  const runUrl = `${deps.settings.htmlUrl}/${repo.owner}/${repo.name}/actions/runs/${row.run}`;
  const card = rerunCard({
    reason: row.reason,
    next: row.outcome === 'done' ? row.attempt + 1 : null,
    runUrl,
    losses: losses.map((loss) => lossRow(deps, repo, loss)),
  });
  const check = { name: CHECK_NAME, sha: first.job.sha, conclusion: 'neutral' } as const;
  const done = await deps.talk.check(repo, { ...check, ...card, annotations: [] });
  if (done.ok) return true;
  deps.log.warn({ scope: repo.scope, run: row.run, code: done.code }, 'check run not written');
  return done.reason !== 'throttled' && done.reason !== 'unreachable';
}

function lossRow(deps: Need, repo: Repo, { job, instance }: Loss): LossRow {
  const { startedAt, completedAt } = job;
  const { name, url } = jobLink(deps, repo, job);
  return {
    name,
    url,
    machine: machineRow(deps, { one: instance, repo, job }),
    ranMs: startedAt === null || completedAt === null ? null : completedAt - startedAt,
    ec2Reason: instance.ec2Reason,
  };
}

async function noteTold({ store, clock, holder }: Need, row: Rerun): Promise<void> {
  const now = clock.now();
  const lease = await store.lease({ name: row.scope, holder, now, ttlMs: LEASE_MS });
  if (lease) await store.saveRerun(lease, { ...row, toldAt: now }, row.outcome);
}
