import { type ChildProcess, spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

// dstack as a process of its own, in a folder and with a home of its own.

const BIN = fileURLToPath(new URL('../../bin/dstack.js', import.meta.url));

export interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface Home {
  /** The folder that it runs in. */
  readonly folder: string;
  /** Its XDG_CONFIG_HOME. */
  readonly config: string;
  write(path: string, text: string): void;
  start(args: readonly string[], env?: Env): ChildProcess;
  run(args: readonly string[], env?: Env, input?: string): Promise<Ended>;
  /** In a folder below. */
  runIn(place: string, args: readonly string[]): Promise<Ended>;
  remove(): void;
}

type Env = Readonly<Record<string, string>>;

export function createHome(env: Env = {}, bin = BIN): Home {
  const base = mkdtempSync(join(tmpdir(), 'dstack-home-'));
  const folder = join(base, 'work');
  const config = join(base, 'config');
  mkdirSync(folder);
  const start = (args: readonly string[], more: Env = {}, place = '') => {
    const path = process.env['PATH'] ?? '';
    const all = { PATH: path, HOME: base, XDG_CONFIG_HOME: config, ...env, ...more };
    return spawn(process.execPath, [bin, ...args], { cwd: join(folder, place), env: all });
  };
  return {
    folder,
    config,
    start,
    write(path, text) {
      mkdirSync(dirname(join(folder, path)), { recursive: true });
      writeFileSync(join(folder, path), text);
    },
    run(args, more, input = '') {
      const child = start(args, more);
      child.stdin?.end(input);
      return ended(child);
    },
    runIn: (place, args) => ended(start(args, {}, place)),
    remove: () => rmSync(base, { recursive: true, force: true }),
  };
}

export function ended(child: ChildProcess): Promise<Ended> {
  const out = { stdout: '', stderr: '' };
  for (const name of ['stdout', 'stderr'] as const) {
    child[name]?.setEncoding('utf8').on('data', (text: string) => {
      out[name] += text;
    });
  }
  return new Promise((resolve) => child.once('close', (code) => resolve({ code, ...out })));
}
