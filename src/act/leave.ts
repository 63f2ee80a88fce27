import { ownerScope, repoScope, type ScopeId } from '../model/ids.ts';
import type { Repo } from '../model/repo.ts';
import type { ActDeps } from './deps.ts';

/** False: machines still need the account, or its place does not answer; it is asked again. */
export type ForgetAccount = (scope: ScopeId) => Promise<boolean>;

type Need = Pick<ActDeps, 'store' | 'github' | 'clock' | 'log'> & {
  readonly forgetAccount: ForgetAccount;
};

const HOUR_MS = 3_600_000;
/** Whoever uninstalls by mistake has a day to install again. */
export const KEPT_AFTER_LEAVING_MS = 24 * HOUR_MS;
/** Of what was removed long ago: more are looked at when these are done. */
const MOST_REPOS = 100;

/**
 * Credentials of whoever left a day ago are deleted. GitHub has the last word: a suspended App is still
 * installed, and an installation that came back without a webhook counts too.
 */
export async function forgetLeft(deps: Need): Promise<void> {
  const { store, clock, github } = deps;
  const until = clock.now() - KEPT_AFTER_LEAVING_MS;
  const open: Repo[] = [];
  for (const repo of await store.removedUntil(until, MOST_REPOS)) {
    const last = await store.fact(leftKey(repo));
    const isDone = last?.value === String(repo.removedAt);
    const isTooSoon = last?.value === AGAIN && clock.now() - last.at < HOUR_MS;
    if (!isDone && !isTooSoon) open.push(repo);
  }
  if (open.length === 0) return;
  const installations = await github.installations();
  if (!installations.ok) return;
  for (const repo of open) {
    const at = installations.value.find(({ ownerId }) => ownerId === repo.ownerId);
    if (at && !(await isLeftOut(deps, repo, at.id))) continue;
    const scopes: ScopeId[] = at
      ? [repoScope(repo.id)]
      : [repoScope(repo.id), ownerScope(repo.ownerId)];
    const outcome = (await forgetAll(deps, scopes)) ? String(repo.removedAt) : AGAIN;
    await store.saveFact(leftKey(repo), outcome, clock.now());
  }
}

/** Machines still need it, or its place does not answer. */
const AGAIN = 'again';

/** Of one removal: whoever comes back and leaves again is forgotten again. */
const leftKey = ({ id }: Repo): string => `left:${id}`;

/** The owner still has the App, and not on this repository. A suspended one cannot be asked. */
async function isLeftOut({ github }: Need, repo: Repo, installation: number): Promise<boolean> {
  const repos = await github.repositories(installation);
  return repos.ok && !repos.value.some(({ id }) => id === repo.id);
}

async function forgetAll({ forgetAccount, log }: Need, scopes: readonly ScopeId[]) {
  let isForgotten = true;
  for (const scope of scopes) {
    if (await forgetAccount(scope)) continue;
    isForgotten = false;
    log.info({ scope }, 'credentials of who left are kept for their last machines');
  }
  return isForgotten;
}
