import { createHash } from 'node:crypto';
import type { Clock } from '../lib/clock.ts';
import type { Answer, Request } from '../lib/http.ts';
import { appTokenProblem, lacks, type Token } from './github-app.ts';
import { APP_ROUTES, reaches } from './github-app-routes.ts';
import { COMMIT_ROUTES } from './github-commit-routes.ts';
import { ORG_ROUTES } from './github-org-routes.ts';
import { findRepo, REPO_ROUTES } from './github-repo-routes.ts';
import {
  type Call,
  type InstallationRoute,
  inputOf,
  linkHeader,
  notFound,
  problem,
  type RepoRoute,
  type Result,
  type Route,
  type World,
} from './github-route.ts';
import { TALK_ROUTES } from './github-talk-routes.ts';
import { answerAsUser } from './github-user-routes.ts';

/** An error page in place of an answer: with nothing done, or with all done. */
export type RestFault = 'error' | 'lost-answer';

export interface RestDeps {
  readonly world: World;
  /** The callers' clock: it dates their tokens. */
  readonly clock: Clock;
  readonly fault: (route: string) => RestFault | undefined;
}

interface Match {
  readonly name: string;
  readonly route: Route;
  readonly args: readonly string[];
}

const ROUTES = { ...APP_ROUTES, ...ORG_ROUTES, ...REPO_ROUTES, ...COMMIT_ROUTES, ...TALK_ROUTES };

const compiled = Object.entries(ROUTES).map(([name, route]) => {
  const [method = '', template = ''] = name.split(' ');
  const pattern = template.replace(/\{\w+\+\}/g, '(.+)').replace(/\{(?!repo\})\w+\}/g, '([^/]+)');
  return { name, route, method, pattern: new RegExp(`^${pattern.replace('{repo}', '')}$`) };
});

/** Literal paths stand before those with parts in the table. */
function match(method: string, path: string, isRepo: boolean): Match | undefined {
  for (const { name, route, method: verb, pattern } of compiled) {
    if (verb !== method || (route.who === 'repo') !== isRepo) continue;
    const found = pattern.exec(path);
    if (found !== null) return { name, route, args: found.slice(1) };
  }
  return undefined;
}

const ERROR_PAGE: Answer = {
  status: 502,
  headers: { 'content-type': 'text/html' },
  body: '<html><body><h1>502 Bad Gateway</h1></body></html>',
};

const acceptedOf = (route: Route): string =>
  'needs' in route
    ? Object.entries(route.needs)
        .map((pair) => pair.join('='))
        .join('; ')
    : '';

const bearer = (request: Request): string =>
  /^(?:bearer|token) (.+)$/i.exec(request.headers.authorization ?? '')?.[1] ?? '';

interface Asked {
  readonly request: Request;
  readonly path: string;
  readonly input: Call['input'];
}

/** One REST call, as one event of the world. */
export function answerRest(deps: RestDeps, request: Request, body: Buffer): Answer {
  const path = request.path.replace(/^\/api\/v3(?=\/)/, '');
  const input = inputOf(body);
  const authorization = request.headers.authorization ?? '';
  const asUser = answerAsUser(deps.world, { method: request.method, path, authorization, input });
  if (asUser !== undefined) return toAnswer(asUser, {});
  const found = findRepo(deps.world, path);
  const isRepo = /^\/(?:repos|repositories)\//.test(path);
  const matched = match(request.method, isRepo ? (found?.rest ?? '') : path, isRepo);
  if (matched === undefined || (isRepo && found === undefined)) return toAnswer(notFound, {});
  const fault = deps.fault(matched.name);
  if (fault === 'error') return ERROR_PAGE;
  const result = authorize(deps, matched, { request, path, input });
  return fault === 'lost-answer' ? ERROR_PAGE : result;
}

function authorize(deps: RestDeps, { name, route, args }: Match, asked: Asked): Answer {
  const { world, clock } = deps;
  const { request } = asked;
  const call: Call = { ...world, args, query: request.query, input: asked.input };
  if (route.who === 'app') {
    world.model.spend(name);
    const refused = appTokenProblem(world.app, bearer(request), clock.now());
    const result = refused === undefined ? route.run(call) : problem(401, refused);
    return finish(asked, result, {});
  }
  const token = world.tokens.find(bearer(request));
  if (token === undefined) return toAnswer(problem(401, 'Bad credentials'), {});
  const { id, suspendedAt } = token.installation;
  if (suspendedAt !== null)
    return toAnswer(problem(403, 'This installation has been suspended'), {});
  const isWrite = request.method !== 'GET';
  const budget = world.model.spend(name, id, isWrite);
  const headers = {
    'x-accepted-github-permissions': acceptedOf(route),
    'x-ratelimit-limit': String(budget.limit),
    'x-ratelimit-remaining': String(budget.limit - budget.used),
    'x-ratelimit-used': String(budget.used),
    'x-ratelimit-reset': String(Math.ceil(budget.resetAt / 1000)),
    'x-ratelimit-resource': 'core',
  };
  if (budget.isOver) {
    const text = `API rate limit exceeded for installation ID ${id}.`;
    return toAnswer(problem(403, text), headers);
  }
  if (budget.closedUntil !== undefined) {
    const seconds = Math.ceil((budget.closedUntil - world.model.state.kernel.now()) / 1000);
    const text = 'You have exceeded a secondary rate limit. Please wait a few minutes.';
    return toAnswer(problem(403, text), { ...headers, 'retry-after': String(seconds) });
  }
  const result = permitted(world, route, { ...call, token }, asked);
  const answer = finish(asked, result, headers);
  if (answer.status === 304) world.model.refund(id);
  return answer;
}

/** 404 for what the token does not reach, 403 for what it may not do there. */
function permitted(
  world: World,
  route: InstallationRoute | RepoRoute,
  call: Call & { readonly token: Token },
  { request, path }: Asked,
): Result {
  const found = route.who === 'repo' ? findRepo(world, path) : undefined;
  if (route.who === 'repo' && (found === undefined || !reaches(call.token, found.repo))) {
    return notFound;
  }
  if (lacks(call.token, route.needs)) {
    return problem(403, 'Resource not accessible by integration');
  }
  if (route.who === 'installation') return route.run(call);
  if (found === undefined) return notFound;
  if (found.isMoved) {
    const { url } = world.model.state.knobs;
    const to = `${url}/api/v3/repositories/${found.repo.id}${found.rest}`;
    // 307 keeps the method: after a 301, clients turn POST into GET.
    const status = request.method === 'GET' ? 301 : 307;
    return { ...problem(status, 'Moved Permanently'), location: to };
  }
  return route.run({ ...call, repo: found.repo });
}

function toAnswer(result: Result, headers: Readonly<Record<string, string>>): Answer {
  return {
    status: result.status,
    headers: {
      ...headers,
      ...result.headers,
      'x-github-media-type': 'github.v3; format=json',
      ...(result.location === undefined ? {} : { location: result.location }),
      ...(result.body === undefined ? {} : { 'content-type': 'application/json; charset=utf-8' }),
    },
    ...(result.body === undefined ? {} : { body: JSON.stringify(result.body) }),
  };
}

/** With the list's links, and with an ETag by which the same answer need not be sent again. */
function finish(
  { request }: Asked,
  result: Result,
  headers: Readonly<Record<string, string>>,
): Answer {
  const self = `http://${request.headers.host}${request.path}?${request.query}`;
  const link = linkHeader(result.links, new URL(self));
  const all = { ...headers, ...(link === undefined ? {} : { link }) };
  const answer = toAnswer(result, all);
  if (request.method !== 'GET' || result.status !== 200) return answer;
  const hash = createHash('sha256')
    .update(JSON.stringify([answer.body, link]))
    .digest('hex');
  const etag = `W/"${hash}"`;
  if (request.headers['if-none-match'] === etag) return { status: 304, headers: { ...all, etag } };
  return { ...answer, headers: { ...answer.headers, etag } };
}
