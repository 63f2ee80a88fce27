import type { Talk } from '../github/port.ts';
import { isOwnerScope, type ScopeId } from '../model/ids.ts';
import { fileScope, type Repo } from '../model/repo.ts';
import { parseRules } from '../rules/parse.ts';
import type { Store } from '../store/port.ts';
import type { ActDeps } from './deps.ts';
import {
  changeHolds,
  firstHolds,
  type Hold,
  holdsFor,
  holdsOf,
  isHoldKnown,
  isSaid,
} from './holds.ts';
import { type InForceDeps, inForce } from './in-force.ts';
import { parseOptions, RULES_PATH } from './read-rules.ts';

// What is held for a pull request lives as long as that is open. Its end is told by a webhook, or seen
// by a sweep; and with the database lost, what is held comes back from the pull requests themselves.

/** Of the branches that hold a change which could not be pushed. */
export const BRANCH_PREFIX = 'dstack/rules-';

type Need = Pick<ActDeps, 'store' | 'clock' | 'settings'> & InForceDeps & { readonly talk: Talk };

export const isHeldFor = async (
  store: Pick<Store, 'fact'>,
  scope: ScopeId,
  pull: number,
): Promise<boolean> => (await holdsOf(store, scope)).some((hold) => hold.pull === pull);

/** It was merged or closed: what was held for it is let go. False when nothing was. */
export async function releasePull(
  deps: { readonly store: Store; readonly clock: ActDeps['clock'] },
  repo: Repo,
  pull: number,
): Promise<boolean> {
  const { store, clock } = deps;
  const scope = fileScope(repo);
  const drop = (await holdsOf(store, scope)).filter((hold) => hold.pull === pull);
  if (drop.length === 0) return false;
  await changeHolds(store, { scope, drop, add: [], now: clock.now() });
  return true;
}

/** For a webhook that never came, and after a merge: the rules were read before, so they have it. */
export async function releaseEnded(deps: Need, repo: Repo): Promise<boolean> {
  const holds = await holdsOf(deps.store, fileScope(repo));
  let isReleased = false;
  for (const number of new Set(holds.flatMap(({ pull }) => pull ?? []))) {
    const pull = await deps.talk.pull(repo, number);
    const isOver = pull.ok ? pull.value.state !== 'open' : pull.reason === 'missing';
    if (isOver) isReleased = (await releasePull(deps, repo, number)) || isReleased;
  }
  await releaseSaid(deps, repo, holds);
  return isReleased;
}

/** A commit whose answer was lost may be there: then it speaks for itself, and for what follows it. */
async function releaseSaid(deps: Need, repo: Repo, holds: readonly Hold[]): Promise<void> {
  const { store, clock, settings } = deps;
  const scope = fileScope(repo);
  const now = clock.now();
  const isOld = ({ pull, since }: Hold) => pull === null && now - since > settings.resyncMs;
  if (!holds.some(isOld)) return;
  const rules = await store.rules(scope);
  const { region } = await inForce(deps, repo);
  const parsed = parseRules(rules?.text ?? 'autoscale: {}', parseOptions(region));
  if (!parsed.ok) return;
  const drop = holds.filter((hold) => isOld(hold) && isSaid(hold, parsed.rules));
  await changeHolds(store, { scope, drop, add: [], now });
}

/** Once for a database and scope: what open pull requests of ours take away holds. */
export async function recallHolds(deps: Need, scope: ScopeId): Promise<void> {
  const { store, talk, clock } = deps;
  if (await isHoldKnown(store, scope)) return;
  const { repos, home } = await store.scopeRows(scope);
  // Each repository begins in a scope of its own, and goes under its owner's with its holds known.
  const repo = isOwnerScope(scope) ? home : repos.find(({ removedAt }) => removedAt === null);
  if (!repo) return;
  const { region } = await inForce(deps, repo);
  const pulls = await talk.openPulls(repo, BRANCH_PREFIX);
  if (!pulls.ok) return;
  const rulesAt = async (branch: string) => {
    const file = await talk.fileToEdit(repo, RULES_PATH, branch);
    if (!file.ok) return undefined;
    const parsed = parseRules(file.value.text ?? 'autoscale: {}', parseOptions(region));
    return parsed.ok ? parsed.rules : undefined;
  };
  const holds: Hold[] = [];
  if (pulls.value.length > 0) {
    const now = await rulesAt(repo.defaultBranch);
    for (const { number, head } of pulls.value) {
      const asked = await rulesAt(head);
      if (!now || !asked) continue;
      holds.push(...holdsFor(now, asked, clock.now()).map((hold) => ({ ...hold, pull: number })));
    }
  }
  await firstHolds(store, { scope, holds, now: clock.now() });
}
