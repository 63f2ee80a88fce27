import { DatabaseSync } from 'node:sqlite';
import { Kysely } from 'kysely';
import { nodeSqliteDialect, sqlite } from './dialect-sqlite.ts';
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

/** SQLite's own codes, https://www.sqlite.org/rescode.html; what we can say of each. */
const REFUSALS: Readonly<Record<number, string>> = {
  5: 'another process has it open; one process owns a SQLite file, for replicas use PostgreSQL',
  8: 'it is read-only',
  11: 'it is damaged',
  13: 'the disk is full',
  14: 'it cannot be opened; its folder must exist and be writable',
  26: 'it is not a SQLite database',
};

/** The primary code is the low byte; undefined for what SQLite did not throw. */
function sqliteCode(error: unknown): number | undefined {
  if (!(error instanceof Error) || !('errcode' in error)) return undefined;
  return typeof error.errcode === 'number' ? error.errcode & 0xff : undefined;
}

function refused(path: string, error: unknown): Opened {
  const code = sqliteCode(error);
  if (code === undefined) throw error;
  return { ok: false, message: `database ${path}: ${REFUSALS[code] ?? `SQLite error ${code}`}` };
}

/**
 * FULL: a webhook that we answered is on the disk. EXCLUSIVE: the lock that a second process meets
 * is taken with the first write and kept, also by the write-ahead log.
 */
function openFile(path: string): DatabaseSync {
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

async function openStore(path: string, db: DatabaseSync): Promise<Opened> {
  const kysely = new Kysely<Tables>({ dialect: nodeSqliteDialect(db) });
  const session: Session = { db: kysely, dialect: sqlite, plans: new Map() };
  const migrated = await migrate(session);
  if (!migrated.ok) {
    await kysely.destroy();
    const { found, known } = migrated;
    const message = `database ${path}: a newer dstack wrote it (version ${found}, we know ${known})`;
    return { ok: false, message };
  }
  // We own the file, so whoever held a lease is dead: nobody need wait for its time to run out.
  await kysely.updateTable('leases').set(released).execute();
  return { ok: true, store: createSqlStore(session) };
}

export async function openSqliteStore(path: string): Promise<Opened> {
  try {
    return await openStore(path, openFile(path));
  } catch (error) {
    return refused(path, error);
  }
}
