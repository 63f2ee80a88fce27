import type { DatabaseSync, SQLInputValue } from 'node:sqlite';
import { type SqliteDatabase, SqliteDialect, type SqliteStatement, sql } from 'kysely';
import type { Dialect } from './dialect.ts';

/** One process owns the file and one transaction runs at a time, so there is nothing to lock. */
export const sqliteDialect = (file: DatabaseSync): Dialect => ({
  types: { text: 'text', integer: 'integer', real: 'real', serial: 'integer primary key' },
  locksRows: false,
  lock: async () => {},
  list: (json) => sql`(select value from json_each(${json}))`,
  // Of the connection, not of a transaction, so nobody else may have it meanwhile. Not prepared: a
  // pragma does its work while it is compiled.
  relaxed: (db, work) =>
    db.connection().execute(async (connection) => {
      file.exec('pragma synchronous = normal');
      try {
        return await connection.transaction().execute(work);
      } finally {
        file.exec('pragma synchronous = full');
      }
    }),
});

/** Texts of statements that are kept prepared; lists of another length make another text. */
const MAX_PREPARED = 1_000;

/**
 * Makes plain objects of a statement's rows. Each starts as a copy of one that JSON.parse made, with
 * every name in it: V8 reads and copies such objects three times as fast as node:sqlite's own, or as
 * ones that grow name by name, and a scope may have ten thousand jobs.
 */
function rowMaker(names: readonly string[]): (values: readonly unknown[]) => object {
  const nulls = Object.fromEntries(names.map((name) => [name, null]));
  const empty: object = JSON.parse(JSON.stringify(nulls));
  return (values) => {
    const row: Record<string, unknown> = { ...empty };
    let i = 0;
    for (const name of names) {
      row[name] = values[i];
      i += 1;
    }
    return row;
  };
}

function prepare(db: DatabaseSync, sql: string): SqliteStatement {
  const statement = db.prepare(sql);
  const names = statement.columns().map((column) => column.name);
  const makeRow = rowMaker(names);
  statement.setReturnArrays(true);
  const args = (parameters: readonly unknown[]) => parameters as SQLInputValue[];
  // The types of node:sqlite do not know that rows are arrays now.
  const all = (parameters: readonly unknown[]): readonly unknown[] =>
    statement.all(...args(parameters));
  return {
    reader: names.length > 0,
    all: (parameters) => all(parameters).map((row) => makeRow(row as readonly unknown[])),
    run: (parameters) => statement.run(...args(parameters)),
    *iterate(parameters) {
      const found: Iterable<unknown> = statement.iterate(...args(parameters));
      for (const row of found) yield makeRow(row as readonly unknown[]);
    },
  };
}

/** What failed, in words for whoever called; what is no failure of the disk stays as it is. */
export interface Watch {
  failed(error: unknown): unknown;
  /** Something was written, and the disk took it. */
  committed(): void;
}

const WRITES = /^(?:insert|update|delete)/i;

/** SQLite rolls back by itself where a disk is full; Kysely's own rollback would then hide why. */
function createGuard(db: DatabaseSync, watch: Watch) {
  let hasWritten = false;

  function guarded<T>(isWrite: boolean, work: () => T): T {
    try {
      const result = work();
      hasWritten ||= isWrite;
      if (hasWritten && !db.isTransaction) {
        hasWritten = false;
        watch.committed();
      }
      return result;
    } catch (error) {
      hasWritten = false;
      throw watch.failed(error);
    }
  }

  return (sql: string, statement: SqliteStatement): SqliteStatement => {
    const isWrite = WRITES.test(sql);
    return {
      ...statement,
      all: (parameters) => guarded(isWrite, () => statement.all(parameters)),
      run: (parameters) => {
        if (sql !== 'rollback') return guarded(isWrite, () => statement.run(parameters));
        hasWritten = false;
        return db.isTransaction ? statement.run(parameters) : { changes: 0, lastInsertRowid: 0 };
      },
    };
  };
}

/** Lets Kysely's own SQLite dialect drive Node's built-in one, preparing each text once. */
export function nodeSqliteDialect(db: DatabaseSync, watch: Watch): SqliteDialect {
  const prepared = new Map<string, SqliteStatement>();
  const guard = createGuard(db, watch);
  const database: SqliteDatabase = {
    close: () => db.close(),
    prepare: (sql) => {
      let statement = prepared.get(sql);
      if (!statement) {
        if (prepared.size >= MAX_PREPARED) prepared.clear();
        statement = guard(sql, prepare(db, sql));
        prepared.set(sql, statement);
      }
      return statement;
    },
  };
  return new SqliteDialect({ database });
}
