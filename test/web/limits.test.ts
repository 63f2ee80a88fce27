import { describe, expect, test } from '@jest/globals';
import type { AccountDesk } from '../../src/accounts/port.ts';
import type { NotLetIn, Permission } from '../../src/github/port.ts';
import type { Answer, Request, Routes } from '../../src/lib/http.ts';
import { silentLog as log } from '../../src/lib/log.ts';
import { done, type Refused } from '../../src/model/reply.ts';
import { accountRoutes } from '../../src/web/accounts-api.ts';
import { commandRoutes } from '../../src/web/command-api.ts';
import { TOKEN as GOOD, ACME_APP as REPO } from './acme.ts';

// What callers may cause at GitHub, whose answers come when a test lets them.

const STRANGER = '203.0.113.5';
const publicUrl = 'https://dstack.example';
const store = {
  repo: async (id: number) => (id === REPO.id ? REPO : null),
  noteEvents: async () => [true],
};
const refused = () => {};

/** Counts the questions, and lets a test hold them back. */
function createHub() {
  const hub = {
    now: 0,
    isDown: false,
    good: [GOOD],
    permission: 'admin' as Permission,
    identity: 0,
    permissions: 0,
    lists: 0,
    underWay: 0,
    mostUnderWay: 0,
  };
  const clock = { now: () => hub.now, sleep: async () => {} };
  const permission = async () => {
    hub.permissions += 1;
    hub.underWay += 1;
    hub.mostUnderWay = Math.max(hub.mostUnderWay, hub.underWay);
    await new Promise(setImmediate);
    hub.underWay -= 1;
    return done(hub.permission);
  };
  const knows = async (token: string) => {
    hub.identity += 1;
    await new Promise(setImmediate);
    return hub.good.includes(token);
  };
  return { hub, clock, permission, knows };
}

/** Sends from one address, as our own proxy tells it. */
function sender(handler: Routes[string] | undefined) {
  if (!handler) throw new Error('nothing is served');
  return (token: string, { from = STRANGER, path = '', body = {} } = {}): Promise<Answer> =>
    handler({
      method: 'GET',
      path,
      query: new URLSearchParams(),
      address: '10.0.0.1',
      headers: {
        host: 'dstack.example',
        'x-forwarded-for': from,
        authorization: `bearer ${token}`,
        'content-type': 'application/json',
      },
      body: async () => Buffer.from(JSON.stringify(body)),
    } satisfies Request);
}

function commandDoor() {
  const { hub, clock, permission, knows } = createHub();
  const NOBODY: NotLetIn = { ok: false, why: 'token', message: 'no' };
  const DOWN: NotLetIn = { ok: false, why: 'github', message: 'down' };
  const visitors = {
    visitor: async (token: string) => {
      if (hub.isDown) return DOWN;
      if (!(await knows(token))) return NOBODY;
      return { ok: true, user: { login: 'mona', id: 1 }, repo: REPO, most: 'admin' } as const;
    },
  };
  const workflow = {
    ok: true,
    id: 'jti',
    repo: REPO.id,
    ownerId: REPO.ownerId,
    repository: 'acme/app',
    ref: 'refs/heads/main',
    event: 'push',
    actor: 'mona',
    run: 1,
  } as const;
  const routes = commandRoutes({
    ...{ visitors, store, clock, log, publicUrl, refused },
    workflows: { workflow: async () => workflow },
    github: { permission },
    htmlUrl: 'https://github.com',
    run: async () => ({ kind: 'refused', text: 'nothing to do' }),
  });
  const send = sender(routes['POST /api/v1/command']);
  const body = { repository: 'acme/app', command: 'runners' };
  return { hub, ask: (token: string, from = STRANGER) => send(token, { from, body }) };
}

function accountsDoor() {
  const { hub, clock, permission, knows } = createHub();
  const DENIED: Refused = { ok: false, reason: 'denied', code: '404', message: 'no' };
  const never = () => Promise.reject(new Error('this is not asked here'));
  const desk: AccountDesk = {
    describe: async () => ({ account: null, problem: null, externalId: 'e', principal: null }),
    ...{ configure: never, clear: never, teardown: never },
  };
  const routes = accountRoutes({
    ...{ desk, store, clock, log, publicUrl, refused },
    users: {
      whoIs: async (token) => ((await knows(token)) ? done({ login: 'mona', id: 1 }) : DENIED),
    },
    github: {
      installations: async () => {
        hub.lists += 1;
        return done([{ id: 5, ownerId: 9 }]);
      },
      repositories: async () => done([{ ...REPO, name: '.github' }]),
      permission,
    },
  });
  const send = sender(routes['GET /api/v1/accounts/*']);
  const ask = (token: string, scope = 'repo-7', from = STRANGER) =>
    send(token, { from, path: `/api/v1/accounts/${scope}` });
  return { hub, ask };
}

const junk = (i: number): string => `ghu_${String(i).padStart(36, '0')}`;
const times = <T>(count: number, work: (i: number) => T): T[] =>
  Array.from({ length: count }, (_, i) => work(i));

/** How many were answered each status. */
async function counted(answers: readonly Promise<Answer>[]) {
  const counts: Record<number, number> = {};
  for (const { status } of await Promise.all(answers)) counts[status] = (counts[status] ?? 0) + 1;
  return counts;
}

describe.each([
  ['commands', commandDoor],
  ['accounts', accountsDoor],
])('whoever is refused too often, by %s', (_, open) => {
  test('is asked about no more, however many come at once', async () => {
    const { hub, ask } = open();
    expect(await counted(times(500, (i) => ask(junk(i))))).toEqual({ 401: 30, 429: 470 });
    expect(hub.identity).toBe(30);
    const answer = await ask(junk(0));
    expect(answer).toMatchObject({ status: 429, headers: { 'retry-after': '60' } });
    hub.now += 60_000;
    expect((await ask(junk(0))).status).toBe(401);
  });

  test('is in the way of nobody who was let in before, though they have one address', async () => {
    const { hub, ask } = open();
    expect((await ask(GOOD)).status).toBe(200);
    await counted(times(31, (i) => ask(junk(i))));
    expect((await ask(GOOD)).status).toBe(200);
    hub.good = [];
    expect((await ask(GOOD)).status).toBe(401);
    expect((await ask(GOOD)).status).toBe(429);
  });

  test('is nobody who is let in', async () => {
    const { hub, ask } = open();
    hub.good = times(40, junk);
    for (const token of hub.good) expect((await ask(token)).status).toBe(200);
  });
});

test('many calls with one token at once are one question, and each is counted', async () => {
  const { hub, ask } = commandDoor();
  expect(await counted(times(70, () => ask(GOOD)))).toEqual({ 200: 60, 429: 10 });
  expect(hub).toMatchObject({ identity: 1, mostUnderWay: 4 });
});

test('nobody is refused because GitHub does not answer', async () => {
  const { hub, ask } = commandDoor();
  hub.isDown = true;
  for (const token of times(40, junk)) expect((await ask(token)).status).toBe(503);
  hub.isDown = false;
  expect((await ask(GOOD)).status).toBe(200);
});

test('a workflow does not wait for the refusals of others', async () => {
  const { ask } = commandDoor();
  await counted(times(31, (i) => ask(junk(i))));
  expect((await ask('eyJ')).status).toBe(200);
});

describe('a stranger who has signed in', () => {
  test('causes few questions about a foreign repository', async () => {
    const { hub, ask } = accountsDoor();
    hub.permission = 'none';
    expect(await counted(times(100, () => ask(GOOD)))).toEqual({ 404: 60, 429: 40 });
    expect(hub).toMatchObject({ identity: 1, permissions: 60, mostUnderWay: 4 });
    hub.now += 60_000;
    expect((await ask(GOOD)).status).toBe(404);
  });

  test('does not have the installations read for each owner', async () => {
    const { hub, ask } = accountsDoor();
    for (let id = 9; id < 40; id += 1) await ask(GOOD, `owner-${id}`);
    expect(hub.lists).toBe(1);
    hub.now += 10_000;
    expect((await ask(GOOD, 'owner-9')).status).toBe(200);
    expect(hub.lists).toBe(2);
  });
});
