import { createHash } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { createAccounts } from './accounts/default.ts';
import { createCatalogue } from './act/catalogue.ts';
import { type App, createApp } from './app.ts';
import {
  joinLines,
  type Line,
  lineOfEvent,
  logToLines,
  printLine,
  statusLine,
} from './cli/demo-view.ts';
import { pageOf } from './cli/help.ts';
import { createScreen } from './cli/screen.ts';
import { createEc2 } from './ec2/ec2.ts';
import { createSts } from './ec2/sts.ts';
import { createGitHub } from './github/github.ts';
import { systemClock as clock } from './lib/clock.ts';
import { createKeys } from './lib/keys.ts';
import type { Log } from './lib/log.ts';
import { systemRandom as random } from './lib/random.ts';
import { Secret } from './lib/secret.ts';
import { createMeter } from './model/meter.ts';
import { createDemoWorld, type DemoWorld } from './sandbox/demo-world.ts';
import type { Store } from './store/port.ts';
import { openSqliteStore } from './store/sqlite.ts';
import { listen } from './web/server.ts';

// The second composition root: the same app, its real clients and its real store, on a sandbox GitHub
// and EC2 that listen on loopback. No account is used.

const DAEMON = new URL('../dist/dstack-runner.mjs', import.meta.url);
/** R of this world: everything that waits for minutes elsewhere waits for seconds here. */
const RESYNC_MS = 2_000;
const TICK_MS = 500;
const REGISTER_TIMEOUT_MS = 30_000;
/** A run that is not done by then has lost a job. */
const ONCE_LIMIT_MS = 60_000;
const ONCE_LIMIT_MS_PER_JOB = 4_000;
const PAUSE_BETWEEN_RUNS_MS = 900;
const PAUSE_IN_DEMO_MS = 6_000;
const LOOK_MS = 100;
const EXIT_USAGE = 2;

const USAGE = pageOf('demo');

interface Options {
  readonly isOnce: boolean;
  readonly jobs: number;
  readonly seed: number;
  readonly port: number;
}

/** `dstack demo`; resolves with the exit code. */
export async function demo(args: readonly string[]): Promise<number> {
  const parsed = parseOptions(args);
  if (typeof parsed === 'string') {
    const isHelp = parsed === USAGE;
    (isHelp ? process.stdout : process.stderr).write(parsed);
    return isHelp ? 0 : EXIT_USAGE;
  }
  return run(parsed);
}

function parseOptions(args: readonly string[]): Options | string {
  const kinds = {
    once: { type: 'boolean' },
    help: { type: 'boolean', short: 'h' },
    jobs: { type: 'string' },
    seed: { type: 'string' },
    port: { type: 'string' },
  } as const;
  try {
    const { values } = parseArgs({ args: [...args], options: kinds });
    if (values.help) return USAGE;
    const isOnce = values.once ?? false;
    const whole = (name: 'jobs' | 'seed' | 'port', of: { usual: number; most: number }) => {
      const text = values[name] ?? String(of.usual);
      if (/^\d{1,9}$/.test(text) && Number(text) <= of.most) return Number(text);
      throw new Error(`--${name} takes a whole number up to ${of.most}, not "${text}"`);
    };
    const jobs = whole('jobs', { usual: 20, most: 2_000 });
    if (jobs === 0) throw new Error('--jobs takes at least 1');
    const port = whole('port', { usual: isOnce ? 0 : 3000, most: 65_535 });
    return { isOnce, jobs, seed: whole('seed', { usual: 7, most: 999_999_999 }), port };
  } catch (error) {
    const text = error instanceof Error ? error.message.split(/\.\s/)[0] : String(error);
    return `demo: ${text}\n\n${USAGE}`;
  }
}

async function run(options: Options): Promise<number> {
  const folder = mkdtempSync(join(tmpdir(), 'dstack-demo-'));
  const opened = await openSqliteStore(join(folder, 'demo.db'));
  if (!opened.ok) throw new Error(opened.message);
  const searchPath = process.env['PATH'] ?? '';
  const world = await createDemoWorld({ seed: options.seed, clock, random, searchPath });
  const stage = createStage(options);
  const stopped = signalled();
  try {
    return await play(options, { world, stage, stopped, store: opened.store });
  } finally {
    await world.close();
    await opened.store.close();
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Lines that come within this time are joined where they say the same. */
const JOIN_MS = 250;

/** The app says what it does on stdout; with --once that is for the JSON alone. */
function createStage({ isOnce }: Options) {
  const stream = isOnce ? process.stderr : process.stdout;
  const screen = createScreen(stream);
  const isColoured = stream.isTTY === true && process.env['NO_COLOR'] === undefined;
  let lines: Line[] = [];
  const flush = () => {
    for (const line of joinLines(lines)) screen.line(printLine(line, isColoured));
    lines = [];
  };
  const show = (line: Line) => {
    lines.push(line);
    if (lines.length === 1) void clock.sleep(JOIN_MS).then(flush);
  };
  return { screen, show, flush, log: logToLines(clock.now, show) };
}

interface Scene {
  readonly world: DemoWorld;
  readonly stage: ReturnType<typeof createStage>;
  readonly store: Store;
  readonly stopped: Promise<unknown>;
}

async function play(options: Options, scene: Scene): Promise<number> {
  const { world, stage } = scene;
  const port = await freePort(options.port);
  if (port === undefined) {
    process.stderr.write(
      `demo: port ${options.port} is taken by another process; try npm run demo -- --port ${options.port + 1}\n`,
    );
    return EXIT_USAGE;
  }
  const url = `http://127.0.0.1:${port}`;
  const app = createDemoApp(scene, url);
  const server = await listen(app.routes, { host: '127.0.0.1', port, log: stage.log });
  if (server === 'port-taken') throw new Error(`port ${port} was taken meanwhile`);
  world.sendWebhooksTo(`${url}/api/github/webhooks`);
  stage.screen.line(
    'dstack autoscale demo: the real app on a sandbox GitHub and EC2. No account is used.',
  );
  stage.screen.line(
    `Page ${url}    ${options.isOnce ? `${options.jobs} jobs` : 'Ctrl-C ends it'}    seed ${options.seed}\n`,
  );
  stage.screen.line(world.rules);
  const began = clock.now();
  const isDone = options.isOnce
    ? await workToTheEnd(options, scene)
    : await workUntilStopped(scene);
  await app.loop.stop();
  await server.close();
  return report(options, scene, { isDone, seconds: (clock.now() - began) / 1000 });
}

/** The port that was asked for, or any; undefined when it is taken. */
async function freePort(port: number): Promise<number | undefined> {
  const probe = await listen({}, { host: '127.0.0.1', port, log: silent });
  if (probe === 'port-taken') return undefined;
  await probe.close();
  return probe.port;
}

const silent: Log = { debug() {}, info() {}, warn() {}, error() {} };

function createDemoApp({ world, stage, store }: Scene, url: string): App {
  const { log } = stage;
  const { github, awsUrl } = world;
  const daemon = readFileSync(DAEMON);
  const credentials = { accessKeyId: 'AKIADEMO', secretAccessKey: 'pretend' };
  const makeEc2 = (region: string) => createEc2({ region, log, credentials, endpoint: awsUrl });
  const accounts = createAccounts({ owners: ['*'], makeEc2 });
  const meter = createMeter(clock);
  const client = createGitHub({
    meter,
    appId: String(github.app.id),
    privateKey: github.app.pem,
    apiUrl: `${github.url}/api/v3`,
    userAgent: 'dstack-autoscale',
    clock,
    log,
  });
  const { host } = new URL(url);
  const intents = new Set<string>();
  world.knowIntents((launch) => intents.has(launch));
  return createApp({
    store: watched(store, { stage, intents }),
    log,
    clock,
    random,
    accounts,
    catalogue: createCatalogue({ accounts, clock, store }),
    github: client,
    healing: client.healing,
    meter,
    talk: client,
    sts: createSts({ audience: host, endpoint: awsUrl, log }),
    keys: createKeys(random.hex(32)),
    settings: {
      app: `${new URL(github.url).host}/${github.app.id}`,
      label: 'dstack',
      htmlUrl: github.url,
      publicUrl: url,
      defaultRegion: world.region,
      resyncMs: RESYNC_MS,
      registerTimeoutMs: REGISTER_TIMEOUT_MS,
      daemonSha256: createHash('sha256').update(daemon).digest('hex'),
    },
    holder: 'demo',
    tickMs: TICK_MS,
    webhookSecret: new Secret(github.app.webhookSecret),
    metricsToken: null,
    audience: host,
    daemon,
    isHomeOpen: true,
  });
}

/** The store itself; what is written down is also shown, and known to the sandbox's promises. */
function watched(
  store: Store,
  { stage, intents }: { stage: Scene['stage']; intents: Set<string> },
): Store {
  return {
    ...store,
    async receive(batch) {
      const fresh = await store.receive(batch);
      for (const [i, { event, at }] of batch.entries()) {
        const line = fresh[i] ? lineOfEvent(event, at) : undefined;
        if (line) stage.show(line);
      }
      return fresh;
    },
    async intend(lease, launches, now) {
      const written = await store.intend(lease, launches, now);
      for (const { id } of written) intents.add(id);
      return written;
    },
  };
}

function statusOf({ ec2, jobs }: DemoWorld) {
  const { left, aboveMax, launched } = ec2.counts();
  return { ...jobs(), live: left, aboveMax, launched, usd: ec2.cost().usd };
}

/** True when every job ran and no machine is left, in time. */
async function workToTheEnd(options: Options, { world, stage }: Scene): Promise<boolean> {
  const limit = clock.now() + ONCE_LIMIT_MS + options.jobs * ONCE_LIMIT_MS_PER_JOB;
  let left = options.jobs;
  let nextRunAt = clock.now();
  while (clock.now() < limit && world.kernel.violation === null) {
    if (left > 0 && clock.now() >= nextRunAt) {
      left -= world.queueRun(left);
      nextRunAt = clock.now() + PAUSE_BETWEEN_RUNS_MS;
    }
    await clock.sleep(LOOK_MS);
    const now = statusOf(world);
    stage.screen.status(statusLine(now));
    const isOver = now.succeeded + now.lost >= options.jobs;
    if (left === 0 && isOver && now.live === 0) return true;
  }
  return false;
}

async function workUntilStopped({ world, stage, stopped }: Scene): Promise<boolean> {
  let isOn = true;
  const stop = new AbortController();
  void stopped.then(() => {
    isOn = false;
    stop.abort();
  });
  let nextRunAt = clock.now();
  while (isOn) {
    if (clock.now() >= nextRunAt) {
      world.queueRun(Number.MAX_SAFE_INTEGER);
      nextRunAt = clock.now() + PAUSE_IN_DEMO_MS;
    }
    await clock.sleep(LOOK_MS, stop.signal);
    stage.screen.status(statusLine(statusOf(world)));
  }
  return true;
}

function report(
  options: Options,
  { world, stage }: Scene,
  of: { isDone: boolean; seconds: number },
): number {
  const { kernel, ec2 } = world;
  const now = statusOf(world);
  stage.flush();
  stage.screen.end();
  if (kernel.violation) stage.screen.line(`broken promise: ${kernel.violation.text}`);
  if (!options.isOnce) {
    const done = `${now.succeeded} jobs done, ${now.lost} lost`;
    stage.screen.line(
      `Ended ${now.live} sandbox machines. ${done}. $${now.usd.toFixed(4)} of pretend money.`,
    );
    return 0;
  }
  const { usd, onDemandUsd, machineHours } = ec2.cost();
  const lost = options.jobs - now.succeeded;
  const result = {
    jobs: { queued: options.jobs, completed: now.succeeded, lost },
    instances: { launched: now.launched, left: now.live, maxExceeded: now.aboveMax },
    cost: { usd, onDemandUsd, machineHours },
    seconds: Number(of.seconds.toFixed(1)),
  };
  process.stdout.write(`${JSON.stringify(result)}\n`);
  const isSound = lost === 0 && now.live === 0 && now.aboveMax === 0 && kernel.violation === null;
  return of.isDone && isSound ? 0 : 1;
}

const signalled = (): Promise<unknown> =>
  new Promise((resolve) => {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, resolve);
  });
