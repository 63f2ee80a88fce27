import type { Instant } from '../lib/clock.ts';
import type { InstallationId, JobId, OwnerId, RepoId, RunId, RunnerId } from '../model/ids.ts';
import type { JobState } from '../model/job.ts';
import type { Person, RepoTalk } from './github-talk-state.ts';
import type { Kernel } from './kernel.ts';

// The nouns of the sandbox's GitHub. Everything here is what GitHub itself knows; how it shows it to
// others is in github-json.ts, how it changes in github-repos, -jobs, -runners and -hooks; issues,
// pull requests and checks are in github-talk-state.ts.

export type Range = readonly [number, number];

export interface GitHubKnobs {
  /** Where its pages and its REST are, for the links in what it says. */
  readonly url: string;
  /** Where runners connect to; it goes into just-in-time configurations. */
  readonly serviceUrl: string;
  readonly appId: number;
  readonly slug: string;
  /** From queued (or from online) until a runner is chosen; from then until it takes the job. */
  readonly assignMs: Range;
  readonly acquireMs: Range;
  /** A chosen runner that takes nothing for so long is forgotten, and the job queued again. */
  readonly acquireTimeoutMs: number;
  /** How long a dead runner is still taken for online; and its job for running. */
  readonly offlineMs: Range;
  readonly leaseMs: Range;
  /** A runner told to cancel has this long. */
  readonly cancelMs: number;
  readonly queueMs: number;
  readonly unusedRunnerMs: number;
  /** REST reads of jobs and runners are as old as this. */
  readonly readLagMs: number;
  readonly hookDelayMs: Range;
  readonly hookTimeoutMs: number;
  readonly rateLimit: number;
  /** For each endpoint and installation: a read is one point, a write five. */
  readonly pointsPerMinute: number;
}

const DEFAULT_KNOBS: GitHubKnobs = {
  url: 'http://github.example',
  serviceUrl: 'http://github.example/_runner',
  appId: 4711,
  slug: 'dstack-sandbox',
  assignMs: [100, 2_500],
  acquireMs: [50, 1_500],
  acquireTimeoutMs: 60_000,
  offlineMs: [20_000, 60_000],
  leaseMs: [600_000, 900_000],
  cancelMs: 300_000,
  queueMs: 24 * 3_600_000,
  unusedRunnerMs: 24 * 3_600_000,
  readLagMs: 0,
  hookDelayMs: [30, 1_500],
  hookTimeoutMs: 10_000,
  rateLimit: 5_000,
  pointsPerMinute: 900,
};

export interface Owner {
  readonly id: OwnerId;
  readonly login: string;
  readonly type: 'User' | 'Organization';
  /** Registered at organization level, and the groups they are in. */
  readonly runners: Map<RunnerId, Runner>;
  readonly groups: RunnerGroup[];
}

/** Which of its organization's repositories may use the runners in it. */
export interface RunnerGroup {
  readonly id: number;
  readonly name: string;
  /** null: all. */
  readonly repos: ReadonlySet<RepoId> | null;
  readonly allowsPublic: boolean;
}

export const isVisible = ({ repos, allowsPublic }: RunnerGroup, repo: Repo): boolean =>
  (repos === null || repos.has(repo.id)) && (repo.isPrivate || allowsPublic);

export type Permission = 'read' | 'write';
export type Permissions = Readonly<Record<string, Permission>>;

/** What app.yml asks for. */
export const APP_PERMISSIONS: Permissions = {
  actions: 'write',
  administration: 'write',
  checks: 'write',
  contents: 'write',
  issues: 'write',
  metadata: 'read',
  organization_self_hosted_runners: 'write',
  pull_requests: 'write',
};
export const APP_EVENTS: readonly string[] = [
  'issue_comment',
  'pull_request',
  'push',
  'repository',
  'workflow_job',
];

export interface Installation {
  readonly id: InstallationId;
  readonly owner: Owner;
  readonly createdAt: Instant;
  permissions: Permissions;
  /** null: every repository of the owner. */
  repos: ReadonlySet<RepoId> | null;
  suspendedAt: Instant | null;
}

export interface Commit {
  readonly sha: string;
  readonly parent: string | null;
  readonly message: string;
  /** A login. */
  readonly author: string;
  readonly files: ReadonlyMap<string, string>;
  /** Those of them that are no files of text: of a link the text is its target, of a submodule its URL. */
  readonly special: ReadonlyMap<string, 'link' | 'submodule'>;
  readonly at: Instant;
}

export interface Repo {
  readonly id: RepoId;
  readonly isPrivate: boolean;
  readonly createdAt: Instant;
  readonly commits: Map<string, Commit>;
  /** Branch to the commit that it names. */
  readonly branches: Map<string, string>;
  readonly runs: Map<RunId, Run>;
  /** Oldest first. */
  readonly queue: Set<Job>;
  /** Those just removed are kept for as long as a read may be stale. */
  readonly runners: Map<RunnerId, Runner>;
  readonly talk: RepoTalk;
  owner: Owner;
  name: string;
  defaultBranch: string;
  isAssigning: boolean;
}

/** Of every run; there need not be such a file. */
export const WORKFLOW_PATH = '.github/workflows/ci.yml';

export interface Run {
  readonly id: RunId;
  readonly repo: Repo;
  readonly number: number;
  readonly workflow: string;
  readonly event: string;
  readonly branch: string;
  readonly sha: string;
  readonly createdAt: Instant;
  /** Its commits are of a fork, whose repository is gone as far as anybody here knows. */
  readonly isFork: boolean;
  /** Of all attempts. */
  readonly jobs: Job[];
  attempt: number;
}

export type Conclusion = 'success' | 'failure' | 'cancelled' | 'skipped';

export interface JobSpec {
  readonly name: string;
  readonly labels: readonly string[];
  readonly durationMs: number;
  readonly result?: Conclusion;
  /** Waits for an approval first. */
  readonly environment?: string;
  /** It is handed to no runner for so long after it came, as happens. */
  readonly withheldMs?: number;
}

/** What GitHub says of a job at one moment. */
export interface JobFacts {
  readonly state: JobState;
  readonly conclusion: Conclusion | null;
  readonly runner: Runner | null;
  readonly startedAt: Instant | null;
  readonly completedAt: Instant | null;
}

export interface Job {
  readonly id: JobId;
  readonly run: Run;
  readonly attempt: number;
  readonly spec: JobSpec;
  readonly createdAt: Instant;
  readonly facts: History<JobFacts>;
  /** The runner chosen for it, from before it starts until it ends. */
  chosen: Runner | null;
  /** Calls off what would happen next: its expiry, its lease, its forced end. */
  cancelTimer: () => void;
}

export interface RunnerState {
  readonly isThere: boolean;
  readonly isOnline: boolean;
  readonly isBusy: boolean;
}

/** How the model speaks to the machine that a runner runs on. */
export interface RunnerLink {
  onJob(job: Job): void;
  /** Its registration was deleted. */
  onRemoved(): void;
  /** The job is to end; the runner answers by finishing it as cancelled. */
  onCancel(): void;
}

/** A repository, or an organization with the group that the runner is in. */
export type RunnerHost =
  | { readonly repo: Repo; readonly group?: undefined }
  | { readonly owner: Owner; readonly group: RunnerGroup };

export interface Runner {
  readonly id: RunnerId;
  readonly host: RunnerHost;
  readonly name: string;
  readonly labels: readonly string[];
  readonly secret: string;
  readonly createdAt: Instant;
  readonly state: History<RunnerState>;
  /** null before it connects. */
  link: RunnerLink | null;
  /** The machine is gone; GitHub finds out later. */
  isDead: boolean;
  job: Job | null;
  cancelTimer: () => void;
}

/** A value with its past, so that a read can be as stale as GitHub's are. */
export interface History<T> {
  readonly now: T;
  set(value: T, at: Instant): void;
  /** undefined: it was not there yet. */
  asOf(at: Instant): T | undefined;
}

/** More changes than a job or a runner has in its life. */
const PAST_LIMIT = 16;

export function createHistory<T>(first: T, at: Instant): History<T> {
  const past = [{ value: first, at }];
  let now = first;
  return {
    get now() {
      return now;
    },
    set(value, changedAt) {
      now = value;
      past.push({ value, at: changedAt });
      if (past.length > PAST_LIMIT) past.shift();
    },
    asOf: (instant) => past.findLast((each) => each.at <= instant)?.value,
  };
}

export interface GitHubState {
  readonly kernel: Kernel;
  readonly knobs: GitHubKnobs;
  readonly owners: Map<OwnerId, Owner>;
  /** By login, lower-cased; without the owners. */
  readonly people: Map<string, Person>;
  readonly installations: Map<InstallationId, Installation>;
  readonly repos: Map<RepoId, Repo>;
  /** `owner/name`, lower-cased, of repositories that have another name now. */
  readonly formerNames: Map<string, RepoId>;
  /** Of all repositories. */
  readonly jobs: Map<JobId, Job>;
  /** By secret, those that are there. */
  readonly runners: Map<string, Runner>;
  nextId(kind: 'other' | 'run' | 'job' | 'runner' | 'delivery'): number;
  draw(label: string, range: Range): number;
  hex(digits: number): string;
}

/** Beyond 2^32 where GitHub's are, so that nobody keeps them in 32 bits. */
const FIRST_ID = {
  other: 5_000_000_000,
  run: 26_900_000_000,
  job: 100_520_616_100,
  runner: 20,
  delivery: 12_345_678_900,
} as const;

export function createState(kernel: Kernel, knobs: Partial<GitHubKnobs>): GitHubState {
  const ids: Record<keyof typeof FIRST_ID, number> = { ...FIRST_ID };
  return {
    kernel,
    knobs: { ...DEFAULT_KNOBS, ...knobs },
    owners: new Map(),
    people: new Map(),
    installations: new Map(),
    repos: new Map(),
    formerNames: new Map(),
    jobs: new Map(),
    runners: new Map(),
    nextId(kind) {
      ids[kind] += 1;
      return ids[kind];
    },
    draw: (label, [least, most]) => least + Math.floor(kernel.rand(label) * (most - least + 1)),
    hex(digits) {
      let text = '';
      while (text.length < digits) {
        text += Math.floor(kernel.rand('github hex') * 2 ** 32)
          .toString(16)
          .padStart(8, '0');
      }
      return text.slice(0, digits);
    },
  };
}

export const isAmong = ({ owner, repos }: Installation, repo: Repo): boolean =>
  owner.id === repo.owner.id && (repos === null || repos.has(repo.id));

/** The installation through which the App sees a repository. */
export const installationOf = (state: GitHubState, repo: Repo): Installation | undefined =>
  [...state.installations.values()].find((installation) => isAmong(installation, repo));

export const reposOf = (state: GitHubState, installation: Installation): readonly Repo[] =>
  [...state.repos.values()].filter((repo) => isAmong(installation, repo));
