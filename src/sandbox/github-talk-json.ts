import { type Special, textOfEntry } from './github-commits.ts';
import { blobOf, type GitHubJson, nodeId, timeOf } from './github-json.ts';
import {
  APP_EVENTS,
  APP_PERMISSIONS,
  type Commit,
  type GitHubState,
  type Repo,
} from './github-state.ts';
import {
  botOf,
  type Check,
  type Comment,
  type Issue,
  type Person,
  type Pull,
  REACTIONS,
  type Reaction,
} from './github-talk-state.ts';

// How GitHub writes issues, pull requests, comments, checks and what the App commits: one shape for
// webhooks and REST, as the published schemas of both allow.

/** Forks have ids of their own; far from all that the model gives. */
const FORK_ID = 1_000_000_000;

type Json = Readonly<Record<string, unknown>>;

export type TalkJson = ReturnType<typeof createTalkJson>;

export function createTalkJson(state: GitHubState, json: GitHubJson) {
  const { knobs } = state;
  const { user, page, repoApi } = json;

  const app = (): Json => {
    const [owner] = state.owners.values();
    return {
      id: knobs.appId,
      slug: knobs.slug,
      node_id: `A_${knobs.appId}`,
      owner: owner === undefined ? null : user(owner),
      name: knobs.slug,
      description: null,
      external_url: knobs.url,
      html_url: `${knobs.url}/apps/${knobs.slug}`,
      created_at: '2026-01-01T00:00:00Z',
      updated_at: '2026-01-01T00:00:00Z',
      permissions: APP_PERMISSIONS,
      events: APP_EVENTS,
    };
  };

  const appIf = (by: Person): Json | null => (by.id === botOf(state).id ? app() : null);

  /** A word on the author, from which nobody may conclude what the author may do. */
  const association = (repo: Repo, by: Person): string => {
    if (by.id === repo.owner.id) return 'OWNER';
    return repo.talk.roles.has(by.login.toLowerCase()) ? 'COLLABORATOR' : 'NONE';
  };

  const reactions = (url: string, given: readonly Reaction[]): Json => ({
    url: `${url}/reactions`,
    total_count: given.length,
    ...Object.fromEntries(
      REACTIONS.map((content) => [content, given.filter((one) => one.content === content).length]),
    ),
  });

  const issue = (repo: Repo, of: Issue): Json => {
    const url = `${repoApi(repo)}/issues/${of.number}`;
    const html = `${page(repo)}/${of.pull === null ? 'issues' : 'pull'}/${of.number}`;
    const closedAt = of.pull?.closedAt ?? null;
    const pull = `${repoApi(repo)}/pulls/${of.number}`;
    const links = {
      url: pull,
      html_url: html,
      diff_url: `${html}.diff`,
      patch_url: `${html}.patch`,
      merged_at: of.pull?.merged ? timeOf(of.pull.merged.at) : null,
    };
    return {
      url,
      repository_url: repoApi(repo),
      labels_url: `${url}/labels{/name}`,
      comments_url: `${url}/comments`,
      events_url: `${url}/events`,
      timeline_url: `${url}/timeline`,
      html_url: html,
      id: of.id,
      node_id: nodeId('I', of.id),
      number: of.number,
      title: of.title,
      user: user(of.by),
      labels: [],
      state: closedAt === null ? 'open' : 'closed',
      locked: of.isLocked,
      assignee: null,
      assignees: [],
      milestone: null,
      comments: [...repo.talk.comments.values()].filter((one) => one.issue === of).length,
      created_at: timeOf(of.createdAt),
      updated_at: timeOf(of.createdAt),
      closed_at: closedAt === null ? null : timeOf(closedAt),
      author_association: association(repo, of.by),
      active_lock_reason: null,
      body: of.body,
      reactions: reactions(url, []),
      performed_via_github_app: appIf(of.by),
      ...(of.pull === null ? {} : { draft: false, pull_request: links }),
    };
  };

  const comment = (repo: Repo, of: Comment): Json => {
    const url = `${repoApi(repo)}/issues/comments/${of.id}`;
    const html = `${page(repo)}/${of.issue.pull === null ? 'issues' : 'pull'}/${of.issue.number}`;
    return {
      url,
      html_url: `${html}#issuecomment-${of.id}`,
      issue_url: `${repoApi(repo)}/issues/${of.issue.number}`,
      id: of.id,
      node_id: nodeId('IC', of.id),
      user: user(of.by),
      created_at: timeOf(of.createdAt),
      updated_at: timeOf(of.changedAt),
      author_association: association(repo, of.by),
      body: of.body,
      reactions: reactions(url, of.reactions),
      performed_via_github_app: appIf(of.by),
    };
  };

  const reaction = (of: Reaction): Json => ({
    id: of.id,
    node_id: nodeId('REA', of.id),
    user: user(of.by),
    content: of.content,
    created_at: timeOf(of.at),
  });

  const branchOf = (repo: Repo, name: string, sha: string): Json => ({
    label: `${repo.owner.login}:${name}`,
    ref: name,
    sha,
    user: user(repo.owner),
    repo: json.repository(repo),
  });

  const forkOf = (repo: Repo, { head, headSha }: Pull): Json => ({
    ...branchOf(repo, head, headSha),
    repo: { ...json.repository(repo), id: repo.id + FORK_ID, fork: true },
  });

  /** An entry of a pull request's files; null: it deletes the file. */
  const pullFile = (
    repo: Repo,
    of: Pull,
    [path, entry]: readonly [string, string | Special | null],
  ): Json => ({
    sha: entry === null ? null : blobOf(textOfEntry(entry)),
    filename: path,
    status: entry === null ? 'removed' : 'modified',
    additions: 1,
    deletions: 0,
    changes: 1,
    blob_url: `${page(repo)}/blob/${of.headSha}/${path}`,
    raw_url: `${page(repo)}/raw/${of.headSha}/${path}`,
    contents_url: `${repoApi(repo)}/contents/${path}?ref=${of.headSha}`,
  });

  const pull = (repo: Repo, of: Pull): Json => {
    const { issue: about, merged } = of;
    const url = `${repoApi(repo)}/pulls/${about.number}`;
    const html = `${page(repo)}/pull/${about.number}`;
    const issueUrl = `${repoApi(repo)}/issues/${about.number}`;
    const more = {
      html_url: html,
      issue_url: issueUrl,
      comments_url: `${issueUrl}/comments`,
      commits_url: `${url}/commits`,
      review_comments_url: `${url}/comments`,
      review_comment_url: `${url}/comments{/number}`,
      statuses_url: `${repoApi(repo)}/statuses/${of.headSha}`,
    };
    const links = Object.entries({ self_url: url, ...more }).map(([name, href]) => [
      name.replace(/_url$/, ''),
      { href },
    ]);
    return {
      url,
      id: about.id,
      node_id: nodeId('PR', about.id),
      ...more,
      diff_url: `${html}.diff`,
      patch_url: `${html}.patch`,
      number: about.number,
      state: of.closedAt === null ? 'open' : 'closed',
      locked: about.isLocked,
      title: about.title,
      user: user(about.by),
      body: about.body,
      created_at: timeOf(about.createdAt),
      updated_at: timeOf(of.closedAt ?? about.createdAt),
      closed_at: of.closedAt === null ? null : timeOf(of.closedAt),
      merged_at: merged === null ? null : timeOf(merged.at),
      merge_commit_sha: merged?.sha ?? null,
      assignee: null,
      assignees: [],
      requested_reviewers: [],
      requested_teams: [],
      labels: [],
      milestone: null,
      head: of.isFork ? forkOf(repo, of) : branchOf(repo, of.head, of.headSha),
      base: branchOf(repo, of.base, repo.branches.get(of.base) ?? of.headSha),
      _links: Object.fromEntries(links),
      author_association: association(repo, about.by),
      auto_merge: null,
      active_lock_reason: null,
      draft: false,
      merged: merged !== null,
      mergeable: null,
      rebaseable: null,
      mergeable_state: 'unknown',
      merged_by: merged === null ? null : user(merged.by),
      comments: 0,
      review_comments: 0,
      maintainer_can_modify: false,
      commits: 1,
      additions: 1,
      deletions: 0,
      changed_files: 1,
    };
  };

  const check = (repo: Repo, of: Check): Json => {
    const url = `${repoApi(repo)}/check-runs/${of.id}`;
    return {
      id: of.id,
      node_id: nodeId('CR', of.id),
      head_sha: of.sha,
      external_id: '',
      url,
      html_url: `${page(repo)}/runs/${of.id}`,
      details_url: `${page(repo)}/runs/${of.id}`,
      status: of.status,
      conclusion: of.conclusion,
      started_at: timeOf(of.startedAt),
      completed_at: of.completedAt === null ? null : timeOf(of.completedAt),
      output: {
        title: of.title,
        summary: of.summary,
        text: null,
        annotations_count: of.annotations.length,
        annotations_url: `${url}/annotations`,
      },
      name: of.name,
      check_suite: { id: of.id },
      app: app(),
      pull_requests: [],
    };
  };

  const ref = (repo: Repo, branch: string): Json => {
    const sha = repo.branches.get(branch) ?? '';
    return {
      ref: `refs/heads/${branch}`,
      node_id: `REF_${Buffer.from(branch).toString('base64url')}`,
      url: `${repoApi(repo)}/git/refs/heads/${branch}`,
      object: { type: 'commit', sha, url: `${repoApi(repo)}/git/commits/${sha}` },
    };
  };

  /** What a PUT of contents answers. */
  const written = (repo: Repo, path: string, of: Commit): Json => {
    const by = { name: of.author, email: 'noreply@github.example', date: timeOf(of.at) };
    const parent = of.parent ?? '';
    const text = of.files.get(path) ?? '';
    const entry = { kind: 'file', text, sha: blobOf(text), isLink: false } as const;
    const { content: _, encoding: __, ...shown } = json.content(repo, path, entry);
    return {
      content: { ...shown, download_url: `${page(repo)}/raw/${path}` },
      commit: {
        sha: of.sha,
        node_id: `C_${of.sha}`,
        url: `${repoApi(repo)}/git/commits/${of.sha}`,
        html_url: `${page(repo)}/commit/${of.sha}`,
        author: by,
        committer: by,
        message: of.message,
        tree: { sha: of.sha, url: `${repoApi(repo)}/git/trees/${of.sha}` },
        parents: [
          {
            sha: parent,
            url: `${repoApi(repo)}/git/commits/${parent}`,
            html_url: `${page(repo)}/commit/${parent}`,
          },
        ],
        verification: { verified: true, reason: 'valid', signature: null, payload: null },
      },
    };
  };

  return { app, issue, comment, reaction, pull, pullFile, check, ref, written };
}
