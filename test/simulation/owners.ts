import { ownerScope, repoScope, type ScopeId } from '../../src/model/ids.ts';
import type { GitHubModel } from '../../src/sandbox/github.ts';
import type { Repo } from '../../src/sandbox/github-state.ts';
import type { Scenario } from './scenario.ts';

// Where an owner's `.github` repository has the rules, all repositories are one scope: what the rules
// allow, they allow all of them together.

type Owned = Pick<Scenario, 'isOwners'>;

export const HOME = '.github';

/** Whose rules govern a repository. */
export const scopeOf = ({ isOwners }: Owned, repo: Repo): ScopeId =>
  isOwners ? ownerScope(repo.owner.id) : repoScope(repo.id);

/** Where the file is that governs it. */
export function homeOf({ isOwners }: Owned, github: GitHubModel, repo: Repo): Repo {
  if (!isOwners) return repo;
  const home = [...github.state.repos.values()].find(({ name }) => name === HOME);
  return home ?? repo;
}
