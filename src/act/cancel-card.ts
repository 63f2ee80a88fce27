import { cancelledCard } from '../commands/card.ts';
import type { Talk } from '../github/port.ts';
import type { ScopeRows } from '../store/port.ts';
import { cancelledRuns } from './cancel.ts';
import type { ActDeps } from './deps.ts';

type Need = Pick<ActDeps, 'store' | 'clock' | 'log' | 'settings'> & { readonly talk: Talk };

/** The open check of a commit, if there is one: it is ended in place of a new one. */
type OpenId = (of: { readonly repo: number; readonly sha: string }) => number | undefined;

/** Says on the commit why its run was cancelled; answers the checks that are ended with that. */
export async function tellCancelled(
  deps: Need,
  rows: ScopeRows,
  openId: OpenId,
): Promise<ReadonlySet<number>> {
  const { store, talk, log, clock, settings } = deps;
  const ended = new Set<number>();
  const [first] = rows.repos;
  if (!first) return ended;
  const runs = await cancelledRuns(store, first.scope);
  if (runs.length === 0) return ended;
  const key = `cancelled-told:${first.scope}`;
  const fact = await store.fact(key);
  const told = new Set<number>(fact ? (JSON.parse(fact.value) as number[]) : []);
  const before = told.size;
  for (const { run, repo: repoId, sha, why } of runs) {
    const repo = rows.repos.find(({ id }) => id === repoId);
    if (told.has(run) || !repo) continue;
    const id = openId({ repo: repoId, sha });
    const url = `${settings.htmlUrl}/${repo.owner}/${repo.name}/actions/runs/${run}`;
    const { title, summary } = cancelledCard(why, url);
    const check = { name: 'dstack / queue', sha, conclusion: 'failure', title, summary } as const;
    const done = await talk.check(repo, {
      ...check,
      annotations: [],
      ...(id === undefined ? {} : { id }),
    });
    if (!done.ok) log.warn({ scope: repo.scope, sha, code: done.code }, 'check run not written');
    if (!done.ok && done.reason !== 'missing') continue;
    told.add(run);
    if (id !== undefined) ended.add(id);
  }
  if (told.size > before) {
    const kept = runs.map(({ run }) => run).filter((run) => told.has(run));
    await store.saveFact(key, JSON.stringify(kept), clock.now());
  }
  return ended;
}
