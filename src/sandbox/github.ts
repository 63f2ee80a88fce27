import { createHash } from 'node:crypto';
import type { Instant } from '../lib/clock.ts';
import { ACTIONS_RUNNER_VERSION, actionsRunnerArchive } from './actions-runner.ts';
import { type Checks, createChecks } from './github-checks.ts';
import { type Commits, createCommits } from './github-commits.ts';
import {
  createHooks,
  type HookCall,
  type HookFault,
  type Hooks,
  type Receiver,
} from './github-hooks.ts';
import { createIssues, type Issues } from './github-issues.ts';
import { createJobs, type Jobs } from './github-jobs.ts';
import { createJson, type GitHubJson } from './github-json.ts';
import { createPoints } from './github-limits.ts';
import { createPulls, type Pulls } from './github-pulls.ts';
import { createRepos, type Repos } from './github-repos.ts';
import { createRunners, type Runners } from './github-runners.ts';
import { createState, type GitHubKnobs, type GitHubState, installationOf } from './github-state.ts';
import { createTalkJson, type TalkJson } from './github-talk-json.ts';
import type { Kernel } from './kernel.ts';

export const ARCHIVE_PATH = '/downloads/actions-runner-linux.tar.gz';

/** The runner that GitHub offers for download: the stand-in of actions-runner.ts. */
export interface Archive {
  readonly bytes: Buffer;
  readonly version: string;
  readonly sha256: string;
  readonly url: string;
}

/** A GitHub of one App: who installed it, their repositories with all that is in them, its webhooks. */
export interface GitHubModel {
  readonly state: GitHubState;
  readonly json: GitHubJson;
  readonly talkJson: TalkJson;
  readonly repos: Repos;
  readonly commits: Commits;
  readonly issues: Issues;
  readonly pulls: Pulls;
  readonly checks: Checks;
  readonly jobs: Jobs;
  readonly runners: Runners;
  readonly hooks: Hooks;
  onWebhook(receiver: Receiver): void;
  /** How often each kind of call was made. */
  readonly calls: ReadonlyMap<string, number>;
  archive(): Archive;
  /** Counts a call, and against the hour's limit where it has an installation. */
  spend(kind: string, installation?: number, isWrite?: boolean): Budget;
  hourOf(installation: number): Pick<Budget, 'limit' | 'used'> | null;
  /** Gives a call back: an answer that nothing changed costs nothing. */
  refund(installation: number): void;
}

export interface Budget {
  readonly limit: number;
  readonly used: number;
  /** When the hour ends and counting begins anew. */
  readonly resetAt: number;
  readonly isOver: boolean;
  /** Until then this endpoint takes no more, whatever the hour has left. */
  readonly closedUntil: Instant | undefined;
}

const HOUR_MS = 3_600_000;

function packArchive(url: string): Archive {
  const bytes = actionsRunnerArchive();
  const sha256 = createHash('sha256').update(bytes).digest('hex');
  return { bytes, sha256, version: ACTIONS_RUNNER_VERSION, url: `${url}${ARCHIVE_PATH}` };
}

export function createGitHubModel(
  kernel: Kernel,
  options: Partial<GitHubKnobs> & {
    readonly hookFault?: (call: HookCall) => HookFault | undefined;
  } = {},
): GitHubModel {
  const { hookFault, ...knobs } = options;
  const state = createState(kernel, knobs);
  const json = createJson(state);
  const hooks = createHooks(state, {
    fault: hookFault,
    installationOf: (repo) => installationOf(state, repo),
    complete: (repo, installation, fields) => ({
      sender: json.user(repo.owner),
      ...fields,
      repository: json.repository(repo),
      ...(repo.owner.type === 'Organization'
        ? { organization: json.organization(repo.owner) }
        : {}),
      installation: json.installationLite(installation),
    }),
  });
  const talkJson = createTalkJson(state, json);
  const parts = { hooks, json, talkJson };
  const commits: Commits = createCommits(state, parts, (repo, branch) =>
    pulls.followBranch(repo, branch),
  );
  const issues = createIssues(state, parts);
  const pulls = createPulls(state, { ...parts, issues, commits });
  const repos = createRepos(state, { hooks, json, commits });
  const jobs: Jobs = createJobs(state, hooks, json, (repo) => runners.assignSoon(repo));
  const runners = createRunners(state, jobs);
  const calls = new Map<string, number>();
  let archive: Archive | undefined;
  const used = new Map<number, { count: number; since: number }>();
  const points = createPoints({
    now: kernel.now,
    perMinute: () => state.knobs.pointsPerMinute,
  });
  return {
    state,
    json,
    talkJson,
    repos,
    commits,
    issues,
    pulls,
    checks: createChecks(state),
    jobs,
    runners,
    hooks,
    onWebhook: (receiver) => hooks.setReceiver(receiver),
    calls,
    archive() {
      archive ??= packArchive(state.knobs.url);
      return archive;
    },
    spend(kind, installation, isWrite = false) {
      calls.set(kind, (calls.get(kind) ?? 0) + 1);
      const limit = state.knobs.rateLimit;
      const now = kernel.now();
      if (installation === undefined) {
        const resetAt = now + HOUR_MS;
        return { limit, used: 0, resetAt, isOver: false, closedUntil: undefined };
      }
      const last = used.get(installation);
      const hour =
        last === undefined || now >= last.since + HOUR_MS ? { count: 0, since: now } : last;
      hour.count += 1;
      used.set(installation, hour);
      const spent = Math.min(hour.count, limit);
      const isOver = hour.count > limit;
      const closedUntil = points.take(`${installation} ${kind}`, isWrite);
      return { limit, used: spent, resetAt: hour.since + HOUR_MS, isOver, closedUntil };
    },
    hourOf(installation) {
      const hour = used.get(installation);
      if (hour === undefined || kernel.now() >= hour.since + HOUR_MS) return null;
      return { limit: state.knobs.rateLimit, used: hour.count };
    },
    refund(installation) {
      const hour = used.get(installation);
      if (hour !== undefined) hour.count -= 1;
    },
  };
}
