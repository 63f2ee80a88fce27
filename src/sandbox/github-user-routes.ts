import type { App } from './github-app.ts';
import { findRepo } from './github-repo-routes.ts';
import { notFound, ok, problem, type Result, type World } from './github-route.ts';
import { findPerson } from './github-talk-state.ts';
import { isWithin, mayWrite, scopesHeader, type UserToken } from './github-user-tokens.ts';

// What people see with a token of their own, and how the App asks whose token it is.

export interface Asked {
  readonly method: string;
  readonly path: string;
  readonly authorization: string;
  readonly input: Readonly<Record<string, unknown>>;
}

/** undefined: the call is not a person's, and not about one. */
export function answerAsUser(world: World, asked: Asked): Result | undefined {
  if (/^\/applications\/[^/]+\/token$/.test(asked.path)) return checkToken(world, asked);
  const text = /^(?:bearer|token) ((?:gh[opu]|github_pat)_.+)$/i.exec(asked.authorization)?.[1];
  if (text === undefined) return undefined;
  const token = world.users.find(text);
  if (token === undefined) return problem(401, 'Bad credentials');
  const { method, path } = asked;
  const result =
    method === 'GET'
      ? read(world, path, token)
      : method === 'POST'
        ? push(world, path, token)
        : notFound;
  return { ...result, headers: scopesHeader(token) };
}

const basicOf = ({ clientId, clientSecret }: App): string =>
  `basic ${Buffer.from(`${clientId}:${clientSecret}`).toString('base64')}`;

/** https://docs.github.com/rest/apps/oauth-applications#check-a-token */
function checkToken(world: World, { method, path, authorization, input }: Asked): Result {
  const { app, model, users } = world;
  const isApp = path === `/applications/${app.clientId}/token`;
  if (method !== 'POST' || !isApp) return notFound;
  if (authorization.replace(/^basic/i, 'basic') !== basicOf(app)) {
    return problem(401, 'Bad credentials');
  }
  const { access_token: text } = input;
  const found = typeof text === 'string' ? users.find(text) : undefined;
  if (found?.is.kind !== 'app') return notFound;
  return ok({
    id: 1,
    token: text,
    token_last_eight: String(text).slice(-8),
    hashed_token: null,
    url: `${model.state.knobs.url}/api/v3/authorizations/1`,
    app: { client_id: app.clientId, name: app.slug, url: `${model.state.knobs.url}/apps` },
    note: null,
    note_url: null,
    scopes: [],
    fingerprint: null,
    created_at: '2026-01-01T00:00:00Z',
    updated_at: '2026-01-01T00:00:00Z',
    expires_at: null,
    user: model.json.user(found.person),
  });
}

/** A repository that the person and the token see; another App's token sees none here. */
function seen(world: World, path: string, token: UserToken) {
  const found = findRepo(world, path);
  if (found === undefined) return undefined;
  const may = world.model.issues.permissionOf(found.repo, token.person.login);
  if (!may.ok || may.value.permission === 'none' || !isWithin(token, found.repo)) return undefined;
  return { ...found, permission: may.value.permission };
}

function read(world: World, path: string, token: UserToken): Result {
  const { model } = world;
  if (path === '/user') return ok({ ...model.json.user(token.person), ...PROFILE });
  const login = /^\/users\/([^/]+)$/.exec(path)?.[1];
  if (login !== undefined) {
    const found = findPerson(model.state, login);
    return found === undefined ? notFound : ok({ ...model.json.user(found), ...PROFILE });
  }
  const found = seen(world, path, token);
  if (found === undefined || found.rest !== '') return notFound;
  if (!found.isMoved) return ok(model.json.repository(found.repo));
  const location = `${model.state.knobs.url}/api/v3/repositories/${found.repo.id}`;
  return { ...problem(301, 'Moved Permanently'), location };
}

/** Only as far as the App asks: whether the token may make a branch, of a commit that is not there. */
function push(world: World, path: string, token: UserToken): Result {
  const found = seen(world, path, token);
  if (found === undefined || found.rest !== '/git/refs') return notFound;
  const isWriter = found.permission === 'admin' || found.permission === 'write';
  if (!isWriter || !mayWrite(token, found.repo)) {
    return problem(403, 'Resource not accessible by personal access token');
  }
  return problem(422, 'Object does not exist');
}

/** What GitHub says of a person more than of whoever stands in another answer. */
const PROFILE = {
  name: null,
  company: null,
  blog: null,
  location: null,
  email: null,
  hireable: null,
  bio: null,
  public_repos: 0,
  public_gists: 0,
  followers: 0,
  following: 0,
  created_at: '2026-01-01T00:00:00Z',
  updated_at: '2026-01-01T00:00:00Z',
};
