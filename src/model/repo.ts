import type { Instant } from '../lib/clock.ts';
import type { InstallationId, OwnerId, RepoId, ScopeId } from './ids.ts';

/** What GitHub says of a repository, in a payload or by REST. Names change; the ids do not. */
export interface RepoFacts {
  readonly id: RepoId;
  readonly owner: string;
  readonly ownerId: OwnerId;
  readonly name: string;
  readonly defaultBranch: string;
  readonly isPrivate: boolean;
  readonly installation: InstallationId;
}

/** A repository as the store knows it. */
export interface Repo extends RepoFacts {
  readonly scope: ScopeId;
  /** Last signed webhook or successful read of this repository. */
  readonly heardAt: Instant;
  /** Set when the repository or the App's installation is gone. */
  readonly removedAt: Instant | null;
}
