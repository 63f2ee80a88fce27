import type { AccountDesk, Check } from '../accounts/port.ts';
import type { GitHub, Installation, Talk, User, Users } from '../github/port.ts';
import { atMost } from '../lib/at-most.ts';
import type { Clock } from '../lib/clock.ts';
import { type Answer, failure, jsonObject, type Request, type Routes } from '../lib/http.ts';
import type { Log } from '../lib/log.ts';
import type { Turns } from '../lib/turns.ts';
import { isLoopback } from '../lib/variable.ts';
import { fieldsOf, idOf } from '../model/github-json.ts';
import { parseScopeId, type RepoId, type ScopeId } from '../model/ids.ts';
import { createRemembered } from '../model/remember.ts';
import type { Refused, Reply } from '../model/reply.ts';
import type { RepoFacts } from '../model/repo.ts';
import type { Store } from '../store/port.ts';
import {
  answerTurned,
  createCalls,
  createGate,
  createQuestions,
  type Gate,
  isTurned,
  type Turned,
} from './limits.ts';

// PUT | GET | DELETE /api/v1/accounts/<scope>: AWS accounts, by people who administer the repository,
// or the owner's `.github` repository; who may write there may look. Only tokens that this App issued count: any other could have
// been given to some other site. No body is logged, and no answer holds a secret.

export interface AccountsApiDeps {
  readonly desk: AccountDesk;
  /** null: the App's client id and secret are not known here. */
  readonly users: Users | null;
  readonly github: Pick<GitHub, 'installations' | 'repositories'> & Pick<Talk, 'permission'>;
  readonly store: Pick<Store, 'repo'>;
  readonly publicUrl: string | null;
  readonly clock: Clock;
  readonly log: Log;
  /** Counts a refusal, for /metrics. */
  readonly refused: (why: string) => void;
}

const PATH = '/api/v1/accounts/';
/** A thousand repositories in it, and room. */
const BODY_LIMIT_BYTES = 32 * 1024;
/** Questions to GitHub about the repositories that a body names. */
const NAMED_AT_ONCE = 4;

/** Short: who has just installed the App comes here next. */
const LISTS = { most: 1_000, goodMs: 10_000, badMs: 10_000 };

interface Deps extends AccountsApiDeps {
  readonly gate: Gate<User>;
  readonly calls: (key: string) => Turned | undefined;
  readonly questions: Turns;
}

export function accountRoutes(given: AccountsApiDeps): Routes {
  const { clock } = given;
  const deps: Deps = {
    ...given,
    github: rememberLists(given),
    gate: createGate<User>(clock),
    calls: createCalls(clock),
    questions: createQuestions(),
  };
  const guarded =
    (run: (request: Request, scope: ScopeId, login: string) => Promise<Answer>) =>
    async (request: Request) => {
      const entered = await enter(deps, request);
      if (isTurned(entered)) {
        deps.refused(entered.why);
        return answerTurned(entered);
      }
      const answer = await run(request, entered.scope, entered.login);
      return { ...answer, headers: { 'cache-control': 'no-store', ...answer.headers } };
    };
  return {
    [`GET ${PATH}*`]: guarded(async (_, scope) => {
      const described = await deps.desk.describe(scope);
      return { status: 200, body: { scope, ...described } };
    }),
    [`PUT ${PATH}*`]: guarded((request, scope, login) => put(deps, request, { scope, login })),
    [`DELETE ${PATH}*`]: guarded((request, scope) => remove(deps, request, scope)),
  };
}

async function put(deps: AccountsApiDeps, request: Request, who: Who): Promise<Answer> {
  const body = await jsonObject(request, BODY_LIMIT_BYTES, deps.refused);
  if (!body.ok) return body.answer;
  const turned = await turnedOfNamed(deps, who, body.value);
  if (turned) {
    deps.refused(turned.why);
    return answerTurned(turned);
  }
  const done = await deps.desk.configure(who.scope, body.value);
  const { checks } = done;
  if (done.ok) return { status: 200, body: { account: done.account, checks } };
  return withChecks(failure(STATUS_OF[done.code], done.code, done.message), checks);
}

const withChecks = (answer: Answer, checks: readonly Check[]): Answer => ({
  ...answer,
  body: { ...(typeof answer.body === 'object' ? answer.body : {}), checks },
});

async function remove(
  { desk }: AccountsApiDeps,
  { query }: Request,
  scope: ScopeId,
): Promise<Answer> {
  if (query.get('only') === 'security-group') return teardown(desk, scope, query.get('region'));
  const done = await desk.clear(scope, { force: query.get('force') === '1' });
  const { ended } = done;
  if (done.ok) return { status: 200, body: { ended } };
  return failure(STATUS_OF[done.code], done.code, done.message);
}

async function teardown(desk: AccountDesk, scope: ScopeId, region: string | null): Promise<Answer> {
  const done = await desk.teardown(scope, region);
  if (!done.ok) return failure(STATUS_OF[done.code], done.code, done.message);
  return { status: 200, body: { ended: 0, region: done.region, groups: done.groups } };
}

const STATUS_OF = {
  shape: 400,
  checks: 422,
  busy: 409,
  ending: 409,
  none: 404,
  vault: 503,
} as const;

/** Anybody may ask about any owner, and the lists are long. */
function rememberLists({ clock, github }: AccountsApiDeps): AccountsApiDeps['github'] {
  const installations = createRemembered<readonly Installation[]>(clock, LISTS);
  const repositories = createRemembered<readonly RepoFacts[]>(clock, LISTS);
  return {
    ...github,
    installations: () => installations('all', github.installations),
    repositories: (id) => repositories(String(id), () => github.repositories(id)),
  };
}

/** Who may do what they ask for. */
interface Who {
  readonly scope: ScopeId;
  readonly login: string;
}

const no = (status: Turned['status'], why: string, message: string): Turned => ({
  status,
  why,
  message,
});

async function enter(deps: Deps, request: Request): Promise<Who | Turned> {
  if (!isSecure(request, deps.publicUrl)) {
    return no(
      403,
      'http',
      'credentials are taken over https only: use the https address of the app',
    );
  }
  const scope = parseScopeId(request.path.slice(PATH.length));
  if (!scope) return no(404, 'scope', 'write repo-<repository id> or owner-<owner id>');
  const token = /^(?:bearer|token) (\S+)$/i.exec(request.headers.authorization ?? '')?.[1];
  if (token === undefined) {
    return no(401, 'token', 'send a user token of this GitHub App: authorization: bearer …');
  }
  const { users } = deps;
  if (!users) {
    const text =
      'nobody can sign in here: whoever runs the app sets GITHUB_CLIENT_ID and GITHUB_CLIENT_SECRET';
    return no(503, 'no-client', text);
  }
  const user = await deps.gate(request, token, async () => {
    const known = await users.whoIs(token);
    return known.ok ? known.value : unknownUser(known);
  });
  if (isTurned(user)) return user;
  const key = `user-${user.id}`;
  const needed = request.method === 'GET' ? 'write' : 'admin';
  return deps.calls(key) ?? deps.questions(key, () => judge(deps, { scope, user, needed }));
}

/** Whether a person may do something with an account. */
async function judge(
  deps: Deps,
  of: { readonly scope: ScopeId; readonly user: User; readonly needed: 'write' | 'admin' },
): Promise<Who | Turned> {
  const { scope, needed } = of;
  const { login } = of.user;
  const place = await placeOf(deps, scope);
  if (!place.ok) return unknownPlace(place);
  const permission = await deps.github.permission(place.value, login);
  if (!permission.ok) return outage(permission);
  if (permission.value === 'admin' || permission.value === needed) return { scope, login };
  deps.log.info({ scope, login, permission: permission.value, needed }, 'account: not allowed');
  const text = `${login} has ${permission.value} on ${place.value.owner}/${place.value.name}; this needs ${needed}`;
  return permission.value === 'none' ? unknownPlace() : no(403, 'permission', text);
}

const outage = ({ code }: Refused): Turned =>
  no(503, 'github', `GitHub does not say now who may (${code}): try again`);

function unknownUser(refused: Refused): Turned {
  if (refused.reason !== 'denied') return outage(refused);
  return no(401, 'token', 'GitHub knows no such user token of this App; sign in again');
}

/** The same for what is not there and for what the user does not see. */
function unknownPlace(refused?: Refused): Turned {
  if (refused && refused.reason !== 'missing') return outage(refused);
  const text =
    'no such repository is known here, or you do not see it: is the App installed on it?';
  return no(404, 'scope', `${text} An owner's account needs the owner's .github repository.`);
}

/** The repository whose admins may: the scope's own, or the owner's `.github`. */
async function placeOf(deps: AccountsApiDeps, scope: ScopeId): Promise<Reply<RepoFacts>> {
  const id = Number(scope.replace(/^\D+/, ''));
  const missing = { ok: false, reason: 'missing', code: '404', message: 'not installed' } as const;
  if (scope.startsWith('repo-')) {
    const repo = await deps.store.repo(id);
    return repo && repo.removedAt === null ? { ok: true, value: repo } : missing;
  }
  const installations = await deps.github.installations();
  if (!installations.ok) return installations;
  const installation = installations.value.find(({ ownerId }) => ownerId === id);
  if (!installation) return missing;
  const repos = await deps.github.repositories(installation.id);
  if (!repos.ok) return repos;
  const home = repos.value.find(({ name, ownerId }) => name === '.github' && ownerId === id);
  return home ? { ok: true, value: home } : missing;
}

/** Whoever gives the account sees what runs in it: each repository must be theirs to administer. */
async function turnedOfNamed(
  deps: AccountsApiDeps,
  who: Who,
  body: object,
): Promise<Turned | undefined> {
  if (!who.scope.startsWith('owner-')) return undefined;
  // What is no id is refused at the desk, with the rest of the body.
  const named = [fieldsOf(body)['repositories'] ?? []].flat().map(idOf);
  let turned: Turned | undefined;
  // After the first that is refused no more are looked at.
  await atMost(NAMED_AT_ONCE, new Set(named), async (id) => {
    if (id !== undefined) turned ??= await turnedOf(deps, who, id);
  });
  return turned;
}

async function turnedOf(
  { github, store }: AccountsApiDeps,
  { scope, login }: Who,
  id: RepoId,
): Promise<Turned | undefined> {
  const unseen = `repositories: no repository ${id} of this owner is known here, or you do not see it`;
  const repo = await store.repo(id);
  const isOwners = repo?.removedAt === null && scope === `owner-${repo.ownerId}`;
  if (!isOwners) return no(403, 'permission', unseen);
  const permission = await github.permission(repo, login);
  if (!permission.ok && permission.reason !== 'missing') return outage(permission);
  if (!permission.ok || permission.value === 'none') return no(403, 'permission', unseen);
  if (permission.value === 'admin') return undefined;
  const text = `repositories: ${login} has ${permission.value} on ${repo.owner}/${repo.name} (${id}); to name it needs admin`;
  return no(403, 'permission', text);
}

/**
 * TLS ends before us: what the proxy says of the way here counts; without a word of it, only this
 * machine itself, or the https address that the app goes by.
 */
export function isSecure({ headers }: Pick<Request, 'headers'>, publicUrl: string | null): boolean {
  const [forwarded] = [headers['x-forwarded-proto'] ?? []].flat();
  if (forwarded !== undefined) return forwarded.split(',')[0]?.trim().toLowerCase() === 'https';
  const host = headers.host ?? '';
  if (!URL.canParse(`http://${host}`)) return false;
  if (isLoopback(new URL(`http://${host}`))) return true;
  if (publicUrl === null) return false;
  const known = new URL(publicUrl);
  return known.protocol === 'https:' && known.host === host;
}
