import type { ScopeId } from '../model/ids.ts';
import { repoScope } from '../model/ids.ts';
import type { ActDeps } from './deps.ts';
import { DISCOVERED } from './region.ts';

type Need = Pick<ActDeps, 'store' | 'github' | 'clock' | 'log' | 'settings'>;

/** In R: with a default R, each hour. */
export const DISCOVER_EVERY = 60;

/**
 * Finds out whose App we are when the store does not know: at the first start, and after a lost
 * database. And every 60 R, for an installation that no webhook told of. Answers the scopes to look
 * at, or undefined when GitHub did not tell all.
 */
export async function discover(deps: Need): Promise<readonly ScopeId[] | undefined> {
  const { store, github, clock, log, settings } = deps;
  const last = await store.fact(DISCOVERED);
  if (last && clock.now() - last.at < DISCOVER_EVERY * settings.resyncMs) return [];
  const installations = await github.installations();
  if (!installations.ok) {
    log.warn({ code: installations.code }, 'installations not read; tried again soon');
    return undefined;
  }
  const scopes: ScopeId[] = [];
  for (const { id } of installations.value) {
    const repos = await github.repositories(id);
    // A suspended installation cannot be read, and has nothing to say.
    if (!repos.ok && repos.reason !== 'denied' && repos.reason !== 'missing') return undefined;
    if (!repos.ok) continue;
    await store.noteRepos(repos.value, clock.now());
    scopes.push(...repos.value.map((repo) => repoScope(repo.id)));
  }
  await store.saveFact(DISCOVERED, '', clock.now());
  // What was known before is at work already, or is woken by its events: all is looked at only once.
  if (last) return [];
  log.info({ installations: installations.value.length, repos: scopes.length }, 'discovered');
  return scopes;
}
