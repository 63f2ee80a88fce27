import { spawnSync } from 'node:child_process';
import { generateKeyPairSync } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { parseEnv } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { aFolder, aPort, aTakenPort, runDstack, startDstack } from './processes.ts';
import { type HttpWorld, startHttpWorld } from './sandbox/github-http-world.ts';

// The binary as people start it: real processes, free ports, folders of their own.

const EXIT_USAGE = 2;
const EXIT_CONFIG = 78;
const cwd = aFolder();
const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
const PEM = privateKey.export({ type: 'pkcs1', format: 'pem' }).toString();
const APP = { APP_ID: '7', PRIVATE_KEY: PEM, WEBHOOK_SECRET: 'a webhook secret' };
/** Nothing listens there: the app goes on asking. */
const NOWHERE = { GHE_HOST: '127.0.0.1:9', GHE_PROTOCOL: 'http' };

describe('dstack', () => {
  test.each(['help', '--help', '-h'])('%s shows the commands', async (arg) => {
    const { code, stdout, stderr } = await runDstack([arg], { cwd });
    expect(code).toBe(0);
    expect(stdout).toMatch(/^usage: dstack COMMAND[\s\S]*dstack serve .*\n.*dstack demo/);
    expect(stderr).toBe('');
  });

  test('without a command shows them too', async () => {
    expect(await runDstack([], { cwd })).toMatchObject({ code: 0, stderr: '' });
  });

  test('with a command that is none names it', async () => {
    const { code, stdout, stderr } = await runDstack(['sevre'], { cwd });
    expect({ code, stdout }).toEqual({ code: EXIT_USAGE, stdout: '' });
    expect(stderr).toMatch(/^error: There is no command "sevre"\./);
  });

  test.each(['--version', '-V'])('%s prints the version and nothing else', async (arg) => {
    const { version } = JSON.parse(readFileSync('package.json', 'utf8'));
    const said = await runDstack([arg], { cwd });
    expect(said).toEqual({ code: 0, stdout: `${version}\n`, stderr: '' });
  });

  test('with an option that is none names it', async () => {
    const { code, stdout, stderr } = await runDstack(['--foo'], { cwd });
    expect({ code, stdout }).toEqual({ code: EXIT_USAGE, stdout: '' });
    expect(stderr).toMatch(/^error: There is no option --foo\./);
  });

  // npm puts the project's own Node in front of the machine's.
  const PATH = (process.env['PATH'] ?? '')
    .split(':')
    .filter((folder) => !folder.includes('node_modules'));
  const env = { ...process.env, PATH: PATH.join(':') };
  const asked = spawnSync('/bin/sh', ['-c', 'command -v node && node --version'], {
    env,
    encoding: 'utf8',
  });
  const [node = '', version = ''] = asked.stdout.trim().split('\n');
  const oldTest = version !== '' && Number.parseInt(version.slice(1), 10) < 24 ? test : test.skip;
  oldTest('says in one line that a Node is too old', async () => {
    const { code, stdout, stderr } = await runDstack(['serve'], { cwd, node });
    expect({ code, stdout }).toEqual({ code: EXIT_CONFIG, stdout: '' });
    expect(stderr).toMatch(/^dstack needs Node 24 or later; this is v\d+\.[^\n]*\n$/);
  });
});

describe('dstack serve', () => {
  test('names every bad setting, shows no secret, and exits with 78', async () => {
    const env = {
      APP_ID: 'seven',
      PRIVATE_KEY: 'not a key, and secret',
      WEBHOOK_SECRET: 'development',
      PORT: '70000',
      PUBLIC_URL: 'http://app.example.com',
      DATABASE_URL: 'mysql://user:hidden-password@db/x',
      DSTACK_METRICS_TOKEN: 'short',
    };
    const { code, stdout, stderr } = await runDstack(['serve'], { cwd, env });
    expect({ code, stdout }).toEqual({ code: EXIT_CONFIG, stdout: '' });
    const named = stderr
      .trimEnd()
      .split('\n')
      .map((line) => line.split(':')[0] ?? '');
    expect(named.sort()).toEqual(Object.keys(env).sort());
    for (const secret of ['and secret', 'hidden-password', 'short']) {
      expect(stderr).not.toContain(secret);
    }
  });

  test('takes no arguments', async () => {
    const { code, stderr } = await runDstack(['serve', '--port', '3'], { cwd });
    expect(code).toBe(EXIT_USAGE);
    expect(stderr).toBe(
      'error: dstack serve takes no arguments, got: --port 3\n  try: dstack serve --help\n',
    );
  });

  const oneLine = async (env: Record<string, string>) => {
    const { code, stderr } = await runDstack(['serve'], { cwd: aFolder(), env });
    expect(code).toBe(EXIT_CONFIG);
    expect(stderr.split('\n')).toHaveLength(2);
    return stderr;
  };

  test.each([
    ['the setup page', {}],
    ['the app', { ...APP, ...NOWHERE, DATABASE_URL: 'sqlite:taken.db' }],
  ])('says in one line that its port is taken: %s', async (_, env) => {
    const taken = await aTakenPort();
    const line = await oneLine({ ...env, PORT: String(taken.port) });
    expect(line).toContain(`PORT: ${taken.port}`);
    await taken.free();
  });

  test('says in one line that there is no such address here', async () => {
    // 192.0.2.0/24 is for documentation: no machine has it.
    expect(await oneLine({ HOST: '192.0.2.1', PORT: '0' })).toMatch(/^HOST: /);
  });

  test('says in one line that its database cannot be opened', async () => {
    const file = join(aFolder(), 'file');
    writeFileSync(file, 'no folder');
    const database = { DATABASE_URL: `sqlite:${file}/dstack.db` };
    expect(await oneLine({ ...APP, ...NOWHERE, ...database })).toMatch(/^DATABASE_URL: /);
  });

  test.each(['SIGTERM', 'SIGINT'] as const)('ends cleanly on %s', async (signal) => {
    const env = { ...APP, ...NOWHERE, PORT: '0' };
    const app = startDstack(['serve'], { cwd: aFolder(), env });
    const { port } = await app.said('listening');
    expect((await fetch(`http://127.0.0.1:${port}/healthz`)).status).toBe(200);
    expect(await app.stop(signal)).toBe(0);
    expect(app.stderr).toBe('');
  });
});

test('dstack serve ends on a signal while GitHub does not answer', async () => {
  const asked = Promise.withResolvers<void>();
  const silent = createServer(() => asked.resolve()).listen(0, '127.0.0.1');
  await once(silent, 'listening');
  const address = silent.address();
  const host = typeof address === 'object' && address ? `127.0.0.1:${address.port}` : '';
  const env = { ...APP, GHE_HOST: host, GHE_PROTOCOL: 'http', PORT: '0' };
  const app = startDstack(['serve'], { cwd: aFolder(), env });
  await asked.promise;
  await app.said('listening');
  expect(await app.stop()).toBe(0);
  expect(app.stdout).toContain('the next start settles them');
  silent.closeAllConnections();
  silent.close();
});

describe('the setup page', () => {
  let world: HttpWorld;

  beforeAll(async () => {
    world = await startHttpWorld();
  });
  afterAll(() => world.stop());

  async function startSetup(folder: string) {
    const port = await aPort();
    const url = `http://127.0.0.1:${port}`;
    const env = {
      PORT: String(port),
      PUBLIC_URL: url,
      GHE_HOST: new URL(world.url).host,
      GHE_PROTOCOL: 'http',
    };
    const app = startDstack(['serve'], { cwd: folder, env });
    await app.said('listening');
    return { app, url, env };
  }

  /** What a browser does: the form, GitHub's page, its button, and the way back. */
  async function register(url: string, body: string): Promise<Response> {
    const action = /method="post" action="([^"]+)"/.exec(body)?.[1] ?? '';
    const manifest = unescaped(/name="manifest" value="([^"]+)"/.exec(body)?.[1] ?? '');
    expect(JSON.parse(manifest)).toMatchObject({
      hook_attributes: { url: `${url}/api/github/webhooks` },
    });
    const page = await post(action, { manifest });
    const state = /name="state" value="([^"]+)"/.exec(await page.text())?.[1] ?? '';
    const confirmed = await post(`${world.url}/settings/apps/create`, { manifest, state });
    return fetch(confirmed.headers.get('location') ?? '');
  }

  const post = (to: string, fields: Record<string, string>) =>
    fetch(to, { method: 'POST', body: new URLSearchParams(fields), redirect: 'manual' });
  const unescaped = (text: string) =>
    text
      .replace(/&(?:quot|#34);/g, '"')
      .replace(/&#39;/g, "'")
      .replace(/&lt;/g, '<')
      .replace(/&gt;/g, '>')
      .replace(/&amp;/g, '&');

  test('registers the App, keeps its credentials, and the app starts from them', async () => {
    const folder = aFolder();
    const file = join(folder, '.env');
    writeFileSync(file, '# mine\nLOG_LEVEL=debug\nAPP_ID=\n');
    const { app, url, env } = await startSetup(folder);
    expect((await fetch(`${url}/readyz`)).status).toBe(503);
    const form = await fetch(url);
    expect(form.status).toBe(200);
    const done = await register(url, await form.text());
    expect(done.status).toBe(200);
    expect(await done.text()).toContain(`${world.app.slug} is registered`);
    expect(statSync(file).mode & 0o777).toBe(0o600);
    const text = readFileSync(file, 'utf8');
    expect(text).toMatch(/^# mine\nLOG_LEVEL=debug\nAPP_ID="\d+"\n/);
    expect(parseEnv(text)).toEqual({
      LOG_LEVEL: 'debug',
      APP_ID: String(world.app.id),
      PRIVATE_KEY: world.app.pem,
      WEBHOOK_SECRET: world.app.webhookSecret,
      GITHUB_CLIENT_ID: world.app.clientId,
      GITHUB_CLIENT_SECRET: world.app.clientSecret,
      PUBLIC_URL: url,
    });
    for (const secret of [world.app.webhookSecret, world.app.clientSecret, 'PRIVATE KEY']) {
      expect(app.stdout + app.stderr).not.toContain(secret);
    }
    expect(await app.stop()).toBe(0);

    // Nothing but what was kept says where it is.
    const { PUBLIC_URL: _, ...rest } = env;
    const next = startDstack(['serve'], { cwd: folder, env: rest });
    await next.said('discovered');
    expect(next.stdout + next.stderr).not.toContain('PUBLIC_URL is not set');
    expect((await fetch(`${url}/readyz`)).status).toBe(200);
    expect(await next.stop()).toBe(0);
  });

  test('takes no code that it did not ask for, and one code once', async () => {
    const { app, url } = await startSetup(aFolder());
    const back = (query: string) => fetch(`${url}/setup/registered?${query}`);
    expect((await back('code=x&state=forged')).status).toBe(400);
    expect((await back('code=x')).status).toBe(400);
    const state = /state=([0-9a-f]+)/.exec(await (await fetch(url)).text())?.[1];
    expect((await back(`state=${state}`)).status).toBe(400);
    expect((await back(`code=made-up&state=${state}`)).status).toBe(502);
    expect((await back(`code=made-up&state=${state}`)).status).toBe(400);
    expect(await app.stop()).toBe(0);
  });

  test('says what is missing where GitHub could not reach the app', async () => {
    const app = startDstack(['serve'], { cwd: aFolder(), env: { PORT: '0' } });
    const { port } = await app.said('listening');
    const page = await fetch(`http://127.0.0.1:${port}/`);
    expect(page.status).toBe(503);
    expect(await page.text()).toContain('PUBLIC_URL');
    expect(await app.stop()).toBe(0);
  });
});

describe('dstack demo', () => {
  test('--once runs the jobs and ends with one line of JSON', async () => {
    const { code, stdout, stderr } = await runDstack(['demo', '--once', '--jobs', '3'], { cwd });
    expect(stderr).not.toContain('ERROR');
    const last = stdout.trimEnd().split('\n').at(-1) ?? '';
    expect(JSON.parse(last)).toEqual({
      jobs: { queued: 3, completed: 3, lost: 0 },
      instances: { launched: expect.any(Number), left: 0, maxExceeded: 0 },
      cost: expect.objectContaining({ usd: expect.any(Number) }),
      seconds: expect.any(Number),
    });
    expect(code).toBe(0);
  });

  test.each([
    ['--jobs', 'many'],
    ['--jobs', '0'],
    ['--jobs', '2001'],
    ['--port', '65536'],
    ['--seed', '-1'],
    ['--unknown', ''],
    ['jobs', ''],
  ])('refuses %s %s with the usage', async (...args) => {
    const { code, stdout, stderr } = await runDstack(['demo', ...args.filter(Boolean)], { cwd });
    expect({ code, stdout }).toEqual({ code: EXIT_USAGE, stdout: '' });
    expect(stderr).toMatch(/^demo: [^\n]+\n\nusage: dstack demo/);
  });

  test('says in one line that its port is taken', async () => {
    const taken = await aTakenPort();
    const args = ['demo', '--port', String(taken.port)];
    const { code, stderr } = await runDstack(args, { cwd });
    expect(code).toBe(EXIT_USAGE);
    expect(stderr).toMatch(/^demo: port \d+ is taken by another process; [^\n]*\n$/);
    await taken.free();
  });

  test('shows its usage', async () => {
    const { code, stdout } = await runDstack(['demo', '--help'], { cwd });
    expect(code).toBe(0);
    expect(stdout).toMatch(/^usage: dstack demo/);
  });

  test('ends on Ctrl-C and says what it did', async () => {
    const demo = startDstack(['demo', '--port', '0'], { cwd });
    await demo.shows('Page http');
    expect(await demo.stop('SIGINT')).toBe(0);
    expect(demo.stdout).toMatch(/Ended \d+ sandbox machines\. \d+ jobs done, 0 lost\./);
  });
});
