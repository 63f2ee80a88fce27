import type { Instant } from '../../lib/clock.ts';
import type { JobId, ScopeId } from '../../model/ids.ts';
import type { Job } from '../../model/job.ts';
import type { Rerun, RerunOutcome, RunAttempt } from '../../model/rerun.ts';
import { withJobs } from '../merge/rerun.ts';
import type { Lease, Reclaimed } from '../port.ts';
import { isHeld } from './leases.ts';
import { ordered, type State, where } from './state.ts';

export const jobs = ({ jobs: all }: State, ids: readonly JobId[]): readonly Job[] =>
  ordered(
    [...new Set(ids)].flatMap((id) => all.get(id) ?? []),
    ({ id }) => [id],
  );

export function reclaimed(state: State, scope: ScopeId, since: Instant): readonly Reclaimed[] {
  const found = where(
    state.instances,
    (row) =>
      row.scope === scope &&
      (row.noticeAt !== null || row.reclaimedAt !== null) &&
      (row.goneAt === null || row.goneAt >= since),
  );
  if (found.length === 0) return [];
  const jobs = where(state.jobs, ({ runnerName }) => runnerName !== null);
  return withJobs(
    found,
    ordered(jobs, ({ id }) => [id]),
  );
}

export const isOpen = ({ outcome }: Rerun): boolean => outcome === 'open' || outcome === 'asked';

export const reruns = (state: State, scope: ScopeId, since: Instant): readonly Rerun[] =>
  ordered(
    where(state.reruns, (row) => row.scope === scope && (isOpen(row) || row.at >= since)),
    ({ run, attempt }) => [run, attempt],
  );

const keyOf = ({ repo, run, attempt }: RunAttempt): string => `${repo} ${run} ${attempt}`;

export function saveRerun(
  state: State,
  lease: Lease,
  rerun: Rerun,
  from: RerunOutcome | null,
): boolean {
  const before = state.reruns.get(keyOf(rerun))?.outcome ?? null;
  if (before !== from || !isHeld(state, lease)) return false;
  state.reruns.set(keyOf(rerun), rerun);
  return true;
}
