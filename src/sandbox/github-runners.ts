import type { RunnerId } from '../model/ids.ts';
import { done, type Reply } from '../model/reply.ts';
import { encodeJitConfig } from './actions-runner.ts';
import type { Jobs } from './github-jobs.ts';
import {
  type Conclusion,
  createHistory,
  type GitHubState,
  isVisible,
  type Job,
  type Owner,
  type Repo,
  type Runner,
  type RunnerHost,
  type RunnerLink,
  type RunnerState,
} from './github-state.ts';

export interface Registration {
  readonly name: string;
  readonly labels: readonly string[];
}

/** Just-in-time runners: registered offline, online when they connect, gone after one job. */
export interface Runners {
  register(
    host: RunnerHost,
    registration: Registration,
  ): Reply<{ readonly runner: Runner; readonly jitConfig: string }>;
  remove(host: Pick<Repo | Owner, 'runners'>, id: RunnerId): Reply<null>;
  /** By the secret inside the configuration: good once, while the registration is there. */
  connect(secret: string, link: RunnerLink): Reply<Runner>;
  /** The runner's own word about its job; it is removed with that. */
  finish(runner: Runner, conclusion: Conclusion): void;
  /** The machine is gone without a word: GitHub finds out by the silence. */
  die(runner: Runner): void;
  /** Of a job in any state, as a person does it. */
  cancel(job: Job): void;
  /** All jobs of it that have not ended. */
  cancelRun(repo: Repo, id: number): Reply<null>;
  /** Gives queued jobs to idle runners, after a while. */
  assignSoon(repo: Repo): void;
}

/** https://docs.github.com/en/actions/reference/limits and the runner's own validators. */
const NAME = /^[A-Za-z0-9._-]{1,64}$/;
const LABELS_MOST = 100;
const LABEL_LENGTH = 256;

const refuse = (
  reason: 'missing' | 'busy' | 'conflict' | 'invalid',
  code: string,
  message: string,
) => ({ ok: false, reason, code, message }) as const;

const GONE = refuse('missing', '404', 'Not Found');

const areValid = (labels: readonly string[]): boolean =>
  labels.length > 0 &&
  labels.length <= LABELS_MOST &&
  labels.every((label) => label !== '' && label.length <= LABEL_LENGTH);

/** The runner has every label that the job asks for, whatever their case. */
const serves = (runner: Runner, job: Job): boolean => {
  const has = new Set(runner.labels.map((label) => label.toLowerCase()));
  return job.spec.labels.every((label) => has.has(label.toLowerCase()));
};

/** Where its registration is kept. */
const listOf = (host: RunnerHost): Repo['runners'] =>
  host.group ? host.owner.runners : host.repo.runners;

export function createRunners(state: GitHubState, jobs: Jobs): Runners {
  const { kernel, knobs } = state;

  const change = (runner: Runner, to: Partial<RunnerState>) =>
    runner.state.set({ ...runner.state.now, ...to }, kernel.now());

  /** Out of the books at once; out of stale lists a little later. */
  const forget = (runner: Runner) => {
    if (!runner.state.now.isThere) return;
    change(runner, { isThere: false, isOnline: false, isBusy: false });
    runner.cancelTimer();
    runner.job = null;
    state.runners.delete(runner.secret);
    kernel.at(knobs.readLagMs, 'runner forgotten', () => listOf(runner.host).delete(runner.id));
  };

  const ofGroups = (repo: Repo): readonly Runner[] =>
    [...repo.owner.runners.values()].filter(
      ({ host }) => host.group !== undefined && isVisible(host.group, repo),
    );

  const idleFor = (repo: Repo, job: Job): readonly Runner[] =>
    [...repo.runners.values(), ...ofGroups(repo)].filter(
      (runner) => runner.state.now.isOnline && !runner.state.now.isBusy && serves(runner, job),
    );

  /** Chosen, and not heard of: the job is queued again, without a webhook; the runner is used up. */
  const takeBack = (job: Job, runner: Runner) => {
    if (job.chosen !== runner || job.facts.now.state !== 'queued') return;
    kernel.mark('job not acquired');
    kernel.trace(`github: job ${job.id} not acquired by ${runner.name}`);
    job.chosen = null;
    forget(runner);
    assignSoon(job.run.repo);
  };

  /** The runner was chosen; now it takes the job, unless its machine is dead. */
  const hand = (job: Job, runner: Runner) => {
    job.chosen = runner;
    runner.job = job;
    change(runner, { isBusy: true });
    kernel.at(state.draw('github acquire', knobs.acquireMs), 'acquire', () => {
      if (job.chosen !== runner) return;
      if (runner.isDead) {
        kernel.at(knobs.acquireTimeoutMs, 'acquire timeout', () => takeBack(job, runner));
        return;
      }
      jobs.start(job, runner);
      runner.link?.onJob(job);
    });
  };

  const isWithheld = ({ createdAt, spec }: Job): boolean =>
    createdAt + (spec.withheldMs ?? 0) > kernel.now();

  const assign = (repo: Repo) => {
    for (const job of repo.queue) {
      if (job.chosen !== null || isWithheld(job)) continue;
      const idle = idleFor(repo, job);
      const runner = idle[Math.floor(kernel.rand('github assign') * idle.length)];
      if (runner !== undefined) hand(job, runner);
    }
  };

  const assignSoon = (repo: Repo) => {
    if (repo.isAssigning) return;
    repo.isAssigning = true;
    kernel.at(state.draw('github assign delay', knobs.assignMs), 'assign', () => {
      repo.isAssigning = false;
      assign(repo);
    });
  };

  const reachOf = (host: RunnerHost): readonly Repo[] =>
    host.group
      ? [...state.repos.values()].filter(
          (repo) => repo.owner === host.owner && isVisible(host.group, repo),
        )
      : [host.repo];

  const end = (runner: Runner, conclusion: Conclusion) => {
    const { job } = runner;
    forget(runner);
    if (job !== null) jobs.complete(job, conclusion);
  };

  const cancel = (job: Job): void => {
    const runner = job.chosen;
    if (job.facts.now.state !== 'in_progress' || runner === null) {
      // Between choice and start the registration goes silently: the runner polls on, for nothing.
      jobs.complete(job, 'cancelled');
      if (runner !== null) forget(runner);
      return;
    }
    job.cancelTimer();
    job.cancelTimer = kernel.at(knobs.cancelMs, 'cancel', () => end(runner, 'cancelled'));
    if (!runner.isDead) runner.link?.onCancel();
  };

  return {
    register(host, { name, labels }) {
      if (!NAME.test(name)) return refuse('invalid', '422', 'Invalid runner name');
      if (!areValid(labels)) return refuse('invalid', '422', 'Invalid labels');
      const there = listOf(host);
      const isTaken = [...there.values()].some(
        (runner) => runner.name === name && runner.state.now.isThere,
      );
      if (isTaken) {
        const text = `Already exists - A runner with the name ${name} already exists.`;
        return refuse('conflict', '409', text);
      }
      const secret = state.hex(32);
      const runner: Runner = {
        id: state.nextId('runner'),
        host,
        name,
        labels,
        secret,
        createdAt: kernel.now(),
        state: createHistory({ isThere: true, isOnline: false, isBusy: false }, kernel.now()),
        link: null,
        isDead: false,
        job: null,
        cancelTimer: () => {},
      };
      there.set(runner.id, runner);
      state.runners.set(secret, runner);
      kernel.trace(`github: runner ${name} registered [${labels.join(' ')}]`);
      runner.cancelTimer = kernel.at(knobs.unusedRunnerMs, 'runner unused', () => {
        if (!runner.state.now.isBusy) forget(runner);
      });
      return done({ runner, jitConfig: encodeJitConfig({ base: knobs.serviceUrl, secret, name }) });
    },
    remove(host, id) {
      const runner = host.runners.get(id);
      if (runner === undefined || !runner.state.now.isThere) return GONE;
      if (runner.state.now.isBusy) {
        kernel.mark('runner busy');
        const text = `Bad request - Runner "${runner.name}" is still running a job`;
        return refuse('busy', '422', text);
      }
      const { link, isDead } = runner;
      forget(runner);
      kernel.trace(`github: runner ${runner.name} deleted`);
      if (!isDead) link?.onRemoved();
      return done(null);
    },
    connect(secret, link) {
      const runner = state.runners.get(secret);
      if (runner === undefined) return GONE;
      if (runner.link !== null) {
        return refuse('conflict', '409', 'A session for this runner already exists');
      }
      runner.link = link;
      change(runner, { isOnline: true });
      kernel.trace(`github: runner ${runner.name} online`);
      for (const repo of reachOf(runner.host)) assignSoon(repo);
      return done(runner);
    },
    finish: (runner, conclusion) => {
      if (!runner.isDead) end(runner, conclusion);
    },
    die(runner) {
      if (runner.isDead || !runner.state.now.isThere) return;
      runner.isDead = true;
      const { job } = runner;
      kernel.trace(`github: runner ${runner.name} silent`);
      kernel.at(state.draw('github offline', knobs.offlineMs), 'offline', () => {
        if (runner.state.now.isThere) change(runner, { isOnline: false });
      });
      if (job === null || job.facts.now.state !== 'in_progress') return;
      job.cancelTimer = kernel.at(state.draw('github lease', knobs.leaseMs), 'lease', () =>
        end(runner, 'failure'),
      );
    },
    cancel,
    cancelRun(repo, id) {
      const run = repo.runs.get(id);
      if (run === undefined) return GONE;
      const open = run.jobs.filter(({ facts }) => facts.now.state !== 'completed');
      if (open.length === 0) return refuse('conflict', '409', 'Cannot cancel a completed run');
      open.forEach(cancel);
      return done(null);
    },
    assignSoon,
  };
}
