import type { Delivery, Event } from '../../model/event.ts';
import type { Job } from '../../model/job.ts';
import type { Instance, Launch, LaunchRequest } from '../../model/launch.ts';
import type { Repo } from '../../model/repo.ts';
import type { Rerun } from '../../model/rerun.ts';
import { instanceOfRunner } from '../../model/runner-name.ts';
import type { DeliveryRow, InstanceRow, JobRow, LaunchRow, RepoRow, RerunRow } from './tables.ts';

// What is read back here was written by the function next to it, so the casts trust our own file.

const parseEvent = (text: string): Event => JSON.parse(text) as Event;
const parseRequest = (text: string): LaunchRequest => JSON.parse(text) as LaunchRequest;
const parseLabels = (text: string): readonly string[] => JSON.parse(text) as readonly string[];

export const deliveryRow = ({ id, at, event }: Delivery): Omit<DeliveryRow, 'seq'> => ({
  id,
  at,
  event: JSON.stringify(event),
  appliedAt: null,
});

export const deliveryOf = (row: Pick<DeliveryRow, 'id' | 'at' | 'event'>): Delivery => ({
  id: row.id,
  at: row.at,
  event: parseEvent(row.event),
});

export const repoRow = (repo: Repo): RepoRow => ({
  ...repo,
  isPrivate: Number(repo.isPrivate),
  ownerType: repo.ownerType ?? null,
});
export const repoOf = ({ ownerType, isPrivate, ...rest }: RepoRow): Repo => ({
  ...rest,
  isPrivate: isPrivate === 1,
  ...(ownerType === null ? {} : { ownerType }),
});

/** The column cannot be null. */
const UNTOLD = -1;

export const jobRow = ({ labels, hasEnvironment, reason, ...rest }: Job): JobRow => ({
  ...rest,
  labels: JSON.stringify(labels),
  hasEnvironment: hasEnvironment === null ? UNTOLD : Number(hasEnvironment),
  instance: (rest.runnerName !== null && instanceOfRunner(rest.runnerName)) || null,
  reasonCode: reason?.code ?? null,
  reasonText: reason?.text ?? null,
});

export function jobOf(row: JobRow): Job {
  const { labels, hasEnvironment, instance: _, reasonCode, reasonText, ...rest } = row;
  return {
    ...rest,
    labels: parseLabels(labels),
    hasEnvironment: hasEnvironment === UNTOLD ? null : hasEnvironment === 1,
    reason: reasonCode === null ? null : { code: reasonCode, text: reasonText ?? '' },
  };
}

export const launchRow = (launch: Launch): LaunchRow => ({
  ...launch,
  request: launch.request && JSON.stringify(launch.request),
});

export const launchOf = (row: LaunchRow): Launch => ({
  ...row,
  request: row.request === null ? null : parseRequest(row.request),
});

export const instanceRow = (instance: Instance): InstanceRow => ({
  ...instance,
  labels: JSON.stringify(instance.labels),
});

export const instanceOf = (row: InstanceRow): Instance => ({
  ...row,
  labels: parseLabels(row.labels),
  ec2Reason: row.ec2Reason ?? '',
});

export const rerunRow = (rerun: Rerun): RerunRow => ({
  ...rerun,
  names: JSON.stringify(rerun.names),
});

export const rerunOf = (row: RerunRow): Rerun => ({ ...row, names: parseLabels(row.names) });
