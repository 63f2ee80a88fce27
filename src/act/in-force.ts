import { isOwnerScope } from '../model/ids.ts';
import { fileScope, isHome, type Repo } from '../model/repo.ts';
import type { RulesFile } from '../model/rules.ts';
import { narrow } from '../rules/narrow.ts';
import type { ScopeRows } from '../store/port.ts';
import type { RegionOf } from './default-region.ts';
import type { ActDeps } from './deps.ts';
import { accountOf, askingOf, filesOf } from './govern.ts';
import { holdsKey, parseHolds, underHolds } from './holds.ts';
import type { RulesOf } from './read-rules.ts';

export type InForceDeps = Pick<ActDeps, 'store' | 'accounts'> & {
  readonly rulesOf: RulesOf;
  readonly regionOf: RegionOf;
};

/** What is in force for one repository, and by whose file; holds are included. */
export interface InForce {
  readonly rows: ScopeRows;
  /** null: there is nothing that allows anything. */
  readonly file: RulesFile | null;
  /** The file that commands here edit, whether or not it governs; null: there is none. */
  readonly own: RulesFile | null;
  /** The owner's, where it governs a repository that is not the owner's own. */
  readonly owner: RulesFile | null;
  /** Its own file narrows the owner's. */
  readonly isNarrowed: boolean;
  /** Where rules are that name no region. */
  readonly region: string | null;
}

export async function inForce(deps: InForceDeps, repo: Repo): Promise<InForce> {
  const rows = await deps.store.scopeRows(repo.scope);
  const asking = askingOf(rows, repo);
  const region = await deps.regionOf(asking, await accountOf(deps.accounts, rows, repo));
  const files = filesOf(rows, { rulesOf: deps.rulesOf, region });
  const keys = [repo.scope, fileScope(repo)].map(holdsKey);
  const facts = await deps.store.facts(keys);
  const holds = parseHolds(facts.get(holdsKey(fileScope(repo))));
  const written = (isHome(repo) ? files.owner : files.ownOf(repo)).file;
  const own = written && underHolds(written, holds);
  if (isHome(repo) || !isOwnerScope(repo.scope) || !files.owner.file) {
    return { rows, file: own, own, owner: null, isNarrowed: false, region };
  }
  const owner = underHolds(files.owner.file, parseHolds(facts.get(holdsKey(repo.scope))));
  // What restricts a repository that has no file holds before its file is made.
  const its = own ?? (holds.length > 0 ? underHolds(owner, holds) : null);
  return { rows, file: ofOwner(owner, its), own, owner, isNarrowed: its !== null, region };
}

/** What applies to a repository under its owner's file, by its own file or without one. */
export function ofOwner(owner: RulesFile, own: RulesFile | null): RulesFile {
  if (own === null) return owner;
  return owner.ownRules === 'allow' ? own : narrowed(owner, own);
}

/** The owner's file as one repository has it. */
function narrowed(owner: RulesFile, own: RulesFile): RulesFile {
  const { rules: left, enabled, forks, maxDurationMs, budgetUsd } = narrow(owner, own);
  const rules = owner.rules.flatMap((rule) => {
    const its = left.get(rule.id);
    return its ? [{ ...rule, ...its }] : [];
  });
  return {
    ...owner,
    enabled,
    forks,
    maxDurationMs,
    budgetUsd: budgetUsd ?? owner.budgetUsd,
    rules,
  };
}
