import { type ChildProcess, spawn } from 'node:child_process';
import { tmpdir } from 'node:os';
import { fileURLToPath } from 'node:url';
import type { AccountDesk, AccountView } from '../../src/accounts/port.ts';
import { systemClock } from '../../src/lib/clock.ts';
import type { Answer, Routes } from '../../src/lib/http.ts';
import { silentLog } from '../../src/lib/log.ts';
import { done } from '../../src/model/reply.ts';
import { accountRoutes } from '../../src/web/accounts-api.ts';
import { listen } from '../../src/web/server.ts';
import { ACME_APP as REPO } from '../web/acme.ts';

// dstack as a process, before an app with a desk of its own and a GitHub that knows one repository.

const BIN = fileURLToPath(new URL('../../bin/dstack.js', import.meta.url));
export const TOKEN = 'ghu_0123456789012345678901234567890123456789';
export const ID = 'AKIAIOSFODNN7EXAMPLE';
export const SECRET = 'wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY';

export interface CliWorld {
  readonly url: string;
  /** Bodies that were asked to be kept. */
  readonly bodies: unknown[];
  readonly cleared: boolean[];
  /** The regions where teardown was asked for. */
  readonly tornDown: (string | null)[];
  /** How often clear answers that machines are ending. */
  ending: number;
  isRefused: boolean;
  account: AccountView | null;
  principal: string | null;
  run(args: readonly string[], of?: RunOptions): Run;
  close(): Promise<void>;
}

export interface RunOptions {
  /** Written at once, then the end; undefined: it stays open. */
  readonly input?: string;
  readonly env?: Readonly<Record<string, string>>;
  /** In a terminal of its own. */
  readonly isTty?: boolean;
}

export interface Run {
  /** Resolves when standard output has shown the text. */
  shows(text: string): Promise<void>;
  type(text: string): void;
  readonly ended: Promise<{ code: number | null; stdout: string; stderr: string }>;
}

export async function startCliWorld(): Promise<CliWorld> {
  const world = {
    bodies: [] as unknown[],
    cleared: [] as boolean[],
    tornDown: [] as (string | null)[],
    ending: 0,
    isRefused: false,
    account: null as AccountView | null,
    principal: 'arn:aws:iam::123456789012:role/app' as string | null,
  };
  const desk = deskOf(world);
  const routes: Routes = {
    ...accountRoutes({
      desk,
      users: {
        whoIs: async (token) =>
          token === TOKEN
            ? done({ login: 'mona', id: 1 })
            : { ok: false, reason: 'denied', code: '404', message: 'no' },
      },
      github: {
        installations: async () => done([{ id: 5, ownerId: 9 }]),
        repositories: async () => done([{ ...REPO, id: 8, name: '.github' }]),
        permission: async () => done('admin'),
      },
      store: { repo: async (id) => (id === 7 ? REPO : null) },
      publicUrl: null,
      clock: systemClock,
      log: silentLog,
      refused: () => {},
    }),
    'GET /api/v3/repos/acme/app': answer({ id: 7 }),
    'GET /api/v3/users/acme': answer({ id: 9 }),
  };
  const server = await listen(routes, { host: '127.0.0.1', port: 0, log: silentLog });
  if (server === 'port-taken') throw new Error('no free port');
  const url = `http://127.0.0.1:${server.port}`;
  return Object.assign(world, {
    url,
    run: (args: readonly string[], of: RunOptions = {}) => start({ url, args, of }),
    close: () => server.close(),
  });
}

const answer = (body: object) => async (): Promise<Answer> => ({ status: 200, body });

const deskOf = (world: Omit<CliWorld, 'url' | 'run' | 'close'>) =>
  ({
    describe: async () => ({
      account: world.account,
      problem: null,
      externalId: 'e'.repeat(32),
      principal: world.principal,
    }),
    async configure(scope, body) {
      world.bodies.push(body);
      const account: AccountView = {
        scope,
        awsAccount: '123456789012',
        accessKeyId: 'AKIA************MPLE',
        roleArn: null,
        region: 'eu-west-1',
        bucket: null,
        repositories: [],
        problem: null,
      };
      const good = { name: 'region', ok: true, text: 'eu-west-1 is enabled' } as const;
      const bad = { name: 'launch', ok: false, text: 'denied', fix: 'dstack aws policy' } as const;
      if (world.isRefused) {
        return { ok: false, code: 'checks', message: 'nothing was kept', checks: [good, bad] };
      }
      world.account = account;
      return { ok: true, account, checks: [good] };
    },
    async teardown(_, region) {
      world.tornDown.push(region);
      return { ok: true, region: region ?? 'eu-west-1', groups: ['sg-1'] };
    },
    async clear(_, { force }) {
      world.cleared.push(force);
      if (!force) return { ok: false, code: 'busy', message: 'machines run', ended: 0 };
      if (world.ending-- > 0) {
        return { ok: false, code: 'ending', message: 'machines are ending', ended: 1 };
      }
      return { ok: true, ended: 0 };
    },
  }) satisfies AccountDesk;

interface Start {
  readonly url: string;
  readonly args: readonly string[];
  readonly of: RunOptions;
}

function start({ url, args, of }: Start): Run {
  const env = {
    PATH: process.env['PATH'] ?? '',
    HOME: tmpdir(),
    TERM: 'xterm',
    PUBLIC_URL: url,
    GHE_HOST: new URL(url).host,
    GHE_PROTOCOL: 'http',
    GH_TOKEN: TOKEN,
    ...of.env,
  };
  const words = [BIN, ...args, '--repo', 'acme/app'];
  const how = { env, cwd: tmpdir() };
  const child = of.isTty
    ? spawn('script', ['-qefc', [process.execPath, ...words].join(' '), '/dev/null'], how)
    : spawn(process.execPath, words, how);
  if (of.input !== undefined) child.stdin.end(of.input);
  return following(child);
}

function following(child: ChildProcess): Run {
  let [stdout, stderr] = ['', ''];
  const waiting: (() => void)[] = [];
  child.stdout?.setEncoding('utf8').on('data', (text: string) => {
    stdout += text;
    for (const wake of waiting.splice(0)) wake();
  });
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
  });
  const ended = new Promise<{ code: number | null; stdout: string; stderr: string }>((resolve) =>
    child.once('close', (code) => {
      resolve({ code, stdout, stderr });
      for (const wake of waiting.splice(0)) wake();
    }),
  );
  return {
    ended,
    type: (text) => void child.stdin?.write(text),
    async shows(text) {
      while (!stdout.includes(text)) {
        if (child.exitCode !== null)
          throw new Error(`ended without "${text}":\n${stdout}${stderr}`);
        await new Promise<void>((resolve) => waiting.push(resolve));
      }
    },
  };
}
