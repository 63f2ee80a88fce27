import type { Instant } from '../lib/clock.ts';
import type { JobId, ScopeId } from '../model/ids.ts';
import type { Job } from '../model/job.ts';
import { isOurs } from '../model/labels.ts';
import { type Repo, runnerPlace } from '../model/repo.ts';
import type { Lease, ScopeRows } from '../store/port.ts';
import type { ActDeps } from './deps.ts';
import { findAgain } from './discover.ts';
import { forgetRunners } from './end.ts';
import { noteRunners } from './note-jobs.ts';

type Need = Pick<ActDeps, 'store' | 'github' | 'clock' | 'log' | 'settings'>;

/** Single reads of jobs in one sweep: what is left over is read in the next. */
const MOST_JOB_READS = 20;

/**
 * The second healing: what GitHub says of a repository's jobs now, for webhooks that never came.
 * Conditional requests make a quiet sweep free. Answers the scopes that changed. unread: GitHub did not
 * say, and the next sweep asks again; put-off: nor was it asked, because healings have spent their part.
 */
export async function sweepRepo(
  deps: Need,
  lease: Lease,
  repo: Repo,
): Promise<readonly ScopeId[] | 'unread' | 'put-off'> {
  const askedAt = deps.clock.now();
  const listed = await deps.github.unfinishedJobs(repo);
  if (!listed.ok) {
    const facts = { repo: repo.id, code: listed.code };
    // What the hour allows is spent: nothing is wrong, and `info` says so.
    if (listed.reason === 'throttled') deps.log.debug(facts, 'sweep put off');
    else deps.log.warn(facts, 'sweep failed; the next one asks again');
    if (listed.reason === 'missing' || listed.reason === 'denied') await findAgain(deps, repo);
    return listed.reason === 'throttled' ? 'put-off' : 'unread';
  }
  await deps.store.heard(repo.id, askedAt);
  // Other people's jobs are in the list as well: they may be on a runner of ours, and are no demand.
  const ours = listed.value.filter((job) => isOurs(job.labels, deps.settings.label));
  const changed = await deps.store.report(ours, askedAt);
  await noteRunners(deps, listed.value);
  const rows = await deps.store.scopeRows(repo.scope);
  const ids = new Set(listed.value.map((job) => job.id));
  const unlisted = rows.jobs.filter((job) => job.repo === repo.id && !ids.has(job.id));
  const ended = await readJobs(
    deps,
    repo,
    unlisted.filter((job) => isSettled(deps, job, askedAt)),
  );
  const queued = new Set(listed.value.filter((job) => job.state === 'queued').map((job) => job.id));
  await noteEnds(deps, repo, rows);
  const back = await takeBack(deps, lease, { rows, queued, askedAt });
  return [...new Set([...changed, ...ended, ...back])];
}

/**
 * A job that is not ours took a runner of ours, and no word of its end is for us. GitHub removes a
 * just-in-time runner after its job, so one that is not listed has done its work.
 */
async function noteEnds(deps: Need, repo: Repo, rows: ScopeRows): Promise<void> {
  const before = deps.clock.now() - deps.settings.resyncMs;
  const told = new Set(rows.jobs.map((job) => job.runnerName));
  const untold = rows.instances.filter(
    ({ repo: id, state, finishedAt, startedAt, runnerName }) =>
      id === repo.id &&
      state === 'busy' &&
      finishedAt === null &&
      !told.has(runnerName) &&
      startedAt !== null &&
      startedAt <= before,
  );
  for (const one of untold.slice(0, MOST_JOB_READS)) {
    const { key, runnerName } = one;
    if (runnerName === null) continue;
    const found = await deps.github.runners(runnerPlace(repo, one), runnerName);
    if (!found.ok || found.value.length > 0) continue;
    const patch = { finishedAt: deps.clock.now() };
    await deps.store.changeInstance({ key, from: ['busy'], patch });
  }
}

/** REST lags behind webhooks: what we heard of a moment ago may be missing from a list. */
const isSettled = (deps: Need, job: Job, now: Instant): boolean =>
  now - (job.startedAt ?? job.queuedAt) > deps.settings.resyncMs / 2;

/** Jobs that GitHub no longer lists as unfinished, one by one. */
export async function readJobs(
  deps: Need,
  repo: Repo,
  jobs: readonly Job[],
): Promise<readonly ScopeId[]> {
  const changed: ScopeId[] = [];
  for (const job of jobs.slice(0, MOST_JOB_READS)) {
    const read = await deps.github.job(repo, job.id);
    if (!read.ok) continue;
    changed.push(...(await deps.store.report([read.value], deps.clock.now())));
    await noteRunners(deps, [read.value]);
  }
  return changed;
}

const queuedAgainKey = (job: JobId) => `queued-again:${job}`;

/**
 * A job whose machine died before it took the job is queued again without a word. Two reads R/2
 * apart, with our runner gone, are enough to believe it.
 */
async function takeBack(
  deps: Need,
  lease: Lease,
  seen: { rows: ScopeRows; queued: ReadonlySet<JobId>; askedAt: Instant },
): Promise<readonly ScopeId[]> {
  const { rows, queued, askedAt } = seen;
  const lives = new Set(rows.instances.map((one) => one.runnerName));
  const changed: ScopeId[] = [];
  for (const job of rows.jobs) {
    if (job.state !== 'in_progress' || !queued.has(job.id) || lives.has(job.runnerName)) continue;
    const key = queuedAgainKey(job.id);
    const first = await deps.store.fact(key);
    if (!first) await deps.store.saveFact(key, '', askedAt);
    else if (askedAt - first.at >= deps.settings.resyncMs / 2) {
      if (await deps.store.requeue(lease, job.id, askedAt)) {
        deps.log.info({ job: job.id }, 'job is queued again at GitHub; its machine is gone');
        changed.push(...rows.repos.map((repo) => repo.scope));
      }
    }
  }
  return changed;
}

/** Runners that a machine left behind when it ended without a job. */
export async function sweepRunners(
  deps: Pick<ActDeps, 'store' | 'github' | 'clock'>,
): Promise<void> {
  const orphans = await deps.store.orphanRunners(MOST_JOB_READS);
  if (orphans.length === 0) return;
  const repos = await Promise.all(
    [...new Set(orphans.map((one) => one.repo))].map((id) => deps.store.repo(id)),
  );
  await forgetRunners(deps, { doomed: orphans, repos: repos.filter((repo) => repo !== null) });
}

/** The plan doubts that GitHub will hand these out: they are read, and set aside if still queued. */
export async function setAside(
  deps: Need,
  lease: Lease,
  of: { readonly rows: ScopeRows; readonly jobs: readonly JobId[] },
): Promise<void> {
  const { resyncMs } = deps.settings;
  for (const id of of.jobs.slice(0, MOST_JOB_READS)) {
    const job = of.rows.jobs.find((one) => one.id === id);
    const repo = of.rows.repos.find((one) => one.id === job?.repo);
    if (!job || !repo) continue;
    const read = await deps.github.job(repo, id);
    if (!read.ok) continue;
    const now = deps.clock.now();
    await deps.store.report([read.value], now);
    if (read.value.state !== 'queued') continue;
    const forMs = Math.min(60 * resyncMs, Math.max(5 * resyncMs, job.asideMs * 2));
    await deps.store.setAside(lease, id, now + forMs, forMs);
    deps.log.info({ job: id, forMs }, 'job is not handed out by GitHub; set aside');
  }
}
