import { instantOf } from '../lib/instant.ts';
import type { Event } from '../model/event.ts';
import { fieldsOf, idOf, parseJobReport, parseRepoFacts, textOf } from '../model/github-json.ts';
import type { RepoId } from '../model/ids.ts';
import type { JobState } from '../model/job.ts';
import { isOurs } from '../model/labels.ts';

// webhook: a payload becomes an Event of ours, and nothing is decided. The listener verifies it,
// writes it down and answers; what it means is the store's and the plan's business.

/** `ignored`: understood, and none of our business. `malformed`: not what GitHub documents. */
export type Parsed =
  | { readonly ok: true; readonly event: Event }
  | { readonly ok: false; readonly why: 'ignored' | 'malformed' };

const ignored: Parsed = { ok: false, why: 'ignored' };
const malformed: Parsed = { ok: false, why: 'malformed' };

const JOB_ACTIONS: ReadonlyMap<unknown, JobState> = new Map<unknown, JobState>([
  ['queued', 'queued'],
  ['waiting', 'waiting'],
  ['in_progress', 'in_progress'],
  ['completed', 'completed'],
]);

/** `label` is the one that makes a job ours. */
export function parseEvent(name: string, payload: object, label: string): Parsed {
  const fields = fieldsOf(payload);
  if (name === 'workflow_job') return parseJob(fields, label);
  if (name === 'push') return parsePush(fields);
  if (name === 'repository') return parseRepository(fields);
  if (name === 'issue_comment') return parseComment(fields);
  if (name === 'pull_request') return parsePull(fields);
  if (name === 'installation') return parseInstallation(fields);
  if (name === 'installation_repositories') return parseInstallationRepositories(fields);
  return ignored;
}

type Fields = Readonly<Record<string, unknown>>;

function repoOf(fields: Fields) {
  const installation = idOf(fieldsOf(fields['installation'])['id']);
  return installation === undefined
    ? undefined
    : parseRepoFacts(fields['repository'], installation);
}

function parseJob(fields: Fields, label: string): Parsed {
  const state = JOB_ACTIONS.get(fields['action']);
  if (!state) return ignored;
  const repo = repoOf(fields);
  const hasEnvironment = fields['deployment'] !== undefined && fields['deployment'] !== null;
  const job =
    repo && parseJobReport(fields['workflow_job'], { repo: repo.id, state, hasEnvironment });
  if (!repo || !job) return malformed;
  return isOurs(job.labels, label) ? { ok: true, event: { kind: 'job', job, repo } } : ignored;
}

function parsePush(fields: Fields): Parsed {
  const repo = repoOf(fields);
  const ref = textOf(fields['ref']);
  if (!repo || !ref) return malformed;
  const branch = /^refs\/heads\/(.+)$/.exec(ref)?.[1];
  if (branch !== repo.defaultBranch) return ignored;
  const commit = fields['deleted'] === true ? null : (textOf(fields['after']) ?? null);
  return { ok: true, event: { kind: 'push', repo, branch, commit } };
}

const REPOSITORY_ACTIONS = ['renamed', 'transferred', 'deleted', 'edited'] as const;

function parseRepository(fields: Fields): Parsed {
  const action = REPOSITORY_ACTIONS.find((one) => one === fields['action']);
  if (!action) return ignored;
  const repo = repoOf(fields);
  return repo ? { ok: true, event: { kind: 'repository', action, repo } } : malformed;
}

/** A line that may be a command; the grammar has the last word. */
const MAY_BE_COMMAND = /^ {0,3}\/dstack(?:\s|$)/m;

function parseComment(fields: Fields): Parsed {
  const comment = fieldsOf(fields['comment']);
  const sender = fieldsOf(fields['sender']);
  const { body } = comment;
  // Only what was just written: an edit can be made by somebody else than the author.
  if (fields['action'] !== 'created' || typeof body !== 'string') return ignored;
  if (!MAY_BE_COMMAND.test(body) || sender['type'] === 'Bot') return ignored;
  const repo = repoOf(fields);
  const id = idOf(comment['id']);
  const issue = idOf(fieldsOf(fields['issue'])['number']);
  const login = textOf(sender['login']);
  const createdAt = instantOf(comment['created_at']);
  if (!repo || id === undefined || issue === undefined || login === undefined) return malformed;
  if (createdAt === undefined) return malformed;
  const url = textOf(comment['html_url']) ?? '';
  const said = { id, issue, body, url, login, createdAt };
  return { ok: true, event: { kind: 'comment', repo, comment: said } };
}

const NEW_HEADS: ReadonlySet<unknown> = new Set(['opened', 'synchronize', 'reopened']);

function parsePull(fields: Fields): Parsed {
  const isNewHead = NEW_HEADS.has(fields['action']);
  if (!isNewHead && fields['action'] !== 'closed') return ignored;
  const repo = repoOf(fields);
  const pull = fieldsOf(fields['pull_request']);
  const number = idOf(pull['number']);
  if (!repo || number === undefined) return malformed;
  if (isNewHead) {
    const head = fieldsOf(pull['head']);
    const sha = textOf(head['sha']);
    if (sha === undefined) return malformed;
    // What goes to another branch changes no rules when it is merged.
    if (fieldsOf(pull['base'])['ref'] !== repo.defaultBranch) return ignored;
    // A fork that is gone was one.
    const isFork = idOf(fieldsOf(head['repo'])['id']) !== repo.id;
    return { ok: true, event: { kind: 'proposal', repo, number, sha, isFork } };
  }
  return { ok: true, event: { kind: 'pull', repo, number, isMerged: pull['merged'] === true } };
}

const INSTALLATION_ACTIONS: ReadonlyMap<unknown, 'added' | 'removed'> = new Map<
  unknown,
  'added' | 'removed'
>([
  ['created', 'added'],
  ['unsuspend', 'added'],
  ['deleted', 'removed'],
  ['suspend', 'removed'],
]);

function parseInstallation(fields: Fields): Parsed {
  const action = INSTALLATION_ACTIONS.get(fields['action']);
  if (!action) return ignored;
  const ids = installationIds(fields);
  return ids
    ? { ok: true, event: { kind: 'installation', action, ...ids, repos: null } }
    : malformed;
}

function parseInstallationRepositories(fields: Fields): Parsed {
  const action = fields['action'];
  if (action !== 'added' && action !== 'removed') return ignored;
  const ids = installationIds(fields);
  const repos = repoIds(fields[`repositories_${action}`]);
  return ids && repos
    ? { ok: true, event: { kind: 'installation', action, ...ids, repos } }
    : malformed;
}

function installationIds(fields: Fields) {
  const one = fieldsOf(fields['installation']);
  const installation = idOf(one['id']);
  const ownerId = idOf(fieldsOf(one['account'])['id']);
  return installation === undefined || ownerId === undefined
    ? undefined
    : { installation, ownerId };
}

function repoIds(value: unknown): readonly RepoId[] | undefined {
  if (!Array.isArray(value)) return undefined;
  const ids = value.map((one: unknown) => idOf(fieldsOf(one)['id']));
  return ids.every((id) => id !== undefined) ? ids : undefined;
}
