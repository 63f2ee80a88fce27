import { accessSync, constants, existsSync, mkdirSync } from 'node:fs';
import { dirname } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { Kysely } from 'kysely';
import { Unavailable } from '../lib/assert.ts';
import { nodeSqliteDialect, sqliteDialect, type Watch } from './dialect-sqlite.ts';
import { released } from './merge/lease.ts';
import { migrate } from './migrations.ts';
import type { Store } from './port.ts';
import type { Session } from './sql/session.ts';
import { createSqlStore } from './sql/store.ts';
import type { Tables } from './sql/tables.ts';

/** A store, or one line that names the file and says what to do. */
export type Opened =
  | { readonly ok: true; readonly store: Store }
  | { readonly ok: false; readonly message: string };

const READ_ONLY = 'it is read-only';

/** SQLite's own codes, https://www.sqlite.org/rescode.html; what we can say of each. */
const REFUSALS: Readonly<Record<number, string>> = {
  5: 'another process has it open; one process owns a SQLite file: stop that one first',
  8: READ_ONLY,
  10: 'the disk fails to read or write it',
  11: 'it is damaged',
  13: 'the disk is full',
  14: 'it cannot be opened or made; it must be a file in a folder that we may write to',
  26: 'it is not a SQLite database',
};

/** The primary code is the low byte; undefined for what SQLite did not throw. */
function sqliteCode(error: unknown): number | undefined {
  if (typeof error !== 'object' || error === null || !('errcode' in error)) return undefined;
  return typeof error.errcode === 'number' ? error.errcode & 0xff : undefined;
}

const refusal = (path: string, why: string): Opened => ({
  ok: false,
  message: `database ${path}: ${why}`,
});

function refused(path: string, error: unknown): Opened {
  const code = sqliteCode(error);
  if (code === undefined) throw error;
  return refusal(path, REFUSALS[code] ?? `SQLite error ${code}`);
}

/**
 * A first start makes the folder, for our eyes alone; if it cannot, SQLite says so next. One level
 * after the other, because below /proc Node's own recursion never ends.
 */
function makeFolder(folder: string): void {
  if (existsSync(folder)) return;
  makeFolder(dirname(folder));
  try {
    mkdirSync(folder, { mode: 0o700 });
  } catch {
    return;
  }
}

/** Asked first, because under an exclusive lock SQLite takes it for a broken disk. */
function isReadOnly(path: string): boolean {
  try {
    if (existsSync(path)) accessSync(path, constants.W_OK);
    return false;
  } catch {
    return true;
  }
}

/**
 * FULL: a webhook that we answered is on the disk. EXCLUSIVE: the lock that a second process meets
 * is taken with the first write and kept, also by the write-ahead log.
 */
function openFile(path: string): DatabaseSync {
  makeFolder(dirname(path));
  const db = new DatabaseSync(path, { enableForeignKeyConstraints: true, timeout: 0 });
  try {
    db.exec('pragma locking_mode = exclusive');
    db.exec('pragma journal_mode = wal');
    db.exec('pragma synchronous = full');
    db.exec('begin immediate; commit');
    return db;
  } catch (error) {
    db.close();
    throw error;
  }
}

async function openStore(path: string, session: Session): Promise<Opened> {
  const migrated = await migrate(session);
  if (!migrated.ok) {
    await session.db.destroy();
    const { found, known } = migrated;
    return refusal(path, `a newer dstack wrote it (version ${found}, we know ${known})`);
  }
  // We own the file, so whoever held a lease is dead: nobody need wait for its time to run out.
  await session.db.updateTable('leases').set(released).execute();
  return { ok: true, store: createSqlStore(session) };
}

/** Of a file that was opened well: what may heal without us. */
const MAY_HEAL = new Set([8, 10, 13]);

/** In a row: a disk that is nearly full takes small writes between those that it refuses. */
const COMMITS_TO_BE_WELL = 10;

/** Says once that the database cannot be written, and once that it can be again. */
function watchOver(path: string, tell: Trouble): Watch {
  let isWell = true;
  let left = 0;
  return {
    failed(error) {
      const code = sqliteCode(error);
      if (code === undefined || !MAY_HEAL.has(code)) return error;
      const why = `database ${path}: ${REFUSALS[code]}`;
      if (isWell) tell(why);
      isWell = false;
      left = COMMITS_TO_BE_WELL;
      return new Unavailable(why, { cause: error });
    },
    committed() {
      if (isWell) return;
      left -= 1;
      if (left > 0) return;
      isWell = true;
      tell(null);
    },
  };
}

/** Hears why the database cannot be written from now on; null: it can be again. */
export type Trouble = (why: string | null) => void;

export async function openSqliteStore(path: string, tell: Trouble = () => {}): Promise<Opened> {
  if (isReadOnly(path)) return refusal(path, READ_ONLY);
  let kysely: Kysely<Tables> | undefined;
  try {
    const file = openFile(path);
    kysely = new Kysely<Tables>({ dialect: nodeSqliteDialect(file, watchOver(path, tell)) });
    return await openStore(path, { db: kysely, dialect: sqliteDialect(file), plans: new Map() });
  } catch (error) {
    await kysely?.destroy();
    return refused(path, error instanceof Unavailable ? error.cause : error);
  }
}
