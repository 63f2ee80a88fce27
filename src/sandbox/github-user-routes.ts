import type { App } from './github-app.ts';
import { findRepo } from './github-repo-routes.ts';
import { notFound, ok, problem, type Result, type World } from './github-route.ts';
import type { GitHubState } from './github-state.ts';
import { findPerson, type Person, personOf } from './github-talk-state.ts';

// What people see with a token of their own, and how the App asks whose token it is.

/** User tokens of this App: what a person gets who signs in through it. */
export interface UserTokens {
  issue(login: string): string;
  find(text: string): Person | undefined;
}

const TOKEN_HEX = 18;

export function createUserTokens(state: GitHubState): UserTokens {
  const issued = new Map<string, Person>();
  return {
    issue(login) {
      const text = `ghu_${state.hex(TOKEN_HEX)}`;
      issued.set(text, personOf(state, login));
      return text;
    },
    find: (text) => issued.get(text),
  };
}

export interface Asked {
  readonly method: string;
  readonly path: string;
  readonly authorization: string;
  readonly input: Readonly<Record<string, unknown>>;
}

/** undefined: the call is not a person's, and not about one. */
export function answerAsUser(world: World, asked: Asked): Result | undefined {
  if (/^\/applications\/[^/]+\/token$/.test(asked.path)) return checkToken(world, asked);
  const token = /^(?:bearer|token) (ghu_.+)$/i.exec(asked.authorization)?.[1];
  if (token === undefined) return undefined;
  const person = world.users.find(token);
  if (person === undefined) return problem(401, 'Bad credentials');
  return asked.method === 'GET' ? read(world, asked.path, person) : notFound;
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
  const person = typeof text === 'string' ? users.find(text) : undefined;
  if (person === undefined) return notFound;
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
    user: model.json.user(person),
  });
}

function read(world: World, path: string, person: Person): Result {
  const { model } = world;
  if (path === '/user') return ok(model.json.user(person));
  const login = /^\/users\/([^/]+)$/.exec(path)?.[1];
  if (login !== undefined) {
    const found = findPerson(model.state, login);
    return found === undefined ? notFound : ok(model.json.user(found));
  }
  const found = findRepo(world, path);
  if (found === undefined || found.rest !== '') return notFound;
  const may = model.issues.permissionOf(found.repo, person.login);
  const isSeen = may.ok && may.value.permission !== 'none';
  return isSeen ? ok(model.json.repository(found.repo)) : notFound;
}
