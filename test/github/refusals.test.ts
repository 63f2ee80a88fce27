import { afterEach, beforeEach, expect, test } from '@jest/globals';
import type { GitHub } from '../../src/github/port.ts';
import type { Refusal } from '../../src/model/reply.ts';
import { NOW, PATH, REPO, SETTINGS_URL, startWire, type Told, type Wire } from './wire.ts';

const JIT = `POST ${PATH}/actions/runners/generate-jitconfig`;
const RUNNER = `DELETE ${PATH}/actions/runners/4`;
const FILE = `GET ${PATH}/contents/.github/dstack.yml`;

let wire: Wire;
let github: GitHub;

beforeEach(async () => {
  wire = await startWire();
  ({ github } = wire);
});
afterEach(() => wire.stop());

const register = () => github.register(REPO, { name: 'r1', labels: ['dstack'] });
const remove = () => github.removeRunner(REPO, 4);
const readFile = () => github.file(REPO, '.github/dstack.yml', 'main');

const no = (status: number, headers: object = {}): Told => ({
  status,
  headers: { 'x-github-request-id': 'AB12:CD34', ...headers },
  body: { message: 'The reason why', documentation_url: 'https://docs.github.com/rest' },
});

const CALLS = {
  register: { route: JIT, go: register },
  remove: { route: RUNNER, go: remove },
  read: { route: FILE, go: readFile },
};

test.each<[keyof typeof CALLS, number, Refusal]>([
  ['register', 401, 'denied'],
  ['register', 403, 'denied'],
  ['register', 404, 'missing'],
  ['register', 409, 'conflict'],
  ['register', 422, 'invalid'],
  ['register', 400, 'invalid'],
  ['register', 500, 'unreachable'],
  ['register', 502, 'unreachable'],
  ['remove', 404, 'missing'],
  ['remove', 422, 'busy'],
  ['read', 404, 'missing'],
  ['read', 410, 'missing'],
  ['read', 422, 'invalid'],
  ['read', 451, 'denied'],
])('%s answered with %i is %s', async (call, status, reason) => {
  const { route, go } = CALLS[call];
  wire.on(route, no(status));
  expect(await go()).toMatchObject({ ok: false, reason, code: String(status) });
});

test('the message says what for, what GitHub said, and the request to quote', async () => {
  wire.on(JIT, no(409));
  expect(await register()).toEqual({
    ok: false,
    reason: 'conflict',
    code: '409',
    message: 'register runner r1 in octo/hello: 409 The reason why (request AB12:CD34)',
  });
});

test('a missing permission is named, with the page where it is granted', async () => {
  wire.on(JIT, no(403, { 'x-accepted-github-permissions': 'administration=write' }));
  const message = expect.stringMatching(
    new RegExp(`needs the permission administration=write: grant it at ${SETTINGS_URL}$`),
  );
  expect(await register()).toMatchObject({ reason: 'denied', message });
});

test('a registration whose answer is lost is not sent again', async () => {
  wire.on(JIT, no(502));
  await register();
  expect(wire.to(JIT)).toHaveLength(1);
});

test('a limit is told to this call and to the next ones, which are not sent', async () => {
  wire.on(JIT, no(403, { 'retry-after': '30' }));
  const retryAt = NOW + 30_000;
  expect(await register()).toMatchObject({ reason: 'throttled', code: '403', retryAt });
  expect(await register()).toMatchObject({ reason: 'throttled', code: 'pace', retryAt });
  expect(await readFile()).toMatchObject({ reason: 'throttled', retryAt });
  expect(wire.to(JIT)).toHaveLength(1);
  wire.clock.pass(30_000);
  wire.on(JIT, no(409));
  expect(await register()).toMatchObject({ reason: 'conflict' });
});

test('the 181st registration of a minute is told when, and not sent', async () => {
  wire.on(JIT, no(409));
  for (let i = 0; i < 9; i++) await Promise.all(Array.from({ length: 20 }, register));
  expect(await register()).toMatchObject({ reason: 'throttled', retryAt: NOW + 62_000 });
  expect(wire.to(JIT)).toHaveLength(180);
});

test('a page of a proxy is passed over: no words of it reach a person', async () => {
  wire.on(FILE, { status: 502, text: '<html>Bad Gateway</html>' });
  expect(await readFile()).toMatchObject({
    reason: 'unreachable',
    message: 'read .github/dstack.yml at main in octo/hello: 502',
  });
});

test.each<[string, Told]>([
  ['a page with status 200', { status: 200, text: '<html>Sign in to the network</html>' }],
  ['an empty body', { status: 200, text: '' }],
  ['JSON of another shape', { status: 200, body: { hello: 1 } }],
])('%s is no answer of GitHub', async (_, told) => {
  wire.on(`GET ${PATH}/actions/jobs/5`, told);
  const reply = await github.job(REPO, 5);
  expect(reply).toMatchObject({ ok: false, reason: 'unreachable', code: 'shape' });
});

test('no answer within ten seconds is unreachable', async () => {
  wire.on(FILE, 'never');
  const asked = wire.asked(FILE);
  const reply = readFile();
  await asked;
  wire.clock.pass(9_999);
  expect(await Promise.race([reply, Promise.resolve('waits')])).toBe('waits');
  wire.clock.pass(1);
  expect(await reply).toMatchObject({ ok: false, reason: 'unreachable', code: 'timeout' });
});

test('a connection that breaks is unreachable, by the code of the network', async () => {
  wire.on(FILE, 'reset');
  expect(await readFile()).toMatchObject({ reason: 'unreachable', code: 'UND_ERR_SOCKET' });
});
