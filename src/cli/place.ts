import { httpUrl, isLoopback, withoutSlash } from '../lib/variable.ts';
import { fieldsOf, idOf } from '../model/github-json.ts';
import type { RepoId, ScopeId } from '../model/ids.ts';
import { gitHubOf, tokenFor } from './github.ts';
import { EXIT, type Io, isTrouble, type Trouble } from './io.ts';
import { readLogins } from './logins.ts';
import type { Options } from './options.ts';
import { type Connection, GITHUB_NETWORK, networkTrouble } from './server.ts';

// Where a command goes: the app's address, the token of who asks, and what is meant there.

export interface Place extends Connection {
  readonly scope: ScopeId;
  /** As people call it. */
  readonly name: string;
  /** Of an owner's account: the repositories that were named. */
  readonly repositories: readonly RepoId[];
}

const REPO = /^[A-Za-z0-9][A-Za-z0-9-]{0,38}\/[A-Za-z0-9._-]{1,100}$/;
const OWNER = /^[A-Za-z0-9][A-Za-z0-9-]{0,38}$/;

/** The app, and who asks. */
export async function connectionOf(io: Io, options: Options): Promise<Connection | Trouble> {
  const server = serverOf(io, options);
  if (typeof server !== 'string') return server;
  const given = options.token || io.env['DSTACK_TOKEN'];
  const token = given || (await tokenFor(io, server));
  return typeof token === 'string' ? { server, token } : token;
}

/** Tokens and credentials leave this machine over https only. */
export function serverOf(io: Pick<Io, 'env' | 'files'>, options: Options): string | Trouble {
  const { env } = io;
  const given = options.server || env['DSTACK_SERVER'] || env['PUBLIC_URL'];
  const text = given || readLogins(io).last || `http://127.0.0.1:${env['PORT'] || '3000'}`;
  const url = httpUrl(text);
  const tries = 'dstack … --server https://ADDRESS';
  if (!url) {
    return { exit: EXIT.usage, what: `--server: "${text}" is not an http or https address`, tries };
  }
  if (url.protocol === 'http:' && !isLoopback(url)) {
    const what = `"${text}" is not https, and would show the credentials`;
    return { exit: EXIT.failed, what, tries };
  }
  return withoutSlash(url);
}

/** Of a command about one repository. */
export async function repoOf(io: Io, options: Options): Promise<string | Trouble> {
  if (options.owner !== undefined) {
    return { exit: EXIT.usage, what: '--owner is for dstack aws; name a repository: --repo O/N' };
  }
  const names = await reposOf(io, options);
  return isTrouble(names) ? names : (names[0] ?? '');
}

export async function placeOf(io: Io, options: Options): Promise<Place | Trouble> {
  const to = await connectionOf(io, options);
  if (isTrouble(to)) return to;
  const names = await reposOf(io, options);
  if (isTrouble(names)) return names;
  const scoped = await scopeOf(io, { options, to, names });
  return isTrouble(scoped) ? scoped : { ...to, ...scoped };
}

async function reposOf(io: Io, { repos, owner }: Options): Promise<readonly string[] | Trouble> {
  const tries = 'dstack … --repo OWNER/NAME';
  const wrong = repos.find((repo) => !REPO.test(repo));
  if (wrong !== undefined) {
    return { exit: EXIT.usage, what: `--repo: "${wrong}" is not OWNER/NAME`, tries };
  }
  if (owner !== undefined) {
    if (OWNER.test(owner)) return repos;
    return { exit: EXIT.usage, what: `--owner: "${owner}" is not a login` };
  }
  if (repos.length > 1) return { exit: EXIT.usage, what: 'several --repo need --owner LOGIN' };
  if (repos.length === 1) return repos;
  const remote = /[/:]([^/:\s]+\/[^/\s]+?)(?:\.git)?\/?$/.exec((await io.gitRemote()) ?? '')?.[1];
  if (remote !== undefined && REPO.test(remote)) return [remote];
  const what = 'which repository? This folder has no git remote that says so';
  return { exit: EXIT.usage, what, tries };
}

interface Asked {
  readonly options: Options;
  readonly to: Connection;
  readonly names: readonly string[];
}

async function scopeOf(
  io: Io,
  { options, to, names }: Asked,
): Promise<Pick<Place, 'scope' | 'name' | 'repositories'> | Trouble> {
  const gitHub = await gitHubOf(io, to.server);
  if (isTrouble(gitHub)) return gitHub;
  const { apiUrl } = gitHub;
  const ids: RepoId[] = [];
  for (const name of names) {
    const id = await idAt(io, to.token, `${apiUrl}/repos/${name}`);
    if (typeof id !== 'number') return id;
    ids.push(id);
  }
  const { owner } = options;
  if (owner === undefined) {
    const [id = 0] = ids;
    return { scope: `repo-${id}`, name: names[0] ?? '', repositories: [] };
  }
  const id = await idAt(io, to.token, `${apiUrl}/users/${owner}`);
  return typeof id === 'number' ? { scope: `owner-${id}`, name: owner, repositories: ids } : id;
}

/** Accounts go by GitHub's numbers: a name can change hands. */
async function idAt(io: Io, token: string, url: string): Promise<number | Trouble> {
  const headers = { authorization: `bearer ${token}`, accept: 'application/vnd.github+json' };
  try {
    const answer = await io.request(url, { headers, signal: AbortSignal.timeout(10_000) });
    const id = answer.ok ? idOf(fieldsOf(await answer.json())['id']) : undefined;
    if (id !== undefined) return id;
    if (answer.status === 401) {
      const what = 'GitHub does not accept the token (401)';
      return { exit: EXIT.signIn, what, tries: 'dstack login' };
    }
    const path = new URL(url).pathname.replace(/^(?:\/api\/v3)?\//, '');
    return { exit: EXIT.failed, what: `GitHub shows no ${path} to this token (${answer.status})` };
  } catch (error) {
    return networkTrouble(io, new URL(url).origin, error, GITHUB_NETWORK);
  }
}
