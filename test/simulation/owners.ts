import { ownerScope, type RuleId, repoScope, type ScopeId } from '../../src/model/ids.ts';
import { isHome } from '../../src/model/repo.ts';
import type { RulesFile } from '../../src/model/rules.ts';
import { parseRules } from '../../src/rules/parse.ts';
import type { GitHubModel } from '../../src/sandbox/github.ts';
import type { Repo } from '../../src/sandbox/github-state.ts';
import type { Kernel } from '../../src/sandbox/kernel.ts';
import { RULES_PATH } from './population.ts';
import type { Promises } from './promises.ts';
import type { Scenario } from './scenario.ts';

// Whose rules are for whom, as the files at GitHub now say. Where an owner's `.github` repository has
// rules, they are for all repositories together; a repository's own file narrows them, or with
// `own-rules: allow` governs in their place.

type Owned = Pick<Scenario, 'isOwners'>;

/** The scopes that a repository may be under, the likelier first. */
export const scopesOf = ({ isOwners }: Owned, repo: Repo): readonly ScopeId[] => [
  ...(isOwners ? [ownerScope(repo.owner.id)] : []),
  repoScope(repo.id),
];

/** Where the file is that governs it, unless its own does. */
export function homeOf({ isOwners }: Owned, github: GitHubModel, repo: Repo): Repo {
  if (!isOwners) return repo;
  return [...github.state.repos.values()].find(isHome) ?? repo;
}

export type Maxima = ReadonlyMap<RuleId, number>;

export interface Owners {
  /** A file is this from now on, by whoever's hand; null: it is deleted. */
  wrote(repo: Repo, text: string | null): void;
  /** As the harness was told. */
  textOf(repo: Repo): string | null;
  /** Whose rules are for a repository. */
  governs(repo: Repo): ScopeId;
}

interface Written {
  readonly text: string | null;
  /** What is in force of it: a file that cannot be read leaves the last one so. */
  readonly file: RulesFile | null;
}

export function createOwners(deps: {
  readonly kernel: Kernel;
  readonly github: GitHubModel;
  readonly promises: Promises;
  readonly owned: Owned;
}): Owners {
  const { kernel, github, promises, owned } = deps;
  const written = new Map<Repo, Written>();
  const governed = new Map<Repo, ScopeId>();
  const homeFile = (repo: Repo) => written.get(homeOf(owned, github, repo))?.file ?? null;

  function governs(repo: Repo): ScopeId {
    const theirs = ownerScope(repo.owner.id);
    if (!owned.isOwners) return repoScope(repo.id);
    if (isHome(repo)) return theirs;
    const file = homeFile(repo);
    if (file === null) return repoScope(repo.id);
    const hasOwn = (written.get(repo)?.text ?? null) !== null;
    return file.ownRules === 'allow' && hasOwn ? repoScope(repo.id) : theirs;
  }

  function tell(repo: Repo): void {
    const by = governs(repo);
    const before = governed.get(repo);
    governed.set(repo, by);
    const own = written.get(repo) ?? { text: null, file: null };
    const maxima = maximaOf(own.file);
    // News of two files may come in any order: each is told for itself.
    promises.file(repoScope(repo.id), maxima);
    promises.narrows(repo.id, own.text === null ? null : maxima);
    promises.governs(repo.id, homeFile(repo)?.ownRules !== 'within');
    if (before === undefined || before === by) return;
    kernel.mark(
      by === repoScope(repo.id) ? 'repository to its own rules' : "repository to its owner's rules",
    );
    promises.taken(repoScope(repo.id));
  }

  return {
    governs,
    wrote(repo, text) {
      const parsed = text === null ? null : parseRules(text);
      const last = written.get(repo)?.file ?? null;
      const file = parsed === null ? null : parsed.ok ? parsed.rules : last;
      written.set(repo, { text, file });
      if (!owned.isOwners) return promises.file(repoScope(repo.id), maximaOf(file));
      if (isHome(repo)) promises.file(ownerScope(repo.owner.id), maximaOf(file));
      const others = [...github.state.repos.values()].filter((one) => !isHome(one));
      for (const one of isHome(repo) ? others : [repo]) tell(one);
    },
    textOf: (repo) => written.get(repo)?.text ?? null,
  };
}

export const maximaOf = (file: RulesFile | null): Maxima =>
  new Map(file?.enabled ? file.rules.map(({ id, max }) => [id, max]) : []);

export const fileAt = (github: GitHubModel, repo: Repo): string | null =>
  github.repos.fileAt(repo, RULES_PATH) ?? null;
