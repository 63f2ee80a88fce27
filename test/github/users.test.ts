import { expect, test } from '@jest/globals';
import { createUsers } from '../../src/github/users.ts';
import { systemClock } from '../../src/lib/clock.ts';
import { silentLog as log } from '../../src/lib/log.ts';

const TOKEN = `ghu_${'0'.repeat(36)}`;
const MINE = { user: { login: 'mona', id: 1 }, app: { client_id: 'Iv1.mine' } };

function usersWith(status: number, body: object, time = { now: 0 }) {
  const asked: [url: string, body: unknown, authorization: unknown][] = [];
  const users = createUsers({
    apiUrl: 'https://api.github.example',
    userAgent: 'dstack-test',
    clock: { ...systemClock, now: () => time.now },
    log,
    client: { id: 'Iv1.mine', secret: 'the client secret' },
    fetch: async (input, init) => {
      const headers = new Headers(init?.headers);
      asked.push([String(input), JSON.parse(String(init?.body)), headers.get('authorization')]);
      return Response.json(body, { status });
    },
  });
  return { users, asked };
}

test('a token of this App names its user; GitHub is asked as the App', async () => {
  const { users, asked } = usersWith(200, MINE);
  expect(await users.whoIs(TOKEN)).toEqual({ ok: true, value: { login: 'mona', id: 1 } });
  expect(asked).toEqual([
    [
      'https://api.github.example/applications/Iv1.mine/token',
      { access_token: TOKEN },
      `basic ${btoa('Iv1.mine:the client secret')}`,
    ],
  ]);
});

test.each([
  ['that GitHub does not know as ours', 404, { message: 'Not Found' }, 'denied'],
  ['that is none for GitHub', 422, { message: 'Validation Failed' }, 'denied'],
  ['of another App', 200, { ...MINE, app: { client_id: 'Iv1.other' } }, 'unreachable'],
  ['while GitHub has a fault', 502, {}, 'unreachable'],
])('a token %s names nobody', async (_, status, body, reason) => {
  expect(await usersWith(status, body).users.whoIs(TOKEN)).toMatchObject({ ok: false, reason });
});

test.each(['', 'short', 'with a space in the middle of it', `${TOKEN}\n`, 'x'.repeat(1001)])(
  'what is no token goes to nobody: %j',
  async (token) => {
    const { users, asked } = usersWith(200, MINE);
    expect(await users.whoIs(token)).toMatchObject({ ok: false, reason: 'denied' });
    expect(asked).toEqual([]);
  },
);

test('a token is asked about once a minute while it is good', async () => {
  const time = { now: 0 };
  const { users, asked } = usersWith(200, MINE, time);
  for (const now of [0, 59_999, 60_000]) {
    time.now = now;
    expect(await users.whoIs(TOKEN)).toMatchObject({ value: { login: 'mona' } });
  }
  expect(asked.length).toBe(2);
  const denied = usersWith(404, {});
  for (let i = 0; i < 2; i += 1) await denied.users.whoIs(TOKEN);
  expect(denied.asked.length).toBe(2);
});
