import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { RunClaims } from '../../src/sandbox/github-oidc.ts';
import type { Repo } from '../../src/sandbox/github-state.ts';
import { aPort } from '../processes.ts';
import { type PeopleWorld, startPeopleWorld } from '../web/people-world.ts';
import { runStep } from './step.ts';

// The action's bundle before the app, signed in with tokens of the sandbox's issuer.

const PATH = '.github/dstack.yml';
const ALLOW = 'autoscale allow c5.xlarge --max 2';

let world: PeopleWorld;
let home: Repo;
beforeAll(async () => {
  world = await startPeopleWorld(({ model, repo }) => {
    home = model.repos.addRepo({ owner: repo.owner, name: '.github' });
  });
});
afterAll(() => world.close());

type Run = Partial<Omit<RunClaims, 'audience'>>;
const tokens = (run: Run = {}) => world.oidc.requestFor({ repo: world.repo, ...run });
const claims = (of: Readonly<Record<string, unknown>>): Run => ({ claims: of });
const fileNow = () => world.model.repos.fileAt(world.repo, PATH);
const nowS = () => Math.floor(Date.now() / 1000);
const step = (command: string, env: Readonly<Record<string, string>> = tokens(), url = '') =>
  runStep({ inputs: { command, url: url || world.appUrl }, env });

describe('a command', () => {
  test('changes a rule, and the log, the outputs and the summary say what holds', async () => {
    const { code, log, outputs, summary, stderr } = await step(ALLOW, tokens({ runId: 4711 }));
    expect([code, stderr]).toEqual([0, '']);
    expect(log).toContain('c5.xlarge: at most 2. Machines start when jobs ask for them.\n');
    expect(outputs['ok']).toBe('true');
    expect(outputs['text']).toMatch(/^c5\.xlarge: at most 2\. .*\n\nTYPE +REGION/);
    expect(JSON.parse(outputs['json'] ?? '')).toMatchObject({ kind: 'changed' });
    expect(summary).toMatch(/^\*\*c5\.xlarge: at most 2\..*\*\*\n\n\| Type \| Region/);
    expect(fileNow()).toContain('instance-type: c5.xlarge\n      max: 2');
    const [commit] = world.model.commits.history(world.repo);
    expect(commit?.message).toContain('/acme/app/actions/runs/4711');
  });

  test('has every token masked before anything else is said', async () => {
    const { log } = await step('runners');
    expect(log).toMatch(/^::add-mask::eyJ[\w.-]+\n/);
    expect(log.split('\n').slice(1).join('\n')).not.toContain('eyJ');
  });

  test('writes no summary where none is wanted, and takes the line as in a comment', async () => {
    const inputs = { command: '/dstack runners', url: `${world.appUrl}/`, summary: 'false' };
    const { code, summary } = await runStep({ inputs, env: tokens() });
    expect([code, summary]).toEqual([0, '']);
  });

  test('that is a typo fails the step, with the nearest word', async () => {
    const { code, log, outputs } = await step('autoscale alow m5.large --max 1');
    expect([code, outputs['ok']]).toEqual([1, 'false']);
    expect(log).toMatch(/^::error title=dstack::There is no command .*%0A/m);
    expect(log).toContain('Nearest: allow.');
  });
});

describe('nothing is changed by a run', () => {
  test.each<[string, () => Run, RegExp]>([
    ['of another repository', () => ({ repo: home }), /is of acme\/\.github.*403 oidc-repository/],
    [
      'of another audience',
      () => claims({ aud: 'https://else.example' }),
      /PUBLIC_URL \(401 oidc-audience/,
    ],
    [
      'of another issuer',
      () => claims({ iss: 'https://else.example' }),
      /another GitHub.*401 oidc-issuer/,
    ],
    [
      'of an hour ago',
      () => claims({ exp: nowS() - 3600 }),
      /ended 3\d\d\d s ago.*401 oidc-expired/,
    ],
    ['of the next hour', () => claims({ nbf: nowS() + 3600 }), /good only in.*401 oidc-early/],
    [
      'whose token was shown before',
      () => claims({ jti: 'shown' }),
      /shown before.*401 oidc-replayed/,
    ],
    [
      'of a pull request',
      () => ({ event: 'pull_request', ref: 'refs/pull/7/merge' }),
      /event pull_request may not/,
    ],
    [
      "of a fork's pull request",
      () => ({ event: 'pull_request_target' }),
      /pull_request_target may not/,
    ],
    ['of a comment', () => ({ event: 'issue_comment' }), /event issue_comment may not/],
    ['on another branch', () => ({ ref: 'refs/heads/feature' }), /Only a run on the branch main/],
  ])('%s', async (_, run, words) => {
    await step('runners', tokens(run()));
    const before = fileNow();
    const { code, log, outputs } = await step('autoscale clear', tokens(run()));
    expect(code).toBe(1);
    expect(log.match(/^::error .*$/m)?.[0]).toMatch(words);
    expect(outputs['ok']).not.toBe('true');
    expect(fileNow()).toBe(before);
  });
});

describe('a set-up that is wrong is told in one line, with what to do:', () => {
  test.each<[string, () => Parameters<typeof step>, RegExp]>([
    [
      'no permission to ask for a token',
      () => ['runners', {}],
      /may not say who it is.*%0A {2}permissions:%0A {4}id-token: write$/,
    ],
    ['no address', () => ['runners', tokens(), ' '], /url is missing: the app's PUBLIC_URL/],
    ['no https', () => ['runners', tokens(), 'http://app.example'], /is not https, and would show/],
    [
      'no network',
      () => ['runners', tokens(), 'https://app.invalid'],
      /app\.invalid cannot be reached.*network/,
    ],
    [
      'a bad token for tokens',
      () => ['runners', { ...tokens(), ACTIONS_ID_TOKEN_REQUEST_TOKEN: 'x' }],
      /answers 401 instead of a token/,
    ],
    ['two commands', () => ['runners\nautoscale info'], /one line is one command/],
    [
      'another program there',
      () => ['runners', tokens(), world.url],
      /answers 404 with what is no answer/,
    ],
  ])(
    '%s',
    async (_, args, words) => {
      const { code, log } = await step(...args());
      expect(code).toBe(1);
      expect(log.match(/^::error .*$/gm)?.join('\n')).toMatch(words);
    },
    20_000,
  );

  test('nobody there, who is asked three times', async () => {
    const { code, log } = await step('runners', tokens(), `http://127.0.0.1:${await aPort()}`);
    expect([code, log.match(/asking again/g)?.length]).toEqual([1, 2]);
    expect(log).toMatch(/^::error .*nothing listens there \(ECONNREFUSED\)$/m);
  }, 20_000);

  test('a proxy that is down is named without its password', async () => {
    const env = { HTTPS_PROXY: 'http://me:secret@127.0.0.1:1', NO_PROXY: '127.0.0.1' };
    const { log } = await step('runners', { ...tokens(), ...env }, 'https://app.example');
    expect(log).toMatch(/cannot be reached through the proxy http:\/\/\*\*\*@127\.0\.0\.1/);
    expect(log).not.toContain('secret');
  }, 20_000);
});

test('a proxy is used, but not for what NO_PROXY names', async () => {
  const asked: string[] = [];
  const proxy = createServer().on('connect', (request, socket) => {
    asked.push(request.url ?? '');
    socket.end('HTTP/1.1 502 Bad Gateway\r\n\r\n');
  });
  await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve));
  const { port } = proxy.address() as AddressInfo;
  const env = { ...tokens(), HTTPS_PROXY: `http://127.0.0.1:${port}`, NO_PROXY: '127.0.0.1' };
  const { code } = await step('runners', env, 'https://app.example');
  proxy.close();
  expect([code, asked[0]]).toEqual([1, 'app.example:443']);
}, 20_000);

test('an app that is older says so', async () => {
  const old = createServer((_, answer) => {
    answer.writeHead(404, { 'content-type': 'application/json' });
    answer.end('{"error":{"code":"not-found","message":"nothing here"}}');
  });
  await new Promise<void>((resolve) => old.listen(0, '127.0.0.1', resolve));
  const { port } = old.address() as AddressInfo;
  const { code, log } = await step('runners', tokens(), `http://127.0.0.1:${port}`);
  old.close();
  expect(code).toBe(1);
  expect(log).toContain('is older than this action');
});
