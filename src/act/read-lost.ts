import type { Repo } from '../model/repo.ts';
import type { Rerun } from '../model/rerun.ts';
import type { LostJob, LostRun, RunRead } from '../model/world.ts';
import { mayNameEnvironment } from '../rules/workflow.ts';
import type { Lease } from '../store/port.ts';
import type { ActDeps } from './deps.ts';
import type { Sight } from './look.ts';
import { attemptKey, rowOf } from './lost.ts';

type Need = Pick<ActDeps, 'store' | 'github' | 'clock' | 'settings'>;

/** Runs that are read in one tick; the others are in the next. */
const MOST_READS = 10;
/** A run that is not complete is read again after R/4, doubling to this many R. */
const LONGEST_WAIT = 5;

/**
 * Reads at GitHub those runs about which EC2 has said all: whether they are complete, what else failed
 * in them, and whether a job names an environment.
 */
export async function readLostRuns(deps: Need, lease: Lease, sight: Sight): Promise<Sight> {
  const { lost } = sight.world;
  if (lost.length === 0) return sight;
  const due = lost.filter((run) => isDue(deps, sight, run)).slice(0, MOST_READS);
  const read = new Map<string, LostRun>();
  for (const run of due) {
    const repo = sight.rows.repos.find(({ id }) => id === run.repo);
    if (!repo || repo.removedAt !== null) continue;
    const known = await readRun(deps, repo, run);
    if (known) read.set(attemptKey(run), known);
    else await readLater(deps, lease, { run, sight });
  }
  const runs = lost.map((run) => read.get(attemptKey(run)) ?? run);
  return { ...sight, world: { ...sight.world, lost: runs } };
}

function isDue({ clock }: Need, { lost }: Sight, run: LostRun): boolean {
  const row = rowOf(lost.reruns, run);
  if (row && (row.outcome !== 'open' || row.retryAt > clock.now())) return false;
  const isDecided = run.jobs.every((job) => job.isOver && job.isInterrupted !== null);
  return isDecided && run.jobs.some((job) => job.isInterrupted);
}

/** undefined: it is not complete, or GitHub does not say now. */
async function readRun(deps: Need, repo: Repo, run: LostRun): Promise<LostRun | undefined> {
  const facts = await deps.github.run(repo, run.run);
  if (!facts.ok) return undefined;
  const { attempt, isComplete, conclusion, path, sha } = facts.value;
  const read: RunRead = { attempt, isComplete, conclusion, failed: [] };
  // Somebody ran it again already.
  if (attempt > run.attempt) return { ...run, read };
  const all = isComplete ? await deps.github.runJobs(repo, run.run) : undefined;
  // What GitHub does not show as it was told to us, it shows the next time.
  const isSeen = ({ id }: LostJob) => all?.ok === true && all.value.some((job) => job.id === id);
  if (!all?.ok || !run.jobs.every(isSeen)) return undefined;
  const failed = all.value.filter((job) => job.conclusion !== null && !FINE.has(job.conclusion));
  const jobs: LostJob[] = [];
  for (const job of run.jobs) {
    const known = job.hasEnvironment ?? (await namesOne(deps, repo, { job, path, sha }));
    jobs.push({ ...job, hasEnvironment: known });
  }
  return { ...run, jobs, read: { ...read, failed } };
}

const FINE: ReadonlySet<string> = new Set(['success', 'skipped', 'neutral']);

/** No webhook told of the job; what cannot be read counts as an environment. */
async function namesOne(
  { github }: Need,
  repo: Repo,
  of: { readonly job: LostJob; readonly path: string; readonly sha: string },
): Promise<boolean> {
  if (of.path === '' || of.sha === '') return true;
  const file = await github.file(repo, of.path, of.sha);
  return !file.ok || mayNameEnvironment(file.value.text, of.job.name);
}

async function readLater(
  deps: Need,
  lease: Lease,
  { run, sight }: { readonly run: LostRun; readonly sight: Sight },
): Promise<void> {
  const { clock, settings, store } = deps;
  const before = rowOf(sight.lost.reruns, run);
  const tries = before?.tries ?? 0;
  const waitMs = Math.min(LONGEST_WAIT, 2 ** Math.min(tries, 10) / 4) * settings.resyncMs;
  const row: Rerun = {
    ...(before ?? newRow(sight, run)),
    tries: tries + 1,
    at: clock.now(),
    retryAt: clock.now() + waitMs,
  };
  await store.saveRerun(lease, row, before ? 'open' : null);
}

export const newRow = ({ world }: Sight, { repo, run, attempt }: LostRun): Rerun => ({
  scope: world.scope,
  repo,
  run,
  attempt,
  outcome: 'open',
  job: null,
  names: [],
  reason: '',
  at: 0,
  tries: 0,
  retryAt: 0,
  toldAt: null,
});
