import type { Instant } from '../../lib/clock.ts';
import type { Delivery } from '../../model/event.ts';
import type { RepoId, ScopeId } from '../../model/ids.ts';
import type { JobReport } from '../../model/job.ts';
import type { RepoFacts } from '../../model/repo.ts';
import { type Applied, applied, repoRead, reported } from '../merge/event.ts';
import { putAll, type State } from './state.ts';

export function receive(state: State, batch: readonly Delivery[]): readonly boolean[] {
  return batch.map((delivery) => {
    if (state.deliveries.has(delivery.id)) return false;
    state.deliveries.set(delivery.id, delivery);
    state.unapplied.set(delivery.id, delivery);
    return true;
  });
}

export function unapplied(state: State, limit: number): readonly Delivery[] {
  const oldest: Delivery[] = [];
  for (const delivery of state.unapplied.values()) {
    if (oldest.length >= limit) break;
    oldest.push(delivery);
  }
  return oldest;
}

function write(state: State, { repos, jobs, rules, scopes }: Applied): readonly ScopeId[] {
  putAll(state.repos, repos);
  putAll(state.jobs, jobs);
  putAll(state.rules, rules);
  return scopes;
}

export function apply(state: State, batch: readonly Delivery[]): readonly ScopeId[] {
  for (const { id } of batch) state.unapplied.delete(id);
  return write(state, applied(batch, state));
}

export const report = (state: State, jobs: readonly JobReport[]): readonly ScopeId[] =>
  write(state, reported(jobs, state));

export function noteRepos(state: State, repos: readonly RepoFacts[], now: Instant): void {
  for (const facts of repos) {
    state.repos.set(facts.id, repoRead(state.repos.get(facts.id), facts, now));
  }
}

export function heard(state: State, id: RepoId, now: Instant): void {
  const repo = state.repos.get(id);
  if (repo) state.repos.set(id, { ...repo, heardAt: Math.max(repo.heardAt, now) });
}

export function removeRepo(state: State, id: RepoId, now: Instant): void {
  const repo = state.repos.get(id);
  if (repo) state.repos.set(id, { ...repo, removedAt: repo.removedAt ?? now });
}
