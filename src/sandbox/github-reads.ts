import type { GitHubModel } from './github.ts';
import type { RunStatus } from './github-jobs.ts';
import type { Job, JobFacts, Owner, Repo, Run, Runner, RunnerState } from './github-state.ts';

/** What a read shows, in process and by REST alike: the world as it was a little ago. */
export function createReads({ state, jobs }: Pick<GitHubModel, 'state' | 'jobs'>) {
  const asOf = () => state.kernel.now() - state.knobs.readLagMs;
  /** Runs that were seen to be over, with as many jobs as this: most of them, and asked for often. */
  const over = new WeakMap<Run, number>();
  const job = (of: Job): JobFacts | undefined => of.facts.asOf(asOf());
  const statusOf = (run: Run): RunStatus | undefined => jobs.statusOf(run, job);
  return {
    job,
    statusOf,
    /** The attempt whose jobs are to be seen. */
    attemptOf: (run: Run): number =>
      Math.max(1, ...run.jobs.flatMap((each) => (job(each) ? each.attempt : []))),
    unfinished: (repo: Repo): readonly Job[] =>
      [...repo.runs.values()].flatMap((run) => {
        if (over.get(run) === run.jobs.length) return [];
        const seen = jobs.latest(run).map((each) => ({ each, state: job(each)?.state }));
        if (seen.every(({ state: is }) => is === 'completed')) over.set(run, run.jobs.length);
        return seen.flatMap(({ each, state: is }) =>
          is === undefined || is === 'completed' ? [] : [each],
        );
      }),
    runners: (
      of: Pick<Repo | Owner, 'runners'>,
      name?: string,
    ): readonly (readonly [Runner, RunnerState])[] =>
      [...of.runners.values()].flatMap((runner) => {
        const seen = runner.state.asOf(asOf());
        const isMeant = name === undefined || runner.name === name;
        return seen?.isThere === true && isMeant ? [[runner, seen] as const] : [];
      }),
  };
}

export type Reads = ReturnType<typeof createReads>;
