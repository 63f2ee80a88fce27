import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { createAccounts } from '../../src/accounts/default.ts';
import { createCatalogue } from '../../src/act/catalogue.ts';
import { type App, createApp } from '../../src/app.ts';
import { createEc2 } from '../../src/ec2/ec2.ts';
import { createSts } from '../../src/ec2/sts.ts';
import { createGitHub } from '../../src/github/github.ts';
import { systemClock as clock } from '../../src/lib/clock.ts';
import type { Handler } from '../../src/lib/http.ts';
import { createKeys } from '../../src/lib/keys.ts';
import type { Log } from '../../src/lib/log.ts';
import { systemRandom as random } from '../../src/lib/random.ts';
import { Secret } from '../../src/lib/secret.ts';
import { createDemoWorld, type DemoWorld } from '../../src/sandbox/demo-world.ts';
import { openSqliteStore } from '../../src/store/sqlite.ts';
import { type Listening, listen } from '../../src/web/server.ts';
import { webhookProblems } from '../github/webhooks.ts';
import { aPort } from '../processes.ts';
import { watch } from '../sandbox/github-http-world.ts';

// Everything over HTTP: signed webhooks, REST with real tokens, the AWS SDK, machines as processes
// with the daemon that the app serves. GitHub's own descriptions judge what goes to and fro.

const DAEMON = new URL('../../dist/dstack-runner.mjs', import.meta.url);
const RESYNC_MS = 2_000;
/** Long enough for a machine that is busy with other tests. */
const MOST_MS = 240_000;

const problems: string[] = [];
const restCalls = new Set<string>();
const hooks = new Map<string, number>();
const bugs: unknown[] = [];
let world: DemoWorld;
let app: App;
let server: Listening;
let url: string;

beforeAll(async () => {
  const searchPath = process.env['PATH'] ?? '';
  world = await createDemoWorld({ seed: 11, clock, random, searchPath });
  const port = await aPort();
  url = `http://127.0.0.1:${port}`;
  app = await createAppAt(url);
  const routes = {
    ...app.routes,
    'POST /api/github/webhooks': judged(app.routes['POST /api/github/webhooks']),
  };
  const listening = await listen(routes, { host: '127.0.0.1', port, log });
  if (listening === 'port-taken') throw new Error('the port was free a moment ago');
  server = listening;
  world.sendWebhooksTo(`${url}/api/github/webhooks`);
});

afterAll(async () => {
  await app.loop.stop();
  await server.close();
  await world.close();
});

const log: Log = {
  debug() {},
  info() {},
  warn() {},
  error: (facts, message) => void bugs.push({ message, facts }),
};

async function createAppAt(publicUrl: string): Promise<App> {
  const { github, awsUrl, region } = world;
  const opened = await openSqliteStore(':memory:');
  if (!opened.ok) throw new Error(opened.message);
  const daemon = readFileSync(DAEMON);
  const credentials = { accessKeyId: 'AKIAIOSFODNN7EXAMPLE', secretAccessKey: 'secret' };
  const makeEc2 = (at: string) => createEc2({ region: at, log, credentials, endpoint: awsUrl });
  const accounts = createAccounts({ owners: ['*'], makeEc2 });
  const described = watch(problems);
  const client = createGitHub({
    appId: String(github.app.id),
    privateKey: github.app.pem,
    apiUrl: `${github.url}/api/v3`,
    userAgent: 'dstack-test',
    clock,
    log,
    fetch: (input, init) => {
      const { pathname } = new URL(input instanceof Request ? input.url : input);
      restCalls.add(`${init?.method ?? 'GET'} ${pathname.replace(/\d+|[0-9a-f]{40}/g, 'N')}`);
      return described(input, init);
    },
  });
  const { host } = new URL(publicUrl);
  return createApp({
    store: opened.store,
    log,
    clock,
    random,
    accounts,
    catalogue: createCatalogue({ accounts, clock, store: opened.store }),
    github: client,
    talk: client,
    sts: createSts({ audience: host, endpoint: awsUrl, log }),
    keys: createKeys(random.hex(32)),
    settings: {
      app: `${new URL(github.url).host}/${github.app.id}`,
      label: 'dstack',
      htmlUrl: 'https://github.example',
      publicUrl,
      defaultRegion: region,
      resyncMs: RESYNC_MS,
      registerTimeoutMs: 60_000,
      daemonSha256: createHash('sha256').update(daemon).digest('hex'),
    },
    holder: 'test',
    tickMs: 500,
    webhookSecret: new Secret(github.app.webhookSecret),
    metricsToken: null,
    audience: host,
    daemon,
    isHomeOpen: true,
  });
}

/** The webhooks' route, with GitHub's published schemas before it. */
function judged(handler: Handler | undefined): Handler {
  if (!handler) throw new Error('the app takes webhooks');
  return async (request) => {
    const body = await request.body(1_000_000);
    const event = String(request.headers['x-github-event']);
    hooks.set(event, (hooks.get(event) ?? 0) + 1);
    if (Buffer.isBuffer(body)) problems.push(...webhookProblems(event, JSON.parse(String(body))));
    return handler({ ...request, body: async () => body });
  };
}

async function until(what: () => boolean | Promise<boolean>): Promise<void> {
  const limit = clock.now() + MOST_MS;
  while (!(await what())) {
    if (clock.now() > limit) throw new Error(`not in time: ${JSON.stringify([...restCalls])}`);
    await clock.sleep(100);
  }
}

test(
  'a run of jobs goes from its webhook to its end, as GitHub and AWS describe it',
  async () => {
    const jobs = world.queueRun(3);
    await until(() => world.jobs().succeeded + world.jobs().lost === jobs);
    expect(world.jobs()).toEqual({ queued: 0, running: 0, succeeded: jobs, lost: 0 });
    await until(() => world.ec2.counts().left === 0);
    expect(world.ec2.counts()).toMatchObject({ left: 0, aboveMax: 0 });
    expect(world.kernel.violation).toBeNull();
    expect(bugs).toEqual([]);
    expect(problems).toEqual([]);
    expect([...hooks.keys()]).toContain('workflow_job');
    // What of GitHub's REST a run needs at least: whoever drops one of these knows of it here.
    for (const needed of ['generate-jitconfig', 'runners/downloads', 'access_tokens', 'contents']) {
      expect([...restCalls].some((call) => call.includes(needed))).toBe(true);
    }
    // The webhook of the last job's end may come after its machine is gone.
    await until(async () => {
      const metrics = await (await fetch(`${url}/metrics`)).text();
      return metrics.includes('dstack_jobs{state="completed"} 3');
    });
    expect((await fetch(`${url}/`)).status).toBe(200);
  },
  2 * MOST_MS,
);
