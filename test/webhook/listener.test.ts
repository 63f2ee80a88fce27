import { request as httpRequest } from 'node:http';
import { connect, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { systemClock } from '../../src/lib/clock.ts';
import { silentLog } from '../../src/lib/log.ts';
import { Secret } from '../../src/lib/secret.ts';
import type { Delivery } from '../../src/model/event.ts';
import { createMemoryStore } from '../../src/store/memory.ts';
import type { Store } from '../../src/store/port.ts';
import { type Listening, listen } from '../../src/web/server.ts';
import { createListener } from '../../src/webhook/listener.ts';
import { jobEvent, SECRET, sign } from './payloads.ts';

let server: Listening;
let store: Store;
let taken: Delivery[];
let counts: Record<string, number>;
let warned: object[];

beforeEach(async () => {
  store = createMemoryStore();
  taken = [];
  counts = {};
  warned = [];
  server = await open();
});

async function open(more: { requestTimeoutMs?: number } = {}): Promise<Listening> {
  const webhook = createListener({
    store,
    clock: systemClock,
    log: { ...silentLog, warn: (facts) => void warned.push(facts) },
    secret: new Secret(SECRET),
    label: 'dstack',
    count: (why) => {
      counts[why] = (counts[why] ?? 0) + 1;
    },
    onFresh: (news) => void taken.push(...news),
  });
  const routes = { 'POST /hook': webhook };
  const on = { host: '127.0.0.1', port: 0, log: silentLog, ...more };
  const listening = await listen(routes, on);
  if (listening === 'port-taken') throw new Error('port 0 is never taken');
  return listening;
}

afterEach(() => server.close());

interface Sent {
  readonly status: number;
  readonly body: string;
}

/** Sends a webhook as GitHub does; a header that is null is left out. */
function send(body: string | Buffer, headers: Record<string, string | null> = {}): Promise<Sent> {
  const all = {
    'content-type': 'application/json',
    'x-github-event': 'workflow_job',
    'x-github-delivery': 'a-1',
    'x-hub-signature-256': sign(body),
    ...headers,
  };
  const given = Object.entries(all).filter((one): one is [string, string] => one[1] !== null);
  return new Promise((resolve, reject) => {
    const url = `http://127.0.0.1:${server.port}/hook`;
    const req = httpRequest(url, { method: 'POST', headers: Object.fromEntries(given) }, (res) => {
      const parts: Buffer[] = [];
      res.on('data', (part: Buffer) => parts.push(part));
      res.on('end', () =>
        resolve({ status: res.statusCode ?? 0, body: Buffer.concat(parts).toString() }),
      );
    });
    // A body that is refused early is not read to its end, and the socket closes under it.
    req.on('error', reject);
    req.end(body);
  });
}

const queued = JSON.stringify(jobEvent('queued'));

test('writes an event down before it answers, and hands it on once', async () => {
  expect(await send(queued)).toEqual({ status: 202, body: '{"taken":true}' });
  expect(await store.unapplied(10)).toMatchObject([{ id: 'a-1', event: { kind: 'job' } }]);
  expect(taken).toHaveLength(1);
});

test('recognises a delivery that comes again by its id', async () => {
  await send(queued);
  expect(await send(queued)).toEqual({ status: 202, body: '{"taken":false}' });
  expect(taken).toHaveLength(1);
  expect(counts).toEqual({ double: 1 });
});

test.each([
  [
    'a wrong signature',
    queued,
    { 'x-hub-signature-256': sign(queued, 'another') },
    401,
    'signature',
  ],
  ['no signature', queued, { 'x-hub-signature-256': null }, 401, 'signature'],
  ['a signature of garbage', queued, { 'x-hub-signature-256': 'sha256=zz' }, 401, 'signature'],
  ['another content type', queued, { 'content-type': 'text/plain' }, 415, 'content-type'],
  ['no delivery id', queued, { 'x-github-delivery': null }, 400, 'headers'],
  ['no event name', queued, { 'x-github-event': null }, 400, 'headers'],
  ['text that is no JSON', '{"action":', {}, 400, 'json'],
  ['JSON that is no object', '[1]', {}, 400, 'json'],
  ['null', 'null', {}, 400, 'json'],
])('refuses %s and changes nothing', async (_, body, headers, status, why) => {
  expect((await send(body, headers)).status).toBe(status);
  expect(counts).toEqual({ [why]: 1 });
  expect(taken).toEqual([]);
  expect(await store.unapplied(10)).toEqual([]);
});

test('refuses a body of 25 MB by its length', async () => {
  const big = Buffer.alloc(25 * 1024 * 1024, ' ');
  const refused = { 'x-hub-signature-256': sign('another') };
  // The socket may be closed before the client has sent it all; both mean no.
  const status = await send(big, refused).then(
    (answer) => answer.status,
    () => 413,
  );
  expect(status).toBe(413);
  expect(counts).toEqual({ 'too-large': 1 });
  expect((await send(queued)).status).toBe(202);
});

test('refuses a body without a length once it is too large', async () => {
  const url = `http://127.0.0.1:${server.port}/hook`;
  const headers = {
    'content-type': 'application/json',
    'x-github-event': 'push',
    'x-github-delivery': 'b',
    'x-hub-signature-256': sign('another'),
  };
  await new Promise<void>((resolve) => {
    const req = httpRequest(url, { method: 'POST', headers }, (res) => {
      res.resume();
      resolve();
    });
    req.on('error', () => resolve());
    const part = Buffer.alloc(1024 * 1024, ' ');
    for (let i = 0; i < 12; i += 1) req.write(part);
  });
  expect(counts).toEqual({ 'too-large': 1 });
});

const TEN_MB = 10 * 1024 * 1024;

/** Of somebody who sends a body, or some of it, when they like; `answered` is all that came back. */
function stranger(length: number, signature = ''): { socket: Socket; answered: Promise<string> } {
  const head = [
    'POST /hook HTTP/1.1',
    'host: dstack',
    'content-type: application/json',
    'x-github-event: push',
    'x-github-delivery: c',
    `content-length: ${length}`,
    ...(signature && [`x-hub-signature-256: ${signature}`]),
  ];
  const socket = connect(server.port, '127.0.0.1');
  socket.write(`${head.join('\r\n')}\r\n\r\n`);
  const answered = new Promise<string>((resolve) => {
    let text = '';
    socket.on('data', (part) => {
      text += part;
    });
    socket.on('error', () => {}).on('close', () => resolve(text));
  });
  return { socket, answered };
}

test('answers who does not sign before a large body is read', async () => {
  const { answered } = stranger(TEN_MB);
  expect(await answered).toMatch(/^HTTP\/1.1 401 /);
  expect(counts).toEqual({ signature: 1 });
});

test('lets in the short body of who does not sign, so that the answer is seen', async () => {
  const { socket, answered } = stranger(2);
  await sleep(100);
  socket.write('{}');
  socket.end();
  expect(await answered).toMatch(/^HTTP\/1.1 401 /);
});

test('holds 64 MB of what is not verified, and takes webhooks again when it is gone', async () => {
  const nine = Buffer.alloc(9 * 1024 * 1024, ' ');
  const strangers = Array.from({ length: 8 }, () => stranger(TEN_MB, sign('another')));
  for (const { socket } of strangers) socket.write(nine);
  // Who still sends when the socket is closed may see nothing.
  const first = await Promise.race(strangers.map(({ answered }) => answered));
  expect(first).toMatch(/^HTTP\/1.1 503 |^$/);
  expect(counts).toEqual({ 'no-room': 1 });
  for (const { socket } of strangers) socket.destroy();
  await Promise.all(strangers.map(({ answered }) => answered));
  await sleep(100);
  expect((await send(queued)).status).toBe(202);
});

test('a request that does not end is given up', async () => {
  await server.close();
  server = await open({ requestTimeoutMs: 300 });
  const { answered } = stranger(TEN_MB, sign('another'));
  expect(await answered).toMatch(/^HTTP\/1.1 408 /);
});

test('answers and counts what is malformed or unknown, and logs each kind once', async () => {
  const odd = JSON.stringify({ action: 'queued', workflow_job: {} });
  for (const id of ['1', '2', '3']) {
    expect((await send(odd, { 'x-github-delivery': id })).status).toBe(202);
  }
  await send('{}', { 'x-github-event': 'star', 'x-github-delivery': '4' });
  expect(counts).toEqual({ 'malformed workflow_job': 3, ignored: 1 });
  expect(warned).toHaveLength(1);
  expect(await store.unapplied(10)).toEqual([]);
});

test('many at once are all written down and answered', async () => {
  const bodies = Array.from({ length: 200 }, (_, i) =>
    JSON.stringify(jobEvent('queued', { id: i + 1 })),
  );
  const answers = await Promise.all(
    bodies.map((body, i) => send(body, { 'x-github-delivery': `many-${i}` })),
  );
  expect(answers.every(({ status }) => status === 202)).toBe(true);
  expect(await store.unapplied(500)).toHaveLength(200);
});
