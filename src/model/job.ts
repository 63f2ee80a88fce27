import type { Instant } from '../lib/clock.ts';
import type { JobId, RepoId, RunId, RunnerId } from './ids.ts';

/** Forward only, in this order; `waiting` is an environment's approval and no demand. */
export const JOB_STATES = ['waiting', 'queued', 'in_progress', 'completed'] as const;
export type JobState = (typeof JOB_STATES)[number];

/**
 * How far a state is. A job leaves `waiting` for `queued`, so the two differ in rank; GitHub may
 * announce them in any order, and the later word never takes a job back.
 */
export const jobRank = (state: JobState): number => JOB_STATES.indexOf(state);

/** What a payload or a read says of a job; `state` is ours, made from action and status. */
export interface JobReport {
  readonly id: JobId;
  readonly repo: RepoId;
  readonly run: RunId;
  readonly attempt: number;
  readonly name: string;
  readonly workflow: string;
  readonly sha: string;
  readonly labels: readonly string[];
  readonly state: JobState;
  readonly conclusion: string | null;
  /** null, 0 and '' of the payload all mean: no runner. */
  readonly runnerId: RunnerId | null;
  readonly runnerName: string | null;
  readonly queuedAt: Instant;
  readonly startedAt: Instant | null;
  readonly completedAt: Instant | null;
  /** The job names an environment: such a job is never run again by itself. null: REST does not say. */
  readonly hasEnvironment: boolean | null;
}

/** Why a job waits, and since when for this reason. */
export interface Reason {
  readonly code: string;
  readonly text: string;
}

/** A job as the store knows it. */
export interface Job extends JobReport {
  /** GitHub did not hand it out although a runner waited for it: no demand before this time. */
  readonly asideUntil: Instant | null;
  /** How long it was set aside last, for doubling. */
  readonly asideMs: number;
  readonly reason: Reason | null;
  readonly reasonAt: Instant | null;
}
