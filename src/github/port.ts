import type { Instant } from '../lib/clock.ts';
import type { InstallationId, JobId, OwnerId, RepoId, RunnerId } from '../model/ids.ts';
import type { JobReport } from '../model/job.ts';
import type { Arch } from '../model/launch.ts';
import type { Reply } from '../model/reply.ts';
import type { RepoFacts } from '../model/repo.ts';

// github: the few calls we make. Called by act, gateway and reconcile; the sandbox keeps the same
// promises, held by one contract suite (test/github/contract.ts). Tokens are as narrow as each call needs.

/** Enough to call about a repository. */
export type RepoRef = Pick<RepoFacts, 'id' | 'owner' | 'name' | 'installation'>;

export interface RunnerFacts {
  readonly id: RunnerId;
  readonly name: string;
  readonly isOnline: boolean;
  readonly isBusy: boolean;
}

/** The Actions runner that GitHub wants used now. */
export interface ActionsRunner {
  readonly version: string;
  readonly url: string;
  readonly sha256: string;
}

export interface FailedDelivery {
  readonly id: number;
  /** Shared by all attempts; our delivery id. */
  readonly guid: string;
  readonly at: Instant;
}

export interface GitHub {
  /** A file's text at a commit or branch; `missing` when there is none, or no such repository. */
  file(repo: RepoRef, path: string, ref: string): Promise<Reply<{ readonly text: string }>>;
  /** Asks for a just-in-time configuration. `conflict`: the name is taken. `throttled`: retryAt. */
  register(
    repo: RepoRef,
    runner: { readonly name: string; readonly labels: readonly string[] },
  ): Promise<Reply<{ readonly runnerId: RunnerId; readonly jitConfig: string }>>;
  /** `missing`: it is gone already. `busy`: it has a job. */
  removeRunner(repo: RepoRef, id: RunnerId): Promise<Reply<null>>;
  /** All of them, or the one of that name. */
  runners(repo: RepoRef, name?: string): Promise<Reply<readonly RunnerFacts[]>>;
  actionsRunner(repo: RepoRef, arch: Arch): Promise<Reply<ActionsRunner>>;
  job(repo: RepoRef, id: JobId): Promise<Reply<JobReport>>;
  /** Jobs of queued, waiting and running workflow runs, as GitHub lists them now. */
  unfinishedJobs(repo: RepoRef): Promise<Reply<readonly JobReport[]>>;
  repository(installation: InstallationId, id: RepoId): Promise<Reply<RepoFacts>>;
  installations(): Promise<
    Reply<readonly { readonly id: InstallationId; readonly ownerId: OwnerId }[]>
  >;
  repositories(installation: InstallationId): Promise<Reply<readonly RepoFacts[]>>;
  /** Deliveries since then that failed and of which no later attempt succeeded. */
  failedDeliveries(since: Instant): Promise<Reply<readonly FailedDelivery[]>>;
  redeliver(id: number): Promise<Reply<null>>;
}
