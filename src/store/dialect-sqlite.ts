import type { DatabaseSync, SQLInputValue } from 'node:sqlite';
import { type SqliteDatabase, SqliteDialect, type SqliteStatement } from 'kysely';
import type { Dialect } from './dialect.ts';

/** One process owns the file and one transaction runs at a time, so there is nothing to lock. */
export const sqlite: Dialect = {
  types: { text: 'text', integer: 'integer', real: 'real', serial: 'integer primary key' },
  locksRows: false,
  lock: async () => {},
};

/** Texts of statements that are kept prepared; lists of another length make another text. */
const MAX_PREPARED = 1_000;

function prepare(db: DatabaseSync, sql: string): SqliteStatement {
  const statement = db.prepare(sql);
  const args = (parameters: readonly unknown[]) => parameters as SQLInputValue[];
  return {
    reader: statement.columns().length > 0,
    all: (parameters) => statement.all(...args(parameters)),
    run: (parameters) => statement.run(...args(parameters)),
    iterate: (parameters) => statement.iterate(...args(parameters)),
  };
}

/** Lets Kysely's own SQLite dialect drive Node's built-in one, preparing each text once. */
export function nodeSqliteDialect(db: DatabaseSync): SqliteDialect {
  const prepared = new Map<string, SqliteStatement>();
  const database: SqliteDatabase = {
    close: () => db.close(),
    prepare: (sql) => {
      let statement = prepared.get(sql);
      if (!statement) {
        if (prepared.size >= MAX_PREPARED) prepared.clear();
        statement = prepare(db, sql);
        prepared.set(sql, statement);
      }
      return statement;
    },
  };
  return new SqliteDialect({ database });
}
