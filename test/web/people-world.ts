import { createCatalogue } from '../../src/act/catalogue.ts';
import { createApp } from '../../src/app.ts';
import { createUsers } from '../../src/github/users.ts';
import { createVisitors } from '../../src/github/visitors.ts';
import { createWorkflows } from '../../src/github/workflows.ts';
import { type Clock, systemClock } from '../../src/lib/clock.ts';
import { createKeys } from '../../src/lib/keys.ts';
import type { Log } from '../../src/lib/log.ts';
import { systemRandom } from '../../src/lib/random.ts';
import { Secret } from '../../src/lib/secret.ts';
import { createSandboxAccounts, createSandboxSts } from '../../src/sandbox/aws-ports.ts';
import { createEc2 } from '../../src/sandbox/ec2.ts';
import { createMemoryStore } from '../../src/store/memory.ts';
import type { Store } from '../../src/store/port.ts';
import { listen } from '../../src/web/server.ts';
import { aPort } from '../processes.ts';
import { type HttpWorld, startHttpWorld } from '../sandbox/github-http-world.ts';
import { rulesText } from '../stage.ts';

// The app's doors for people and workflows, over HTTP, with the real clients of a sandbox GitHub.

export interface PeopleWorld extends HttpWorld {
  /** Where the app is. */
  readonly appUrl: string;
  /** `GET /healthz`, each that the app serves. */
  readonly routes: readonly string[];
  readonly store: Store;
  readonly ec2: ReturnType<typeof createEc2>;
  /** Everything that was logged, as text. */
  readonly logged: string[];
  /** Added to the time by which tokens are judged. */
  readonly skew: { ms: number };
  command(token: string | null, command: unknown, repository?: string): Promise<Answered>;
  metrics(): Promise<string>;
  close(): Promise<void>;
}

export interface Answered {
  readonly status: number;
  readonly headers: Headers;
  readonly body: {
    ok?: boolean;
    text?: string;
    markdown?: string;
    data?: unknown;
    error?: Problem;
  };
}

interface Problem {
  readonly code: string;
  readonly message: string;
}

const RESYNC_MS = 1_000;
const READY_MS = 20_000;

/** `prepare`: what is at GitHub before the app starts. */
export async function startPeopleWorld(prepare = (_: HttpWorld) => {}): Promise<PeopleWorld> {
  const hub = await startHttpWorld();
  prepare(hub);
  hub.model.repos.commit(hub.repo, { '.github/dstack.yml': rulesText({ 'm5.large': 4 }) });
  const port = await aPort();
  const appUrl = `http://127.0.0.1:${port}`;
  const world = { store: createMemoryStore(), ec2: createEc2(hub.kernel), logged: [] as string[] };
  const skew = { ms: 0 };
  const app = createAppFor(hub, { ...world, appUrl, skew });
  const server = await listen(app.routes, { host: '127.0.0.1', port, log: logTo(world.logged) });
  if (server === 'port-taken') throw new Error('the port was free a moment ago');
  hub.app.hookUrl = `${appUrl}/api/github/webhooks`;
  await untilKnown(world.store, hub.repo.id);
  return Object.assign(hub, world, {
    appUrl,
    routes: Object.keys(app.routes),
    skew,
    command: (token: string | null, command: unknown, repository = 'acme/app') =>
      send(appUrl, { token, body: { repository, command } }),
    metrics: async () => (await fetch(`${appUrl}/metrics`)).text(),
    async close() {
      await app.loop.stop();
      await server.close();
      await hub.stop();
    },
  });
}

export async function send(
  appUrl: string,
  of: { readonly token: string | null; readonly body: unknown },
): Promise<Answered> {
  const answer = await fetch(`${appUrl}/api/v1/command`, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      ...(of.token === null ? {} : { authorization: `Bearer ${of.token}` }),
    },
    body: JSON.stringify(of.body),
  });
  return { status: answer.status, headers: answer.headers, body: JSON.parse(await answer.text()) };
}

function logTo(logged: string[]): Log {
  const note = (facts: object, message: string) =>
    void logged.push(`${message} ${JSON.stringify(facts)}`);
  return { debug: note, info: note, warn: note, error: note };
}

interface Parts extends Pick<PeopleWorld, 'store' | 'ec2' | 'logged' | 'appUrl' | 'skew'> {}

function createAppFor(hub: HttpWorld, { store, ec2, logged, appUrl, skew }: Parts) {
  const process = hub.kernel.process('app');
  const accounts = createSandboxAccounts(ec2, process);
  const log = logTo(logged);
  const judged: Clock = { ...systemClock, now: () => systemClock.now() + skew.ms };
  const gitHub = { apiUrl: `${hub.url}/api/v3`, userAgent: 'dstack-test', clock: judged, log };
  const client = { id: hub.app.clientId, secret: hub.app.clientSecret };
  const users = createUsers({ ...gitHub, client, fetch: hub.fetch });
  return createApp({
    ...{ store, log, accounts, github: hub.github, talk: hub.github },
    clock: systemClock,
    random: systemRandom,
    catalogue: createCatalogue({ accounts, clock: systemClock, store }),
    sts: createSandboxSts(ec2, process),
    keys: createKeys('a secret of sixteen characters'),
    people: {
      desk: NO_DESK,
      users,
      visitors: createVisitors({ ...gitHub, users, fetch: hub.fetch }),
      workflows: createWorkflows({ ...gitHub, issuer: hub.oidc.issuer, audience: appUrl }),
      talk: hub.github,
      about: {
        version: '0.0.0',
        github: { htmlUrl: hub.url, apiUrl: `${hub.url}/api/v3` },
        clientId: hub.app.clientId,
      },
    },
    settings: {
      app: `${new URL(hub.url).host}/${hub.app.id}`,
      label: 'dstack',
      htmlUrl: hub.url,
      publicUrl: appUrl,
      defaultRegion: null,
      resyncMs: RESYNC_MS,
      registerTimeoutMs: 300_000,
      daemonSha256: 'd'.repeat(64),
    },
    holder: 'test',
    tickMs: 200,
    webhookSecret: new Secret(hub.app.webhookSecret),
    metricsToken: null,
    audience: new URL(appUrl).host,
    daemon: Buffer.from('// what machines run'),
    isHomeOpen: false,
  });
}

const nobody = () => Promise.reject(new Error('no account is configured here'));
const NO_DESK = { describe: nobody, configure: nobody, clear: nobody, teardown: nobody };

/** The app finds its repositories and reads their rules by itself, some moments after the start. */
export async function untilKnown(store: Store, id: number): Promise<void> {
  for (const end = systemClock.now() + READY_MS; systemClock.now() < end; ) {
    const repo = await store.repo(id);
    if (repo && (await store.scopeRows(repo.scope)).rules?.text) return;
    await systemClock.sleep(20);
  }
  throw new Error(`the app did not find the repository ${id}`);
}
