import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { Clock } from '../../src/lib/clock.ts';

// The app as whoever runs it starts it: `dstack serve`, a process group of its own, its log in a file.

export interface ServedApp {
  readonly url: string;
  /** kill -9 of the whole group; it starts again at once on the same database. */
  kill(): void;
  /** How it ended by itself, which it never should; undefined while all is well. */
  readonly died: string | undefined;
  readonly starts: number;
  /** Resolves once it says it is ready, or when it ended for good. */
  ready(): Promise<boolean>;
  /** SIGTERM; its exit code, or null if it had to be killed. */
  stop(): Promise<number | null>;
}

export interface AppDeps {
  readonly clock: Clock;
  readonly port: number;
  readonly folder: string;
  readonly logFile: string;
  readonly env: Readonly<Record<string, string>>;
}

const BIN = fileURLToPath(new URL('../../bin/dstack.js', import.meta.url));
const READY_LIMIT_MS = 30_000;
const READY_LOOK_MS = 50;
const STOP_LIMIT_MS = 15_000;

export function startApp(deps: AppDeps): ServedApp {
  const { clock, port, folder } = deps;
  const url = `http://127.0.0.1:${port}`;
  let starts = 0;
  let isStopping = false;
  let died: string | undefined;
  const killed = new WeakSet<ChildProcess>();
  let child = start();

  function start(): ChildProcess {
    starts += 1;
    const log = openSync(deps.logFile, 'a');
    // In a folder without a .env, and a leader of its own group.
    const next = spawn(process.execPath, [BIN, 'serve'], {
      cwd: folder,
      detached: true,
      stdio: ['ignore', log, log],
      env: { PATH: process.env['PATH'], ...deps.env },
    });
    closeSync(log);
    next.once('exit', (code, signal) => {
      if (isStopping) return;
      if (killed.has(next)) child = start();
      else died = `the app ended by itself: code ${code}, signal ${signal}`;
    });
    return next;
  }

  const end = (signal: NodeJS.Signals) => {
    if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
    try {
      process.kill(-child.pid, signal);
    } catch {
      // It has ended just now.
    }
  };

  // Whoever plays with it may be ended at any time, and it leads a group of its own.
  const endWithUs = () => end('SIGKILL');
  process.once('exit', endWithUs);

  return {
    url,
    kill() {
      killed.add(child);
      end('SIGKILL');
    },
    get died() {
      return died;
    },
    get starts() {
      return starts;
    },
    async ready() {
      const limit = clock.now() + READY_LIMIT_MS;
      while (clock.now() < limit && died === undefined) {
        const answer = await fetch(`${url}/readyz`).catch(() => undefined);
        if (answer?.ok) return true;
        await clock.sleep(READY_LOOK_MS);
      }
      return false;
    },
    async stop() {
      isStopping = true;
      process.off('exit', endWithUs);
      if (child.exitCode !== null || child.signalCode !== null) return child.exitCode;
      const exited = once(child, 'exit').then(() => child.exitCode);
      end('SIGTERM');
      const stopped = await Promise.race([exited, clock.sleep(STOP_LIMIT_MS).then(() => 'late')]);
      if (stopped === 'late') end('SIGKILL');
      await exited;
      return typeof stopped === 'number' ? stopped : null;
    },
  };
}
