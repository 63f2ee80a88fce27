import { readFileSync, statSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { systemClock } from '../../src/lib/clock.ts';
import { aPort } from '../processes.ts';
import { type PeopleWorld, startPeopleWorld } from '../web/people-world.ts';
import { createHome, ended, type Home } from './process.ts';

// The command line before an app and a GitHub, both over HTTP.

const PATH = '.github/dstack.yml';
let world: PeopleWorld;
let home: Home;
let token: string;
/** An address where nobody listens. */
let closed: string;
beforeAll(async () => {
  world = await startPeopleWorld();
  world.model.issues.setCollaborator(world.repo, 'rita', 'read');
  token = world.signIn('acme');
  closed = `http://127.0.0.1:${await aPort()}`;
  home = createHome({ DSTACK_SERVER: world.appUrl });
});
afterAll(async () => {
  home.remove();
  await world.close();
});

const at = (line: string) => [...line.split(' '), '--repo', 'acme/app'];
const run = (line: string, env = {}) => home.run(at(line), { GH_TOKEN: token, ...env });
const fileNow = () => world.model.repos.fileAt(world.repo, PATH);

describe('a command', () => {
  test('changes a rule and says what holds now', async () => {
    const { code, stdout, stderr } = await run('autoscale allow c5.xlarge --max 2');
    expect([code, stderr]).toEqual([0, '']);
    expect(stdout).toMatch(
      /^c5\.xlarge: at most 2\. Machines start when jobs ask for them\.\n\nTYPE /,
    );
    expect(stdout).toMatch(/undo: dstack autoscale allow c5\.xlarge --max 0\n$/);
    expect(fileNow()).toContain('c5.xlarge');
  });

  test('gives data to programs, without a colour', async () => {
    const { code, stdout } = await run('autoscale info --json');
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({ kind: 'info', state: { enabled: true } });
  });

  test('takes the repository from the git remote of the folder', async () => {
    home.write('.git/config', '[remote "origin"]\n\turl = git@github.example:acme/app.git\n');
    home.write('.git/HEAD', 'ref: refs/heads/main\n');
    home.write('.git/refs/heads/.keep', '');
    home.write('.git/objects/.keep', '');
    expect(await home.run(['runners'], { GH_TOKEN: token })).toMatchObject({ code: 0 });
  });

  test('is not asked twice where nobody types', async () => {
    const before = fileNow();
    expect(await run('autoscale disable')).toMatchObject({ code: 0, stderr: '' });
    expect(fileNow()).not.toBe(before);
    await run('autoscale enable');
  });
});

describe('a refusal is on standard error, with a code of its own:', () => {
  test.each<[string, string, () => Readonly<Record<string, string>>, number, RegExp]>([
    [
      'an option without its value',
      'runners --repo',
      () => ({}),
      2,
      /^error: --repo needs a value\n {2}try: dstack … --repo OWNER\/NAME\n$/,
    ],
    ['a typo', 'autoscale allw m5.large', () => ({}), 2, /Nearest: allow/],
    [
      'a reader who changes',
      'autoscale clear',
      () => ({ GH_TOKEN: world.signIn('rita') }),
      1,
      /^error: Only people with write access .* Nothing was changed\./,
    ],
    [
      'nobody who is signed in',
      'runners',
      () => ({ GH_TOKEN: '' }),
      4,
      /^error: nobody is signed in to http.*\n {2}try: dstack login --server http\S+\n$/,
    ],
    [
      'a token that ended',
      'runners',
      () => ({ GH_TOKEN: `ghp_${'0'.repeat(36)}` }),
      4,
      /GitHub knows no such token/,
    ],
    [
      'an installation token',
      'runners',
      () => ({ GH_TOKEN: `ghs_${'0'.repeat(36)}` }),
      1,
      /token of an installation, such as the GITHUB_TOKEN/,
    ],
    [
      'a token without repo',
      'runners',
      () => ({ GH_TOKEN: world.signIn('acme', { kind: 'oauth', scopes: ['gist'] }) }),
      1,
      /lacks the scope repo \(it has: gist\)/,
    ],
    [
      'a token of another App',
      'runners',
      () => ({ GH_TOKEN: world.signIn('acme', { kind: 'other-app' }) }),
      1,
      /given to another GitHub App/,
    ],
    [
      'no network',
      'runners',
      () => ({ DSTACK_SERVER: 'https://nobody.invalid' }),
      1,
      /^error: https:\/\/nobody\.invalid cannot be reached: its name .*is there a network\?/,
    ],
    [
      'nobody there',
      'runners',
      () => ({ DSTACK_SERVER: closed }),
      1,
      /nothing listens there \(ECONNREFUSED\)/,
    ],
    [
      'a proxy that is down',
      'runners',
      () => ({ DSTACK_SERVER: 'https://app.example', HTTPS_PROXY: 'http://me:secret@127.0.0.1:1' }),
      1,
      /cannot be reached through the proxy http:\/\/\*\*\*@127\.0\.0\.1:1/,
    ],
    [
      'plain http',
      'runners',
      () => ({ DSTACK_SERVER: 'http://app.example' }),
      1,
      /is not https, and would show the credentials/,
    ],
    [
      'a repository without the App',
      'runners --repo globex/site',
      () => ({ GH_TOKEN: globex() }),
      1,
      /the App is not installed on globex\/site: install it/,
    ],
  ])('%s', async (_, line, env, code, words) => {
    const before = fileNow();
    const args = line.includes('--repo') ? line.split(' ') : at(line);
    const said = await home.run(args, { GH_TOKEN: token, ...env() });
    expect(said.stderr).toMatch(words);
    expect([said.code, said.stdout]).toEqual([code, '']);
    expect(said.stderr).not.toMatch(/\n\s+at |secret/);
    expect(fileNow()).toBe(before);
  });

  const globex = () => {
    const owner = world.model.repos.addOwner('globex');
    world.model.repos.addRepo({ owner, name: 'site' });
    return world.signIn('globex');
  };

  test.each([
    [
      'an app of an older version',
      404,
      '{"error":{"code":"not-found","message":"nothing"}}',
      /older than this dstack/,
    ],
    ['a page of a proxy', 200, '<html>', /answers 200 with what is no JSON: is a proxy in between/],
  ])('%s', async (_, status, body, words) => {
    const server = createServer((_, res) => void res.writeHead(status).end(body));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo;
    const said = await run('runners', { DSTACK_SERVER: `http://127.0.0.1:${port}` });
    server.close();
    expect([said.code, said.stderr.split('\n').length]).toEqual([1, 3]);
    expect(said.stderr).toMatch(words);
  });

  test('a pipe that is closed in the middle of the output', async () => {
    const child = home.start(['--help']);
    child.stdout?.destroy();
    const said = await ended(child);
    expect(said.code).toBe(1);
    expect(said.stderr).toMatch(/^error: the output was closed before its end/);
  });
});

describe('what a folder says', () => {
  test('is believed for an address of this machine, and for no other', async () => {
    const other = createHome();
    other.write('.env', `PUBLIC_URL=https://evil.example\nGHE_HOST=evil.example\nPORT=1\n`);
    const evil = await other.run(at('runners'), { GH_TOKEN: token });
    expect(evil.stderr).toContain('http://127.0.0.1:1 cannot be reached');
    other.write('.env', `PUBLIC_URL=${world.appUrl}\n`);
    expect(await other.run(at('runners'), { GH_TOKEN: token })).toMatchObject({ code: 0 });
    other.remove();
  });
});

describe('dstack login', () => {
  test('names the box to tick while the device flow is off', async () => {
    const said = await home.run(['login']);
    expect(said.code).toBe(1);
    expect(said.stderr).toContain('"Enable Device Flow" in the settings of the GitHub App');
  });

  test('shows a code, waits until it is typed, and keeps the token for this user alone', async () => {
    world.device.isOn = true;
    const child = home.start(['login']);
    const done = ended(child);
    await untilTyped('acme');
    const said = await done;
    expect([said.code, said.stderr]).toEqual([
      0,
      expect.stringMatching(/login\/device and type this code:\n\n {2}[0-9A-F]{4}-[0-9A-F]{4}\n/),
    ]);
    expect(said.stdout).toContain(`Signed in to ${world.appUrl} as acme.`);
    const path = join(home.config, 'dstack', 'login.json');
    expect(statSync(path).mode & 0o777).toBe(0o600);
    expect(await home.run(at('runners'), { DSTACK_SERVER: '' })).toMatchObject({ code: 0 });
  });

  test('is renewed by itself when the token has ended', async () => {
    const path = join(home.config, 'dstack', 'login.json');
    const old = readFileSync(path, 'utf8');
    const late = old
      .replace(/"endsAt": \d+/, '"endsAt": 1')
      .replace(/ghu_\w+/, `ghu_${'0'.repeat(36)}`);
    const other = createHome({ DSTACK_SERVER: world.appUrl });
    other.write(join('..', 'config', 'dstack', 'login.json'), late);
    expect(await other.run(at('runners'))).toMatchObject({ code: 0 });
    expect(readFileSync(join(other.config, 'dstack', 'login.json'), 'utf8')).not.toContain(
      '"endsAt": 1,',
    );
    other.remove();
  });

  test('ends when it is refused at GitHub', async () => {
    const child = home.start(['login']);
    const done = ended(child);
    await untilTyped(null);
    const said = await done;
    expect([said.code, said.stderr]).toEqual([1, expect.stringContaining('cancelled at GitHub')]);
  });

  test('is forgotten by logout', async () => {
    expect(await home.run(['logout'])).toMatchObject({ code: 0 });
    expect(await home.run(at('runners'))).toMatchObject({ code: 4 });
  });

  async function untilTyped(login: string | null): Promise<void> {
    for (let tries = 0; tries < 200; tries += 1) {
      const [code] = world.device.waiting();
      if (code !== undefined) return world.device.answer(code, login);
      await systemClock.sleep(50);
    }
    throw new Error('no code was asked for');
  }
});
