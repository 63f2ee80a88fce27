import type { Instant } from '../lib/clock.ts';
import type { JobId, RepoId, RunId, ScopeId } from './ids.ts';

/** EC2 took the machine back by itself; nothing else makes a job an interrupted one. */
export const isReclaim = (ec2Reason: string): boolean =>
  RECLAIMS.some((code) => ec2Reason.startsWith(code));

/**
 * Of a machine that terminates when it is taken back, and of one that stops:
 * https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_StateReason.html
 */
export const RECLAIMS = ['Server.SpotInstanceTermination', 'Server.SpotInstanceShutdown'] as const;

/** Shortly before the end of a machine with a notice, its job is cut: GitHub then knows in seconds. */
export const CUT_BEFORE_MS = 25_000;

/** One attempt of a workflow run; to run jobs again makes the next one. */
export interface RunAttempt {
  readonly repo: RepoId;
  readonly run: RunId;
  readonly attempt: number;
}

/**
 * What becomes of an attempt in which EC2 took machines back. open: the run is not complete, or not
 * read yet. asked: GitHub is to run jobs again; written down before the call, and not answered. done:
 * they run again. none: nothing is run again by us.
 */
export const RERUN_OUTCOMES = ['open', 'asked', 'done', 'none'] as const;
export type RerunOutcome = (typeof RERUN_OUTCOMES)[number];

export interface Rerun extends RunAttempt {
  readonly scope: ScopeId;
  readonly outcome: RerunOutcome;
  /** null: all that failed. */
  readonly job: JobId | null;
  /** Names of the jobs that run again; empty while that is not decided, and for none. */
  readonly names: readonly string[];
  /** Why, in one sentence; '' while it is open. */
  readonly reason: string;
  readonly at: Instant;
  /** Calls sent so far, or reads while it is open, and when the next is due. */
  readonly tries: number;
  readonly retryAt: Instant;
  /** When a check run on the commit told of it. */
  readonly toldAt: Instant | null;
}
