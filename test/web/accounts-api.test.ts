import { describe, expect, test } from '@jest/globals';
import type { AccountDesk } from '../../src/accounts/port.ts';
import type { Permission } from '../../src/github/port.ts';
import { systemClock } from '../../src/lib/clock.ts';
import type { Answer, Request } from '../../src/lib/http.ts';
import type { Log } from '../../src/lib/log.ts';
import { done, type Refused } from '../../src/model/reply.ts';
import type { Repo } from '../../src/model/repo.ts';
import { accountRoutes, isSecure } from '../../src/web/accounts-api.ts';
import { ACME_APP as REPO, TOKEN } from './acme.ts';

const SECRET = 'do-not-show-this-secret-to-anybody-at-all';

const HOME = { ...REPO, id: 8, name: '.github' };
const KNOWN: readonly Repo[] = [
  REPO,
  { ...REPO, id: 10, name: 'left', removedAt: 1 },
  { ...REPO, id: 11, name: 'theirs', owner: 'mallet', ownerId: 66 },
];

const refused = (reason: Refused['reason']): Refused => ({
  ok: false,
  reason,
  code: '404',
  message: 'no',
});

interface Given {
  readonly permission?: Permission;
  /** On `app`, where it is another one. */
  readonly onApp?: Permission | Refused;
  readonly users?: 'none' | Refused;
  readonly home?: boolean;
}

function door({ permission = 'admin', onApp = permission, users, home = true }: Given = {}) {
  const seen: string[] = [];
  const said: string[] = [];
  const note = (facts: object, message: string) => void said.push(JSON.stringify([facts, message]));
  const log: Log = { debug: note, info: note, warn: note, error: note };
  const desk: AccountDesk = {
    async describe(scope) {
      seen.push(`describe ${scope}`);
      return { account: null, problem: null, externalId: 'e', principal: null };
    },
    async configure(scope) {
      seen.push(`configure ${scope}`);
      return { ok: false, code: 'checks', message: 'nothing was kept', checks: [] };
    },
    async teardown(scope, region) {
      seen.push(`teardown ${scope} ${region}`);
      return { ok: true, region: 'eu-west-1', groups: ['sg-1'] } as const;
    },
    async clear(scope, { force }) {
      seen.push(`clear ${scope} ${force}`);
      return { ok: false, code: 'busy', message: 'machines run', ended: 0 };
    },
  };
  const routes = accountRoutes({
    desk,
    users: users === 'none' ? null : { whoIs: async () => users ?? done({ login: 'mona', id: 1 }) },
    github: {
      installations: async () => done([{ id: 5, ownerId: 9 }]),
      repositories: async () => done(home ? [REPO, HOME] : [REPO]),
      permission: async (repo, login) => {
        seen.push(`permission of ${login} on ${repo.name}`);
        if (repo.name !== 'app') return done(permission);
        return typeof onApp === 'string' ? done(onApp) : onApp;
      },
    },
    store: { repo: async (id) => KNOWN.find((repo) => repo.id === id) ?? null },
    publicUrl: 'https://dstack.example',
    clock: systemClock,
    log,
    refused: (why) => seen.push(`refused ${why}`),
  });
  const ask = async (line: string, change: Partial<Request> = {}): Promise<Answer> => {
    const [method = '', url = ''] = line.split(' ');
    const [path = '', query] = url.split('?');
    const body = JSON.stringify({ accessKeyId: 'AKIA', secretAccessKey: SECRET });
    const request: Request = {
      method,
      path,
      query: new URLSearchParams(query),
      address: '127.0.0.1',
      headers: {
        host: 'dstack.example',
        authorization: `bearer ${TOKEN}`,
        'content-type': 'application/json',
      },
      body: async () => Buffer.from(body),
      ...change,
    };
    const handler = routes[`${method} /api/v1/accounts/*`];
    if (!handler) throw new Error(`nothing serves ${method}`);
    return handler(request);
  };
  return { ask, seen, said };
}

describe('accounts by HTTP', () => {
  test.each([
    ['GET /api/v1/accounts/repo-7', 200, ['permission of mona on app', 'describe repo-7']],
    ['PUT /api/v1/accounts/repo-7', 422, ['permission of mona on app', 'configure repo-7']],
    [
      'DELETE /api/v1/accounts/repo-7?only=security-group',
      200,
      ['permission of mona on app', 'teardown repo-7 null'],
    ],
    ['DELETE /api/v1/accounts/repo-7', 409, ['permission of mona on app', 'clear repo-7 false']],
    [
      'DELETE /api/v1/accounts/repo-7?force=1',
      409,
      ['permission of mona on app', 'clear repo-7 true'],
    ],
    ['GET /api/v1/accounts/owner-9', 200, ['permission of mona on .github', 'describe owner-9']],
  ])('serve an admin: %s', async (line, status, calls) => {
    const { ask, seen, said } = door();
    const answer = await ask(line);
    expect([answer.status, seen]).toEqual([status, calls]);
    expect(answer.headers).toMatchObject({ 'cache-control': 'no-store' });
    expect(JSON.stringify([answer, said])).not.toContain(SECRET);
  });

  test.each<[string, Given, string, number, string]>([
    ['a writer', { permission: 'write' }, 'PUT /api/v1/accounts/repo-7', 403, 'permission'],
    ['a reader', { permission: 'read' }, 'GET /api/v1/accounts/repo-7', 403, 'permission'],
    ['a stranger', { permission: 'none' }, 'GET /api/v1/accounts/repo-7', 404, 'scope'],
    ['a repository nobody knows', {}, 'GET /api/v1/accounts/repo-6', 404, 'scope'],
    ['an owner nobody knows', {}, 'GET /api/v1/accounts/owner-6', 404, 'scope'],
    ['an owner without a home', { home: false }, 'GET /api/v1/accounts/owner-9', 404, 'scope'],
    ['no scope', {}, 'GET /api/v1/accounts/default', 404, 'scope'],
    [
      'a token of others',
      { users: refused('denied') },
      'PUT /api/v1/accounts/repo-7',
      401,
      'token',
    ],
    [
      'GitHub in trouble',
      { users: refused('unreachable') },
      'GET /api/v1/accounts/repo-7',
      503,
      'github',
    ],
    ['an app without a client', { users: 'none' }, 'GET /api/v1/accounts/repo-7', 503, 'no-client'],
  ])('refuse %s', async (_, given, line, status, code) => {
    const { ask, seen } = door(given);
    const answer = await ask(line);
    expect(answer).toMatchObject({ status, body: { error: { code } } });
    expect(seen.filter((call) => /^(describe|configure|clear)/.test(call))).toEqual([]);
    expect(seen.at(-1)).toBe(`refused ${code}`);
  });

  test('show an account to who may write', async () => {
    const answer = await door({ permission: 'write' }).ask('GET /api/v1/accounts/repo-7');
    expect(answer.status).toBe(200);
  });

  const naming = (repositories: unknown) => ({
    body: async () => Buffer.from(JSON.stringify({ repositories })),
  });

  test("let an owner's account name what the caller administers", async () => {
    const { ask, seen } = door();
    const answer = await ask('PUT /api/v1/accounts/owner-9', naming([7, 7]));
    expect(answer.status).toBe(422);
    expect(seen).toEqual([
      'permission of mona on .github',
      'permission of mona on app',
      'configure owner-9',
    ]);
  });

  test.each<[string, Given, number, number, string, string]>([
    ['they may only read', { onApp: 'read' }, 7, 403, 'permission', 'has read on acme/app (7)'],
    ['they do not see', { onApp: 'none' }, 7, 403, 'permission', 'no repository 7 of this owner'],
    ['nobody knows', {}, 6, 403, 'permission', 'no repository 6 of this owner'],
    ['the App has left', {}, 10, 403, 'permission', 'no repository 10 of this owner'],
    ['is of another owner', {}, 11, 403, 'permission', 'no repository 11 of this owner'],
    ['GitHub is silent of', { onApp: refused('unreachable') }, 7, 503, 'github', 'try again'],
  ])('let it name no repository that %s', async (_, given, id, status, code, text) => {
    const { ask, seen } = door(given);
    const answer = await ask('PUT /api/v1/accounts/owner-9', naming([id]));
    expect(answer).toMatchObject({
      status,
      body: { error: { code, message: expect.stringContaining(text) } },
    });
    expect(JSON.stringify(answer)).not.toContain('theirs');
    expect(seen).not.toContain('configure owner-9');
    expect(seen.at(-1)).toBe(`refused ${code}`);
  });

  test('answer nobody without a token, and read no body of theirs', async () => {
    const { ask } = door();
    const headers = { host: 'dstack.example' };
    const body = () => Promise.reject(new Error('the body was read'));
    const answer = await ask('PUT /api/v1/accounts/repo-7', { headers, body });
    expect(answer.status).toBe(401);
  });
});

test.each([
  ['the app by https', { host: 'dstack.example' }, 'https://dstack.example', true],
  ['a proxy that says https', { host: 'x', 'x-forwarded-proto': 'https' }, null, true],
  [
    'a proxy that says http',
    { host: 'dstack.example', 'x-forwarded-proto': 'http' },
    'https://dstack.example',
    false,
  ],
  [
    'two proxies, the first by http',
    { host: 'x', 'x-forwarded-proto': 'http, https' },
    null,
    false,
  ],
  ['this machine', { host: '127.0.0.1:3000' }, null, true],
  ['this machine by name', { host: 'localhost:3000' }, 'https://dstack.example', true],
  ['another address', { host: '10.0.0.7:3000' }, 'https://dstack.example', false],
  ['no address', {}, 'https://dstack.example', false],
])('whether the way here was closed to others: %s', (_, headers, publicUrl, is) => {
  expect(isSecure({ headers }, publicUrl)).toBe(is);
});
