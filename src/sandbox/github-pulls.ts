import { assert } from '../lib/assert.ts';
import { done, type Reply } from '../model/reply.ts';
import { ancestry, type Commits, entryOf, type Files } from './github-commits.ts';
import type { Issues, TalkParts } from './github-issues.ts';
import { NOT_FOUND, refuse } from './github-refusal.ts';
import type { GitHubState, Repo } from './github-state.ts';
import { botOf, type Person, type Pull, personOf } from './github-talk-state.ts';

export interface PullSpec {
  readonly head: string;
  readonly base: string;
  readonly title: string;
  readonly body: string;
  /** Its commits are of a fork; the branch then stands here for the fork's. */
  readonly isFork?: boolean;
}

/** Pull requests within a repository. `open` and `close` are the App's doing, the rest a person's. */
export interface Pulls {
  open(repo: Repo, spec: PullSpec): Reply<Pull>;
  find(repo: Repo, number: number): Reply<Pull>;
  /** Newest first. */
  all(repo: Repo): readonly Pull[];
  /** Text by path of what it changes; null: deleted. */
  changes(repo: Repo, pull: Pull): Files;
  close(repo: Repo, number: number): Reply<Pull>;
  closePull(repo: Repo, number: number, by?: string): void;
  /** Commits to the base what the head changed; gives the commit. */
  merge(repo: Repo, number: number, by?: string): string;
  /** To be told of a branch that was moved or deleted. */
  followBranch(repo: Repo, branch: string): void;
}

/** What a branch changed since it left the other. */
function changesOf(repo: Repo, head: string, base: string): Files {
  const inBase = new Set(ancestry(repo, repo.branches.get(base)).map(({ sha }) => sha));
  const left = ancestry(repo, head).find(({ sha }) => inBase.has(sha))?.files ?? new Map();
  const commit = repo.commits.get(head);
  const now = commit?.files ?? new Map<string, string>();
  const changed = [...now]
    .filter(([path, text]) => left.get(path) !== text)
    .map(([path, text]) => [path, (commit && entryOf(commit, path)) ?? text] as const);
  const gone = [...left.keys()].filter((path) => !now.has(path));
  return {
    ...Object.fromEntries(changed),
    ...Object.fromEntries(gone.map((path) => [path, null])),
  };
}

export function createPulls(
  state: GitHubState,
  parts: TalkParts & { readonly issues: Issues; readonly commits: Commits },
): Pulls {
  const { kernel } = state;
  const { hooks, json, talkJson, issues, commits } = parts;

  const tell = (repo: Repo, pull: Pull, action: string, by: Person, more: object = {}) => {
    const { number } = pull.issue;
    kernel.trace(`github: pull request ${repo.name}#${number} ${action}`);
    hooks.sendRepo('pull_request', repo, {
      action,
      number,
      pull_request: talkJson.pull(repo, pull),
      sender: json.user(by),
      ...more,
    });
  };

  const all = (repo: Repo): readonly Pull[] =>
    [...repo.talk.issues.values()].flatMap(({ pull }) => (pull === null ? [] : [pull])).reverse();

  const find = (repo: Repo, number: number): Pull | undefined =>
    repo.talk.issues.get(number)?.pull ?? undefined;

  const close = (repo: Repo, pull: Pull, by: Person) => {
    if (pull.closedAt !== null) return;
    pull.closedAt = kernel.now();
    tell(repo, pull, 'closed', by);
  };

  const openOne = (repo: Repo, number: number): Pull => {
    const pull = find(repo, number);
    assert(pull?.closedAt === null, `#${number} is an open pull request`);
    return pull;
  };

  return {
    open(repo, { head, base, title, body, isFork = false }) {
      const [from, to] = [repo.branches.get(head), repo.branches.get(base)];
      const isOpen = all(repo).some(
        (one) => one.closedAt === null && one.head === head && one.base === base,
      );
      const hasCommits = !ancestry(repo, to).some(({ sha }) => sha === from);
      if (from === undefined || to === undefined || isOpen || !hasCommits) {
        return refuse(422, 'Validation Failed');
      }
      const issue = issues.addIssue(repo, { title, body, by: botOf(state).login });
      const at = { headSha: from, closedAt: null, merged: null };
      const pull: Pull = { issue, head, base, isFork, ...at };
      issue.pull = pull;
      tell(repo, pull, 'opened', issue.by);
      return done(pull);
    },
    find(repo, number) {
      const pull = find(repo, number);
      return pull === undefined ? NOT_FOUND : done(pull);
    },
    all,
    changes: (repo, { headSha, base }) => changesOf(repo, headSha, base),
    close(repo, number) {
      const pull = find(repo, number);
      if (pull === undefined) return NOT_FOUND;
      close(repo, pull, botOf(state));
      return done(pull);
    },
    closePull: (repo, number, by = repo.owner.login) =>
      close(repo, openOne(repo, number), personOf(state, by)),
    merge(repo, number, by = repo.owner.login) {
      const pull = openOne(repo, number);
      const { head, base, headSha } = pull;
      const message = `Merge pull request #${number} from ${repo.owner.login}/${head}`;
      const { sha } = commits.push(repo, changesOf(repo, headSha, base), {
        branch: base,
        message,
        by,
      });
      pull.merged = { at: kernel.now(), by: personOf(state, by), sha };
      close(repo, pull, pull.merged.by);
      return sha;
    },
    followBranch(repo, branch) {
      const sha = repo.branches.get(branch);
      for (const pull of all(repo)) {
        if (pull.head !== branch || pull.closedAt !== null) continue;
        // GitHub closes what has lost its branch.
        if (sha === undefined) close(repo, pull, botOf(state));
        else {
          const before = pull.headSha;
          pull.headSha = sha;
          tell(repo, pull, 'synchronize', pull.issue.by, { before, after: sha });
        }
      }
    },
  };
}
