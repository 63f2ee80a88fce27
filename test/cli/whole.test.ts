import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { systemClock } from '../../src/lib/clock.ts';
import { type Moto, motoServer, startMoto } from '../moto.ts';
import { type HttpWorld, startHttpWorld } from '../sandbox/github-http-world.ts';

// The whole way of an account: dstack on the command line, the app as a process, GitHub, and AWS.

const BIN = fileURLToPath(new URL('../../bin/dstack.js', import.meta.url));
const ID = 'AKIAIOSFODNN7EXAMPLE';
const SECRET = 'wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY';
const READY_MS = 30_000;

/** A port of the system's choice that is free again. */
async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

async function untilReady(url: string): Promise<void> {
  for (const end = systemClock.now() + READY_MS; systemClock.now() < end; ) {
    const answer = await fetch(`${url}/readyz`).catch(() => undefined);
    if (answer?.ok) return;
    await systemClock.sleep(50);
  }
  throw new Error('the app did not become ready');
}

function serving(secrets: 'aws' | 'local', github: () => HttpWorld, moto: () => Moto) {
  const folder = mkdtempSync(join(tmpdir(), 'dstack-'));
  let app: ChildProcess;
  let url = '';
  let log: Promise<string>;

  async function start(): Promise<void> {
    const port = await freePort();
    url = `http://127.0.0.1:${port}`;
    const hub = github();
    const env = {
      PATH: process.env['PATH'] ?? '',
      HOME: folder,
      APP_ID: String(hub.app.id),
      PRIVATE_KEY: hub.app.pem,
      WEBHOOK_SECRET: hub.app.webhookSecret,
      GITHUB_CLIENT_ID: hub.app.clientId,
      GITHUB_CLIENT_SECRET: hub.app.clientSecret,
      GHE_HOST: new URL(hub.url).host,
      GHE_PROTOCOL: 'http',
      PUBLIC_URL: url,
      PORT: String(port),
      DATABASE_URL: `sqlite:${join(folder, 'app.db')}`,
      DSTACK_SECRETS: secrets,
      DSTACK_RESYNC_MS: '500',
      AWS_REGION: 'eu-west-1',
      AWS_ENDPOINT_URL: moto().url,
      AWS_ACCESS_KEY_ID: 'AKIAI44QH8DHBEXAMPLE',
      AWS_SECRET_ACCESS_KEY: 'the-secret-of-the-app-itself',
    };
    app = spawn(process.execPath, [BIN, 'serve'], { env, cwd: folder });
    log = app.stdout ? text(app.stdout) : Promise.resolve('');
    await untilReady(url);
  }

  async function run(words: readonly string[], input = '', login = 'acme') {
    const hub = github();
    const env = {
      PATH: process.env['PATH'] ?? '',
      HOME: folder,
      PUBLIC_URL: url,
      GHE_HOST: new URL(hub.url).host,
      GHE_PROTOCOL: 'http',
      GH_TOKEN: hub.signIn(login),
    };
    const args = [BIN, ...words, '--repo', 'acme/app'];
    const child = spawn(process.execPath, args, { env, cwd: folder });
    child.stdin.end(input);
    const out = Promise.all([text(child.stdout), text(child.stderr)]);
    const [code] = await once(child, 'close');
    const [stdout, stderr] = await out;
    return { code, stdout, stderr };
  }

  /** The app finds its repositories by itself, some moments after the start. */
  async function untilKnown(): Promise<void> {
    for (const end = systemClock.now() + READY_MS; systemClock.now() < end; ) {
      if ((await run(['aws', 'info'])).code === 0) return;
      await systemClock.sleep(200);
    }
    throw new Error('the app did not find the repository');
  }

  async function stop() {
    app.kill('SIGTERM');
    await once(app, 'close');
    const database = readFileSync(join(folder, 'app.db')).toString('latin1');
    rmSync(folder, { recursive: true, force: true });
    return { log: await log, database };
  }
  /** After a failure the app is still there. */
  const end = () => void app.kill('SIGKILL');
  return { start, run, untilKnown, stop, end };
}

if (motoServer === undefined) {
  test.skip('needs moto_server', () => {});
} else {
  let github: HttpWorld;
  let moto: Moto;
  beforeAll(async () => {
    [github, moto] = await Promise.all([startHttpWorld(), startMoto()]);
    const Action = 'Action=CreateRole&Version=2010-05-08&RoleName=AWSServiceRoleForEC2Spot';
    const trust = encodeURIComponent('{"Version":"2012-10-17","Statement":[]}');
    await fetch(moto.url, {
      method: 'POST',
      headers: {
        'content-type': 'application/x-www-form-urlencoded',
        authorization: 'AWS4-HMAC-SHA256 Credential=A/20260101/us-east-1/iam/aws4_request',
      },
      body: `${Action}&AssumeRolePolicyDocument=${trust}`,
    });
  });
  afterAll(async () => {
    await moto.stop();
    await github.stop();
  });

  describe.each(['aws', 'local'] as const)('an account kept by DSTACK_SECRETS=%s', (secrets) => {
    const app = serving(
      secrets,
      () => github,
      () => moto,
    );
    beforeAll(async () => {
      await app.start();
      await app.untilKnown();
    });
    afterAll(() => app.end());

    test('is configured, shown and cleared by an admin, and its secret is nowhere to be read', async () => {
      const input = `${ID}\n${SECRET}\neu-west-1\n\n`;
      const kept = await app.run(['aws', 'configure'], input);
      expect([kept.code, kept.stderr]).toEqual([0, 'Checking with AWS …\n']);
      expect(kept.stdout).toContain('ok   launch');
      const info = await app.run(['aws', 'info']);
      expect(info.stdout).toContain('Access key  AKIA************MPLE\nRegion      eu-west-1\n');
      const stranger = await app.run(['aws', 'clear', '--force'], '', 'stranger');
      expect(stranger.code).toBe(1);
      expect((await app.run(['aws', 'info'])).stdout).toContain('eu-west-1');
      expect(await app.run(['aws', 'clear'])).toMatchObject({ code: 0 });
      expect((await app.run(['aws', 'info'])).stdout).toContain('No AWS account');
      await app.run(['aws', 'configure'], input);
      const { log, database } = await app.stop();
      expect(log).toContain('account configured');
      expect(`${log}${database}`).not.toContain(SECRET);
    });
  });
}
