import { instantOf } from '../lib/instant.ts';
import type { InstallationId, RepoId } from './ids.ts';
import type { JobReport, JobState } from './job.ts';
import type { RepoFacts } from './repo.ts';

// GitHub writes a job and a repository the same way in a webhook and in a REST answer: read here,
// once, for both. What we do not know is passed over; what we need and cannot read is undefined.

type Fields = Readonly<Record<string, unknown>>;

/** The fields of a JSON object; none for anything else. */
export function fieldsOf(value: unknown): Fields {
  return typeof value === 'object' && value !== null ? (value as Fields) : {};
}

/** Ids go beyond 2^31 and stay below 2^53. */
export function idOf(value: unknown): number | undefined {
  return Number.isSafeInteger(value) && Number(value) > 0 ? Number(value) : undefined;
}

export function textOf(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined;
}

const OWNER_TYPES = ['User', 'Organization'] as const;

/** `value` is a payload's `repository` or a REST answer; a list's short form lacks the owner. */
export function parseRepoFacts(
  value: unknown,
  installation: InstallationId,
): RepoFacts | undefined {
  const fields = fieldsOf(value);
  const owner = fieldsOf(fields['owner']);
  const id = idOf(fields['id']);
  const ownerId = idOf(owner['id']);
  const login = textOf(owner['login']);
  const name = textOf(fields['name']);
  const defaultBranch = textOf(fields['default_branch']);
  const isPrivate = fields['private'];
  const ownerType = OWNER_TYPES.find((one) => one === owner['type']);
  if (id === undefined || ownerId === undefined || typeof isPrivate !== 'boolean') return undefined;
  if (login === undefined || name === undefined || defaultBranch === undefined) return undefined;
  return {
    ...{ id, owner: login, ownerId, name, defaultBranch, isPrivate, installation },
    ...(ownerType === undefined ? {} : { ownerType }),
  };
}

/**
 * A REST job's status. `pending` waits for its concurrency group and `requested` is not queued yet:
 * neither can be handed to a runner, so both are `waiting`.
 */
const STATE_OF: ReadonlyMap<unknown, JobState> = new Map<unknown, JobState>([
  ['queued', 'queued'],
  ['in_progress', 'in_progress'],
  ['completed', 'completed'],
  ['waiting', 'waiting'],
  ['pending', 'waiting'],
  ['requested', 'waiting'],
]);

/** A webhook's action wins over the status, but `queued` with status `waiting` needs an approval. */
function stateOf(status: unknown, action: JobState | undefined): JobState | undefined {
  if (action === undefined) return STATE_OF.get(status);
  return action === 'queued' && status === 'waiting' ? 'waiting' : action;
}

export interface JobContext {
  readonly repo: RepoId;
  /** The webhook's action; absent for a REST answer. */
  readonly state?: JobState;
  /** The webhook has a `deployment`; REST does not say. */
  readonly hasEnvironment?: boolean;
}

/** `value` is a payload's `workflow_job` or a REST answer's job. */
export function parseJobReport(value: unknown, context: JobContext): JobReport | undefined {
  const fields = fieldsOf(value);
  const id = idOf(fields['id']);
  const run = idOf(fields['run_id']);
  const name = textOf(fields['name']);
  const sha = textOf(fields['head_sha']);
  const labels = labelsOf(fields['labels']);
  const state = stateOf(fields['status'], context.state);
  const queuedAt = instantOf(fields['created_at']);
  if (id === undefined || run === undefined || name === undefined || sha === undefined)
    return undefined;
  if (labels === undefined || state === undefined || queuedAt === undefined) return undefined;
  const runnerId = idOf(fields['runner_id']) ?? null;
  return {
    id,
    repo: context.repo,
    run,
    attempt: idOf(fields['run_attempt']) ?? 1,
    name,
    workflow: textOf(fields['workflow_name']) ?? '',
    sha,
    labels,
    state,
    conclusion: textOf(fields['conclusion']) ?? null,
    runnerId,
    runnerName: textOf(fields['runner_name']) ?? null,
    queuedAt,
    startedAt: hasStarted(state, runnerId) ? (instantOf(fields['started_at']) ?? null) : null,
    completedAt: state === 'completed' ? (instantOf(fields['completed_at']) ?? null) : null,
    hasEnvironment: context.hasEnvironment ?? null,
  };
}

/** GitHub fills `started_at` from the start, also for a job that never ran. */
function hasStarted(state: JobState, runnerId: number | null): boolean {
  return state === 'in_progress' || (state === 'completed' && runnerId !== null);
}

function labelsOf(value: unknown): readonly string[] | undefined {
  if (!Array.isArray(value)) return undefined;
  return value.every((label) => typeof label === 'string') ? value : undefined;
}
