import type { Instant } from '../lib/clock.ts';
import type { InstallationId, JobId, OwnerId, RepoId, RunId, RunnerId } from '../model/ids.ts';
import type { JobReport } from '../model/job.ts';
import type { Arch } from '../model/launch.ts';
import type { Reply } from '../model/reply.ts';
import type { RepoFacts } from '../model/repo.ts';

// github: the few calls we make. Called by act, gateway and reconcile; the sandbox keeps the same
// promises, held by one contract suite (test/github/contract.ts). Tokens are as narrow as each call needs.

/** Enough to call about a repository. */
export type RepoRef = Pick<RepoFacts, 'id' | 'owner' | 'name' | 'installation'>;

/** Where a runner is registered: in one repository, or with `group` in that of its organization. */
export type RunnerPlace = RepoRef & { readonly group?: string | null };

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

export interface RunFacts {
  /** Its commits are of another repository: whoever wrote them may not write to this one. */
  readonly isFork: boolean;
  readonly attempt: number;
  readonly isComplete: boolean;
  readonly conclusion: string | null;
  /** The workflow's file, and the commit that it is run at. */
  readonly path: string;
  readonly sha: string;
}

export interface FailedDelivery {
  readonly id: number;
  /** Shared by all attempts; our delivery id. */
  readonly guid: string;
  readonly at: Instant;
}

export interface Installation {
  readonly id: InstallationId;
  readonly ownerId: OwnerId;
}

export interface GitHub {
  /** A file's text at a commit or branch; `missing` when there is none, or no such repository. */
  file(repo: RepoRef, path: string, ref: string): Promise<Reply<{ readonly text: string }>>;
  /** Asks for a just-in-time configuration. `conflict`: the name is taken. `throttled`: retryAt. */
  register(
    at: RunnerPlace,
    runner: { readonly name: string; readonly labels: readonly string[] },
  ): Promise<Reply<{ readonly runnerId: RunnerId; readonly jitConfig: string }>>;
  /** `missing`: it is gone already. `busy`: it has a job. */
  removeRunner(at: RunnerPlace, id: RunnerId): Promise<Reply<null>>;
  /** All of them, or the one of that name. */
  runners(at: RunnerPlace, name?: string): Promise<Reply<readonly RunnerFacts[]>>;
  /**
   * The organization's runner group of that name; remembered for minutes. `missing`: there is none
   * that this repository may use, or the owner is a person. `denied`: no permission.
   */
  runnerGroup(repo: RepoRef, name: string): Promise<Reply<{ readonly id: number }>>;
  actionsRunner(repo: RepoRef, arch: Arch): Promise<Reply<ActionsRunner>>;
  job(repo: RepoRef, id: JobId): Promise<Reply<JobReport>>;
  /** Where a workflow run came from, and how far it is. */
  run(repo: RepoRef, id: RunId): Promise<Reply<RunFacts>>;
  /** Each of its jobs as it ran last. */
  runJobs(repo: RepoRef, id: RunId): Promise<Reply<readonly JobReport[]>>;
  /** Runs what failed again, and what depends on it. `denied`: not complete, too old, no permission. */
  rerunFailed(repo: RepoRef, id: RunId): Promise<Reply<null>>;
  /** The same for one job. */
  rerunJob(repo: RepoRef, id: JobId): Promise<Reply<null>>;
  /** Asks for it; its jobs end when they do. `conflict`: it is over, or cannot be cancelled. */
  cancelRun(repo: RepoRef, id: RunId): Promise<Reply<null>>;
  /** Jobs of queued, waiting and running workflow runs, as GitHub lists them now. */
  unfinishedJobs(repo: RepoRef): Promise<Reply<readonly JobReport[]>>;
  repository(installation: InstallationId, id: RepoId): Promise<Reply<RepoFacts>>;
  installations(): Promise<Reply<readonly Installation[]>>;
  repositories(installation: InstallationId): Promise<Reply<readonly RepoFacts[]>>;
  /** Deliveries since then that failed and of which no later attempt succeeded. */
  failedDeliveries(since: Instant): Promise<Reply<readonly FailedDelivery[]>>;
  redeliver(id: number): Promise<Reply<null>>;
}

export type Permission = 'admin' | 'write' | 'read' | 'none';
export type Reaction = 'eyes' | 'rocket' | 'confused';

/** A file as it is to be edited: `blob` must be shown to replace it; null: there is none. */
export interface FileToEdit {
  readonly text: string | null;
  readonly blob: string | null;
}

export interface PullFacts {
  readonly number: number;
  readonly url: string;
  /** The branch that it would merge. */
  readonly head: string;
  readonly state: 'open' | 'merged' | 'closed';
}

export interface CheckRun {
  readonly name: string;
  readonly sha: string;
  /** null: still under way. */
  readonly conclusion: 'success' | 'neutral' | 'failure' | null;
  readonly title: string;
  /** Markdown, at most 65,535 bytes; a longer one is cut at a line. */
  readonly summary: string;
  readonly annotations: readonly {
    readonly path: string;
    readonly line: number;
    readonly column: number;
    readonly endColumn: number;
    readonly level: 'notice' | 'warning' | 'failure';
    readonly message: string;
  }[];
}

/** What commands by comment and checks need; made by the same adapter. */
export interface Talk {
  /** By GitHub's own endpoint; `none` for who has no access or does not exist. */
  permission(repo: RepoRef, login: string): Promise<Reply<Permission>>;
  /** `denied`: locked; `missing`: no such issue. */
  comment(repo: RepoRef, issue: number, body: string): Promise<Reply<{ readonly id: number }>>;
  editComment(repo: RepoRef, comment: number, body: string): Promise<Reply<null>>;
  /** Our own comment that holds the marker, among those made since; null: none. */
  findComment(
    repo: RepoRef,
    of: { readonly issue: number; readonly marker: string; readonly since: Instant },
  ): Promise<Reply<{ readonly id: number } | null>>;
  /** Adding what is there already gives the same id. */
  react(repo: RepoRef, comment: number, content: Reaction): Promise<Reply<{ readonly id: number }>>;
  unreact(repo: RepoRef, comment: number, reaction: number): Promise<Reply<null>>;
  /** At the head of the branch now. A folder or a link in its place is `invalid`. */
  fileToEdit(repo: RepoRef, path: string, branch: string): Promise<Reply<FileToEdit>>;
  /** Paths of the files in a folder at a commit, 1,000 at most; `missing` when there is no such one. */
  files(repo: RepoRef, folder: string, ref: string): Promise<Reply<readonly string[]>>;
  /** One commit by the App. `conflict`: the file changed since, or the branch may not be pushed to. */
  commitFile(
    repo: RepoRef,
    change: {
      readonly path: string;
      readonly text: string;
      readonly blob: string | null;
      readonly branch: string;
      readonly message: string;
    },
  ): Promise<Reply<{ readonly commit: string; readonly url: string }>>;
  /** From the head of another branch; one that exists is moved there. */
  makeBranch(
    repo: RepoRef,
    branch: { readonly name: string; readonly from: string },
  ): Promise<Reply<null>>;
  deleteBranch(repo: RepoRef, name: string): Promise<Reply<null>>;
  openPull(
    repo: RepoRef,
    pull: {
      readonly head: string;
      readonly base: string;
      readonly title: string;
      readonly body: string;
    },
  ): Promise<Reply<PullFacts>>;
  pull(repo: RepoRef, number: number): Promise<Reply<PullFacts>>;
  /** Paths that it changes, adds or takes away, 3,000 at most. */
  pullFiles(repo: RepoRef, number: number): Promise<Reply<readonly string[]>>;
  /** Open ones of our own whose head begins so. */
  openPulls(repo: RepoRef, headPrefix: string): Promise<Reply<readonly PullFacts[]>>;
  closePull(repo: RepoRef, number: number): Promise<Reply<null>>;
  /** Calls of this hour, of those that GitHub allows the installation; null while it is not known. */
  hourOf(installation: InstallationId): { readonly used: number; readonly limit: number } | null;
  /** Makes a check run, or changes the one with that id; annotations go 50 a call. */
  check(
    repo: RepoRef,
    run: CheckRun & { readonly id?: number },
  ): Promise<Reply<{ readonly id: number }>>;
  /** Our own newest check run of that name on a commit; null: none. */
  findCheck(
    repo: RepoRef,
    of: Pick<CheckRun, 'name' | 'sha'>,
  ): Promise<Reply<{ readonly id: number } | null>>;
}

export interface User {
  readonly login: string;
  readonly id: number;
}

/** People who sign in through the App. */
export interface Users {
  /** Whose token it is; remembered for a minute. `denied`: this App did not issue it, or it ended. */
  whoIs(token: string): Promise<Reply<User>>;
}

/** Why a caller is not let in; one word for metrics, and a sentence for the caller. */
export interface NotLetIn {
  readonly ok: false;
  readonly why:
    | 'token'
    | 'installation-token'
    | 'other-app'
    | 'scope'
    | 'no-client'
    | 'repository'
    | 'github'
    | `oidc-${'shape' | 'issuer' | 'key' | 'signature' | 'expired' | 'early' | 'audience'}`;
  readonly message: string;
}

/** A person who shows a token, and the repository that the token sees by the name that was given. */
export interface Visitor {
  readonly ok: true;
  readonly user: User;
  readonly repo: { readonly id: RepoId; readonly ownerId: OwnerId };
  /** What the token lets its owner do there at most. */
  readonly most: Permission;
}

export interface Visitors {
  /** `repository` is `owner/name`. What was found is good for a minute. */
  visitor(token: string, repository: string): Promise<Visitor | NotLetIn>;
}

/** A run of a workflow that shows an OIDC token: what GitHub signed of it. */
export interface Workflow {
  readonly ok: true;
  /** The token's own id, to be taken once. */
  readonly id: string;
  readonly repo: RepoId;
  readonly ownerId: OwnerId;
  /** `owner/name`, as it was when the token was made. */
  readonly repository: string;
  /** `refs/heads/main`; of a pull request `refs/pull/7/merge`. */
  readonly ref: string;
  readonly event: string;
  readonly actor: string;
  readonly run: RunId;
}

export interface Workflows {
  /** Checked by signature, issuer, time and audience; whether it was shown before is not known here. */
  workflow(token: string): Promise<Workflow | NotLetIn>;
}
