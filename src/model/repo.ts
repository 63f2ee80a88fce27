import type { Instant } from '../lib/clock.ts';
import {
  type InstallationId,
  type OwnerId,
  ownerScope,
  type RepoId,
  repoScope,
  type ScopeId,
} from './ids.ts';

/** A person has no runner groups. */
export type OwnerType = 'User' | 'Organization';

/** What GitHub says of a repository, in a payload or by REST. Names change; the ids do not. */
export interface RepoFacts {
  readonly id: RepoId;
  readonly owner: string;
  readonly ownerId: OwnerId;
  /** Left out where it was not said: rows of earlier versions do not know it. */
  readonly ownerType?: OwnerType;
  readonly name: string;
  readonly defaultBranch: string;
  readonly isPrivate: boolean;
  readonly installation: InstallationId;
}

/** A repository as the store knows it. */
export interface Repo extends RepoFacts {
  /** Whose rules govern it now; not always those of the file in it. */
  readonly scope: ScopeId;
  /** Last signed webhook or successful read of this repository. */
  readonly heardAt: Instant;
  /** Set when the repository or the App's installation is gone. */
  readonly removedAt: Instant | null;
}

/** Where the runner of a machine is registered, that was launched for a repository. */
export const runnerPlace = <R extends object>(
  repo: R,
  { runnerGroup }: { readonly runnerGroup: string | null },
): R & { readonly group: string | null } => ({ ...repo, group: runnerGroup });

/** Where an owner keeps what holds for all repositories of theirs. */
const HOME = '.github';

export const isHome = ({ name }: Pick<RepoFacts, 'name'>): boolean => name.toLowerCase() === HOME;

/** Whose rules the file in this repository is: the repository's own, or the owner's. */
export const fileScope = (repo: Pick<RepoFacts, 'id' | 'ownerId' | 'name'>): ScopeId =>
  isHome(repo) ? ownerScope(repo.ownerId) : repoScope(repo.id);

/** For a reader of that file: some keys are an owner's only, and one of these an organization's. */
export const fileOwner = (
  repo: Pick<RepoFacts, 'name' | 'ownerType'>,
): 'repository' | 'owner' | 'person' =>
  isHome(repo) ? (repo.ownerType === 'User' ? 'person' : 'owner') : 'repository';
