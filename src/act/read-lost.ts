import type { RunFacts } from '../github/port.ts';
import type { JobId } from '../model/ids.ts';
import type { JobReport } from '../model/job.ts';
import type { Repo } from '../model/repo.ts';
import type { Rerun } from '../model/rerun.ts';
import type { LostJob, LostRun, RunRead } from '../model/world.ts';
import { namesWithEnvironment } from '../rules/workflow.ts';
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
 * in them, and which of those jobs may name an environment.
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
  const { attempt, isComplete, conclusion } = facts.value;
  const read: RunRead = { attempt, isComplete, conclusion, failed: [] };
  // Somebody ran it again already.
  if (attempt > run.attempt) return { ...run, read };
  const all = isComplete ? await deps.github.runJobs(repo, run.run) : undefined;
  // What GitHub does not show as it was told to us, it shows the next time.
  const isSeen = ({ id }: LostJob) => all?.ok === true && all.value.some((job) => job.id === id);
  if (!all?.ok || !run.jobs.every(isSeen)) return undefined;
  const failed = all.value.filter((job) => job.conclusion !== null && !FINE.has(job.conclusion));
  const named = await withEnvironment(deps, {
    repo,
    facts: facts.value,
    jobs: [...failed, ...run.jobs],
  });
  if (named === undefined) return undefined;
  const judged = <Job extends Named>(job: Job) => ({ ...job, hasEnvironment: named.has(job.id) });
  return { ...run, jobs: run.jobs.map(judged), read: { ...read, failed: failed.map(judged) } };
}

const FINE: ReadonlySet<string> = new Set(['success', 'skipped', 'neutral']);

type Named = Pick<JobReport, 'id' | 'name'>;

/**
 * Those that may name an environment, as webhooks told; the workflow's file tells of the others, and where
 * there is none, each counts as one. undefined: GitHub does not say now.
 */
async function withEnvironment(
  { store, github }: Need,
  of: { readonly repo: Repo; readonly facts: RunFacts; readonly jobs: readonly Named[] },
): Promise<ReadonlySet<JobId> | undefined> {
  const { repo, facts, jobs } = of;
  const heard = await store.jobs(jobs.map(({ id }) => id));
  const told = new Map(heard.map(({ id, hasEnvironment }) => [id, hasEnvironment]));
  const isTold = ({ id }: Named) => (told.get(id) ?? null) !== null;
  const names = new Set(jobs.flatMap((job) => (isTold(job) ? [] : job.name)));
  const text = names.size === 0 ? null : await workflowOf(github, repo, facts);
  if (text === undefined) return undefined;
  const inDoubt = text === null ? names : namesWithEnvironment(text, names);
  const having = jobs.filter(({ id, name }) => told.get(id) ?? inDoubt.has(name));
  return new Set(having.map(({ id }) => id));
}

/** null: there is none to read; undefined: GitHub does not say now. */
async function workflowOf(github: Need['github'], repo: Repo, { path, sha }: RunFacts) {
  if (path === '' || sha === '') return null;
  const file = await github.file(repo, path, sha);
  if (file.ok) return file.value.text;
  return file.reason === 'throttled' || file.reason === 'unreachable' ? undefined : null;
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
