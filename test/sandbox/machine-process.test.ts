import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { systemClock } from '../../src/lib/clock.ts';
import { systemRandom } from '../../src/lib/random.ts';
import { proofRequest, signerOf } from '../../src/sandbox/aws-identity.ts';
import { createEc2 } from '../../src/sandbox/ec2.ts';
import type { Ec2Instance } from '../../src/sandbox/ec2-instance.ts';
import type { Ec2Model } from '../../src/sandbox/ec2-model.ts';
import { createKernel, type Kernel } from '../../src/sandbox/kernel.ts';
import { type Loopback, listen } from '../../src/sandbox/loopback.ts';
import type { Machines } from '../../src/sandbox/machine.ts';
import { createProcessMachines } from '../../src/sandbox/machine-process.ts';
import { aCall, one, PLAIN, REGION } from './ec2-world.ts';

/** Tells the app who it is, does what the app answers, and hangs on the line until it dies. */
const DAEMON = `
import { execSync } from 'node:child_process';
const app = process.env.DSTACK_URL;
const imds = process.env.AWS_EC2_METADATA_SERVICE_ENDPOINT + '/latest/';
const post = (path, body) =>
  fetch(app + path, { method: 'POST', body: JSON.stringify(body) }).then((got) => got.text());
const headers = { 'x-aws-ec2-metadata-token-ttl-seconds': '60' };
const token = await (await fetch(imds + 'api/token', { method: 'PUT', headers })).text();
const ask = (path) =>
  fetch(imds + path, { headers: { 'x-aws-ec2-metadata-token': token } }).then((got) => got.text());
console.log('the daemon speaks');
const order = await post('/hello', { env: process.env, id: await ask('meta-data/instance-id') });
if (order === 'off') execSync(process.env.DSTACK_POWEROFF);
while (!(await ask('meta-data/spot/instance-action'))) await new Promise((go) => setTimeout(go, 20));
await post('/notice', JSON.parse(await ask('meta-data/spot/instance-action')));
await post('/line', {});
`;
const BUNDLE = readFileSync(new URL('../../dist/dstack-runner.mjs', import.meta.url));
const sha256 = (data: string | Buffer) => createHash('sha256').update(data).digest('hex');

type Body = Record<string, unknown>;
interface Visit {
  readonly body: Body;
  answer(status: number, text: string): void;
  /** The machine hung up, or is no more. */
  readonly closed: Promise<void>;
}

let kernel: Kernel;
let ec2: Ec2Model;
let machines: Machines;
let app: Loopback;
let pump: { stop(): Promise<void> };
let daemon: string | Buffer;
let visits: Map<string, (visit: Visit) => void>;

/** The next request that a machine sends there. */
const visitTo = (path: string): Promise<Visit> =>
  new Promise((resolve) => visits.set(path, resolve));

const ended = (id: string): Promise<Ec2Instance> =>
  new Promise((resolve) => ec2.on('ended', (one) => one.id === id && resolve(one)));

const launch = (sha = sha256(daemon)): Ec2Instance => {
  const facts = `export DSTACK_URL=${app.url}\nexport DSTACK_LAUNCH=l1\nDSTACK_TOKEN=t1\n`;
  const userData = `#!/bin/bash\n${facts}DSTACK_RUNNER_SHA256=${sha}\nrm -rf /nowhere\n`;
  return one(ec2.runInstances(REGION, aCall({ userData })));
};

async function serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
  if (request.method === 'GET') return void response.writeHead(200).end(daemon);
  const parts: Buffer[] = [];
  for await (const part of request) parts.push(part);
  const body: Body = JSON.parse(Buffer.concat(parts).toString());
  const closed = new Promise<void>((resolve) => void response.once('close', resolve));
  const answer = (status: number, text: string) => void response.writeHead(status).end(text);
  const wait = visits.get(request.url ?? '');
  if (wait) wait({ body, answer, closed });
  else answer(404, '');
}

beforeEach(async () => {
  daemon = DAEMON;
  visits = new Map();
  kernel = createKernel({ seed: 1, startAt: systemClock.now() });
  ec2 = createEc2(kernel, { ...PLAIN, bootMs: [10, 10] });
  pump = kernel.pump(systemClock, { speed: 1 });
  app = await listen(createServer((request, response) => void serve(request, response)));
  machines = await createProcessMachines({
    kernel,
    ec2,
    clock: systemClock,
    random: systemRandom,
    searchPath: process.env['PATH'] ?? '',
  });
});

afterEach(async () => {
  await machines.close();
  await app.close();
  await pump.stop();
});

test('starts the daemon with the assignments of its user data and nothing of ours', async () => {
  const hello = visitTo('/hello');
  const instance = launch();
  const { body, answer } = await hello;
  expect(body['id']).toBe(instance.id);
  const env = body['env'] as Record<string, string>;
  expect(env).toMatchObject({ DSTACK_LAUNCH: 'l1', DSTACK_TOKEN: 't1' });
  expect(env).not.toHaveProperty('NODE_OPTIONS');
  const end = ended(instance.id);
  answer(200, 'off');
  expect((await end).stateReason?.code).toBe('Client.InstanceInitiatedShutdown');
  expect(machines.outputOf(instance.id)).toContain('the daemon speaks');
});

test('powers off when the daemon is not the promised one', async () => {
  const { id } = launch(sha256('another'));
  expect((await ended(id)).stateReason?.code).toBe('Client.InstanceInitiatedShutdown');
  expect(machines.outputOf(id)).toContain('not the promised one');
});

test('shows the notice of EC2 to the machine, and takes its power without asking', async () => {
  const hello = visitTo('/hello');
  const { id } = launch();
  (await hello).answer(200, 'stay');
  const notice = visitTo('/notice');
  await kernel.visit('test', () => ec2.reclaim(id, true));
  const { body, answer } = await notice;
  expect(body).toEqual({ action: 'terminate', time: expect.stringMatching(/^\d{4}-.*\dZ$/) });
  const line = visitTo('/line');
  answer(200, '');
  const { closed } = await line;
  await kernel.visit('test', () => ec2.reclaim(id, false));
  await closed;
});

test('ends every machine on close', async () => {
  const hello = visitTo('/hello');
  launch();
  const { closed } = await hello;
  await machines.close();
  await closed;
});

test('runs the real daemon, whose proof holds', async () => {
  daemon = BUNDLE;
  const asked = visitTo('/runner/v1/register');
  const instance = launch();
  const { body, answer } = await asked;
  expect(body).toMatchObject({ launch: 'l1', token: 't1', instance: instance.id });
  const proof = body['proof'] as { authorization: string } & Parameters<typeof proofRequest>[0];
  const { headers, ...request } = proofRequest(proof, REGION);
  const { authorization } = proof;
  expect(signerOf({ ...request, headers: { ...headers, authorization } })).toBe(instance.id);
  const end = ended(instance.id);
  answer(410, '{"error":{"code":"gone","message":"cancelled"}}');
  expect((await end).stateReason?.code).toBe('Client.InstanceInitiatedShutdown');
  expect(machines.outputOf(instance.id)).toContain('register refused with 410');
});
