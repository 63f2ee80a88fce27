import { createHash } from 'node:crypto';
import type { Instant } from '../lib/clock.ts';
import { isoOf } from '../lib/instant.ts';
import type { Content } from './github-contents.ts';
import type { HookDelivery } from './github-hooks.ts';
import { ORG_LINKS, REPO_COUNTS, REPO_FLAGS, REPO_LINKS, USER_LINKS } from './github-links.ts';
import {
  APP_EVENTS,
  type Commit,
  type GitHubState,
  type Installation,
  type Job,
  type JobFacts,
  type Owner,
  type Repo,
  type Run,
  type Runner,
  type RunnerState,
  WORKFLOW_PATH,
} from './github-state.ts';
import type { Person } from './github-talk-state.ts';

// How GitHub writes things, in webhooks and in REST answers: shapes of its published schemas, which
// the tests hold against them.

type Json = Readonly<Record<string, unknown>>;

/** GitHub's times are whole seconds. */
export const timeOf = (at: Instant): string =>
  isoOf(Math.floor(at / 1000) * 1000).replace('.000Z', 'Z');

const maybeTime = (at: Instant | null): string | null => (at === null ? null : timeOf(at));

export const nodeId = (kind: string, id: number): string =>
  `${kind}_${Buffer.from(String(id)).toString('base64url')}`;

const links = (base: string, paths: Readonly<Record<string, string>>): Json =>
  Object.fromEntries(Object.entries(paths).map(([name, path]) => [`${name}_url`, base + path]));

/** Git's own name for a text. */
export function blobOf(text: string): string {
  const bytes = Buffer.from(text);
  return createHash('sha1').update(`blob ${bytes.length}\0`).update(bytes).digest('hex');
}

/** GitHub hands out no more of a file than this. */
export const CONTENT_LIMIT_BYTES = 1_000_000;

function kindOf(of: Exclude<Content, { kind: 'folder' }>): Json {
  if (of.kind === 'symlink') return { type: 'symlink', target: of.target, size: of.target.length };
  if (of.kind === 'submodule') return { type: 'submodule', submodule_git_url: of.url, size: 0 };
  const bytes = Buffer.from(of.text);
  const isShown = bytes.length <= CONTENT_LIMIT_BYTES;
  return {
    type: 'file',
    encoding: isShown ? 'base64' : 'none',
    size: bytes.length,
    content: isShown ? bytes.toString('base64').replace(/.{60}/g, '$&\n') : '',
  };
}

export type GitHubJson = ReturnType<typeof createJson>;

export function createJson({ knobs }: Pick<GitHubState, 'knobs'>) {
  const { url } = knobs;
  const api = `${url}/api/v3`;

  const made = new Map<string, Json>();

  const user = ({ id, login, type }: Person): Json => {
    // The brackets of a bot's name.
    const name = encodeURIComponent(login);
    return {
      login,
      id,
      node_id: nodeId('U', id),
      avatar_url: `${url}/avatars/${id}`,
      gravatar_id: '',
      url: `${api}/users/${name}`,
      html_url: `${url}/${name}`,
      ...links(`${api}/users/${name}`, USER_LINKS),
      type,
      site_admin: false,
    };
  };

  const organization = ({ id, login }: Owner): Json => ({
    login,
    id,
    node_id: nodeId('O', id),
    url: `${api}/orgs/${login}`,
    ...links(`${api}/orgs/${login}`, ORG_LINKS),
    avatar_url: `${url}/avatars/${id}`,
    description: null,
  });

  const fullName = (repo: Repo): string => `${repo.owner.login}/${repo.name}`;
  const repoApi = (repo: Repo): string => `${api}/repos/${fullName(repo)}`;
  const page = (repo: Repo): string => `${url}/${fullName(repo)}`;

  const shortRepo = (repo: Repo): Json => ({
    id: repo.id,
    node_id: nodeId('R', repo.id),
    name: repo.name,
    full_name: fullName(repo),
    private: repo.isPrivate,
  });

  /** Every webhook carries it, so it is made once for each name that a repository has. */
  const repository = (repo: Repo): Json => {
    const key = `${repo.id} ${fullName(repo)} ${repo.defaultBranch}`;
    const known = made.get(key) ?? makeRepository(repo);
    made.set(key, known);
    return known;
  };

  const makeRepository = (repo: Repo): Json => ({
    ...shortRepo(repo),
    owner: user(repo.owner),
    html_url: page(repo),
    description: null,
    url: repoApi(repo),
    ...links(repoApi(repo), REPO_LINKS),
    git_url: `${page(repo).replace(/^https?/, 'git')}.git`,
    ssh_url: `git@${new URL(url).hostname}:${fullName(repo)}.git`,
    clone_url: `${page(repo)}.git`,
    svn_url: page(repo),
    created_at: timeOf(repo.createdAt),
    updated_at: timeOf(repo.createdAt),
    pushed_at: timeOf(repo.createdAt),
    homepage: null,
    language: null,
    mirror_url: null,
    license: null,
    topics: [],
    custom_properties: {},
    visibility: repo.isPrivate ? 'private' : 'public',
    default_branch: repo.defaultBranch,
    ...REPO_COUNTS,
    ...REPO_FLAGS,
  });

  const installation = (of: Installation): Json => ({
    id: of.id,
    account: user(of.owner),
    repository_selection: of.repos === null ? 'all' : 'selected',
    access_tokens_url: `${api}/app/installations/${of.id}/access_tokens`,
    repositories_url: `${api}/installation/repositories`,
    html_url: `${url}/settings/installations/${of.id}`,
    app_id: knobs.appId,
    app_slug: knobs.slug,
    target_id: of.owner.id,
    target_type: of.owner.type,
    permissions: of.permissions,
    events: APP_EVENTS,
    created_at: timeOf(of.createdAt),
    updated_at: timeOf(of.createdAt),
    single_file_name: null,
    has_multiple_single_files: false,
    single_file_paths: [],
    suspended_by: of.suspendedAt === null ? null : user(of.owner),
    suspended_at: maybeTime(of.suspendedAt),
  });

  const installationLite = ({ id }: Installation): Json => ({ id, node_id: nodeId('IN', id) });

  /** A job that ended without a runner has 0 and '' where a waiting one has null. */
  const runnerOf = ({ state, runner }: JobFacts): Json => {
    const none = state === 'completed' ? { id: 0, text: '' } : { id: null, text: null };
    return {
      runner_id: runner?.id ?? none.id,
      runner_name: runner?.name ?? none.text,
      runner_group_id: runner === null ? none.id : (runner.host.group?.id ?? 1),
      runner_group_name: runner === null ? none.text : (runner.host.group?.name ?? 'Default'),
    };
  };

  const job = (of: Job, facts: JobFacts = of.facts.now): Json => {
    const { run } = of;
    const here = repoApi(run.repo);
    return {
      id: of.id,
      run_id: run.id,
      workflow_name: run.workflow,
      head_branch: run.branch,
      run_url: `${here}/actions/runs/${run.id}`,
      run_attempt: of.attempt,
      node_id: nodeId('CR', of.id),
      head_sha: run.sha,
      url: `${here}/actions/jobs/${of.id}`,
      html_url: `${page(run.repo)}/actions/runs/${run.id}/job/${of.id}`,
      status: facts.state,
      conclusion: facts.conclusion,
      created_at: timeOf(of.createdAt),
      // Set from the start, and to the end for a job that never began: it is no runner's start.
      started_at: timeOf(facts.startedAt ?? facts.completedAt ?? of.createdAt),
      completed_at: maybeTime(facts.completedAt),
      name: of.spec.name,
      steps: [],
      check_run_url: `${here}/check-runs/${of.id}`,
      labels: of.spec.labels,
      ...runnerOf(facts),
    };
  };

  /** In a push. */
  const commit = (repo: Repo, of: Commit): Json => {
    const before = repo.commits.get(of.parent ?? '')?.files ?? new Map<string, string>();
    const by = { name: of.author, email: null, username: of.author };
    return {
      id: of.sha,
      tree_id: of.sha,
      distinct: true,
      message: of.message,
      timestamp: timeOf(of.at),
      url: `${page(repo)}/commit/${of.sha}`,
      author: by,
      committer: by,
      added: [...of.files.keys()].filter((path) => !before.has(path)),
      removed: [...before.keys()].filter((path) => !of.files.has(path)),
      modified: [...before]
        .filter(([path, text]) => {
          const now = of.files.get(path);
          return now !== undefined && now !== text;
        })
        .map(([path]) => path),
    };
  };

  const deployment = (of: Job, environment: string): Json => ({
    url: `${repoApi(of.run.repo)}/deployments/${of.id}`,
    id: of.id,
    node_id: nodeId('DE', of.id),
    sha: of.run.sha,
    ref: of.run.branch,
    task: 'deploy',
    payload: {},
    original_environment: environment,
    environment,
    description: null,
    creator: user(of.run.repo.owner),
    created_at: timeOf(of.createdAt),
    updated_at: timeOf(of.createdAt),
    statuses_url: `${repoApi(of.run.repo)}/deployments/${of.id}/statuses`,
    repository_url: repoApi(of.run.repo),
  });

  const run = (of: Run, facts: { status: string; conclusion: string | null }): Json => {
    const here = `${repoApi(of.repo)}/actions/runs/${of.id}`;
    const owner = user(of.repo.owner);
    return {
      id: of.id,
      name: of.workflow,
      node_id: nodeId('WFR', of.id),
      head_branch: of.branch,
      head_sha: of.sha,
      path: WORKFLOW_PATH,
      display_title: of.workflow,
      run_number: of.number,
      run_attempt: of.attempt,
      event: of.event,
      ...facts,
      workflow_id: of.repo.id,
      url: here,
      html_url: `${page(of.repo)}/actions/runs/${of.id}`,
      pull_requests: [],
      created_at: timeOf(of.createdAt),
      updated_at: timeOf(of.createdAt),
      run_started_at: timeOf(of.createdAt),
      actor: owner,
      triggering_actor: owner,
      jobs_url: `${here}/jobs`,
      logs_url: `${here}/logs`,
      check_suite_url: `${repoApi(of.repo)}/check-suites/${of.id}`,
      artifacts_url: `${here}/artifacts`,
      cancel_url: `${here}/cancel`,
      rerun_url: `${here}/rerun`,
      previous_attempt_url: null,
      workflow_url: `${repoApi(of.repo)}/actions/workflows/${of.repo.id}`,
      head_commit: null,
      repository: repository(of.repo),
      head_repository: of.isFork ? null : repository(of.repo),
    };
  };

  const runner = (of: Runner, state: RunnerState = of.state.now): Json => ({
    id: of.id,
    runner_group_id: of.host.group?.id ?? 1,
    name: of.name,
    os: of.link === null ? 'unknown' : 'linux',
    status: state.isOnline ? 'online' : 'offline',
    busy: state.isBusy,
    ephemeral: true,
    labels: of.labels.map((name, i) => ({ id: i + 1, name, type: 'custom' })),
  });

  const content = (repo: Repo, path: string, of: Exclude<Content, { kind: 'folder' }>): Json => {
    const { sha } = of;
    const at = `${repoApi(repo)}/contents/${path}`;
    const git = `${repoApi(repo)}/git/blobs/${sha}`;
    const html = `${page(repo)}/blob/${repo.defaultBranch}/${path}`;
    return {
      ...kindOf(of),
      name: path.split('/').at(-1) ?? path,
      path,
      sha,
      url: at,
      git_url: git,
      html_url: html,
      download_url: null,
      _links: { self: at, git, html },
    };
  };

  const delivery = (of: HookDelivery): Json => ({
    id: of.id,
    guid: of.guid,
    delivered_at: timeOf(of.at),
    redelivery: of.isRedelivery,
    duration: of.durationMs / 1000,
    status: of.status,
    status_code: of.statusCode,
    event: of.event,
    action: of.action,
    installation_id: of.installation,
    repository_id: of.repo,
    throttled_at: null,
  });

  return {
    user,
    organization,
    shortRepo,
    repository,
    installation,
    installationLite,
    job,
    commit,
    deployment,
    run,
    runner,
    content,
    delivery,
    page,
    repoApi,
  };
}
