import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { systemClock as clock } from '../../src/lib/clock.ts';
import { systemRandom as random } from '../../src/lib/random.ts';
import { type GitHubHttp, serveGitHub } from '../../src/sandbox/github-http.ts';
import { createKernel } from '../../src/sandbox/kernel.ts';
import { listen } from '../../src/sandbox/loopback.ts';
import { type ServedApp, startApp } from './app.ts';
import { mountSmallDisk, type SmallDisk } from './small-disk.ts';

// `dstack serve` with its database on a disk that is full, or may not be written.

const BIN = fileURLToPath(new URL('../../bin/dstack.js', import.meta.url));
const WAIT_MS = 20_000;
const MOST_RUNS = 400;
const RULES = 'autoscale:\n  region: eu-west-1\n  rules: [{ instance-type: m5.large, max: 1 }]\n';

let small: SmallDisk | undefined = mountSmallDisk();
const canMount = small !== undefined;
small?.remove();
if (!canMount) process.stderr.write('SKIPPED: the tests of a full disk; we may not mount one\n');

let disk: SmallDisk;
let folder: string;
let hub: GitHubHttp;
let repo: ReturnType<GitHubHttp['model']['repos']['addRepo']>;
let stopWorld: () => Promise<void>;
let env: Record<string, string>;
let port: number;

beforeEach(async () => {
  if (!canMount) return;
  small = mountSmallDisk();
  if (!small) throw new Error('a disk could be mounted a moment ago');
  disk = small;
  folder = mkdtempSync(join(tmpdir(), 'dstack-disk-app-'));
  const kernel = createKernel({ seed: 1, startAt: clock.now() });
  const knobs = { hookDelayMs: [1, 10] } as const;
  hub = await serveGitHub({ kernel, random, clock, real: clock, knobs });
  const pump = kernel.pump(clock, { speed: 1 });
  const { repos } = hub.model;
  const owner = repos.addOwner('octo-org');
  repo = repos.addRepo({ owner, name: 'web', files: { '.github/dstack.yml': RULES } });
  repos.install(owner);
  const probe = await listen(createServer());
  await probe.close();
  port = Number(new URL(probe.url).port);
  hub.app.hookUrl = `${probe.url}/api/github/webhooks`;
  env = {
    APP_ID: String(hub.app.id),
    PRIVATE_KEY: hub.app.pem,
    WEBHOOK_SECRET: hub.app.webhookSecret,
    GHE_HOST: new URL(hub.url).host,
    GHE_PROTOCOL: 'http',
    PORT: String(port),
    DATABASE_URL: `sqlite:${join(disk.path, 'app.db')}`,
    DSTACK_TICK_MS: '300',
    DSTACK_RESYNC_MS: '1500',
  };
  stopWorld = async () => {
    await hub.close();
    await pump.stop();
  };
});

afterEach(async () => {
  if (!canMount) return;
  await stopWorld();
  disk.remove();
  rmSync(folder, { recursive: true, force: true });
});

const start = (): ServedApp =>
  startApp({ clock, port, folder, logFile: join(folder, 'app.log'), env });

interface Said {
  readonly level: number;
  readonly msg: string;
  readonly why?: string;
}

const log = (): readonly Said[] =>
  readFileSync(join(folder, 'app.log'), 'utf8')
    .split('\n')
    .filter((line) => line.startsWith('{'))
    .map((line) => JSON.parse(line) as Said);

const queueRun = (): Promise<readonly number[]> =>
  hub.model.state.kernel.visit('run', () => {
    const spec = { name: 'build', labels: ['self-hosted', 'dstack'], durationMs: 100 };
    const run = hub.model.jobs.addRun(repo, { workflow: 'CI', jobs: [spec] });
    return run.jobs.map(({ id }) => id);
  });

async function until(isSo: () => boolean): Promise<void> {
  const limit = clock.now() + WAIT_MS;
  while (!isSo()) {
    if (clock.now() > limit) throw new Error('it did not come to that');
    await clock.sleep(20);
  }
}

const deliveries = () => hub.model.hooks.deliveries();

const deliveriesWith = (status: number): number =>
  deliveries().filter((one) => one.statusCode === status).length;

/** Runs are queued until their webhooks were answered so, ten times. */
async function queueUntil(status: number, jobs: number[]): Promise<void> {
  for (let runs = 0; deliveriesWith(status) < 10; runs += 1) {
    if (runs === MOST_RUNS) throw new Error(`webhooks are not answered ${status}`);
    jobs.push(...(await queueRun()));
    await clock.sleep(20);
  }
}

/** GitHub delivers again what was refused, because the app asks it to. */
const areAllTaken = (): boolean => {
  const taken = new Set(deliveries().flatMap((one) => (one.statusCode === 202 ? one.guid : [])));
  return deliveries().every(({ guid }) => taken.has(guid));
};

/** What the database holds once its owner has let go of it. */
function kept(): { readonly jobs: readonly number[]; readonly deliveries: ReadonlySet<string> } {
  const db = new DatabaseSync(join(disk.path, 'app.db'));
  const column = (sql: string) =>
    db
      .prepare(sql)
      .all()
      .map(({ id }) => id);
  const jobs = column('select id from jobs').map(Number);
  const deliveries = new Set(column('select id from deliveries').map(String));
  db.close();
  return { jobs, deliveries };
}

(canMount ? describe : describe.skip)('a full disk', () => {
  test('refuses webhooks, says why once, and works on when there is room', async () => {
    const app = start();
    expect(await app.ready()).toBe(true);
    const jobs = [...(await queueRun())];
    await until(areAllTaken);
    disk.fill();
    await queueUntil(503, jobs);
    disk.free();
    jobs.push(...(await queueRun()));
    await until(areAllTaken);
    await until(() => log().some(({ msg }) => msg === 'the database takes writes again'));
    expect(app.starts).toBe(1);
    expect(await app.stop()).toBe(0);
    expect(kept().jobs).toEqual(expect.arrayContaining(jobs));
    const file = join(disk.path, 'app.db');
    expect(log().filter(({ level }) => level >= 50)).toMatchObject([
      { why: `database ${file}: the disk is full` },
    ]);
  });

  test('costs nothing that was acknowledged, when the app is killed meanwhile', async () => {
    const app = start();
    expect(await app.ready()).toBe(true);
    await queueUntil(202, []);
    disk.fill();
    await queueUntil(503, []);
    const acknowledged = deliveries().flatMap((one) => (one.statusCode === 202 ? one.guid : []));
    app.kill();
    disk.free();
    expect(await app.ready()).toBe(true);
    expect(await app.stop()).toBe(0);
    expect([...kept().deliveries]).toEqual(expect.arrayContaining(acknowledged));
  });

  test('stops the start with one line that says so', async () => {
    const app = start();
    expect(await app.ready()).toBe(true);
    expect(await app.stop()).toBe(0);
    disk.fill();
    expect(serveOnce()).toEqual({
      status: 78,
      stderr: `DATABASE_URL: database ${join(disk.path, 'app.db')}: the disk is full\n`,
    });
  });
});

(canMount ? describe : describe.skip)('a read-only disk', () => {
  test('stops the start with one line that says so', async () => {
    const app = start();
    expect(await app.ready()).toBe(true);
    expect(await app.stop()).toBe(0);
    disk.makeReadOnly();
    expect(serveOnce()).toEqual({
      status: 78,
      stderr: `DATABASE_URL: database ${join(disk.path, 'app.db')}: it is read-only\n`,
    });
  });
});

function serveOnce(): { readonly status: number | null; readonly stderr: string } {
  const { status, stderr } = spawnSync(process.execPath, [BIN, 'serve'], {
    cwd: folder,
    encoding: 'utf8',
    timeout: WAIT_MS,
    env: { PATH: process.env['PATH'], ...env },
  });
  return { status, stderr };
}
