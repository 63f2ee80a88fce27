import type { Instant } from '../lib/clock.ts';
import type { RepoId, RunId, ScopeId } from '../model/ids.ts';
import type { Action } from '../model/world.ts';
import type { Store } from '../store/port.ts';
import type { ActDeps } from './deps.ts';
import type { Sight } from './look.ts';

/** A run that we had cancelled, for the check that says why. */
export interface CancelledRun {
  readonly repo: RepoId;
  readonly run: RunId;
  readonly sha: string;
  readonly why: string;
  readonly at: Instant;
}

/** As many as a check is written for; older ones are forgotten. */
const MOST_KEPT = 100;

const keyOf = (scope: ScopeId): string => `cancelled:${scope}`;

export async function cancelledRuns(
  store: Pick<Store, 'fact'>,
  scope: ScopeId,
): Promise<readonly CancelledRun[]> {
  const fact = await store.fact(keyOf(scope));
  return fact ? (JSON.parse(fact.value) as readonly CancelledRun[]) : [];
}

/** Cancels runs that nothing was to be had for; one that does not end is asked for again after R. */
export async function cancelAll(
  deps: Pick<ActDeps, 'store' | 'github' | 'clock' | 'log' | 'settings'>,
  of: { readonly sight: Sight; readonly actions: readonly Extract<Action, { kind: 'cancel' }>[] },
): Promise<void> {
  const { store, github, clock, log, settings } = deps;
  const { rows, world } = of.sight;
  if (of.actions.length === 0) return;
  let known = await cancelledRuns(store, world.scope);
  for (const { repo: repoId, run, reason } of of.actions) {
    const repo = rows.repos.find(({ id }) => id === repoId);
    const job = rows.jobs.find((one) => one.run === run);
    const now = clock.now();
    const isRecent = known.some((one) => one.run === run && now - one.at < settings.resyncMs);
    if (!repo || !job || isRecent) continue;
    const asked = await github.cancelRun(repo, run);
    log.info({ scope: world.scope, run, reason, ok: asked.ok }, 'run cancelled');
    // A conflict: it is over already.
    if (!asked.ok && asked.reason !== 'conflict') continue;
    const made = { repo: repoId, run, sha: job.sha, why: reason, at: now };
    known = [...known.filter((one) => one.run !== run), made].slice(-MOST_KEPT);
    await store.saveFact(keyOf(world.scope), JSON.stringify(known), now);
  }
}
