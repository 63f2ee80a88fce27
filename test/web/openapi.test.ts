import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { Ajv2020 } from 'ajv/dist/2020.js';
import type { AccountDesk, AccountView, Check } from '../../src/accounts/port.ts';
import { systemClock } from '../../src/lib/clock.ts';
import { silentLog } from '../../src/lib/log.ts';
import { Secret } from '../../src/lib/secret.ts';
import { done, type Refused } from '../../src/model/reply.ts';
import { createMemoryStore } from '../../src/store/memory.ts';
import { accountRoutes } from '../../src/web/accounts-api.ts';
import { createReadyz } from '../../src/web/health.ts';
import { createMetrics } from '../../src/web/metrics.ts';
import { listen } from '../../src/web/server.ts';
import { ACME_APP } from './acme.ts';
import { type PeopleWorld, startPeopleWorld } from './people-world.ts';

// Every request that the description names, sent to the app, and every answer held against it.

const ajv = new Ajv2020({ strict: false, allErrors: true });

type Json = Readonly<Record<string, unknown>>;
interface Described {
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
}
interface Operation {
  readonly responses: Readonly<
    Record<string, { readonly content: Readonly<Record<string, { readonly schema: Json }>> }>
  >;
}

/** No field but those that are described. */
function closed(schema: unknown): unknown {
  if (Array.isArray(schema)) return schema.map(closed);
  if (typeof schema !== 'object' || schema === null) return schema;
  const all = Object.fromEntries(
    Object.entries(schema).map(([key, value]) => [key, closed(value)]),
  );
  return 'properties' in schema ? { ...all, additionalProperties: false } : all;
}

let world: PeopleWorld;
let document: Described;
const seen = new Set<string>();
beforeAll(async () => {
  world = await startPeopleWorld();
  world.model.issues.setCollaborator(world.repo, 'rita', 'read');
  document = (await (await fetch(`${world.appUrl}/api/v1/openapi.json`)).json()) as Described;
});
afterAll(() => world.close());

interface Sent {
  readonly method: string;
  /** As in the description. */
  readonly path: string;
  readonly url?: string;
  readonly token?: string;
  readonly body?: unknown;
  readonly type?: string;
  readonly base?: string;
}

/** Sends it, and answers the status and what the description does not say. */
async function ask(of: Sent): Promise<readonly [status: number, problems: readonly string[]]> {
  const { method, path, url = path, token, body, base = world.appUrl } = of;
  const answer = await fetch(`${base}${url}`, {
    method,
    headers: {
      ...(token === undefined ? {} : { authorization: `bearer ${token}` }),
      ...(body === undefined ? {} : { 'content-type': of.type ?? 'application/json' }),
    },
    ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
  });
  seen.add(`${method} ${path} ${answer.status}`);
  const content = document.paths[path]?.[method.toLowerCase()]?.responses[answer.status]?.content;
  const type = (answer.headers.get('content-type') ?? '').split(';')[0] ?? '';
  const schema = content?.[type]?.schema;
  if (!schema) return [answer.status, [`${type} is not described`]];
  const value: unknown = type === 'application/json' ? await answer.json() : await answer.text();
  const validate = ajv.compile(Object(closed(schema)));
  validate(value);
  return [answer.status, (validate.errors ?? []).map((e) => `${e.instancePath} ${e.message}`)];
}

const COMMAND = { method: 'POST', path: '/api/v1/command' };
const line = (command: unknown, repository: unknown = 'acme/app') => ({ repository, command });

describe('a command', () => {
  test.each<[number, () => Omit<Sent, 'method' | 'path'>]>([
    [200, () => ({ token: world.signIn('acme'), body: line('autoscale info') })],
    [200, () => ({ token: world.signIn('acme'), body: line('autoscale allow c5.xlarge --max 2') })],
    [200, () => ({ token: world.signIn('acme'), body: line('autoscale allow c5.xlarge --max 2') })],
    [200, () => ({ token: world.signIn('acme'), body: line('autoscale allow x --max 2') })],
    [200, () => ({ token: world.signIn('acme'), body: line('autoscale explain') })],
    [200, () => ({ token: world.signIn('acme'), body: line('autoscale explain 7') })],
    [
      200,
      () => ({ token: world.signIn('acme'), body: line('autoscale explain --runs-on dstack') }),
    ],
    [200, () => ({ token: world.signIn('acme'), body: line('runners') })],
    [200, () => ({ token: world.signIn('acme'), body: line('help autoscale allow') })],
    [400, () => ({ token: world.signIn('acme'), body: line(7) })],
    [401, () => ({ body: line('runners') })],
    [403, () => ({ token: world.signIn('rita'), body: line('autoscale clear') })],
    [403, () => ({ token: `ghs_${'0'.repeat(40)}`, body: line('runners') })],
    [404, () => ({ token: world.signIn('mallory'), body: line('runners') })],
    [409, () => ({ token: moved(), body: line('runners') })],
    [413, () => ({ token: world.signIn('acme'), body: line('x'.repeat(20_000)) })],
    [415, () => ({ token: world.signIn('acme'), body: 'x', type: 'text/plain' })],
  ])('is answered %s as described', async (status, of) => {
    expect(await ask({ ...COMMAND, ...of() })).toEqual([status, []]);
  });

  test('is answered 503 and 429 as described', async () => {
    world.oidc.isDown = true;
    world.skew.ms = 48 * 3_600_000;
    const token = moved();
    expect(await ask({ ...COMMAND, token, body: line('runners') })).toEqual([503, []]);
    for (let i = 0; i < 30; i += 1) await world.command('hello', 'runners');
    expect(await ask({ ...COMMAND, token: 'hello', body: line('runners') })).toEqual([429, []]);
  });
});

const moved = (): string =>
  world.oidc.issue({
    repo: world.repo,
    audience: world.appUrl,
    claims: { repository_owner_id: '99' },
  });

const ACCOUNT: AccountView = {
  scope: 'repo-7',
  awsAccount: '123456789012',
  accessKeyId: 'AKIA************MPLE',
  roleArn: null,
  region: 'eu-west-1',
  bucket: null,
  repositories: [],
  problem: null,
};
const CHECKS: readonly Check[] = [
  { name: 'region', ok: true, text: 'eu-west-1 is enabled' },
  { name: 'launch', ok: false, text: 'denied', fix: 'dstack aws policy' },
];
const DENIED: Refused = { ok: false, reason: 'denied', code: '404', message: 'no' };
const DOWN: Refused = { ok: false, reason: 'unreachable', code: '502', message: 'no' };

/** Answers what the words of the body, or the query, ask for. */
const DESK: AccountDesk = {
  describe: async () => ({ account: ACCOUNT, problem: null, externalId: 'e', principal: null }),
  configure: async (_, body) => {
    const code = Object(body).code;
    if (code === undefined) return { ok: true, account: ACCOUNT, checks: CHECKS };
    return { ok: false, code, message: 'nothing was kept', checks: CHECKS };
  },
  teardown: async (_, region) =>
    region === 'moon'
      ? { ok: false, code: 'shape', message: 'no region' }
      : { ok: true, region: 'eu-west-1', groups: ['sg-1'] },
  clear: async (_, { force }) =>
    force ? { ok: true, ended: 0 } : { ok: false, code: 'busy', message: 'machines run', ended: 0 },
};

describe('an account', () => {
  const path = '/api/v1/accounts/{scope}';
  let base: string;
  let close: () => Promise<void>;
  let permission: 'admin' | 'read' = 'admin';
  beforeAll(async () => {
    const routes = accountRoutes({
      desk: DESK,
      users: {
        whoIs: async (token) => {
          if (token === 'down') return DOWN;
          const id = ['', 'good', 'often'].indexOf(token);
          return id > 0 ? done({ login: 'mona', id }) : DENIED;
        },
      },
      github: {
        installations: async () => done([]),
        repositories: async () => done([]),
        permission: async () => done(permission),
      },
      store: {
        repo: async (id) => (id === 7 ? ACME_APP : null),
      },
      publicUrl: null,
      clock: systemClock,
      log: silentLog,
      refused: () => {},
    });
    const server = await listen(routes, { host: '127.0.0.1', port: 0, log: silentLog });
    if (server === 'port-taken') throw new Error('no free port');
    base = `http://127.0.0.1:${server.port}`;
    close = server.close;
  });
  afterAll(() => close());

  const of = (method: string, status: number, more: Partial<Sent> & { as?: 'read' } = {}) =>
    [method, status, more] as const;
  const code = (name: string) => ({ body: { code: name } });

  test.each([
    of('GET', 200),
    of('GET', 401, { token: 'bad' }),
    of('GET', 403, { as: 'read' }),
    of('GET', 404, { url: '/api/v1/accounts/repo-8' }),
    of('GET', 503, { token: 'down' }),
    of('PUT', 200, { body: {} }),
    of('PUT', 400, code('shape')),
    of('PUT', 401, { token: 'bad' }),
    of('PUT', 403, { as: 'read' }),
    of('PUT', 404, { url: '/api/v1/accounts/repo-8' }),
    of('PUT', 409, code('busy')),
    of('PUT', 413, { body: { bucket: 'x'.repeat(40_000) } }),
    of('PUT', 415, { body: 'x', type: 'text/plain' }),
    of('PUT', 422, code('checks')),
    of('PUT', 503, code('vault')),
    of('DELETE', 200, { url: '/api/v1/accounts/repo-7?force=1' }),
    of('DELETE', 400, { url: '/api/v1/accounts/repo-7?only=security-group&region=moon' }),
    of('DELETE', 401, { token: 'bad' }),
    of('DELETE', 403, { as: 'read' }),
    of('DELETE', 404, { url: '/api/v1/accounts/repo-8' }),
    of('DELETE', 409),
    of('DELETE', 503, { token: 'down' }),
  ])('%s is answered %s as described', async (method, status, { as, ...more }) => {
    permission = as ?? 'admin';
    const sent = { method, path, url: '/api/v1/accounts/repo-7', token: 'good', base, ...more };
    expect(await ask(sent)).toEqual([status, []]);
  });

  test('is answered 429 as described', async () => {
    const sent = { path, url: '/api/v1/accounts/repo-8', token: 'often', base };
    for (let i = 0; i < 60; i += 1) await ask({ ...sent, method: 'GET' });
    for (const method of ['GET', 'PUT', 'DELETE']) {
      expect(await ask({ ...sent, method })).toEqual([429, []]);
    }
  });
});

describe('the rest', () => {
  test.each([
    '/api/v1/about',
    '/api/v1/openapi.json',
    '/schema/dstack.json',
    '/healthz',
    '/readyz',
    '/metrics',
  ])('%s is answered as described', async (path) => {
    expect(await ask({ method: 'GET', path })).toEqual([200, []]);
  });

  test('is refused as described', async () => {
    const token = new Secret('a token for metrics');
    const routes = {
      'GET /readyz': createReadyz({ isReady: () => false, ping: async () => null }),
      'GET /metrics': createMetrics({ store: createMemoryStore(), token }).handler,
    };
    const server = await listen(routes, { host: '127.0.0.1', port: 0, log: silentLog });
    if (server === 'port-taken') throw new Error('no free port');
    const base = `http://127.0.0.1:${server.port}`;
    expect(await ask({ method: 'GET', path: '/readyz', base })).toEqual([503, []]);
    expect(await ask({ method: 'GET', path: '/metrics', base })).toEqual([401, []]);
    await server.close();
  });
});

test('every call, and every answer that is described, was seen', () => {
  const all = Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.entries(methods).flatMap(([method, { responses }]) =>
      Object.keys(responses ?? {}).map((code) => `${method.toUpperCase()} ${path} ${code}`),
    ),
  );
  expect([...seen].sort()).toEqual(all.sort());
});

test('every route of the app is described, but those of machines, of GitHub and of browsers', () => {
  const described = Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.keys(methods)
      .filter((method) => method !== 'parameters')
      .map((method) => `${method.toUpperCase()} ${path.replace(/\{.*/, '*')}`),
  );
  const others = /^(?:\w+ \/runner\/v1\/.*|POST \/api\/github\/webhooks|GET \/)$/;
  expect(described.sort()).toEqual(world.routes.filter((route) => !others.test(route)).sort());
});
