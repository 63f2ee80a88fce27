import { unreachable } from '../../lib/assert.ts';
import type { Instant } from '../../lib/clock.ts';
import type { Delivery, Event } from '../../model/event.ts';
import { type JobId, type RepoId, repoScope, type ScopeId } from '../../model/ids.ts';
import type { Job, JobReport } from '../../model/job.ts';
import { fileScope, type Repo, type RepoFacts } from '../../model/repo.ts';
import type { RulesRecord } from '../port.ts';
import { type Draft, draft, keepSame, sorted } from './draft.ts';
import { jobAfter } from './job.ts';

/** The rows that a batch may touch. */
export interface Known {
  readonly repos: ReadonlyMap<RepoId, Repo>;
  readonly jobs: ReadonlyMap<JobId, Job>;
  readonly rules: ReadonlyMap<ScopeId, RulesRecord>;
}

/** The rows to write, and the scopes in which something is new: being heard of again is not. */
export interface Applied extends Known {
  readonly scopes: readonly ScopeId[];
}

interface Work {
  readonly repos: Draft<RepoId, Repo>;
  readonly jobs: Draft<JobId, Job>;
  readonly rules: Draft<ScopeId, RulesRecord>;
  readonly scopes: Set<ScopeId>;
}

/**
 * The ids of installations grow: a word that names an earlier one of the same owner was late, and one
 * that names another proves that the App is installed again.
 */
export function repoAfter(old: Repo | undefined, facts: RepoFacts, at: Instant): Repo {
  if (!old) return { ...facts, scope: fileScope(facts), heardAt: at, removedAt: null };
  const heardAt = Math.max(old.heardAt, at);
  const isLate = facts.ownerId === old.ownerId && facts.installation < old.installation;
  if (isLate) return keepSame(old, { ...old, heardAt });
  const removedAt = facts.installation === old.installation ? old.removedAt : null;
  return keepSame(old, { ...old, ...facts, heardAt, removedAt });
}

function setRepo(work: Work, old: Repo | undefined, next: Repo): void {
  work.repos.set(next.id, next);
  if (!old || keepSame(old, { ...next, heardAt: old.heardAt }) !== old) work.scopes.add(next.scope);
}

function noteRepo(work: Work, facts: RepoFacts, at: Instant): Repo {
  const old = work.repos.get(facts.id);
  const next = repoAfter(old, facts, at);
  setRepo(work, old, next);
  return next;
}

function noteJob(work: Work, said: JobReport): void {
  const old = work.jobs.get(said.id);
  const next = jobAfter(old, said);
  work.jobs.set(next.id, next);
  if (next !== old) work.scopes.add(work.repos.get(next.repo)?.scope ?? repoScope(next.repo));
}

/** Of the file in a repository, whatever governs it now. */
/** GitHub speaks of a job that it handed to nobody: it may do so now. What a sweep reads is no news. */
function hearAgain(work: Work, said: JobReport): void {
  const job = work.jobs.get(said.id);
  if (job?.state !== 'queued' || said.state !== 'queued' || job.asideUntil === null) return;
  work.jobs.set(job.id, { ...job, asideUntil: null });
  work.scopes.add(work.repos.get(job.repo)?.scope ?? repoScope(job.repo));
}

function wantRules(work: Work, repo: Repo, commit: string): void {
  const scope = fileScope(repo);
  const none = { scope, text: null, commit: null, errors: null, readAt: 0 };
  const old = work.rules.get(scope);
  if (old?.wantedCommit === commit) return;
  work.rules.set(scope, { ...(old ?? none), wantedCommit: commit });
  work.scopes.add(repo.scope);
}

type InstallationEvent = Extract<Event, { kind: 'installation' }>;

/** A late word of an installation that a repository has left since says nothing about it. */
const isMeant = (repo: Repo, event: InstallationEvent): boolean =>
  (event.action === 'added'
    ? repo.ownerId === event.ownerId && repo.installation <= event.installation
    : repo.installation === event.installation) &&
  (event.repos === null || event.repos.includes(repo.id));

function applyInstallation(work: Work, event: InstallationEvent, at: Instant): void {
  for (const repo of [...work.repos.values()].filter((each) => isMeant(each, event))) {
    const next =
      event.action === 'added'
        ? { ...repo, installation: event.installation, removedAt: null }
        : { ...repo, removedAt: repo.removedAt ?? at };
    setRepo(work, repo, keepSame(repo, next));
  }
}

function applyEvent(work: Work, { event, at }: Delivery): void {
  if (event.kind === 'installation') {
    applyInstallation(work, event, at);
    return;
  }
  const before = work.repos.get(event.repo.id)?.defaultBranch;
  const repo = noteRepo(work, event.repo, at);
  switch (event.kind) {
    case 'job':
      noteJob(work, event.job);
      hearAgain(work, event.job);
      break;
    case 'push':
      if (event.commit !== null && event.branch === repo.defaultBranch) {
        wantRules(work, repo, event.commit);
      }
      break;
    case 'repository':
      if (event.action === 'deleted') {
        setRepo(work, repo, { ...repo, removedAt: repo.removedAt ?? at });
      } else if (before !== undefined && before !== repo.defaultBranch) {
        // Another branch governs now, and its name is as good as a commit to read the file at.
        wantRules(work, repo, repo.defaultBranch);
      }
      break;
    // What a comment asks for, and what a pull request proposes or ends, is done elsewhere.
    case 'comment':
    case 'proposal':
    case 'pull':
      break;
    default:
      unreachable(event);
  }
}

function workOn(known: Known): Work {
  const { repos, jobs, rules } = known;
  return { repos: draft(repos), jobs: draft(jobs), rules: draft(rules), scopes: new Set() };
}

const resultOf = (work: Work): Applied => ({
  repos: work.repos.changed,
  jobs: work.jobs.changed,
  rules: work.rules.changed,
  scopes: sorted(work.scopes),
});

export function applied(batch: readonly Delivery[], known: Known): Applied {
  const work = workOn(known);
  for (const delivery of batch) applyEvent(work, delivery);
  return resultOf(work);
}

export function reported(jobs: readonly JobReport[], known: Omit<Known, 'rules'>): Applied {
  const work = workOn({ ...known, rules: new Map() });
  for (const job of jobs) noteJob(work, job);
  return resultOf(work);
}

/** Being read at GitHub proves that it is there: a repository that was removed is back. */
export const repoRead = (old: Repo | undefined, facts: RepoFacts, now: Instant): Repo => ({
  ...repoAfter(old, facts, now),
  removedAt: null,
});

/**
 * `saved.wantedCommit` is the one that was read now; another one that a push named since stays. What
 * was asked for later stays as well.
 */
export const rulesAfter = (old: RulesRecord | undefined, saved: RulesRecord): RulesRecord => {
  const wanted = old?.wantedCommit ?? null;
  const newer = old && old.readAt > saved.readAt ? old : saved;
  return { ...newer, wantedCommit: wanted === saved.wantedCommit ? null : wanted };
};
