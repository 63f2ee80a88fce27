import { type ChildProcess, spawn } from 'node:child_process';
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Clock } from '../lib/clock.ts';
import { asUser, type User } from './command.ts';
import { endGroup, groupFile } from './power.ts';

/** The Actions runner as a process: it waits for one job, runs it, and ends. */
export interface Listener {
  /** Resolves when the process is gone and everything it printed has been handed over. */
  readonly ended: Promise<void>;
  hasEnded(): boolean;
  signal(signal: 'SIGINT' | 'SIGKILL'): void;
}

export interface ListenerOrder {
  readonly clock: Clock;
  readonly home: string;
  readonly folder: string;
  readonly user: User | undefined;
  readonly env: Readonly<Record<string, string>>;
  onLine(line: string): void;
}

/** Starts run.sh in a process group of its own, so that one signal reaches all that it starts. */
export function startListener(order: ListenerOrder): Listener {
  const [file = '', ...args] = asUser(order.user, [join(order.folder, 'run.sh')]);
  const child = spawn(file, args, {
    cwd: order.folder,
    env: { ...order.env },
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const pidFile = groupFile(order.home);
  if (child.pid !== undefined) writeFileSync(pidFile, String(child.pid));
  let isOver = false;
  for (const stream of [child.stdout, child.stderr]) {
    createInterface({ input: stream }).on('line', order.onLine);
  }
  const ended = endOf(child, order).then(() => {
    isOver = true;
    rmSync(pidFile, { force: true });
  });
  return { ended, hasEnded: () => isOver, signal: (signal) => endGroup(child, signal) };
}

/**
 * How long the output of a process may outlive it: a job can leave children that hold the pipe
 * open.
 */
const DRAIN_MS = 1_000;

function endOf(child: ChildProcess, { clock, onLine }: ListenerOrder): Promise<void> {
  return new Promise((resolve) => {
    child.once('error', (error) => {
      onLine(`run.sh did not start: ${error.message}`);
      resolve();
    });
    child.once('close', () => resolve());
    child.once('exit', () => void clock.sleep(DRAIN_MS).then(resolve));
  });
}

export type JobResult = 'succeeded' | 'failed' | 'cancelled';

export type Said =
  | { readonly kind: 'listening' }
  | { readonly kind: 'running'; readonly name: string }
  | { readonly kind: 'completed'; readonly result: JobResult };

/**
 * The runner's own results:
 * https://github.com/actions/runner/blob/main/src/Sdk/DTWebApi/WebApi/TaskResult.cs
 */
const RESULTS: Readonly<Record<string, JobResult>> = {
  succeeded: 'succeeded',
  succeededwithissues: 'succeeded',
  skipped: 'succeeded',
  canceled: 'cancelled',
  cancelled: 'cancelled',
};

/**
 * What a line of the listener means. Its exit code says nothing: run.sh ends with 0 for nearly
 * everything.
 */
export function parseLine(line: string): Said | undefined {
  // `2026-01-02 03:04:05Z: ` stands before most lines.
  const text = line.replace(/^\d{4}-\d\d-\d\d[ T]\S+: /, '');
  if (text === 'Listening for Jobs') return { kind: 'listening' };
  const running = /^Running job: (.+)$/.exec(text);
  if (running?.[1]) return { kind: 'running', name: running[1] };
  const completed = /^Job .+ completed with result: (\w+)$/.exec(text);
  if (!completed?.[1]) return undefined;
  return { kind: 'completed', result: RESULTS[completed[1].toLowerCase()] ?? 'failed' };
}
