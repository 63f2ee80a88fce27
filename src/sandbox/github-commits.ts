import { done, type Refused, type Reply } from '../model/reply.ts';
import type { Hooks } from './github-hooks.ts';
import { blobOf, type GitHubJson } from './github-json.ts';
import { refuse } from './github-refusal.ts';
import type { Commit, GitHubState, Repo } from './github-state.ts';
import { botOf, personOf } from './github-talk-state.ts';

/** Text by path, or what else there is; null deletes. */
export type Files = Readonly<Record<string, string | Special | null>>;

export type Special = { readonly link: string } | { readonly submodule: string };

/** What git keeps of it. */
export const textOfEntry = (entry: string | Special): string =>
  typeof entry === 'string' ? entry : 'link' in entry ? entry.link : entry.submodule;

export const entryOf = ({ files, special }: Commit, path: string): string | Special | undefined => {
  const text = files.get(path);
  const kind = special.get(path);
  return text === undefined || kind === undefined
    ? text
    : kind === 'link'
      ? { link: text }
      : { submodule: text };
};

export interface CommitOptions {
  readonly branch?: string;
  readonly message?: string;
  /** A login; the owner's by default. */
  readonly by?: string;
}

export interface FileChange {
  readonly path: string;
  readonly text: string;
  /** The blob that it replaces; null: none was shown. */
  readonly blob: string | null;
  readonly branch: string;
  readonly message: string;
}

/** Commits and branches. What the App does is refused as GitHub refuses it; people may do all. */
export interface Commits {
  /** Makes the branch where there is none, and tells nobody. */
  write(repo: Repo, files: Files, options?: CommitOptions): Commit;
  /** The same, as a push. */
  push(repo: Repo, files: Files, options?: CommitOptions): Commit;
  /** By the App, as a PUT of contents. */
  put(repo: Repo, change: FileChange): Reply<{ readonly commit: Commit; readonly isNew: boolean }>;
  makeBranch(repo: Repo, name: string, sha: string): Reply<null>;
  moveBranch(
    repo: Repo,
    to: { readonly name: string; readonly sha: string; readonly isForced: boolean },
  ): Reply<null>;
  deleteBranch(repo: Repo, name: string): Reply<null>;
  /** From now on the branch takes pull requests only. */
  protect(repo: Repo, branch?: string): void;
  /** Newest first. */
  history(repo: Repo, branch?: string): readonly Commit[];
}

const NO_COMMIT = '0'.repeat(40);
const RULES =
  'Repository rule violations found\n\nChanges must be made through a pull request.\n\n';

/** `ref` is a branch or a commit. */
export const commitAt = (repo: Repo, ref: string): Commit | undefined =>
  repo.commits.get(repo.branches.get(ref.replace(/^refs\/heads\//, '')) ?? ref);

/** A commit and all before it, newest first. */
export function ancestry(repo: Repo, sha: string | undefined): readonly Commit[] {
  const all: Commit[] = [];
  let commit = repo.commits.get(sha ?? '');
  while (commit !== undefined) {
    all.push(commit);
    commit = repo.commits.get(commit.parent ?? '');
  }
  return all;
}

/** Why the App may not put the file there. */
function putProblem(repo: Repo, { path, blob, branch }: FileChange): Refused | undefined {
  const head = commitAt(repo, `refs/heads/${branch}`);
  if (head === undefined || !repo.branches.has(branch)) {
    return refuse(404, `Branch ${branch} not found`);
  }
  if (path.startsWith('.github/workflows/')) {
    return refuse(403, 'refusing to allow a GitHub App to create or update workflow');
  }
  // What GitHub was seen to answer: a blob for a file that is not there is passed over.
  const there = head.files.get(path);
  if (there !== undefined && blob === null) {
    return refuse(422, 'Invalid request.\n\n"sha" wasn\'t supplied.');
  }
  if (there !== undefined && blobOf(there) !== blob) {
    return refuse(409, `${path} does not match ${blob}`);
  }
  return repo.talk.protectedBranches.has(branch) ? refuse(409, RULES) : undefined;
}

interface Move {
  readonly branch: string;
  readonly before: string | null;
  readonly after: Commit | null;
  readonly commits: readonly Commit[];
  readonly by: string;
}

export function createCommits(
  state: GitHubState,
  { hooks, json }: { readonly hooks: Hooks; readonly json: GitHubJson },
  onMoved: (repo: Repo, branch: string) => void,
): Commits {
  const { kernel } = state;

  const tell = (repo: Repo, { branch, before, after, commits, by }: Move) => {
    const [from, to] = [before ?? NO_COMMIT, after?.sha ?? NO_COMMIT];
    kernel.trace(`github: push to ${repo.name} ${branch} ${to.slice(0, 7)}`);
    hooks.sendRepo('push', repo, {
      ref: `refs/heads/${branch}`,
      before: from,
      after: to,
      created: before === null,
      deleted: after === null,
      forced: false,
      base_ref: null,
      compare: `${json.page(repo)}/compare/${from.slice(0, 12)}...${to.slice(0, 12)}`,
      commits: commits.map((commit) => json.commit(repo, commit)),
      head_commit: after === null ? null : json.commit(repo, after),
      pusher: { name: by, email: null },
      sender: json.user(personOf(state, by)),
    });
    onMoved(repo, branch);
  };

  const write: Commits['write'] = (repo, files, options = {}) => {
    const { branch = repo.defaultBranch, by = repo.owner.login } = options;
    const head = repo.branches.get(branch) ?? repo.branches.get(repo.defaultBranch) ?? null;
    const tree = new Map(head === null ? [] : repo.commits.get(head)?.files);
    const special = new Map(head === null ? [] : repo.commits.get(head)?.special);
    for (const [path, entry] of Object.entries(files)) {
      tree.delete(path);
      special.delete(path);
      if (entry === null) continue;
      tree.set(path, textOfEntry(entry));
      if (typeof entry !== 'string') special.set(path, 'link' in entry ? 'link' : 'submodule');
    }
    const commit: Commit = {
      sha: state.hex(40),
      parent: head,
      message: options.message ?? `Change ${Object.keys(files).join(', ')}`,
      author: by,
      files: tree,
      special,
      at: kernel.now(),
    };
    repo.commits.set(commit.sha, commit);
    repo.branches.set(branch, commit.sha);
    return commit;
  };

  const push: Commits['push'] = (repo, files, options = {}) => {
    const { branch = repo.defaultBranch } = options;
    const before = repo.branches.get(branch) ?? null;
    const commit = write(repo, files, options);
    tell(repo, { branch, before, after: commit, commits: [commit], by: commit.author });
    return commit;
  };

  /** A branch made, moved or deleted by the App. */
  const point = (repo: Repo, branch: string, after: Commit | null): Reply<null> => {
    const before = repo.branches.get(branch) ?? null;
    if (after === null) repo.branches.delete(branch);
    else repo.branches.set(branch, after.sha);
    tell(repo, { branch, before, after, commits: [], by: botOf(state).login });
    return done(null);
  };

  return {
    write,
    push,
    put(repo, change) {
      const problem = putProblem(repo, change);
      if (problem !== undefined) return problem;
      const { path, text, branch, message } = change;
      const head = commitAt(repo, branch);
      const isNew = head?.files.has(path) === false;
      // What was a link stays one, and leads to the text from then on.
      const entry = head?.special.get(path) === 'link' ? { link: text } : text;
      const by = botOf(state).login;
      return done({ commit: push(repo, { [path]: entry }, { branch, message, by }), isNew });
    },
    makeBranch(repo, name, sha) {
      const commit = repo.commits.get(sha);
      if (commit === undefined || name === '') return refuse(422, 'Object does not exist');
      if (repo.branches.has(name)) return refuse(422, 'Reference already exists');
      return point(repo, name, commit);
    },
    moveBranch(repo, { name, sha, isForced }) {
      const [before, commit] = [repo.branches.get(name), repo.commits.get(sha)];
      if (before === undefined) return refuse(422, 'Reference does not exist');
      if (commit === undefined) return refuse(422, 'Object does not exist');
      if (repo.talk.protectedBranches.has(name)) return refuse(422, RULES);
      const isForward = ancestry(repo, sha).some((one) => one.sha === before);
      if (!isForced && !isForward) return refuse(422, 'Update is not a fast forward');
      return before === sha ? done(null) : point(repo, name, commit);
    },
    deleteBranch(repo, name) {
      if (!repo.branches.has(name)) return refuse(422, 'Reference does not exist');
      if (repo.talk.protectedBranches.has(name)) return refuse(422, RULES);
      return point(repo, name, null);
    },
    protect(repo, branch = repo.defaultBranch) {
      repo.talk.protectedBranches.add(branch);
    },
    history: (repo, branch = repo.defaultBranch) => ancestry(repo, repo.branches.get(branch)),
  };
}
