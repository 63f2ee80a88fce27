import { assert } from '../lib/assert.ts';
import { jobRank } from '../model/job.ts';
import type { Hooks } from './github-hooks.ts';
import type { GitHubJson } from './github-json.ts';
import {
  type Conclusion,
  createHistory,
  type GitHubState,
  type Job,
  type JobFacts,
  type JobSpec,
  type Repo,
  type Run,
  type Runner,
} from './github-state.ts';

export interface RunSpec {
  readonly workflow?: string;
  readonly event?: string;
  readonly branch?: string;
  readonly isFork?: boolean;
  readonly jobs: readonly JobSpec[];
}

export interface RunStatus {
  readonly status: 'waiting' | 'queued' | 'in_progress' | 'completed';
  readonly conclusion: Conclusion | null;
}

/** Workflow runs and their jobs. Who runs a job is decided elsewhere; here it only moves forward. */
export interface Jobs {
  addRun(repo: Repo, spec: RunSpec): Run;
  /** A job whose needs are met joins its run. */
  addJob(run: Run, spec: JobSpec): Job;
  /** Hears of every job that ends, at that very moment. */
  onCompleted(listener: (job: Job) => void): void;
  /** The failed and cancelled jobs again, under new ids; false while the run is not complete. */
  rerunFailed(run: Run): boolean;
  /** The same for one job, however it ended. */
  rerunJob(job: Job): boolean;
  /** An environment's job that waits gets into the queue. */
  approve(job: Job): void;
  start(job: Job, runner: Runner): void;
  complete(job: Job, conclusion: Conclusion): void;
  /** Each job as it ran last, of all or of those that are seen. */
  latest(run: Run, isSeen?: (job: Job) => boolean): readonly Job[];
  /** As its jobs are now, or as the reader sees them; undefined when it sees none of them yet. */
  statusOf(run: Run, seen?: (job: Job) => JobFacts | undefined): RunStatus | undefined;
}

/** Completed runs beyond these are forgotten, oldest first, as a long demo needs it. */
const RUNS_KEPT = 500;

const WAITING: JobFacts = {
  state: 'waiting',
  conclusion: null,
  runner: null,
  startedAt: null,
  completedAt: null,
};

export function createJobs(
  state: GitHubState,
  hooks: Hooks,
  json: GitHubJson,
  onQueued: (repo: Repo) => void,
): Jobs {
  const { kernel, knobs } = state;
  const listeners: ((job: Job) => void)[] = [];

  const tell = (job: Job, action: string) => {
    const { environment } = job.spec;
    hooks.sendRepo('workflow_job', job.run.repo, {
      action,
      workflow_job: json.job(job),
      ...(environment === undefined ? {} : { deployment: json.deployment(job, environment) }),
    });
  };

  /** What GitHub shows of a job never goes back. */
  const move = (job: Job, facts: JobFacts) => {
    const from = job.facts.now.state;
    kernel.invariant(
      jobRank(from) < jobRank(facts.state),
      'job-forward',
      `job ${job.id} goes from ${from} to ${facts.state}`,
    );
    job.facts.set(facts, kernel.now());
    job.run.repo.queue.delete(job);
    const end = facts.conclusion === null ? '' : ` ${facts.conclusion}`;
    const where = facts.runner === null ? '' : ` on ${facts.runner.name}`;
    kernel.trace(`github: job ${job.id} ${facts.state}${end}${where}`);
    kernel.mark(`job ${facts.state}${end}`);
  };

  const complete = (job: Job, conclusion: Conclusion) => {
    const { now } = job.facts;
    if (now.state === 'completed') return;
    job.cancelTimer();
    job.chosen = null;
    move(job, { ...now, state: 'completed', conclusion, completedAt: kernel.now() });
    tell(job, 'completed');
    for (const listener of listeners) listener(job);
  };

  const enqueue = (job: Job) => {
    const { repo } = job.run;
    repo.queue.add(job);
    job.cancelTimer = kernel.at(knobs.queueMs, 'job expires', () => complete(job, 'cancelled'));
    onQueued(repo);
    if (job.spec.withheldMs) kernel.at(job.spec.withheldMs, 'handed out', () => onQueued(repo));
  };

  const addJob = (run: Run, spec: JobSpec): Job => {
    const needsApproval = spec.environment !== undefined;
    const first: JobFacts = needsApproval ? WAITING : { ...WAITING, state: 'queued' };
    const job: Job = {
      id: state.nextId('job'),
      run,
      attempt: run.attempt,
      spec,
      createdAt: kernel.now(),
      facts: createHistory(first, kernel.now()),
      chosen: null,
      cancelTimer: () => {},
    };
    run.jobs.push(job);
    state.jobs.set(job.id, job);
    kernel.trace(`github: job ${job.id} ${first.state} [${spec.labels.join(' ')}]`);
    kernel.mark(`job ${first.state}`);
    tell(job, 'queued');
    if (needsApproval) tell(job, 'waiting');
    else enqueue(job);
    return job;
  };

  const latest: Jobs['latest'] = (run, isSeen = () => true) => {
    const jobs = run.jobs.filter(isSeen);
    const byName = new Map(jobs.map((job) => [job.spec.name, job]));
    return jobs.filter((job) => byName.get(job.spec.name) === job);
  };

  const statusOf: Jobs['statusOf'] = (run, seen = (job) => job.facts.now) => {
    const isSeen = (job: Job) => seen(job) !== undefined;
    const facts = latest(run, isSeen).flatMap((job) => seen(job) ?? []);
    if (facts.length === 0) return undefined;
    const has = (one: JobFacts['state']) => facts.some(({ state: each }) => each === one);
    const ended = (one: Conclusion) => facts.some(({ conclusion }) => conclusion === one);
    if (facts.every((each) => each.state === 'completed')) {
      const bad = (['failure', 'cancelled'] as const).find(ended);
      return { status: 'completed', conclusion: bad ?? 'success' };
    }
    if (has('in_progress') || has('completed')) return { status: 'in_progress', conclusion: null };
    return { status: has('queued') ? 'queued' : 'waiting', conclusion: null };
  };

  const forgetOldRuns = (repo: Repo) => {
    if (repo.runs.size <= RUNS_KEPT) return;
    const oldest = [...repo.runs.values()].find((run) => statusOf(run)?.status === 'completed');
    if (oldest === undefined) return;
    repo.runs.delete(oldest.id);
    for (const job of oldest.jobs) state.jobs.delete(job.id);
  };

  const rerun = (run: Run, jobs: readonly Job[]): boolean => {
    if (statusOf(run)?.status !== 'completed' || jobs.length === 0) return false;
    run.attempt += 1;
    kernel.mark('job run again');
    for (const { spec } of jobs) addJob(run, spec);
    return true;
  };

  return {
    addRun(
      repo,
      { workflow = 'CI', event = 'push', branch = repo.defaultBranch, isFork = false, jobs },
    ) {
      const sha = repo.branches.get(branch);
      assert(sha !== undefined, `no branch ${branch} in ${repo.name}`);
      const run: Run = {
        id: state.nextId('run'),
        repo,
        number: repo.runs.size + 1,
        workflow,
        event,
        branch,
        sha,
        createdAt: kernel.now(),
        isFork,
        jobs: [],
        attempt: 1,
      };
      repo.runs.set(run.id, run);
      for (const spec of jobs) addJob(run, spec);
      forgetOldRuns(repo);
      return run;
    },
    addJob,
    onCompleted: (listener) => {
      listeners.push(listener);
    },
    rerunFailed: (run) =>
      rerun(
        run,
        latest(run).filter(({ facts }) =>
          ['failure', 'cancelled'].includes(facts.now.conclusion ?? ''),
        ),
      ),
    rerunJob: (job) => rerun(job.run, [job]),
    approve(job) {
      if (job.facts.now.state !== 'waiting') return;
      move(job, { ...job.facts.now, state: 'queued' });
      tell(job, 'queued');
      enqueue(job);
    },
    start(job, runner) {
      job.cancelTimer();
      move(job, { ...job.facts.now, state: 'in_progress', runner, startedAt: kernel.now() });
      tell(job, 'in_progress');
    },
    complete,
    latest,
    statusOf,
  };
}
