import { done, type Refused, type Reply } from '../model/reply.ts';
import { NOT_FOUND, refuse } from './github-refusal.ts';
import type { GitHubState, Repo } from './github-state.ts';
import type { Annotation, Check } from './github-talk-state.ts';

/** What is not given stays as it was; annotations are added to those that are there. */
export interface CheckChange {
  readonly name?: string;
  readonly status?: string;
  readonly conclusion?: string;
  readonly output?: {
    readonly title: string;
    readonly summary: string;
    readonly annotations: readonly Annotation[];
  };
}

/** The App's check runs, within GitHub's limits. */
export interface Checks {
  make(repo: Repo, change: CheckChange & { readonly sha: string }): Reply<Check>;
  change(repo: Repo, id: number, change: CheckChange): Reply<Check>;
  /** Oldest first. */
  of(repo: Repo, sha: string): readonly Check[];
}

const ANNOTATIONS_A_CALL = 50;
const TEXT_LIMIT_BYTES = 65_535;
const MESSAGE_LIMIT_BYTES = 65_536;
const LEVELS = ['notice', 'warning', 'failure'];
const STATUSES = ['queued', 'in_progress', 'completed'];
const CONCLUSIONS = [
  'success',
  'failure',
  'neutral',
  'cancelled',
  'skipped',
  'timed_out',
  'action_required',
];

const isAnnotation = (of: Annotation): boolean =>
  of.path !== '' &&
  LEVELS.includes(of.level) &&
  of.startLine >= 1 &&
  of.endLine >= of.startLine &&
  (of.startLine === of.endLine || (of.startColumn === null && of.endColumn === null)) &&
  of.message !== '' &&
  Buffer.byteLength(of.message) <= MESSAGE_LIMIT_BYTES;

function problemOf({ name, status, conclusion, output }: CheckChange): Refused | undefined {
  const annotations = output?.annotations ?? [];
  const isFine =
    name !== '' &&
    (status === undefined || STATUSES.includes(status)) &&
    (conclusion === undefined || CONCLUSIONS.includes(conclusion)) &&
    (conclusion === undefined || status === undefined || status === 'completed') &&
    annotations.length <= ANNOTATIONS_A_CALL &&
    annotations.every(isAnnotation) &&
    Buffer.byteLength(output?.summary ?? '') <= TEXT_LIMIT_BYTES;
  return isFine ? undefined : refuse(422, 'Invalid request.');
}

export function createChecks(state: GitHubState): Checks {
  const { kernel } = state;

  const apply = (check: Check, { name, status, conclusion, output }: CheckChange): Reply<Check> => {
    check.name = name ?? check.name;
    check.conclusion = conclusion ?? (status === undefined ? check.conclusion : null);
    // A conclusion is the end, whatever is said beside it.
    check.status = check.conclusion === null ? (status ?? check.status) : 'completed';
    check.completedAt = check.status === 'completed' ? kernel.now() : null;
    check.title = output?.title ?? check.title;
    check.summary = output?.summary ?? check.summary;
    check.annotations.push(...(output?.annotations ?? []));
    kernel.trace(`github: check ${check.name} ${check.conclusion ?? check.status}`);
    return done(check);
  };

  const isUnended = ({ status, conclusion }: CheckChange) =>
    status === 'completed' && conclusion === undefined;

  return {
    make(repo, { sha, ...change }) {
      if (!repo.commits.has(sha)) return refuse(422, `No commit found for SHA: ${sha}`);
      const problem = problemOf({ name: '', ...change });
      if (problem !== undefined) return problem;
      if (isUnended(change)) return refuse(422, 'Invalid request.');
      const check: Check = {
        id: state.nextId('other'),
        sha,
        startedAt: kernel.now(),
        annotations: [],
        name: '',
        status: 'queued',
        conclusion: null,
        completedAt: null,
        title: '',
        summary: '',
      };
      repo.talk.checks.set(check.id, check);
      return apply(check, change);
    },
    change(repo, id, change) {
      const check = repo.talk.checks.get(id);
      // A job's own check is the Actions app's.
      if (state.jobs.has(id)) return refuse(403, 'Invalid app_id');
      if (check === undefined) return NOT_FOUND;
      const problem = problemOf(change);
      if (problem !== undefined) return problem;
      if (isUnended(change) && check.conclusion === null) return refuse(422, 'Invalid request.');
      return apply(check, change);
    },
    of: (repo, sha) => [...repo.talk.checks.values()].filter((check) => check.sha === sha),
  };
}
