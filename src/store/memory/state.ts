import type { Instant } from '../../lib/clock.ts';
import type { Delivery } from '../../model/event.ts';
import type { InstanceId, InstanceKey, JobId, LaunchId, RepoId, ScopeId } from '../../model/ids.ts';
import type { Job } from '../../model/job.ts';
import type { Instance, Launch } from '../../model/launch.ts';
import type { Repo } from '../../model/repo.ts';
import type { Rerun } from '../../model/rerun.ts';
import type { BucketRow } from '../merge/bucket.ts';
import type { Exhausted, Fact, Lease, Registration, RulesRecord } from '../port.ts';

/** Rows are replaced, never changed, so that what a caller was given stays what it was. */
export interface State {
  /** In the order of arrival. */
  readonly deliveries: Map<string, Delivery>;
  readonly unapplied: Map<string, Delivery>;
  readonly repos: Map<RepoId, Repo>;
  readonly jobs: Map<JobId, Job>;
  readonly rules: Map<ScopeId, RulesRecord>;
  readonly launches: Map<LaunchId, Launch>;
  readonly instances: Map<InstanceKey, Instance>;
  readonly leases: Map<string, Lease>;
  readonly registrations: Map<InstanceId, Registration>;
  /** Keyed by machine and event id. */
  readonly events: Map<string, Instant>;
  /** Keyed by account and place. */
  readonly exhausted: Map<string, Exhausted>;
  /** Keyed by repository, run and attempt. */
  readonly reruns: Map<string, Rerun>;
  readonly buckets: Map<string, BucketRow>;
  readonly facts: Map<string, Fact>;
}

export const emptyState = (): State => ({
  deliveries: new Map(),
  unapplied: new Map(),
  repos: new Map(),
  jobs: new Map(),
  rules: new Map(),
  launches: new Map(),
  instances: new Map(),
  leases: new Map(),
  registrations: new Map(),
  events: new Map(),
  exhausted: new Map(),
  reruns: new Map(),
  buckets: new Map(),
  facts: new Map(),
});

export function putAll<K, V>(rows: Map<K, V>, changed: ReadonlyMap<K, V>): void {
  for (const [key, row] of changed) rows.set(key, row);
}

/** In ascending order of what `by` answers; its last part must tell any two rows apart. */
export function ordered<T>(rows: Iterable<T>, by: (row: T) => readonly (number | string)[]): T[] {
  const keyed = Array.from(rows, (row) => ({ row, key: by(row) }));
  return keyed.sort((a, b) => compare(a.key, b.key)).map(({ row }) => row);
}

function compare(a: readonly (number | string)[], b: readonly (number | string)[]): number {
  for (const [i, left] of a.entries()) {
    const right = b[i];
    if (right === undefined || left === right) continue;
    return left < right ? -1 : 1;
  }
  return 0;
}

export function where<T>(rows: ReadonlyMap<unknown, T>, is: (row: T) => boolean): T[] {
  const found: T[] = [];
  for (const row of rows.values()) if (is(row)) found.push(row);
  return found;
}
