import { createCache } from '../lib/cache.ts';
import { hashOf } from '../lib/hash.ts';
import { fieldsOf, idOf, textOf } from '../model/github-json.ts';
import type { Refused } from '../model/reply.ts';
import { type Answer, headerOf } from './answer.ts';
import type { CallName } from './calls.ts';
import { createOwnPace } from './pace.ts';
import type { NotLetIn, Permission, User, Users, Visitor, Visitors } from './port.ts';
import { isAnswer } from './refused.ts';
import { createTransport, type TransportDeps } from './transport.ts';

export interface VisitorsDeps extends Omit<TransportDeps, 'pace'> {
  /** null: the App's client id and secret are not known, so its own tokens cannot be told. */
  readonly users: Users | null;
}

const KNOWN_MS = 60_000;
const MOST_KNOWN = 5_000;
/** GitHub's tokens are shorter than this; what is none goes no further. */
const TOKEN = /^[A-Za-z0-9_.-]{20,1000}$/;

/**
 * Which tokens of people we take. Any site that a person signed in to has a token of theirs: so only
 * ours, those that can change the repository anyway (scope `repo`), and those that were made for
 * chosen repositories, as far as they reach. https://docs.github.com/authentication
 */
export function createVisitors(deps: VisitorsDeps): Visitors {
  const known = createCache<Visitor | NotLetIn>(deps.clock, MOST_KNOWN);
  const ask = createAsk(deps);
  return {
    async visitor(token, repository) {
      if (!TOKEN.test(token)) return no('token', 'this is no token of GitHub');
      const key = hashOf(`${token} ${repository.toLowerCase()}`);
      const before = known.get(key, KNOWN_MS);
      if (before) return before;
      const found = await look({ ...deps, ask }, token, repository);
      if (found.ok || found.why !== 'github') known.set(key, found);
      return found;
    },
  };
}

const no = (why: NotLetIn['why'], message: string): NotLetIn => ({ ok: false, why, message });

type Ask = (of: {
  readonly token: string;
  readonly call: CallName;
  readonly params: Readonly<Record<string, unknown>>;
  readonly what: string;
}) => Promise<Answer | Refused>;

/** With the person's own token, and on their own account at GitHub. */
function createAsk(deps: VisitorsDeps): Ask {
  const transport = createTransport({ ...deps, pace: createOwnPace(deps.clock) });
  return ({ token, ...call }) =>
    transport({
      ...call,
      payer: `person ${hashOf(token)}`,
      headers: { authorization: `token ${token}` },
    });
}

type LookDeps = Pick<VisitorsDeps, 'users'> & { readonly ask: Ask };

async function look(
  deps: LookDeps,
  token: string,
  repository: string,
): Promise<Visitor | NotLetIn> {
  if (/^gh[sr]_/.test(token)) {
    const text =
      'this is a token of an installation, such as the GITHUB_TOKEN of a workflow, and names no ' +
      'person: sign in with dstack login, or in a workflow send its OIDC token';
    return no('installation-token', text);
  }
  const badge = await badgeOf(deps, token);
  if ('why' in badge) return badge;
  const [owner = '', repo = ''] = repository.split('/');
  const params = { owner, repo };
  const seen = await deps.ask({ token, call: 'seen', params, what: `see ${repository}` });
  if (!isAnswer(seen)) return outage(seen.code);
  if (seen.status >= 500 || seen.status === 429) return outage(String(seen.status));
  const id = idOf(fieldsOf(seen.data)['id']);
  const ownerId = idOf(fieldsOf(fieldsOf(seen.data)['owner'])['id']);
  if (seen.status !== 200 || id === undefined || ownerId === undefined) {
    return no('repository', `GitHub shows no ${repository} to this token (${seen.status})`);
  }
  const most = badge.isFineGrained ? await reachOf(deps, token, params) : 'admin';
  return { ok: true, user: badge.user, repo: { id, ownerId }, most };
}

const outage = (code: string): NotLetIn =>
  no('github', `GitHub does not say now whose token this is (${code}): try again`);

interface Badge {
  readonly user: User;
  readonly isFineGrained: boolean;
}

/** Whose token it is, if it is of a kind that we take. */
async function badgeOf({ users, ask }: LookDeps, token: string): Promise<Badge | NotLetIn> {
  const isFineGrained = token.startsWith('github_pat_');
  const isPersonal = isFineGrained || /^gh[po]_/.test(token);
  if (!isPersonal) {
    if (!users && token.startsWith('ghu_')) return NO_CLIENT;
    const ours = await users?.whoIs(token);
    if (ours?.ok) return { user: ours.value, isFineGrained: false };
    if (ours && ours.reason !== 'denied') return outage(ours.code);
  }
  const answer = await ask({ token, call: 'user', params: {}, what: 'ask whose token it is' });
  if (!isAnswer(answer)) return outage(answer.code);
  if (answer.status === 401) {
    return no('token', 'GitHub knows no such token; sign in again: dstack login');
  }
  const user = parseUser(answer.data);
  if (answer.status !== 200 || !user) return outage(String(answer.status));
  if (isFineGrained) return { user, isFineGrained };
  const scopes = headerOf(answer, 'x-oauth-scopes')?.split(/,\s*/) ?? [];
  if (token.startsWith('ghu_')) return OTHER_APP;
  if (scopes.includes('repo')) return { user, isFineGrained };
  const has = scopes.filter((scope) => scope !== '').join(', ') || 'none';
  return no('scope', `the token lacks the scope repo (it has: ${has}); sign in with dstack login`);
}

const NO_CLIENT = no(
  'no-client',
  'nobody can sign in here: whoever runs the app sets GITHUB_CLIENT_ID and GITHUB_CLIENT_SECRET',
);
const OTHER_APP = no(
  'other-app',
  'this token was given to another GitHub App, not to this one; sign in here: dstack login',
);

function parseUser(data: unknown): User | undefined {
  const { login, id } = fieldsOf(data);
  const [name, number] = [textOf(login), idOf(id)];
  return name === undefined || number === undefined ? undefined : { login: name, id: number };
}

const NO_COMMIT = '0'.repeat(40);

/**
 * What a fine-grained token may do: GitHub has no call that says so. It refuses a branch for lack of
 * permission (403, 404) before it finds that the commit does not exist (422): nothing is made.
 */
async function reachOf(
  { ask }: LookDeps,
  token: string,
  repo: Readonly<Record<string, string>>,
): Promise<Permission> {
  const params = { ...repo, ref: 'refs/heads/dstack/may-i-push', sha: NO_COMMIT };
  const answer = await ask({ token, call: 'mayPush', params, what: 'ask what a token may do' });
  return isAnswer(answer) && answer.status === 422 ? 'write' : 'read';
}
