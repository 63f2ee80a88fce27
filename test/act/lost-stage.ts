import { expect } from '@jest/globals';
import type { Job } from '../../src/sandbox/github-state.ts';
import {
  conclusions,
  isRunning,
  MINUTE,
  openStage,
  R,
  rulesText,
  type Stage,
  type StageOptions,
} from '../stage.ts';

// Jobs whose machine EC2 takes, and what is to be seen of them.

/** All jobs of the runs that these jobs are of, as they ran last. */
export const latest = (stage: Stage, jobs: readonly Job[]): readonly Job[] =>
  [...new Set(jobs.map(({ run }) => run))].flatMap((run) => stage.github.jobs.latest(run));

export const attempts = (stage: Stage, jobs: readonly Job[]) =>
  latest(stage, jobs).map(({ attempt }) => attempt);

export const checks = ({ repo }: Stage) =>
  [...repo.talk.checks.values()].filter(({ name }) => name === 'dstack / re-run');

/** Runs of one job each, all running. */
export async function running(stage: Stage, count: number, durationMs = 10 * MINUTE) {
  const jobs = Array.from({ length: count }, () => stage.addJobs(1, { durationMs })).flat();
  await stage.until(isRunning(jobs), 5 * MINUTE);
  return jobs;
}

export const takeBack = (stage: Stage, hasNotice: boolean) => {
  for (const { id } of stage.live()) stage.ec2.reclaim(id, hasNotice);
};

export const opened = (options: StageOptions = {}) =>
  openStage({ rules: rulesText({ 'm5.large': 4, 'm5.xlarge': 4 }), ...options });

/** Ended well, and nothing is left of it. */
export async function endsWell(stage: Stage, jobs: readonly Job[]): Promise<void> {
  const ends = () => conclusions(latest(stage, jobs)).join();
  await stage.until(() => ends() === 'success', 40 * MINUTE);
  await stage.until(() => stage.live().length === 0, 10 * MINUTE);
  await stage.pass(R);
  expect(await stage.store.scopesWithWork()).toEqual([]);
}
