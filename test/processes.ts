import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll } from '@jest/globals';

// bin/dstack.js as a process of its own, in a folder of its own, with nothing of our environment.

export const BIN = fileURLToPath(new URL('../bin/dstack.js', import.meta.url));

export interface Started {
  readonly stdout: string;
  readonly stderr: string;
  /** What its log says on that subject; waits for the first such line, fails when it ends before. */
  said(message: string): Promise<Readonly<Record<string, unknown>>>;
  /** Waits until its output has this text; fails when it ends before. */
  shows(text: string): Promise<void>;
  /** Sends the signal, if it still runs, and answers its exit code. */
  stop(signal?: NodeJS.Signals): Promise<number | null>;
  readonly ended: Promise<number | null>;
}

export interface Start {
  readonly cwd: string;
  readonly env?: Readonly<Record<string, string>>;
  /** Another Node than that of the tests. */
  readonly node?: string;
}

const running = new Set<() => void>();
afterAll(() => running.forEach((end) => void end()));

export function startDstack(args: readonly string[], { cwd, env, node }: Start): Started {
  const child = spawn(node ?? process.execPath, [BIN, ...args], {
    cwd,
    env: { PATH: process.env['PATH'] ?? '', HOME: cwd, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const end = () => void child.kill('SIGKILL');
  running.add(end);
  const out = { stdout: '', stderr: '' };
  for (const name of ['stdout', 'stderr'] as const) {
    child[name].setEncoding('utf8').on('data', (text: string) => {
      out[name] += text;
      child.emit('said');
    });
  }
  const ended = once(child, 'close').then(([code]) => {
    running.delete(end);
    child.emit('said');
    return typeof code === 'number' ? code : null;
  });
  let isOver = false;
  void ended.then(() => {
    isOver = true;
  });
  async function wait<T>(look: () => T | undefined, what: string): Promise<T> {
    for (;;) {
      const found = look();
      if (found !== undefined) return found;
      if (isOver) throw new Error(`it ended without "${what}":\n${out.stdout}${out.stderr}`);
      await Promise.race([once(child, 'said'), ended]);
    }
  }
  return {
    get stdout() {
      return out.stdout;
    },
    get stderr() {
      return out.stderr;
    },
    ended,
    said: (message) =>
      wait(() => linesOf(out.stdout).find(({ msg }) => String(msg).startsWith(message)), message),
    shows: async (text) => {
      await wait(() => out.stdout.includes(text) || undefined, text);
    },
    stop(signal = 'SIGTERM') {
      child.kill(signal);
      return ended;
    },
  };
}

function linesOf(text: string): readonly Readonly<Record<string, unknown>>[] {
  // The last line may not be whole yet.
  return text
    .split('\n')
    .slice(0, -1)
    .filter((line) => line.startsWith('{'))
    .map((line) => JSON.parse(line));
}

/** Runs it to its end. */
export async function runDstack(args: readonly string[], start: Start) {
  const started = startDstack(args, start);
  const code = await started.ended;
  return { code, stdout: started.stdout, stderr: started.stderr };
}

const folders: string[] = [];
afterAll(() => folders.forEach((folder) => void rmSync(folder, { recursive: true, force: true })));

/** An empty folder, deleted when the tests of the file are over. */
export function aFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'dstack-test-'));
  folders.push(folder);
  return folder;
}

/** A port that was free a moment ago. */
export async function aPort(): Promise<number> {
  const taken = await aTakenPort();
  await taken.free();
  return taken.port;
}

export async function aTakenPort(): Promise<{ port: number; free(): Promise<void> }> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return { port, free: () => new Promise((resolve) => server.close(() => resolve())) };
}
