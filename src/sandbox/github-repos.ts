import type { InstallationId, RepoId } from '../model/ids.ts';
import { type Commits, commitAt, type Files } from './github-commits.ts';
import type { Hooks } from './github-hooks.ts';
import type { GitHubJson } from './github-json.ts';
import {
  APP_PERMISSIONS,
  type GitHubState,
  type Installation,
  type Owner,
  type Repo,
  type RunnerGroup,
  reposOf,
} from './github-state.ts';
import { createRepoTalk } from './github-talk-state.ts';

export interface RepoSpec {
  readonly owner: Owner;
  readonly name: string;
  readonly isPrivate?: boolean;
  readonly defaultBranch?: string;
  readonly files?: Readonly<Record<string, string>>;
}

export interface RepoParts {
  readonly hooks: Hooks;
  readonly json: GitHubJson;
  readonly commits: Commits;
}

/** Owners, installations and repositories, with what is pushed to them. */
export interface Repos {
  addOwner(login: string, type?: Owner['type']): Owner;
  addGroup(owner: Owner, group: Partial<RunnerGroup> & Pick<RunnerGroup, 'name'>): RunnerGroup;
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
  commit(repo: Repo, files: Files, branch?: string): string;
  /** `ref` is a branch or a commit; undefined where there is no such file. */
  fileAt(repo: Repo, path: string, ref?: string): string | undefined;
}

export function createRepos(state: GitHubState, { hooks, json, commits }: RepoParts): Repos {
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

  const edited = (repo: Repo, action: string, changes: object) => {
    log(`${repo.name} ${action}`);
    hooks.sendRepo('repository', repo, { action, changes });
  };

  /** GitHub redirects from a former name, until another repository takes it. */
  const leaveName = ({ id, owner, name }: Repo) =>
    state.formerNames.set(`${owner.login}/${name}`.toLowerCase(), id);

  return {
    addOwner(login, type = 'Organization') {
      const all: RunnerGroup = { id: 1, name: 'Default', repos: null, allowsPublic: true };
      const groups = type === 'Organization' ? [all] : [];
      const owner: Owner = { id: state.nextId('other'), login, type, runners: new Map(), groups };
      state.owners.set(owner.id, owner);
      return owner;
    },
    addGroup(owner, of) {
      const id = owner.groups.length + 1;
      const group = { id, repos: null, allowsPublic: false, ...of };
      owner.groups.push(group);
      return group;
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
        talk: createRepoTalk(),
        owner,
        name,
        defaultBranch,
        isAssigning: false,
      };
      state.repos.set(repo.id, repo);
      commits.write(repo, { 'README.md': `# ${name}\n`, ...files });
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
    commit: (repo, files, branch = repo.defaultBranch) => commits.push(repo, files, { branch }).sha,
    fileAt: (repo, path, ref = repo.defaultBranch) => commitAt(repo, ref)?.files.get(path),
  };
}
