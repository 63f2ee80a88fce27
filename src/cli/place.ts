import { httpUrl, isLoopback, withoutSlash } from '../lib/variable.ts';
import { fieldsOf, idOf } from '../model/github-json.ts';
import type { RepoId, ScopeId } from '../model/ids.ts';
import { EXIT, type Io, isTrouble, type Trouble } from './io.ts';

// Where a command goes: the app's address, the token of who asks, and the scope that is meant.

/** Options of every command, which the grammar does not know. */
export interface Options {
  readonly server?: string;
  readonly token?: string;
  readonly repos: readonly string[];
  readonly owner?: string;
  readonly isJson: boolean;
}

export interface Place {
  readonly server: string;
  readonly token: string;
  readonly scope: ScopeId;
  /** As people call it. */
  readonly name: string;
  /** Of an owner's account: the repositories that were named. */
  readonly repositories: readonly RepoId[];
}

const REPO = /^[A-Za-z0-9][A-Za-z0-9-]{0,38}\/[A-Za-z0-9._-]{1,100}$/;
const OWNER = /^[A-Za-z0-9][A-Za-z0-9-]{0,38}$/;

export async function placeOf(io: Io, options: Options): Promise<Place | Trouble> {
  const server = serverOf(io, options);
  if (typeof server !== 'string') return server;
  const token = options.token ?? io.env['DSTACK_TOKEN'] ?? io.env['GH_TOKEN'];
  if (!token) {
    const what = 'nobody is signed in: a user token of the GitHub App is needed';
    return { exit: EXIT.signIn, what, tries: 'GH_TOKEN=ghu_… dstack …' };
  }
  const names = await reposOf(io, options);
  if (isTrouble(names)) return names;
  const scoped = await scopeOf(io, { options, token, names });
  return isTrouble(scoped) ? scoped : { server, token, ...scoped };
}

/** Credentials leave this machine over https only. */
function serverOf({ env }: Io, options: Options): string | Trouble {
  const given = options.server ?? env['DSTACK_SERVER'] ?? env['PUBLIC_URL'];
  const text = given || `http://127.0.0.1:${env['PORT'] || '3000'}`;
  const url = httpUrl(text);
  if (!url)
    return { exit: EXIT.usage, what: `--server: "${text}" is not an http or https address` };
  if (url.protocol === 'http:' && !isLoopback(url)) {
    return { exit: EXIT.failed, what: `"${text}" is not https, and would show the credentials` };
  }
  return withoutSlash(url);
}

async function reposOf(io: Io, { repos, owner }: Options): Promise<readonly string[] | Trouble> {
  const wrong = repos.find((repo) => !REPO.test(repo));
  if (wrong !== undefined)
    return { exit: EXIT.usage, what: `--repo: "${wrong}" is not OWNER/NAME` };
  if (owner !== undefined) {
    if (OWNER.test(owner)) return repos;
    return { exit: EXIT.usage, what: `--owner: "${owner}" is not a login` };
  }
  if (repos.length > 1) return { exit: EXIT.usage, what: 'several --repo need --owner LOGIN' };
  if (repos.length === 1) return repos;
  const remote = /[/:]([^/:\s]+\/[^/\s]+?)(?:\.git)?\/?$/.exec((await io.gitRemote()) ?? '')?.[1];
  if (remote !== undefined && REPO.test(remote)) return [remote];
  const what = 'which repository? This folder has no git remote that says so';
  return { exit: EXIT.usage, what, tries: 'dstack … --repo OWNER/NAME' };
}

interface Asked {
  readonly options: Options;
  readonly token: string;
  readonly names: readonly string[];
}

async function scopeOf(
  io: Io,
  { options, token, names }: Asked,
): Promise<Pick<Place, 'scope' | 'name' | 'repositories'> | Trouble> {
  const ids: RepoId[] = [];
  for (const name of names) {
    const id = await idAt(io, token, `/repos/${name}`);
    if (typeof id !== 'number') return id;
    ids.push(id);
  }
  const { owner } = options;
  if (owner === undefined) {
    const [id = 0] = ids;
    return { scope: `repo-${id}`, name: names[0] ?? '', repositories: [] };
  }
  const id = await idAt(io, token, `/users/${owner}`);
  return typeof id === 'number' ? { scope: `owner-${id}`, name: owner, repositories: ids } : id;
}

/** Accounts go by GitHub's numbers: a name can change hands. */
async function idAt({ env, request }: Io, token: string, path: string): Promise<number | Trouble> {
  const host = env['GHE_HOST'];
  const base = host
    ? `${env['GHE_PROTOCOL'] || 'https'}://${host}/api/v3`
    : 'https://api.github.com';
  const headers = { authorization: `bearer ${token}`, accept: 'application/vnd.github+json' };
  try {
    const answer = await request(`${base}${path}`, {
      headers,
      signal: AbortSignal.timeout(10_000),
    });
    const id = answer.ok ? idOf(fieldsOf(await answer.json())['id']) : undefined;
    if (id !== undefined) return id;
    if (answer.status === 401) {
      return { exit: EXIT.signIn, what: 'GitHub does not accept the token (401)' };
    }
    const what = `GitHub shows no ${path.slice(1)} to this token (${answer.status})`;
    return { exit: EXIT.failed, what };
  } catch {
    return { exit: EXIT.failed, what: `${base} does not answer` };
  }
}
