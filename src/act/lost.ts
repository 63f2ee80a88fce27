import type { Instant } from '../lib/clock.ts';
import type { JobId, ScopeId } from '../model/ids.ts';
import type { Job } from '../model/job.ts';
import type { Instance } from '../model/launch.ts';
import { CUT_BEFORE_MS, type Rerun, type RunAttempt } from '../model/rerun.ts';
import type { LostJob, LostRun } from '../model/world.ts';
import type { Reclaimed, ScopeRows } from '../store/port.ts';
import type { ActDeps } from './deps.ts';

type Need = Pick<ActDeps, 'store' | 'clock' | 'settings'>;

/** So long after its machine was gone a job may still be run again: GitHub lets a run last for days. */
export const REMEMBERED_MS = 3 * 24 * 3_600_000;
/** Re-runs of a run that count against what `retry` allows; the store keeps them no longer. */
const COUNTED_MS = 30 * 24 * 3_600_000;
/** A job that ended so much before it was to be cut ended by itself. */
const CUT_SLACK_MS = 5_000;
/**
 * A job is cancelled within seconds of the SIGINT that the daemon, or a machine that shuts down, sends to
 * its runner: mostly before the machine is gone, and some seconds after where a notice came late, GitHub
 * was slow, or its clock is ahead. A person's cancellation comes later: GitHub waits for minutes for the
 * answer of a runner that is not there.
 */
const STOP_SLACK_MS = 15_000;

/** What EC2 took or is about to take of a scope. */
export interface Lost {
  readonly reclaimed: readonly Reclaimed[];
  readonly reruns: readonly Rerun[];
  /** Not settled ones, the oldest first. */
  readonly runs: readonly LostRun[];
  /** Queued jobs that run again. */
  readonly again: ReadonlySet<JobId>;
}

/** A job and the machine that it lost, or is about to lose. */
export interface Loss {
  readonly job: Job;
  readonly instance: Instance;
}

/** What is stored of it; nothing is asked. */
export async function lostOf(deps: Need, rows: ScopeRows, scope: ScopeId): Promise<Lost> {
  const now = deps.clock.now();
  const reclaimed = await deps.store.reclaimed(scope, now - REMEMBERED_MS);
  const reruns = await deps.store.reruns(scope, now - COUNTED_MS);
  const losses = reclaimed.flatMap((one) => lossOf(one, now) ?? []);
  const runs = [...Map.groupBy(losses, ({ job }) => attemptKey(job)).values()].flatMap((group) => {
    const [first] = group;
    if (!first) return [];
    const { repo, run, attempt } = first.job;
    const row = rowOf(reruns, first.job);
    const isQueuedAgain = rows.jobs.some((job) => job.run === run && job.attempt > attempt);
    if (row?.outcome === 'done' || row?.outcome === 'none' || isQueuedAgain) return [];
    const jobs = group.map((loss) => lostJob(deps, loss, reruns));
    return [{ repo, run, attempt, outcome: row?.outcome ?? null, jobs, read: null }];
  });
  const again = rows.jobs.filter((job) => isAgain(job, reruns)).map(({ id }) => id);
  return { reclaimed, reruns, runs, again: new Set(again) };
}

/** Something is still to be heard or done about it. */
export const isUnsettled = ({ runs, reruns }: Lost): boolean =>
  runs.length > 0 || reruns.some(({ outcome }) => outcome === 'asked');

export const attemptKey = ({ repo, run, attempt }: RunAttempt): string =>
  `${repo} ${run} ${attempt}`;

export const rowOf = (reruns: readonly Rerun[], of: RunAttempt): Rerun | undefined =>
  reruns.find((row) => attemptKey(row) === attemptKey(of));

/** The machine's last job, if it did not end well or by itself before EC2 took the machine. */
export function lossOf({ instance, jobs }: Reclaimed, now: Instant): Loss | undefined {
  const job = jobs.at(-1);
  if (!job || job.state === 'queued' || job.state === 'waiting') return undefined;
  if (isOfEarlierRunner(job, instance)) return undefined;
  if (job.state === 'completed' && (job.conclusion === 'success' || job.conclusion === 'skipped')) {
    return undefined;
  }
  const { saidDoneAt, noticeAt, goneAt } = instance;
  const cutAt = noticeAt === null ? (goneAt ?? now) : cutTime(instance, noticeAt);
  const endedItself = saidDoneAt !== null && saidDoneAt < cutAt - CUT_SLACK_MS;
  return endedItself ? undefined : { job, instance };
}

/** The machine has had another runner since, for a further job of the run. */
function isOfEarlierRunner({ runnerName, startedAt }: Job, now: Instance): boolean {
  // Where GitHub has forgotten the runner, its name is gone here too.
  if (now.runnerName !== null) return runnerName !== now.runnerName;
  return startedAt !== null && startedAt + CUT_SLACK_MS < (now.registeredAt ?? 0);
}

const cutTime = ({ noticedAt }: Instance, noticeAt: Instant): Instant =>
  Math.max(noticeAt - CUT_BEFORE_MS, noticedAt ?? 0);

function lostJob(deps: Need, { job, instance }: Loss, reruns: readonly Rerun[]): LostJob {
  const { id, name, labels, run, repo, state, completedAt, hasEnvironment } = job;
  const { noticeAt } = instance;
  const isOver = state === 'completed';
  // Without a notice GitHub finds out only minutes later, and no machine waits for that long.
  const cutAt =
    noticeAt !== null ? cutTime(instance, noticeAt) : (completedAt ?? Number.MAX_SAFE_INTEGER);
  const mine = reruns.filter(
    (row) => row.run === run && row.repo === repo && row.attempt < job.attempt,
  );
  return {
    id,
    name,
    labels,
    cutAt,
    isOver,
    isInterrupted: isInterrupted(deps, { job, instance }),
    wasStopped: instance.reclaimedAt !== null && wasStopped({ job, instance }),
    hasEnvironment,
    reruns: mine.filter(({ outcome, names }) => outcome === 'done' && names.includes(name)).length,
  };
}

/** EC2's own word, and nobody else's; where it gives none for R, it did not take the machine. */
function isInterrupted({ clock, settings }: Need, { job, instance }: Loss): boolean | null {
  const { reclaimedAt, ec2Reason, goneAt } = instance;
  if (reclaimedAt !== null) return !wasStopped({ job, instance });
  if (goneAt === null) return null;
  return ec2Reason === '' && goneAt + settings.resyncMs > clock.now() ? null : false;
}

/** A machine that is gone stops no job: so a person did, or GitHub for the run's sake. */
const wasStopped = ({ job, instance: { goneAt } }: Loss): boolean =>
  job.conclusion === 'cancelled' &&
  goneAt !== null &&
  (job.completedAt ?? 0) > goneAt + STOP_SLACK_MS;

const isAgain = ({ repo, run, attempt, name }: Job, reruns: readonly Rerun[]): boolean => {
  const row = rowOf(reruns, { repo, run, attempt: attempt - 1 });
  return row !== undefined && row.outcome !== 'none' && row.names.includes(name);
};
