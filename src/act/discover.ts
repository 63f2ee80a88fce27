import type { ScopeId } from '../model/ids.ts';
import { repoScope } from '../model/ids.ts';
import type { ActDeps } from './deps.ts';
import { DISCOVERED } from './region.ts';

type Need = Pick<ActDeps, 'store' | 'github' | 'clock' | 'log' | 'settings'>;

export interface Discovered {
  /** Those that are new to us. */
  readonly scopes: readonly ScopeId[];
  /** Those that we knew and that have rules: quiet or not, they are swept once in this time. */
  readonly ruled: readonly ScopeId[];
  /** false: GitHub did not tell all. */
  readonly isComplete: boolean;
}

/** In R: with a default R, each hour. */
export const DISCOVER_EVERY = 60;
/** Two calls each, so that an hour of them stays far below a tenth of what GitHub allows. */
const MOST_RULED = 200;

/**
 * Finds out whose App we are when the store does not know: at the first start, and after a lost
 * database. And every 60 R, for an installation that no webhook told of.
 */
export async function discover(deps: Need): Promise<Discovered> {
  const { store, github, clock, log, settings } = deps;
  const last = await store.fact(DISCOVERED);
  if (last && clock.now() - last.at < DISCOVER_EVERY * settings.resyncMs)
    return { scopes: [], ruled: [], isComplete: true };
  const installations = await github.installations();
  if (!installations.ok) {
    log.warn({ code: installations.code }, 'installations not read; tried again soon');
    return { scopes: [], ruled: [], isComplete: false };
  }
  const scopes: ScopeId[] = [];
  const ruled: ScopeId[] = [];
  let isComplete = true;
  for (const { id } of installations.value) {
    const repos = await github.repositories(id);
    // A suspended installation cannot be read, and has nothing to say.
    if (!repos.ok && repos.reason !== 'denied') isComplete = false;
    if (!repos.ok) continue;
    for (const repo of repos.value) {
      const scope = repoScope(repo.id);
      const known = await store.repo(repo.id);
      if (known?.removedAt !== null) scopes.push(scope);
      else if ((await store.scopeRows(scope)).rules?.text) ruled.push(scope);
    }
    await store.noteRepos(repos.value, clock.now());
  }
  if (isComplete) await store.saveFact(DISCOVERED, '', clock.now());
  if (scopes.length > 0) {
    log.info({ installations: installations.value.length, repos: scopes.length }, 'discovered');
  }
  return { scopes, ruled: ruled.slice(0, MOST_RULED), isComplete };
}
