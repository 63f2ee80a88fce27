import { idInScope, isOwnerScope, type OwnerId, type ScopeId } from '../../model/ids.ts';
import { isHome, type Repo } from '../../model/repo.ts';
import type { RulesRecord } from '../port.ts';

/** Whose repositories a scope's are; undefined: it has none. */
export const ownerOf = (scope: ScopeId, repos: readonly Repo[]): OwnerId | undefined =>
  isOwnerScope(scope) ? idInScope(scope) : repos[0]?.ownerId;

/** The owner's `.github` repository: where a name was given on, the one that was heard of last. */
export function homeOf(repos: Iterable<Repo>, owner: OwnerId): Repo | null {
  const homes = Array.from(repos).filter(
    (repo) => repo.ownerId === owner && repo.removedAt === null && isHome(repo),
  );
  const [latest] = homes.sort((a, b) => b.heardAt - a.heardAt || b.id - a.id);
  return latest ?? null;
}

export const byScope = (records: Iterable<RulesRecord>): ReadonlyMap<ScopeId, RulesRecord> =>
  new Map(Array.from(records, (record) => [record.scope, record]));
