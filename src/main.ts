import { createHash } from 'node:crypto';
import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { setGlobalProxyFromEnv } from 'node:http';
import { hostname } from 'node:os';
import { pino } from 'pino';
import { makeAccounts } from './accounts/make.ts';
import { createCatalogue } from './act/catalogue.ts';
import { type AppDeps, createApp } from './app.ts';
import { createEc2 } from './ec2/ec2.ts';
import { createSts } from './ec2/sts.ts';
import { createTrial } from './ec2/trial.ts';
import { createGitHub } from './github/github.ts';
import {
  type AppCredentials,
  convertManifest,
  manifestFrom,
  REGISTERED_PATH,
} from './github/manifest.ts';
import { createUsers, type UsersDeps } from './github/users.ts';
import { createVisitors } from './github/visitors.ts';
import { createWorkflows } from './github/workflows.ts';
import { systemClock as clock } from './lib/clock.ts';
import { withVariables } from './lib/env-file.ts';
import type { Routes } from './lib/http.ts';
import { createKeys } from './lib/keys.ts';
import type { Log } from './lib/log.ts';
import { systemRandom as random } from './lib/random.ts';
import { ownVersion } from './lib/version.ts';
import { createMeter } from './model/meter.ts';
import { parseSettings, type Settings } from './settings.ts';
import type { Store } from './store/port.ts';
import { openSqliteStore } from './store/sqlite.ts';
import { listen } from './web/server.ts';
import { setupRoutes } from './web/setup.ts';

// The composition root: the only place that makes real clients, a real clock and a real store.

/** EX_CONFIG of sysexits: what is wrong is in the settings, and starting again does not help. */
const EXIT_CONFIG = 78;
const ENV_FILE = '.env';
/** What is under way when a signal comes may go on for so long: a container is killed after 10 s. */
const STOP_MS = 5_000;
const USER_AGENT = 'dstack-autoscale';
const DAEMON = new URL('../dist/dstack-runner.mjs', import.meta.url);
const MANIFEST = new URL('../app.yml', import.meta.url);

/** `dstack serve`; resolves with the exit code when it was stopped. */
export async function serve(args: readonly string[]): Promise<number> {
  if (args.length > 0)
    return complain(2, [
      `error: dstack serve takes no arguments, got: ${args.join(' ')}`,
      '  try: dstack serve --help',
    ]);
  if (existsSync(ENV_FILE)) process.loadEnvFile(ENV_FILE);
  const parsed = parseSettings(process.env, (path) => readFileSync(path, 'utf8'));
  if (!parsed.ok) return complain(EXIT_CONFIG, parsed.problems);
  const { settings } = parsed;
  // HTTPS_PROXY and NO_PROXY, for fetch and for what uses Node's own agents; the AWS SDK has its own.
  setGlobalProxyFromEnv();
  const log = pino({ level: settings.logLevel });
  return settings.app ? run(settings, log) : setUp(settings, log);
}

function complain(code: number, lines: readonly string[]): number {
  for (const line of lines) process.stderr.write(`${line}\n`);
  return code;
}

async function run(settings: Settings, log: Log): Promise<number> {
  const { database, http } = settings;
  if (database.kind !== 'sqlite') {
    return complain(EXIT_CONFIG, ['DATABASE_URL: PostgreSQL is not served yet; use sqlite:PATH']);
  }
  const opened = await openSqliteStore(database.path, (why) => {
    if (why === null) log.info({}, 'the database takes writes again');
    else log.error({ why }, 'the database takes no writes: webhooks are refused, nothing is begun');
  });
  if (!opened.ok) return complain(EXIT_CONFIG, [`DATABASE_URL: ${opened.message}`]);
  const { store } = opened;
  const app = createApp(appDeps(settings, { store, log }));
  if (settings.webhookProxyUrl) await followProxy(settings, settings.webhookProxyUrl, log);
  if (http.publicUrl === null) log.warn({}, NO_ADDRESS);
  void tellIdentity(settings, log);
  const code = await serveUntilStopped(app.routes, { http, log, publicUrl: http.publicUrl });
  const isIdle = await Promise.race([app.loop.stop().then(() => true), clock.sleep(STOP_MS)]);
  // Every intent is written down before its call, so this is no worse than a crash, which is mended.
  if (isIdle !== true) log.warn({}, 'calls are still under way; the next start settles them');
  await store.close();
  return code;
}

const NO_ADDRESS =
  'PUBLIC_URL is not set: machines could not reach the app, so nothing is launched';

/** Says what the App lacks at GitHub, with the page where an owner grants it. */
async function tellIdentity({ app, github, http }: Settings, log: Log): Promise<void> {
  if (!app) return;
  const { readIdentity } = await import('./github/identity.ts');
  try {
    const { slug, settingsUrl, missingPermissions, missingEvents, hookUrl } = await readIdentity({
      appId: app.id,
      privateKey: app.privateKey.reveal(),
      webhookSecret: app.webhookSecret.reveal(),
      apiUrl: github.apiUrl,
    });
    const lacks = { missingPermissions, missingEvents };
    if (missingPermissions.length > 0 || missingEvents.length > 0) {
      log.warn({ slug, ...lacks, grant: settingsUrl }, 'the App lacks what it uses');
    }
    if (http.publicUrl !== null && hookUrl !== `${http.publicUrl}/api/github/webhooks`) {
      log.warn({ slug, hookUrl, publicUrl: http.publicUrl }, 'GitHub sends webhooks elsewhere');
    }
    log.info({ slug }, 'GitHub knows the App');
  } catch (err) {
    log.warn({ err }, 'GitHub did not say who the App is');
  }
}

/** While developing, a smee.io channel brings the webhooks that GitHub cannot send here. */
async function followProxy({ http }: Settings, source: string, log: Log): Promise<void> {
  const smee = await import('smee-client').catch(() => undefined);
  if (!smee) {
    const needs = 'the package smee-client, which only a clone brings';
    return log.error({ source, needs }, 'no webhooks come by WEBHOOK_PROXY_URL');
  }
  const target = `http://${http.host}:${http.port}/api/github/webhooks`;
  await new smee.SmeeClient({ source, target, logger: quiet(log) }).start();
  log.info({ source }, 'webhooks come by the proxy');
}

/** smee-client logs through two methods, one line for each webhook. */
const quiet = (log: Log) => ({
  info: (text: string) => log.debug({ text }, 'webhook proxy'),
  error: (text: string) => log.warn({ text }, 'webhook proxy'),
});

/** Everything real, from settings that were checked. */
function appDeps(settings: Settings, { store, log }: { store: Store; log: Log }): AppDeps {
  const { app, http, github, aws, secretKey } = settings;
  if (!app || !secretKey) throw new Error('serve() answers for settings without an App');
  const daemon = readFileSync(DAEMON);
  const audience = http.publicUrl === null ? '' : new URL(http.publicUrl).host;
  const owners = settings.defaultAccounts === '*' ? ['*'] : settings.defaultAccounts.map(String);
  const here = { log, proxyEnv: process.env };
  const { accounts, desk } = makeAccounts({
    ...{ store, clock, random, log, owners, secretKey },
    proxyEnv: process.env,
    region: aws.region,
    secrets: settings.secrets,
    oldSecretKey: settings.oldSecretKey,
    app: `${github.host}/${app.id}`,
    makeEc2: (region, credentials) =>
      createEc2({ ...here, region, ...(credentials && { credentials }) }),
    makeTrial: (region, credentials) => createTrial({ ...here, region, credentials }),
  });
  const gitHub = { apiUrl: github.apiUrl, userAgent: USER_AGENT, clock, log };
  const privateKey = app.privateKey.reveal();
  const meter = createMeter(clock);
  const client = createGitHub({
    ...gitHub,
    ...{ appId: String(app.id), privateKey, meter, facts: store },
  });
  const stsEndpoint = aws.stsEndpointUrl ?? aws.endpointUrl;
  return {
    store,
    log,
    clock,
    random,
    accounts,
    catalogue: createCatalogue({ accounts, clock, store }),
    github: client,
    healing: client.healing,
    meter,
    talk: client,
    sts: createSts({ audience, log, ...(stsEndpoint ? { endpoint: stsEndpoint } : {}) }),
    keys: createKeys(secretKey.reveal(), settings.oldSecretKey?.reveal()),
    people: { desk, talk: client, ...doorkeepers(settings, app.client, gitHub) },
    settings: {
      app: `${github.host}/${app.id}`,
      label: settings.label,
      htmlUrl: github.htmlUrl,
      publicUrl: http.publicUrl,
      defaultRegion: aws.region,
      resyncMs: settings.resyncMs,
      registerTimeoutMs: settings.registerTimeoutMs,
      daemonSha256: createHash('sha256').update(daemon).digest('hex'),
    },
    holder: `${hostname()}/${process.pid}/${random.hex(4)}`,
    tickMs: settings.tickMs,
    webhookSecret: app.webhookSecret,
    metricsToken: settings.metricsToken,
    audience,
    daemon,
    isHomeOpen: false,
  };
}

/** Who tells people and workflows by their tokens. */
function doorkeepers(
  { github, http }: Settings,
  client: NonNullable<Settings['app']>['client'],
  gitHub: Omit<UsersDeps, 'client'>,
) {
  const id = client && { id: client.id, secret: client.secret.reveal() };
  const users = id && createUsers({ ...gitHub, client: id });
  const { publicUrl: audience } = http;
  const issuer = github.oidcIssuer;
  return {
    about: {
      version: ownVersion(),
      github: { htmlUrl: github.htmlUrl, apiUrl: github.apiUrl },
      clientId: client?.id ?? null,
    },
    users,
    visitors: createVisitors({ ...gitHub, users }),
    workflows: audience === null ? null : createWorkflows({ ...gitHub, issuer, audience }),
  };
}

/** Without an App there is only the page that registers one. */
async function setUp(settings: Settings, log: Log): Promise<number> {
  const { http, github, webhookProxyUrl } = settings;
  const { apiUrl } = github;
  const publicUrl = http.publicUrl ?? `http://127.0.0.1:${http.port}`;
  const canBeReached = http.publicUrl !== null || webhookProxyUrl !== null;
  const yaml = readFileSync(MANIFEST, 'utf8');
  const manifest = manifestFrom(yaml, { publicUrl, webhookProxyUrl: webhookProxyUrl ?? undefined });
  const problem = 'Set PUBLIC_URL (or WEBHOOK_PROXY_URL while developing) and start again.';
  const routes = setupRoutes({
    githubUrl: github.htmlUrl,
    manifest: canBeReached ? { json: JSON.stringify(manifest) } : { problem },
    registeredPath: REGISTERED_PATH,
    random,
    convert: async (code) => {
      const reply = await convertManifest({ apiUrl, userAgent: USER_AGENT, clock, log }, code);
      if (reply.ok) keep(reply.value, http.publicUrl);
      return reply;
    },
    onRegistered: () => log.info({ file: ENV_FILE }, 'the App is registered; start again'),
  });
  const shown = `open ${publicUrl} in a browser to register the GitHub App`;
  log.info({}, `APP_ID is not set: ${shown}`);
  return serveUntilStopped(routes, { http, log, publicUrl });
}

/** Probot's names. Written beside and moved over, so that a full disk leaves the old file whole. */
function keep(app: AppCredentials, publicUrl: string | null): void {
  const before = existsSync(ENV_FILE) ? readFileSync(ENV_FILE, 'utf8') : '';
  const text = withVariables(before, {
    APP_ID: String(app.id),
    PRIVATE_KEY: app.pem,
    WEBHOOK_SECRET: app.webhookSecret,
    GITHUB_CLIENT_ID: app.clientId,
    GITHUB_CLIENT_SECRET: app.clientSecret,
    // The App sends its webhooks there, and without it nothing is launched.
    ...(publicUrl === null ? {} : { PUBLIC_URL: publicUrl }),
  });
  writeFileSync(`${ENV_FILE}.new`, text, { mode: 0o600 });
  renameSync(`${ENV_FILE}.new`, ENV_FILE);
}

async function serveUntilStopped(
  routes: Routes,
  on: { http: Settings['http']; log: Log; publicUrl: string | null },
): Promise<number> {
  const { host, port } = on.http;
  const stopped = signalled();
  const server = await listen(routes, { host, port, log: on.log }).catch(whyNotHere);
  if (typeof server === 'object' && 'notHere' in server) {
    return complain(EXIT_CONFIG, [`HOST: cannot listen on ${host}:${port}: ${server.notHere}`]);
  }
  if (server === 'port-taken') {
    const line = `PORT: ${port} on ${host} is taken by another process; choose another port`;
    return complain(EXIT_CONFIG, [line]);
  }
  on.log.info({ host, port: server.port, publicUrl: on.publicUrl }, 'listening');
  on.log.info({ signal: await stopped }, 'stopping');
  await server.close();
  return 0;
}

/** An address that is not this machine's, or a port that is for others, is a person's to mend. */
function whyNotHere(error: NodeJS.ErrnoException): { readonly notHere: string } {
  const { code = '' } = error;
  if (!['EADDRNOTAVAIL', 'EACCES', 'ENOTFOUND', 'EAI_AGAIN'].includes(code)) throw error;
  return { notHere: code };
}

const signalled = (): Promise<string> =>
  new Promise((resolve) => {
    for (const signal of ['SIGINT', 'SIGTERM'] as const)
      process.once(signal, () => resolve(signal));
  });
