import type { InstallationId, ScopeId } from '../model/ids.ts';
import { fileScope, type Repo, type RepoFacts } from '../model/repo.ts';
import type { ActDeps } from './deps.ts';
import { DISCOVERED } from './region.ts';
import { saveInstallations } from './turns.ts';

type Need = Pick<ActDeps, 'store' | 'github' | 'clock' | 'log' | 'settings'>;

export interface Discovered {
  /** Those that are new to us. */
  readonly scopes: readonly ScopeId[];
  /** When it is due again: soon, where GitHub did not tell all. */
  readonly nextMs: number;
}

/** All repositories of an installation are known: whether the owner has one named `.github`, too. */
export const listedKey = (installation: InstallationId): string => `listed:${installation}`;

/** In R: with a default R, each hour. */
const DISCOVER_EVERY = 60;

/**
 * Finds out whose App we are when the store does not know: at the first start, and after a lost
 * database. And every 60 R, for an installation that no webhook told of.
 */
export async function discover(deps: Need): Promise<Discovered> {
  const { store, github, clock, log, settings } = deps;
  const last = await store.fact(DISCOVERED);
  const everyMs = DISCOVER_EVERY * settings.resyncMs;
  const soonMs = settings.resyncMs / 4;
  const leftMs = last ? last.at + everyMs - clock.now() : 0;
  if (leftMs > 0) return { scopes: [], nextMs: leftMs };
  const installations = await github.installations();
  if (!installations.ok) {
    log.warn({ code: installations.code }, 'installations not read; tried again soon');
    return { scopes: [], nextMs: soonMs };
  }
  await saveInstallations(
    deps,
    installations.value.map(({ id }) => id),
  );
  const scopes = new Set<ScopeId>();
  let isComplete = true;
  for (const { id } of installations.value) {
    const repos = await github.repositories(id);
    // A suspended installation cannot be read, and has nothing to say.
    if (!repos.ok && repos.reason !== 'denied') isComplete = false;
    if (!repos.ok) continue;
    for (const repo of repos.value) {
      const known = await store.repo(repo.id);
      const scope = known?.scope ?? fileScope(repo);
      const rules = await store.rules(scope);
      // A job elsewhere may have had its owner's repositories listed: known, and its rules unread.
      if (known?.removedAt !== null || rules === null) scopes.add(scope);
    }
    await keep(deps, { installation: id, repos: repos.value });
  }
  if (isComplete) await store.saveFact(DISCOVERED, '', clock.now());
  if (scopes.size > 0) {
    log.info({ installations: installations.value.length, scopes: scopes.size }, 'discovered');
  }
  return { scopes: [...scopes], nextMs: isComplete ? everyMs : soonMs };
}

async function keep(
  { store, clock }: Pick<Need, 'store' | 'clock'>,
  of: { readonly installation: InstallationId; readonly repos: readonly RepoFacts[] },
): Promise<void> {
  await store.noteRepos(of.repos, clock.now());
  await store.saveFact(listedKey(of.installation), '', clock.now());
}

/** Before an owner's first job: one of their repositories may hold the rules for all of them. */
export async function listOwner(
  deps: Pick<Need, 'store' | 'github' | 'clock'>,
  installation: InstallationId,
): Promise<boolean> {
  const repos = await deps.github.repositories(installation);
  if (repos.ok) await keep(deps, { installation, repos: repos.value });
  return repos.ok;
}

/** In R: GitHub says 404 of what is gone for good as well. */
const FIND_EVERY = 10;

/** A repository that GitHub shows us no more may be back under another installation, untold. */
export async function findAgain(
  deps: Pick<Need, 'store' | 'github' | 'clock' | 'settings'>,
  { ownerId }: Pick<Repo, 'ownerId'>,
): Promise<void> {
  const { store, github, clock, settings } = deps;
  const key = `found-again:${ownerId}`;
  const last = await store.fact(key);
  if (last && clock.now() - last.at < FIND_EVERY * settings.resyncMs) return;
  await store.saveFact(key, '', clock.now());
  const installations = await github.installations();
  if (!installations.ok) return;
  const found = installations.value.find((one) => one.ownerId === ownerId);
  if (found) await listOwner(deps, found.id);
}
