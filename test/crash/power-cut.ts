import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { fileURLToPath } from 'node:url';

// What a power cut leaves, worked out from the system calls of a process that writes: for each file,
// its content at its last fsync and nothing later. It shows what SQLite asks of the disk before we
// answer; it cannot show a disk that says it has written what it has not.

const WRITER = fileURLToPath(new URL('power-cut-writer.ts', import.meta.url));
const CALLS = 'openat,pwrite64,fdatasync,fsync,ftruncate,unlink,write';
const LIMIT_MS = 120_000;
/** A cut is tried after each so many acknowledgements. */
const EVERY = 10;

export const canTrace = spawnSync('strace', ['-e', 'trace=none', 'true']).status === 0;

export interface Cut {
  readonly acknowledged: number;
  /** Acknowledged, and not there after the cut. */
  readonly lost: number;
  readonly isWhole: boolean;
}

/** Lets a process write so many deliveries, and cuts the power after every tenth. */
export function cutPower(how: 'store' | 'normal', count: number): readonly Cut[] {
  const folder = mkdtempSync(join(tmpdir(), 'dstack-power-'));
  const trace = join(folder, 'trace');
  const path = join(folder, 'app.db');
  try {
    spawnSync(
      'strace',
      [
        ...['-f', '-xx', '-s', '100000', '-e', `trace=${CALLS}`, '-o', trace],
        ...[process.execPath, WRITER, path, how, String(count)],
      ],
      { timeout: LIMIT_MS },
    );
    return replay(readFileSync(trace, 'latin1'), path);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** A file on the disk: what is written to it is there for certain once it is synced. */
interface TracedFile {
  bytes: Buffer;
  size: number;
  /** What the disk may lose. */
  unsynced: ((file: TracedFile) => void)[];
}

function replay(trace: string, path: string): readonly Cut[] {
  const files = new Map<string, TracedFile>();
  const open = new Map<string, TracedFile>();
  const cuts: Cut[] = [];
  let acknowledged = 0;
  for (const { name, args, result } of callsOf(trace)) {
    const file = open.get(args[0] ?? '');
    if (name === 'openat') {
      const opened = textOf(args[1] ?? '');
      if (opened.startsWith(path)) {
        const known = files.get(opened) ?? { bytes: Buffer.alloc(0), size: 0, unsynced: [] };
        files.set(opened, known);
        open.set(result, known);
      } else open.delete(result);
    } else if (name === 'unlink') files.delete(textOf(args[0] ?? ''));
    else if (name === 'write' && args[0] === '1') {
      acknowledged += 1;
      if (acknowledged % EVERY === 0) cuts.push(cutAt(files, path, acknowledged));
    } else if (file) change(file, name, args);
  }
  return cuts;
}

function change(file: TracedFile, name: string, args: readonly string[]): void {
  if (name === 'pwrite64') {
    const bytes = bytesOf(args[1] ?? '');
    file.unsynced.push((disk) => put(disk, bytes, Number(args[3])));
  } else if (name === 'ftruncate') {
    file.unsynced.push((disk) => {
      disk.size = Number(args[1]);
    });
  } else if (name === 'fsync' || name === 'fdatasync') {
    for (const write of file.unsynced) write(file);
    file.unsynced = [];
  }
}

function put(disk: TracedFile, bytes: Buffer, at: number): void {
  const end = at + bytes.length;
  if (end > disk.bytes.length) {
    disk.bytes = Buffer.concat([disk.bytes, Buffer.alloc(end + disk.bytes.length)]);
  }
  bytes.copy(disk.bytes, at);
  disk.size = Math.max(disk.size, end);
}

/** What SQLite finds on the disk after the cut. */
function cutAt(files: ReadonlyMap<string, TracedFile>, path: string, acknowledged: number): Cut {
  const folder = mkdtempSync(join(tmpdir(), 'dstack-cut-'));
  try {
    const copy = join(folder, 'app.db');
    for (const [name, { bytes, size }] of files) {
      if (size > 0) writeFileSync(copy + name.slice(path.length), bytes.subarray(0, size));
    }
    const db = new DatabaseSync(copy);
    const isWhole = db.prepare('pragma integrity_check').get()?.['integrity_check'] === 'ok';
    const hasTable = db.prepare("select 1 from sqlite_master where name = 'deliveries'").get();
    const kept = hasTable
      ? Number(db.prepare('select count(*) n from deliveries').get()?.['n'])
      : 0;
    db.close();
    return { acknowledged, lost: Math.max(0, acknowledged - kept), isWhole };
  } finally {
    rmSync(folder, { recursive: true });
  }
}

interface Call {
  readonly name: string;
  readonly args: readonly string[];
  readonly result: string;
}

/** A call that another thread's interrupts stands in two lines. */
function callsOf(trace: string): readonly Call[] {
  const begun = new Map<string, string>();
  return trace.split('\n').flatMap((line): readonly Call[] => {
    const [, thread = '', rest = ''] = /^(\d+) +(.*)$/.exec(line) ?? [];
    if (rest.endsWith('<unfinished ...>')) {
      begun.set(thread, rest.replace(/ *<unfinished \.\.\.>$/, ''));
      return [];
    }
    const whole = rest.replace(/^<\.\.\. \w+ resumed>/, () => begun.get(thread) ?? '');
    const [, name = '', args = '', result = ''] = /^(\w+)\((.*)\) += (-?\d+)/.exec(whole) ?? [];
    return name === '' ? [] : [{ name, args: args.split(', '), result }];
  });
}

const bytesOf = (quoted: string): Buffer => Buffer.from(quoted.replace(/[^0-9a-f]/g, ''), 'hex');
const textOf = (quoted: string): string => bytesOf(quoted).toString();
