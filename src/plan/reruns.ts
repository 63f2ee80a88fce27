import type { JobId } from '../model/ids.ts';
import { isNeverAgain } from '../model/labels.ts';
import type { FailedJob, JobView, LostJob, LostRun, RerunAction, RunRead } from '../model/world.ts';
import type { Facts } from './facts.ts';
import { count, quoted, sentence } from './reasons.ts';

/** A job that was cut wants another machine for this many R, if its re-run does not come sooner. */
const WANTED = 5;
const FAILED: ReadonlySet<string | null> = new Set(['failure', 'timed_out', 'startup_failure']);

/**
 * Jobs that lost their machine and will run again: they want another one before GitHub queues them,
 * so that it has booted by then.
 */
export function cutJobs(facts: Facts): readonly JobView[] {
  const { limits, lost } = facts.world;
  return lost.flatMap(({ repo, run, jobs }) =>
    jobs.flatMap((job): readonly JobView[] => {
      const { id, labels, cutAt, isInterrupted } = job;
      const isWanted = cutAt <= facts.now && facts.now < cutAt + WANTED * limits.resyncMs;
      if (!isWanted || isInterrupted === false || unfit(facts, job) !== null) return [];
      return [{ id, repo, run, labels, queuedAt: cutAt, isAgain: true }];
    }),
  );
}

/** One action for each attempt about which everything is known, the rules included. */
export const rerunActions = (facts: Facts): readonly RerunAction[] =>
  facts.world.lost.flatMap((lost) => {
    const isOpen = lost.outcome !== 'asked' && facts.world.enabled !== null;
    const decided = isOpen ? decide(facts, lost) : null;
    if (decided === null) return [];
    const { repo, run, attempt, jobs } = lost;
    const names = jobs.map(({ name }) => name);
    const action = { kind: 'rerun', repo, run, attempt, job: null, names, ...decided } as const;
    return [{ ...action, reason: sentence(action.reason) }];
  });

type Decided = Pick<RerunAction, 'what' | 'reason'> & Partial<RerunAction>;

const none = (reason: string): Decided => ({ what: 'none', reason });

/** null: not all is known yet. */
function decide(facts: Facts, { attempt, jobs, read }: LostRun): Decided | null {
  if (jobs.some(({ isOver, isInterrupted }) => !isOver || isInterrupted === null)) return null;
  const interrupted = jobs.filter((job) => job.isInterrupted);
  const stopped = jobs.filter((job) => job.wasStopped);
  if (interrupted.length === 0 && stopped.length > 0) {
    return none(
      `${namesOf(stopped)} was cancelled when EC2 had taken its machine: nothing is run again`,
    );
  }
  if (interrupted.length === 0) {
    return none(`${namesOf(jobs)} was cut, and EC2 did not take the machine: run it again by hand`);
  }
  if (read === null) return null;
  if (read.attempt > attempt) return none('');
  if (!read.isComplete) return null;
  return decideComplete(facts, interrupted, read);
}

/**
 * Nothing runs again that did not lose its machine, and nothing that a person stopped. What a matrix gave
 * up with the one that lost its machine goes with it, unless its author is against that: GitHub runs all
 * that failed again, or one job.
 */
function decideComplete(facts: Facts, interrupted: readonly LostJob[], read: RunRead): Decided {
  const ids = new Set(interrupted.map(({ id }) => id));
  if (read.conclusion === 'cancelled' && read.failed.some(({ id }) => !ids.has(id))) {
    return none(
      `${namesOf(interrupted)} lost its machine, and the run was cancelled: nothing is run again`,
    );
  }
  const why = interrupted.map((job) => unfit(facts, job)).find((reason) => reason !== null);
  if (why !== undefined) return none(`${namesOf(interrupted)} lost its machine; ${why}`);
  if (facts.world.enabled === false) {
    return none(
      `${namesOf(interrupted)} lost its machine; it is not run again while this is disabled`,
    );
  }
  const nth = `re-run ${Math.max(...interrupted.map(({ reruns }) => reruns)) + 1}`;
  const of = `${nth} of ${facts.world.limits.mostReruns}`;
  const own = endedByThemselves(read, ids);
  const barred = own.length === 0 ? firstBarred(facts, read, ids) : undefined;
  if (own.length === 0 && barred === undefined) {
    const reason = `EC2 took the machine of ${namesOf(interrupted)}, and nothing else failed: ${of}`;
    return { what: 'failed', reason };
  }
  const [only] = interrupted;
  if (interrupted.length === 1 && only !== undefined) {
    const rest = barred
      ? `${barred.name} is left: it ${barred.why}`
      : 'what failed by itself is left';
    const reason = `EC2 took the machine of ${namesOf(interrupted)}: ${of}; ${rest}`;
    return { what: 'job', job: only.id, names: [only.name], reason };
  }
  if (barred) {
    return none(
      `EC2 took ${interrupted.length} machines; choose by hand: GitHub would run ${barred.name} with them, and it ${barred.why}`,
    );
  }
  const others = count(own.length, 'other job');
  return none(
    `EC2 took ${interrupted.length} machines, and ${others} ended badly without that: choose by hand`,
  );
}

/**
 * A fail-fast matrix cancels what did not fail itself: that failed with the one that lost its machine.
 * What was cancelled before, a person stopped.
 */
function endedByThemselves({ failed }: RunRead, interrupted: ReadonlySet<JobId>) {
  const at = ({ completedAt }: RunRead['failed'][number]) =>
    completedAt ?? Number.POSITIVE_INFINITY;
  const lostAt = Math.min(...failed.filter(({ id }) => interrupted.has(id)).map(at));
  return failed.filter(
    (one) => !interrupted.has(one.id) && (FAILED.has(one.conclusion) || at(one) < lostAt),
  );
}

/** A job that lost no machine, would run again with those that did, and may not. */
function firstBarred(facts: Facts, { failed }: RunRead, interrupted: ReadonlySet<JobId>) {
  for (const one of failed) {
    const why = interrupted.has(one.id) ? null : bar(facts, one);
    if (why !== null) return { name: quoted(one.name), why };
  }
  return undefined;
}

/** What its author has against a re-run by itself, whatever happened to the job. */
function bar(facts: Facts, job: Pick<LostJob | FailedJob, 'labels' | 'hasEnvironment'>) {
  if (isNeverAgain(job.labels, facts.world.label)) return 'has `retry=0`';
  return job.hasEnvironment === true ? 'may name an environment' : null;
}

/** Why a job that lost its machine is not run again by itself. */
function unfit(facts: Facts, job: LostJob): string | null {
  const { reruns } = job;
  const { mostReruns } = facts.world.limits;
  const barred = bar(facts, job);
  if (barred !== null) return `it ${barred}, and such a job is run again by hand only`;
  if (mostReruns === 0) return '`retry: 0` says that nothing is run again by itself';
  if (reruns < mostReruns) return null;
  return `it was run again ${count(reruns, 'time')} already, which is all that \`retry\` allows`;
}

function namesOf(jobs: readonly LostJob[]): string {
  const [first] = jobs;
  const more = jobs.length > 1 ? ` and ${count(jobs.length - 1, 'more job')}` : '';
  return `${quoted(first?.name ?? '')}${more}`;
}
