import type { Generated, Kysely } from 'kysely';
import type { Instant } from '../../lib/clock.ts';
import type { InstanceId } from '../../model/ids.ts';
import type { Job } from '../../model/job.ts';
import type { Instance, Launch } from '../../model/launch.ts';
import type { OwnerType, Repo } from '../../model/repo.ts';
import type { Rerun } from '../../model/rerun.ts';
import type { BucketRow } from '../merge/bucket.ts';
import type { Exhausted, Lease, Registration, RulesRecord } from '../port.ts';

// sql: the queries, as functions over Kysely, the same for every database. Columns are named as the
// model names its facts, so a row needs no translation but for lists (JSON as text) and flags (0, 1).

export interface DeliveryRow {
  /** The order of arrival. */
  readonly seq: Generated<number>;
  readonly id: string;
  readonly at: Instant;
  readonly event: string;
  readonly appliedAt: Instant | null;
}

export interface RepoRow extends Omit<Repo, 'isPrivate' | 'ownerType'> {
  readonly isPrivate: number;
  readonly ownerType: OwnerType | null;
}

export interface JobRow extends Omit<Job, 'labels' | 'hasEnvironment' | 'reason'> {
  readonly labels: string;
  readonly hasEnvironment: number;
  /** By its runner's name. */
  readonly instance: InstanceId | null;
  readonly reasonCode: string | null;
  readonly reasonText: string | null;
}

export interface LaunchRow extends Omit<Launch, 'request'> {
  readonly request: string | null;
}

export interface InstanceRow extends Omit<Instance, 'labels' | 'ec2Reason'> {
  readonly labels: string;
  readonly ec2Reason: string | null;
}

export interface RerunRow extends Omit<Rerun, 'names'> {
  readonly names: string;
}

export interface Tables {
  readonly deliveries: DeliveryRow;
  readonly repos: RepoRow;
  readonly jobs: JobRow;
  readonly rules: RulesRecord;
  readonly launches: LaunchRow;
  readonly instances: InstanceRow;
  readonly leases: Lease;
  readonly registrations: Registration;
  readonly events: { readonly instance: InstanceId; readonly id: string; readonly at: Instant };
  readonly exhausted: Exhausted;
  readonly reruns: RerunRow;
  readonly buckets: BucketRow;
  readonly facts: { readonly key: string; readonly value: string; readonly at: Instant };
}

export type Db = Kysely<Tables>;
