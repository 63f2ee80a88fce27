import { sql } from 'kysely';
import type { Dialect } from './dialect.ts';
import { inTransaction, type Session } from './sql/session.ts';
import { version1 } from './version1.ts';
import { newColumns, newIndexes, newTables } from './version2.ts';

export type Column = keyof Dialect['types'] | `${keyof Dialect['types']}?`;

/** A table as data; a type that ends in `?` may be null. */
export interface TableSpec {
  readonly name: string;
  readonly columns: Readonly<Record<string, Column>>;
  readonly key: readonly string[];
  readonly unique?: readonly string[];
  /** Columns, and what rows it is for where not for all. */
  readonly indexes?: readonly (readonly [on: readonly string[], where?: string])[];
  /** Column → the table whose key it names. */
  readonly references?: Readonly<Record<string, string>>;
}

const quoted = (names: readonly string[]): string => names.map((name) => `"${name}"`).join(', ');

/** What rows that are there have in it is null. */
const addColumns = (
  table: string,
  columns: Readonly<Record<string, Column>>,
  dialect: Dialect,
): readonly string[] =>
  Object.entries(columns).map(([name, type]) => {
    const column = columnOf({ references: {} }, dialect, name, type);
    return `alter table "${table}" add column ${column}`;
  });

function columnOf(
  spec: Pick<TableSpec, 'references'>,
  dialect: Dialect,
  name: string,
  column: Column,
): string {
  const type = column.replace('?', '') as keyof Dialect['types'];
  const parts = [`"${name}"`, dialect.types[type]];
  if (type !== 'serial' && !column.endsWith('?')) parts.push('not null');
  const target = spec.references?.[name];
  if (target) parts.push(`references "${target}"`);
  return parts.join(' ');
}

/** The statements that make a table, in the words that all databases share. */
export function createTable(spec: TableSpec, dialect: Dialect): readonly string[] {
  const { name, columns, key, unique, indexes = [] } = spec;
  const lines = Object.entries(columns).map(([each, type]) => columnOf(spec, dialect, each, type));
  if (key.length > 0) lines.push(`primary key (${quoted(key)})`);
  if (unique) lines.push(`unique (${quoted(unique)})`);
  const statements = [`create table "${name}" (${lines.join(', ')})`];
  for (const [on, where] of indexes) {
    const index = `create index "${name}_${on.join('_')}" on "${name}" (${quoted(on)})`;
    statements.push(where ? `${index} where ${where}` : index);
  }
  return statements;
}

/** Token buckets, which processes share. */
const BUCKETS: TableSpec = {
  name: 'buckets',
  columns: { key: 'text', level: 'real', at: 'integer' },
  key: ['key'],
};

/** Only added to: what a released version has run is never edited. The length is the version. */
const MIGRATIONS: readonly ((dialect: Dialect) => readonly string[])[] = [
  (dialect) => version1.flatMap((spec) => createTable(spec, dialect)),
  (dialect) => [
    ...Object.entries(newColumns).flatMap(([table, columns]) =>
      addColumns(table, columns, dialect),
    ),
    ...newTables.flatMap((spec) => createTable(spec, dialect)),
    ...newIndexes,
  ],
  (dialect) =>
    ['launches', 'instances'].flatMap((table) =>
      addColumns(table, { runnerGroup: 'text?' }, dialect),
    ),
  ({ types }) => [
    `alter table "exhausted" add column "since" ${types.integer} not null default 0`,
    'create index "instances_scope_rule" on "instances" ("scope", "rule", "createdAt")',
  ],
  (dialect) => addColumns('instances', { lastRun: 'integer?' }, dialect),
  (dialect) => createTable(BUCKETS, dialect),
  (dialect) => addColumns('repos', { ownerType: 'text?' }, dialect),
  (dialect) => addColumns('instances', { diskGb: 'integer?' }, dialect),
];

export type Migrated =
  | { readonly ok: true }
  | { readonly ok: false; readonly found: number; readonly known: number };

/** Brings a database to this code's version, all or nothing; a newer one is left alone. */
export const migrate = (session: Session): Promise<Migrated> =>
  inTransaction(session, async ({ db, dialect }) => {
    await dialect.lock(db, ['migrations']);
    await sql`create table if not exists migrations (version integer primary key)`.execute(db);
    const found = await sql<{ version: number | null }>`
      select max(version) as version from migrations`.execute(db);
    const before = found.rows[0]?.version ?? 0;
    if (before > MIGRATIONS.length) return { ok: false, found: before, known: MIGRATIONS.length };
    for (const [i, statements] of MIGRATIONS.entries()) {
      if (i < before) continue;
      for (const statement of statements(dialect)) await sql.raw(statement).execute(db);
      await sql`insert into migrations (version) values (${i + 1})`.execute(db);
    }
    return { ok: true };
  });
