import { type Card, cancelledCard } from '../commands/card.ts';
import type { Talk } from '../github/port.ts';
import type { Instant } from '../lib/clock.ts';
import type { ScopeRows } from '../store/port.ts';
import { type CancelledRun, cancelledRuns } from './cancel.ts';
import type { ActDeps } from './deps.ts';
import { writeQueueCheck } from './queue-check.ts';

type Need = Pick<ActDeps, 'store' | 'clock' | 'log' | 'settings'> & { readonly talk: Talk };

/** A commit's check run, which is ended in place of a new one. */
interface CheckAt {
  readonly repo: number;
  readonly sha: string;
  readonly id: number;
  /** Of its last change. */
  readonly at: Instant;
}

/** Says on the commit why its runs were cancelled; answers the checks that this ended. */
export async function tellCancelled(
  deps: Need,
  rows: ScopeRows,
  known: readonly CheckAt[],
): Promise<readonly CheckAt[]> {
  const { store, talk, log, clock, settings } = deps;
  const ended: CheckAt[] = [];
  const [first] = rows.repos;
  if (!first) return ended;
  const runs = await cancelledRuns(store, first.scope);
  if (runs.length === 0) return ended;
  const key = `cancelled-told:${first.scope}`;
  const fact = await store.fact(key);
  const told = new Set<number>(fact ? (JSON.parse(fact.value) as number[]) : []);
  const before = told.size;
  for (const { run, repo: repoId, sha } of runs) {
    const repo = rows.repos.find(({ id }) => id === repoId);
    if (told.has(run) || !repo) continue;
    const same = runs.filter((one) => one.repo === repoId && one.sha === sha);
    const its = known.find((one) => one.repo === repoId && one.sha === sha);
    // It was changed a moment ago: a later look says it.
    if (its && clock.now() - its.at < settings.resyncMs / 4) continue;
    const card = cardOf(deps, `${repo.owner}/${repo.name}`, same);
    const check = { id: its?.id, sha, card, conclusion: 'failure' } as const;
    const done = await writeQueueCheck(talk, repo, check);
    if (!done.ok) log.warn({ scope: repo.scope, sha, code: done.code }, 'check run not written');
    if (!done.ok && done.reason !== 'missing') continue;
    for (const one of same) told.add(one.run);
    if (done.ok) ended.push({ repo: repoId, sha, id: done.value.id, at: clock.now() });
  }
  if (told.size > before) {
    const kept = runs.map(({ run }) => run).filter((run) => told.has(run));
    await store.saveFact(key, JSON.stringify(kept), clock.now());
  }
  return ended;
}

/** All runs of one commit that were cancelled: its check is one, whatever else it said before. */
function cardOf({ settings }: Need, name: string, runs: readonly CancelledRun[]): Card {
  const [first, ...others] = runs.map(({ run, why }) =>
    cancelledCard(why, `${settings.htmlUrl}/${name}/actions/runs/${run}`),
  );
  const summary = [first, ...others].map((card) => card?.summary ?? '').join('\n\n');
  return { title: first?.title ?? '', summary };
}
