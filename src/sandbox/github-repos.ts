import type { InstallationId, RepoId } from '../model/ids.ts';
import type { Hooks } from './github-hooks.ts';
import type { GitHubJson } from './github-json.ts';
import {
  type Commit,
  type GitHubState,
  type Installation,
  type Owner,
  type Permissions,
  type Repo,
  reposOf,
} from './github-state.ts';

/** What app.yml asks for. */
const APP_PERMISSIONS: Permissions = {
  actions: 'read',
  administration: 'write',
  contents: 'read',
  metadata: 'read',
};

export interface RepoSpec {
  readonly owner: Owner;
  readonly name: string;
  readonly isPrivate?: boolean;
  readonly defaultBranch?: string;
  readonly files?: Readonly<Record<string, string>>;
}

/** Owners, installations and repositories, with what is pushed to them. */
export interface Repos {
  addOwner(login: string, type?: Owner['type']): Owner;
  install(owner: Owner, repos?: readonly Repo[]): Installation;
  uninstall(id: InstallationId): void;
  suspend(id: InstallationId): void;
  unsuspend(id: InstallationId): void;
  select(id: InstallationId, change: { add?: readonly Repo[]; remove?: readonly Repo[] }): void;
  addRepo(spec: RepoSpec): Repo;
  rename(repo: Repo, name: string): void;
  transfer(repo: Repo, owner: Owner): void;
  setDefaultBranch(repo: Repo, branch: string): void;
  deleteRepo(repo: Repo): void;
  /** Text by path, null deletes; makes the branch where there is none. Answers the commit's sha. */
  commit(repo: Repo, files: Readonly<Record<string, string | null>>, branch?: string): string;
  /** `ref` is a branch or a commit; undefined where there is no such file. */
  fileAt(repo: Repo, path: string, ref?: string): string | undefined;
}

const NO_COMMIT = '0'.repeat(40);

export function createRepos(state: GitHubState, hooks: Hooks, json: GitHubJson): Repos {
  const { kernel } = state;
  const log = (line: string) => kernel.trace(`github: ${line}`);

  /** An installation's own events; the sender is the owner, the only person there is. */
  const tell = (event: string, of: Installation, fields: object) =>
    hooks.sendInstallation(event, of, {
      installation: json.installation(of),
      sender: json.user(of.owner),
      ...fields,
    });

  const suspend = (id: InstallationId, isSuspended: boolean) => {
    const of = state.installations.get(id);
    if (of === undefined) return;
    of.suspendedAt = isSuspended ? kernel.now() : null;
    tell('installation', of, { action: isSuspended ? 'suspend' : 'unsuspend' });
  };

  const write = (repo: Repo, files: Readonly<Record<string, string | null>>, branch: string) => {
    const head = repo.branches.get(branch) ?? repo.branches.get(repo.defaultBranch) ?? null;
    const tree = new Map(head === null ? [] : repo.commits.get(head)?.files);
    for (const [path, text] of Object.entries(files)) {
      if (text === null) tree.delete(path);
      else tree.set(path, text);
    }
    const commit: Commit = {
      sha: state.hex(40),
      parent: head,
      message: `Change ${Object.keys(files).join(', ')}`,
      files: tree,
      at: kernel.now(),
    };
    repo.commits.set(commit.sha, commit);
    repo.branches.set(branch, commit.sha);
    return commit;
  };

  const push = (repo: Repo, branch: string, before: string | null, commit: Commit) =>
    hooks.sendRepo('push', repo, {
      ref: `refs/heads/${branch}`,
      before: before ?? NO_COMMIT,
      after: commit.sha,
      created: before === null,
      deleted: false,
      forced: false,
      base_ref: null,
      compare: `${json.page(repo)}/compare/${(before ?? NO_COMMIT).slice(0, 12)}...${commit.sha.slice(0, 12)}`,
      commits: [json.commit(repo, commit)],
      head_commit: json.commit(repo, commit),
      pusher: { name: repo.owner.login, email: null },
    });

  const edited = (repo: Repo, action: string, changes: object) => {
    log(`${repo.name} ${action}`);
    hooks.sendRepo('repository', repo, { action, changes });
  };

  /** GitHub redirects from a former name, until another repository takes it. */
  const leaveName = ({ id, owner, name }: Repo) =>
    state.formerNames.set(`${owner.login}/${name}`.toLowerCase(), id);

  return {
    addOwner(login, type = 'Organization') {
      const owner: Owner = { id: state.nextId('other'), login, type };
      state.owners.set(owner.id, owner);
      return owner;
    },
    install(owner, repos) {
      const of: Installation = {
        id: state.nextId('other'),
        owner,
        createdAt: kernel.now(),
        permissions: APP_PERMISSIONS,
        repos: repos === undefined ? null : new Set(repos.map(({ id }) => id)),
        suspendedAt: null,
      };
      state.installations.set(of.id, of);
      const repositories = reposOf(state, of).map(json.shortRepo);
      tell('installation', of, { action: 'created', repositories });
      return of;
    },
    uninstall(id) {
      const of = state.installations.get(id);
      if (of === undefined) return;
      state.installations.delete(id);
      tell('installation', of, {
        action: 'deleted',
        repositories: reposOf(state, of).map(json.shortRepo),
      });
    },
    suspend: (id) => suspend(id, true),
    unsuspend: (id) => suspend(id, false),
    select(id, { add = [], remove = [] }) {
      const of = state.installations.get(id);
      if (of === undefined) return;
      const ids = new Set<RepoId>(of.repos ?? reposOf(state, of).map((repo) => repo.id));
      for (const repo of add) ids.add(repo.id);
      for (const repo of remove) ids.delete(repo.id);
      of.repos = ids;
      for (const [action, repos] of [
        ['added', add],
        ['removed', remove],
      ] as const) {
        if (repos.length === 0) continue;
        tell('installation_repositories', of, {
          action,
          repository_selection: 'selected',
          repositories_added: action === 'added' ? repos.map(json.shortRepo) : [],
          repositories_removed: action === 'removed' ? repos.map(json.shortRepo) : [],
          requester: null,
        });
      }
    },
    addRepo({ owner, name, isPrivate = true, defaultBranch = 'main', files = {} }) {
      const repo: Repo = {
        id: state.nextId('other'),
        isPrivate,
        createdAt: kernel.now(),
        commits: new Map(),
        branches: new Map(),
        runs: new Map(),
        queue: new Set(),
        runners: new Map(),
        owner,
        name,
        defaultBranch,
        isAssigning: false,
      };
      state.repos.set(repo.id, repo);
      write(repo, { 'README.md': `# ${name}\n`, ...files }, defaultBranch);
      return repo;
    },
    rename(repo, name) {
      const from = repo.name;
      leaveName(repo);
      repo.name = name;
      edited(repo, 'renamed', { repository: { name: { from } } });
    },
    transfer(repo, owner) {
      const from = json.user(repo.owner);
      leaveName(repo);
      repo.owner = owner;
      edited(repo, 'transferred', { owner: { from: { user: from } } });
    },
    setDefaultBranch(repo, branch) {
      const from = repo.defaultBranch;
      repo.defaultBranch = branch;
      edited(repo, 'edited', { default_branch: { from } });
    },
    deleteRepo(repo) {
      log(`${repo.name} deleted`);
      hooks.sendRepo('repository', repo, { action: 'deleted' });
      state.repos.delete(repo.id);
    },
    commit(repo, files, branch = repo.defaultBranch) {
      const before = repo.branches.get(branch) ?? null;
      const commit = write(repo, files, branch);
      log(`push to ${repo.name} ${branch} ${commit.sha.slice(0, 7)}`);
      push(repo, branch, before, commit);
      return commit.sha;
    },
    fileAt(repo, path, ref = repo.defaultBranch) {
      const branch = repo.branches.get(ref.replace(/^refs\/heads\//, ''));
      return repo.commits.get(branch ?? ref)?.files.get(path);
    },
  };
}
