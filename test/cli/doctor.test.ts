import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { githubChecks } from '../../src/cli/doctor-app.ts';
import { systemClock } from '../../src/lib/clock.ts';
import { aPort } from '../processes.ts';
import { type PeopleWorld, startPeopleWorld } from '../web/people-world.ts';
import { createHome, type Home } from './process.ts';

// What `dstack doctor` says, word for word, of set-ups that are well and of such as are not. Addresses
// and numbers that differ from run to run are written as <…>.

let world: PeopleWorld;
let home: Home;
let aws: { url: string; close(): void };
beforeAll(async () => {
  world = await startPeopleWorld();
  aws = await startSts();
  home = createHome();
});
afterAll(async () => {
  home.remove();
  aws.close();
  await world.close();
});

/** STS, as far as the doctor asks it; with a token it takes no key. */
async function startSts() {
  const server = createServer((request, response) => {
    let body = '';
    request.on('data', (part) => {
      body += part;
    });
    request.on('end', () => {
      const isBad = String(request.headers.authorization).includes('AKIABADBADBADBADBADB');
      const bad = '<ErrorResponse><Error><Code>InvalidClientTokenId</Code></Error></ErrorResponse>';
      const good = `<GetCallerIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><GetCallerIdentityResult><Arn>arn:aws:sts::123456789012:assumed-role/app/i-1</Arn><UserId>A:i-1</UserId><Account>123456789012</Account></GetCallerIdentityResult></GetCallerIdentityResponse>`;
      response.writeHead(isBad ? 403 : 200, { 'content-type': 'text/xml' });
      response.end(body.includes('GetCallerIdentity') ? (isBad ? bad : good) : bad);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return { url: `http://127.0.0.1:${port}`, close: () => void server.close() };
}

const env = (more: Readonly<Record<string, string>> = {}) => ({
  APP_ID: String(world.app.id),
  PRIVATE_KEY: world.app.pem,
  WEBHOOK_SECRET: world.app.webhookSecret,
  GITHUB_CLIENT_ID: world.app.clientId,
  GITHUB_CLIENT_SECRET: world.app.clientSecret,
  GHE_HOST: new URL(world.url).host,
  GHE_PROTOCOL: 'http',
  PUBLIC_URL: world.appUrl,
  PORT: new URL(world.appUrl).port,
  AWS_REGION: 'eu-west-1',
  AWS_ENDPOINT_URL: aws.url,
  AWS_ACCESS_KEY_ID: 'AKIAI44QH8DHBEXAMPLE',
  AWS_SECRET_ACCESS_KEY: 'the-secret-of-the-app-itself',
  ...more,
});

async function doctor(more: Readonly<Record<string, string>>, words: readonly string[] = []) {
  const said = await home.run(['doctor', ...words], more);
  const text = said.stdout
    .replaceAll(world.appUrl, '<app>')
    .replaceAll(world.url, '<github>')
    .replace(/^(ok {4}node +)v.*$/m, '$1<version>')
    .replace(/^(ok {4}version +dstack )\d+\.\d+\.\d+$/m, '$1<version>')
    .replace(/newest of \d+/, 'newest of <n>')
    .replace(/\d+ s (ahead|behind)/, '<n> s $1')
    .replace(/127\.0\.0\.1:\d+/g, '<address>');
  return { code: said.code, text, stderr: said.stderr };
}

describe('where the app runs', () => {
  test('all is well', async () => {
    world.device.isOn = true;
    world.model.issues.addComment(
      world.repo,
      world.model.issues.addIssue(world.repo, {}).number,
      'hello',
      'acme',
    );
    await untilDelivered();
    const { code, text, stderr } = await doctor(env());
    expect(stderr).toBe('');
    expect(text).toBe(`\
ok    version     dstack <version>
ok    node        <version>
ok    settings    are understood
ok    database    ./data/dstack.db
ok    github      <github> knows the App as dstack-sandbox
ok    clock       runs with that of GitHub
ok    permissions the App has all that it uses
ok    webhook     the newest of <n> arrived
ok    app         runs at <app>, and is ready
ok    public url  <app> reaches the app from here
ok    sign-in     dstack login can be used
ok    aws         arn:aws:sts::123456789012:assumed-role/app/i-1 in 123456789012
ok    accounts    are kept in Secrets Manager of eu-west-1

13 ok
`);
    expect(code).toBe(0);
  });

  test('GitHub does not know the App', async () => {
    const { code, text } = await doctor(env({ APP_ID: '7' }));
    expect(problems(text)).toBe(`\
FAIL  github      <github> does not take the key of the App 7 (401)
                  do: check APP_ID, PRIVATE_KEY, GHE_HOST and the clock
`);
    expect(code).toBe(1);
  });

  test('GitHub cannot be reached', async () => {
    const { text } = await doctor(env({ GHE_HOST: `127.0.0.1:${await aPort()}` }));
    expect(problems(text)).toBe(`\
FAIL  github      http://<address> does not answer (ECONNREFUSED)
                  do: check the network, HTTPS_PROXY and GHE_HOST
warn  sign-in     http://<address> cannot be reached: nothing listens there (ECONNREFUSED)
                  do: check the network, HTTPS_PROXY and GHE_HOST
`);
  });

  test('a variable is wrong', async () => {
    const { code, text } = await doctor(env({ PORT: 'eighty', DSTACK_TICK_MS: '1' }));
    expect(text).toBe(`\
ok    version     dstack <version>
ok    node        <version>
FAIL  settings    PORT: "eighty" is not accepted; write a whole number from 0 to 65535
                  do: see docs/reference.md
FAIL  settings    DSTACK_TICK_MS: "1" is not accepted; write milliseconds, a whole number from 10 to 86400000
                  do: see docs/reference.md

2 ok, 2 failed
`);
    expect(code).toBe(1);
  });

  test('the App lacks permissions, and webhooks go elsewhere', async () => {
    const { app } = world;
    const { hookUrl } = app;
    app.hookUrl = 'https://old.example/api/github/webhooks';
    app.lacks = ['administration', 'workflow_job'];
    const { text } = await doctor(env());
    expect(problems(text)).toBe(`\
FAIL  permissions the App lacks administration: write, the event workflow_job
                  do: grant it at <github>/organizations/acme/settings/apps/dstack-sandbox/permissions
FAIL  webhook     GitHub sends webhooks to https://old.example/api/github/webhooks
                  do: set its URL to <app>/api/github/webhooks at <github>/organizations/acme/settings/apps/dstack-sandbox
`);
    app.hookUrl = hookUrl;
    app.lacks = [];
  });

  test('the app does not run, nobody can sign in, and AWS takes no key', async () => {
    world.device.isOn = false;
    const port = await aPort();
    const more = { PORT: String(port), PUBLIC_URL: `http://127.0.0.1:${port}` };
    const bad = { AWS_ACCESS_KEY_ID: 'AKIABADBADBADBADBADB', AWS_REGION: '' };
    const { text } = await doctor(env({ ...more, ...bad }));
    expect(problems(text)).toBe(`\
FAIL  webhook     GitHub sends webhooks to <app>/api/github/webhooks
                  do: set its URL to http://<address>/api/github/webhooks at <github>/organizations/acme/settings/apps/dstack-sandbox
warn  app         does not run at http://<address>
                  do: dstack serve
FAIL  public url  http://<address> cannot be reached from here
                  do: dstack serve
warn  sign-in     nobody can sign in from a command line yet: an owner of the App ticks the box "Enable Device Flow" in the settings of the GitHub App
                  do: <github>/settings/apps, or for now GH_TOKEN, or gh auth login
FAIL  aws         no AWS credentials of the app's own that work (InvalidClientTokenId)
                  do: give it a role or AWS_ACCESS_KEY_ID; docs/aws.md has the policy
warn  accounts    AWS_REGION is not set: \`dstack aws configure\` can keep nothing
                  do: set AWS_REGION, or DSTACK_SECRETS=local
`);
  });

  test('accounts are kept in the database', async () => {
    const { text } = await doctor(env({ DSTACK_SECRETS: 'local', AWS_REGION: '' }));
    expect(text).toContain('ok    accounts    are kept in the database, sealed\n');
  });
});

test.each([
  [-90_000, "this machine's clock is 90 s ahead of GitHub's"],
  [4_000_000, "this machine's clock is 4000 s behind GitHub's"],
])('a clock that is off by %s ms is named, though GitHub takes no token then', (aheadMs, text) => {
  const app = { ok: false, reason: 'denied', code: '401', message: 'no' } as const;
  const facts = { appId: 7, githubUrl: 'https://github.com', publicUrl: null, aheadMs, app };
  expect(githubChecks(facts).map((check) => [check.state, check.text])).toEqual([
    ['FAIL', 'https://github.com does not take the key of the App 7 (401)'],
    ['FAIL', text],
  ]);
});

describe('elsewhere', () => {
  const client = (more: Readonly<Record<string, string>> = {}) => ({
    DSTACK_SERVER: world.appUrl,
    GH_TOKEN: world.signIn('acme'),
    ...more,
  });
  const repo = ['--repo', 'acme/app'];

  test('all is well', async () => {
    const { code, text } = await doctor(client(), repo);
    expect(text).toBe(`\
ok    version     dstack <version>
ok    node        <version>
ok    app         <app> answers, version 0.0.0
ok    sign-in     the app takes the token
ok    repository  acme/app has the App

5 ok
`);
    expect(code).toBe(0);
  });

  test('nobody is signed in', async () => {
    expect(problems((await doctor(client({ GH_TOKEN: '' }), repo)).text)).toBe(`\
FAIL  sign-in     nobody is signed in to <app>
                  do: dstack login --server <app>
`);
  });

  test('the App is not installed on the repository', async () => {
    const owner = world.model.repos.addOwner('globex');
    world.model.repos.addRepo({ owner, name: 'site' });
    const token = { GH_TOKEN: world.signIn('globex') };
    const { text } = await doctor(client(token), ['--repo', 'globex/site']);
    expect(problems(text)).toBe(`\
FAIL  repository  the App is not installed on globex/site: install it there, then try again in a minute
                  do: see docs/reference.md, "Commands over HTTP"
`);
  });

  test('the app is not there, for a program too', async () => {
    const { code, text } = await doctor({ DSTACK_SERVER: `http://127.0.0.1:${await aPort()}` }, [
      '--json',
    ]);
    expect([code, JSON.parse(text)]).toMatchObject([
      1,
      {
        ok: false,
        checks: [{ name: 'version' }, { name: 'node' }, { state: 'FAIL', name: 'app' }],
      },
    ]);
  });
});

/** Without what is well. */
const problems = (text: string): string =>
  text
    .split('\n\n')[0]
    ?.split('\n')
    .filter((line) => !line.startsWith('ok '))
    .map((line) => `${line}\n`)
    .join('') ?? '';

async function untilDelivered(): Promise<void> {
  while (!world.model.hooks.deliveries().some(({ status }) => status === 'OK')) {
    await systemClock.sleep(20);
  }
}
