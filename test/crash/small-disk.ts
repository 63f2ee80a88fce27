import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A disk of a few MB that can be filled, freed and made read-only. */
export interface SmallDisk {
  readonly path: string;
  fill(): void;
  free(): void;
  /** Only while nobody has a file of it open for writing. */
  makeReadOnly(): void;
  remove(): void;
}

const SIZE = '8m';
const PART_BYTES = 64 * 1024;
/** What is left after whole parts is filled to the last page with these. */
const PAGE_BYTES = 4096;
const MOST_FILES = 4_000;

/** undefined where we may not mount: then whoever needs it is skipped. */
export function mountSmallDisk(): SmallDisk | undefined {
  const path = mkdtempSync(join(tmpdir(), 'dstack-disk-'));
  const isMounted = asRoot('mount', '-t', 'tmpfs', '-o', `size=${SIZE}`, 'tmpfs', path);
  if (!isMounted) {
    rmSync(path, { recursive: true });
    return undefined;
  }
  let files: string[] = [];

  function fillWith(bytes: number): void {
    for (let n = 0; n < MOST_FILES; n += 1) {
      const file = join(path, `fill-${bytes}-${n}`);
      files.push(file);
      try {
        writeFileSync(file, Buffer.alloc(bytes));
      } catch {
        return;
      }
    }
  }

  return {
    path,
    fill() {
      fillWith(PART_BYTES);
      fillWith(PAGE_BYTES);
    },
    free() {
      for (const file of files) rmSync(file, { force: true });
      files = [];
    },
    makeReadOnly() {
      if (!asRoot('mount', '-o', 'remount,ro', path)) throw new Error(`${path} is in use`);
    },
    remove() {
      asRoot('umount', '--lazy', path);
      rmSync(path, { recursive: true, force: true });
    },
  };
}

const run = (command: string, ...args: readonly string[]): boolean =>
  spawnSync(command, args, { stdio: 'ignore' }).status === 0;

/** As a runner's user does it who may, without a word. */
const asRoot = (...command: readonly [string, ...string[]]): boolean =>
  run(...command) || run('sudo', '--non-interactive', ...command);
