import type { GitHubModel } from './github.ts';
import type { RunStatus } from './github-jobs.ts';
import type { Job, JobFacts, Repo, Run, Runner, RunnerState } from './github-state.ts';

/** What a read shows, in process and by REST alike: the world as it was a little ago. */
export function createReads({ state, jobs }: Pick<GitHubModel, 'state' | 'jobs'>) {
  const asOf = () => state.kernel.now() - state.knobs.readLagMs;
  const job = (of: Job): JobFacts | undefined => of.facts.asOf(asOf());
  const statusOf = (run: Run): RunStatus | undefined => jobs.statusOf(run, job);
  return {
    job,
    statusOf,
    /** The attempt whose jobs are to be seen. */
    attemptOf: (run: Run): number =>
      Math.max(1, ...run.jobs.flatMap((each) => (job(each) ? each.attempt : []))),
    unfinished: (repo: Repo): readonly Job[] =>
      [...repo.runs.values()].flatMap((run) =>
        jobs.latest(run).filter((each) => {
          const facts = job(each);
          return facts !== undefined && facts.state !== 'completed';
        }),
      ),
    runners: (repo: Repo, name?: string): readonly (readonly [Runner, RunnerState])[] =>
      [...repo.runners.values()].flatMap((runner) => {
        const seen = runner.state.asOf(asOf());
        const isMeant = name === undefined || runner.name === name;
        return seen?.isThere === true && isMeant ? [[runner, seen] as const] : [];
      }),
  };
}

export type Reads = ReturnType<typeof createReads>;
