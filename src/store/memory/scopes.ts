import type { Instant } from '../../lib/clock.ts';
import {
  type InstallationId,
  type JobId,
  ownerScope,
  type RepoId,
  repoScope,
  type ScopeId,
} from '../../model/ids.ts';
import type { Job, Reason } from '../../model/job.ts';
import type { Repo } from '../../model/repo.ts';
import { sorted } from '../merge/draft.ts';
import { rulesAfter } from '../merge/event.ts';
import { requeued } from '../merge/job.ts';
import { fitsIn } from '../merge/launch.ts';
import { byScope, homeOf, ownerOf } from '../merge/owner.ts';
import type { Lease, RulesRecord, ScopeRows, Store } from '../port.ts';
import { liveIn } from './launches.ts';
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
  // The file of a repository that another one's rules govern.
  for (const repo of state.repos.values()) {
    const wanted = state.rules.get(repoScope(repo.id))?.wantedCommit ?? null;
    if (repo.removedAt === null && wanted !== null) yield repo.scope;
  }
}

export const scopesWithWork = (state: State): readonly ScopeId[] => sorted(working(state));

const isActive = (job: Job, since: Instant): boolean =>
  job.state !== 'completed' || job.queuedAt >= since || (job.completedAt ?? 0) >= since;

const isRecent = (job: Job, since: Instant): boolean =>
  job.state === 'in_progress' || job.queuedAt >= since || (job.completedAt ?? 0) >= since;

export const scopesActiveSince = (state: State, since: Instant): readonly ScopeId[] =>
  sorted([...working(state), ...scopesOfJobs(state, (job) => isRecent(job, since))]);

export function scopeRows(state: State, scope: ScopeId): ScopeRows {
  const jobs = where(
    state.jobs,
    (job) => job.state !== 'completed' && state.repos.get(job.repo)?.scope === scope,
  );
  const instances = where(state.instances, (row) => row.scope === scope && row.state !== 'gone');
  const launches = where(state.launches, (row) => row.scope === scope && row.outcome === 'unknown');
  const repos = ordered(
    where(state.repos, (repo) => repo.scope === scope),
    (repo) => [repo.id],
  );
  const owner = ownerOf(scope, repos);
  return {
    scope,
    repos,
    rules: state.rules.get(scope) ?? null,
    home: owner === undefined ? null : homeOf(state.repos.values(), owner),
    ownerRules: owner === undefined ? null : (state.rules.get(ownerScope(owner)) ?? null),
    own: byScope(repos.flatMap(({ id }) => state.rules.get(repoScope(id)) ?? [])),
    jobs: ordered(jobs, (job) => [job.queuedAt, job.id]),
    instances: ordered(instances, (row) => [row.createdAt, row.key]),
    launches: ordered(launches, (row) => [row.createdAt, row.id]),
  };
}

export function reposActiveSince(state: State, scope: ScopeId, since: Instant): readonly Repo[] {
  const active = new Set(where(state.jobs, (job) => isActive(job, since)).map(({ repo }) => repo));
  return ordered(
    where(state.repos, (repo) => repo.scope === scope && active.has(repo.id)),
    (repo) => [repo.id],
  );
}

export const rules = (state: State, scope: ScopeId): RulesRecord | null =>
  state.rules.get(scope) ?? null;

export function moveRepo(
  state: State,
  lease: Lease,
  { repo: id, to, maxima }: Parameters<Store['moveRepo']>[1],
): boolean {
  const repo = state.repos.get(id);
  const from = lease.name;
  if (!isHeld(state, lease) || !repo || (repo.scope !== from && repo.scope !== to)) return false;
  const isIts = (row: { readonly scope: ScopeId; readonly repo: RepoId }) =>
    row.repo === id && row.scope === from;
  const its = where(state.instances, isIts);
  const moving = its.filter((row) => row.state !== 'gone');
  if (!fitsIn(moving, { live: liveIn(state), maxima, to })) return false;
  state.repos.set(id, { ...repo, scope: to });
  for (const row of its) state.instances.set(row.key, { ...row, scope: to });
  for (const row of where(state.launches, isIts)) state.launches.set(row.id, { ...row, scope: to });
  for (const [key, row] of state.reruns)
    if (isIts(row)) state.reruns.set(key, { ...row, scope: to });
  return true;
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

export const removedUntil = (state: State, until: Instant, limit: number): readonly Repo[] =>
  where(state.repos, ({ removedAt }) => removedAt !== null && removedAt <= until)
    .sort((a, b) => (b.removedAt ?? 0) - (a.removedAt ?? 0) || a.id - b.id)
    .slice(0, limit);
