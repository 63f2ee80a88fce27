import type { Instant } from '../../lib/clock.ts';
import type { InstallationId, JobId, RepoId, ScopeId } from '../../model/ids.ts';
import type { Job, Reason } from '../../model/job.ts';
import type { Repo } from '../../model/repo.ts';
import { sorted } from '../merge/draft.ts';
import { rulesAfter } from '../merge/event.ts';
import { requeued } from '../merge/job.ts';
import type { Lease, RulesRecord, ScopeRows } from '../port.ts';
import { isHeld } from './leases.ts';
import { isOpen } from './reruns.ts';
import { ordered, type State, where } from './state.ts';

/** The scopes of jobs, where the repository is known and not removed. */
function* scopesOfJobs(state: State, is: (job: Job) => boolean): Iterable<ScopeId> {
  for (const job of state.jobs.values()) {
    const repo = is(job) ? state.repos.get(job.repo) : undefined;
    if (repo?.removedAt === null) yield repo.scope;
  }
}

function* working(state: State): Iterable<ScopeId> {
  yield* scopesOfJobs(state, (job) => job.state === 'queued');
  for (const row of state.instances.values()) if (row.state !== 'gone') yield row.scope;
  const scopes = new Set(where(state.repos, (r) => r.removedAt === null).map((r) => r.scope));
  for (const row of state.launches.values()) {
    if (row.outcome === 'unknown' && scopes.has(row.scope)) yield row.scope;
  }
  for (const row of state.reruns.values()) {
    if (isOpen(row) && scopes.has(row.scope)) yield row.scope;
  }
  for (const row of state.rules.values()) {
    if (row.wantedCommit !== null && scopes.has(row.scope)) yield row.scope;
  }
}

export const scopesWithWork = (state: State): readonly ScopeId[] => sorted(working(state));

export function scopesActiveSince(state: State, since: Instant): readonly ScopeId[] {
  const isRecent = (job: Job) =>
    job.state === 'in_progress' || job.queuedAt >= since || (job.completedAt ?? 0) >= since;
  return sorted([...working(state), ...scopesOfJobs(state, isRecent)]);
}

export function scopeRows(state: State, scope: ScopeId): ScopeRows {
  const jobs = where(
    state.jobs,
    (job) => job.state !== 'completed' && state.repos.get(job.repo)?.scope === scope,
  );
  const instances = where(state.instances, (row) => row.scope === scope && row.state !== 'gone');
  const launches = where(state.launches, (row) => row.scope === scope && row.outcome === 'unknown');
  return {
    repos: ordered(
      where(state.repos, (repo) => repo.scope === scope),
      (repo) => [repo.id],
    ),
    rules: state.rules.get(scope) ?? null,
    jobs: ordered(jobs, (job) => [job.queuedAt, job.id]),
    instances: ordered(instances, (row) => [row.createdAt, row.key]),
    launches: ordered(launches, (row) => [row.createdAt, row.id]),
  };
}

export const repo = (state: State, id: RepoId): Repo | null => state.repos.get(id) ?? null;

export const reposOf = (state: State, installation: InstallationId): readonly Repo[] =>
  ordered(
    where(state.repos, (row) => row.installation === installation),
    (row) => [row.id],
  );

export function saveRules(state: State, lease: Lease, rules: RulesRecord): boolean {
  if (!isHeld(state, lease)) return false;
  state.rules.set(rules.scope, rulesAfter(state.rules.get(rules.scope), rules));
  return true;
}

export function saveReasons(
  state: State,
  lease: Lease,
  reasons: readonly { readonly job: JobId; readonly reason: Reason | null }[],
  now: Instant,
): boolean {
  if (!isHeld(state, lease)) return false;
  for (const { job: id, reason } of reasons) {
    const job = state.jobs.get(id);
    if (!job || !isReasonNew(job, reason)) continue;
    state.jobs.set(id, { ...job, reason, reasonAt: reason && now });
  }
  return true;
}

const isReasonNew = (job: Job, reason: Reason | null): boolean =>
  (job.state === 'queued' || job.state === 'waiting') &&
  (job.reason?.code !== reason?.code || job.reason?.text !== reason?.text);

function changeJob(
  state: State,
  lease: Lease,
  id: JobId,
  from: Job['state'],
  change: Partial<Job>,
): boolean {
  const job = state.jobs.get(id);
  if (job?.state !== from || !isHeld(state, lease)) return false;
  state.jobs.set(id, { ...job, ...change });
  return true;
}

export const setAside = (
  state: State,
  lease: Lease,
  job: JobId,
  asideUntil: Instant,
  asideMs: number,
): boolean => changeJob(state, lease, job, 'queued', { asideUntil, asideMs });

export const requeue = (state: State, lease: Lease, job: JobId): boolean =>
  changeJob(state, lease, job, 'in_progress', requeued);

export const recentJobs = (state: State, limit: number): readonly Job[] =>
  ordered(state.jobs.values(), (job) => [-job.queuedAt, -job.id]).slice(0, limit);
