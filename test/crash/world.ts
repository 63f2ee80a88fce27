import { createServer } from 'node:http';
import { join } from 'node:path';
import type { Clock } from '../../src/lib/clock.ts';
import type { Random } from '../../src/lib/random.ts';
import { serveGitHub } from '../../src/sandbox/github-http.ts';
import { createKernel, type Kernel } from '../../src/sandbox/kernel.ts';
import { listen } from '../../src/sandbox/loopback.ts';
import { createMachines } from '../../src/sandbox/machine.ts';
import type { Gateway } from '../../src/sandbox/machine-reporter.ts';
import { startMoto } from '../moto.ts';
import { type ServedApp, startApp } from './app.ts';
import { type Aws, createAws } from './aws.ts';
import { type Chance, createChance } from './chance.ts';
import { type Exchange, forward, openDoor } from './door.ts';
import { createInstances, type Instances } from './instances.ts';

// Everything around the app: moto behind a door that gives it what it lacks, the sandbox's GitHub
// behind another, machines that reach the app through a third, by which webhooks come too.

export interface WorldDeps {
  readonly seed: number;
  readonly clock: Clock;
  readonly random: Random;
  readonly folder: string;
  /** Said when the app was killed. */
  readonly onKill: () => void;
}

export interface World {
  readonly kernel: Kernel;
  readonly chance: Chance;
  readonly instances: Instances;
  readonly aws: Aws;
  readonly app: ServedApp;
  readonly logFile: string;
  readonly github: Awaited<ReturnType<typeof serveGitHub>>['model'];
  readonly repo: ReturnType<World['github']['repos']['addRepo']>;
  close(): Promise<void>;
}

export const MAXIMA: ReadonlyMap<string, number> = new Map([
  ['m5.large/eu-west-1', 6],
  ['c5.xlarge/eu-west-1', 3],
]);
const RULES = `autoscale:
  region: eu-west-1
  rules:
    - instance-type: m5.large
      max: 6
    - instance-type: c5.xlarge
      max: 3
`;
const GITHUB_PACE = {
  pointsPerMinute: Number.POSITIVE_INFINITY,
  assignMs: [20, 200],
  acquireMs: [10, 80],
  hookDelayMs: [5, 80],
  offlineMs: [1_000, 3_000],
  // A run of this kind asks GitHub more in a minute than a real scope in an hour.
  rateLimit: 1_000_000,
} as const;
const BOOT_MS = [100, 500] as const;
const ENDING_MS = 300;
const START_MS = [20, 200] as const;
const HEARTBEAT_MS = 500;

export async function createCrashWorld(deps: WorldDeps): Promise<World> {
  const { seed, clock, random, folder } = deps;
  const kernel = createKernel({ seed, startAt: clock.now() });
  const chance = createChance({
    kernel,
    clock,
    kill() {
      app.kill();
      deps.onKill();
    },
  });
  const [moto, port] = await Promise.all([startMoto(), freePort()]);
  const { hookFault } = chance;
  const hub = await serveGitHub({
    kernel,
    random,
    clock,
    real: clock,
    knobs: GITHUB_PACE,
    hookFault,
  });
  const { state, repos } = hub.model;
  const instances = createInstances({
    kernel,
    maxOf: (rule) => MAXIMA.get(rule) ?? 0,
    isBusy: (id) =>
      [...state.runners.values()].some((one) => one.name.includes(id) && one.state.now.isBusy),
    bootMs: BOOT_MS,
    endingMs: ENDING_MS,
  });
  const aws = createAws({ kernel, instances, motoUrl: moto.url });
  const doors = {
    aws: await openDoor({ nameOf: awsName, answer: aws.answer, chance }),
    github: await openDoor({ nameOf: githubName, answer: (one) => forward(hub.url, one), chance }),
    app: await openDoor({ nameOf: appName, answer: (one) => forward(app.url, one), chance }),
  };
  const owner = repos.addOwner('octo-org');
  const repo = repos.addRepo({ owner, name: 'web', files: { '.github/dstack.yml': RULES } });
  repos.install(owner);
  hub.app.hookUrl = `${doors.app.url}/api/github/webhooks`;
  const machines = createMachines({
    kernel,
    github: hub.model,
    gateway: gatewayAt(doors.app.url),
    ec2: {
      on: instances.on,
      powerOff: (id) => void aws.powerOff(id).catch((error) => kernel.trace(String(error))),
    },
    startMs: START_MS,
    heartbeatMs: HEARTBEAT_MS,
  });
  const pump = kernel.pump(clock, { speed: 1 });
  const logFile = join(folder, 'app.log');
  const app = startApp({
    clock,
    port,
    folder,
    logFile,
    env: {
      APP_ID: String(hub.app.id),
      PRIVATE_KEY: hub.app.pem,
      WEBHOOK_SECRET: hub.app.webhookSecret,
      GHE_HOST: new URL(doors.github.url).host,
      GHE_PROTOCOL: 'http',
      PUBLIC_URL: doors.app.url,
      PORT: String(port),
      DATABASE_URL: `sqlite:${join(folder, 'app.db')}`,
      DSTACK_DEFAULT_ACCOUNT: '*',
      DSTACK_TICK_MS: '300',
      DSTACK_RESYNC_MS: '1500',
      DSTACK_REGISTER_TIMEOUT_MS: '15000',
      AWS_REGION: 'eu-west-1',
      AWS_ENDPOINT_URL: doors.aws.url,
      AWS_ACCESS_KEY_ID: 'AKIAIOSFODNN7EXAMPLE',
      AWS_SECRET_ACCESS_KEY: 'pretend',
    },
  });
  return {
    ...{ kernel, chance, instances, aws, app, logFile, repo },
    github: hub.model,
    async close() {
      await app.stop();
      await machines.close();
      for (const door of Object.values(doors)) await door.close();
      await hub.close();
      await pump.stop();
      await moto.stop();
    },
  };
}

async function freePort(): Promise<number> {
  const probe = await listen(createServer());
  await probe.close();
  return Number(new URL(probe.url).port);
}

/** The names that faults and moments go by. */
function awsName({ headers, body }: Exchange): string {
  const target = headers['x-amz-target'];
  return target ?? new URLSearchParams(body.toString()).get('Action') ?? 'AWS';
}

function githubName({ method, path }: Exchange): string {
  if (path.endsWith('/generate-jitconfig')) return 'register runner';
  if (method === 'DELETE' && /\/runners\/\d+$/.test(path)) return 'remove runner';
  return method === 'GET' ? 'read GitHub' : 'write GitHub';
}

function appName({ path }: Exchange): string {
  if (path.endsWith('/register')) return 'machine registers';
  return path.endsWith('/events') ? 'machine reports' : 'webhook';
}

/** The app as machines reach it. */
function gatewayAt(url: string): Gateway {
  const ask = async (path: string, body: object, headers: Record<string, string>) => {
    const answer = await fetch(`${url}${path}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...headers },
      body: JSON.stringify(body),
    });
    return { status: answer.status, body: await answer.json() };
  };
  // Status 0 is no answer: the door was shut, or the app was being killed.
  const post = (...asked: Parameters<typeof ask>) => ask(...asked).catch(() => ({ status: 0 }));
  return {
    register: (body) => post('/runner/v1/register', body, {}),
    events: (session, body) =>
      post('/runner/v1/events', body, { authorization: `Bearer ${session}` }),
  };
}
