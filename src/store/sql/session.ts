import type { Compilable, CompiledQuery, QueryResult } from 'kysely';
import type { Dialect } from '../dialect.ts';
import { sorted } from '../merge/draft.ts';
import type { Db } from './tables.ts';

/** A database, or a transaction in it, with what makes its queries cheap. */
export interface Session {
  readonly db: Db;
  readonly dialect: Dialect;
  readonly plans: Map<unknown, Plan>;
}

/** A query compiled once; `names` says which value each parameter is, where it is not fixed. */
interface Plan {
  readonly compiled: CompiledQuery;
  readonly names: readonly (string | undefined)[];
}

export type Build<Values, Row> = (db: Db, values: Values, dialect: Dialect) => Compilable<Row>;

/** Stands for a value while its query is compiled. */
interface Slot {
  readonly slot: string;
}

const isSlot = (value: unknown): value is Slot =>
  typeof value === 'object' && value !== null && 'slot' in value;

/** Slots in the place of values: Kysely only hands parameters on, and never looks into them. */
function slotsFor<Values extends object>(values: Values): Values {
  return Object.fromEntries(Object.keys(values).map((name) => [name, { slot: name }])) as Values;
}

function compile<Values extends object, Row>(
  { db, dialect }: Session,
  build: Build<Values, Row>,
  values: Values,
): Plan {
  const compiled = build(db, slotsFor(values), dialect).compile();
  const names = compiled.parameters.map((value) => (isSlot(value) ? value.slot : undefined));
  return { compiled, names };
}

/**
 * Runs a query that is built and compiled once for each session, which is a third of its cost:
 * `build` must be a constant, and its text must not depend on the values.
 */
export function run<Values extends object, Row>(
  session: Session,
  build: Build<Values, Row>,
  values: Values,
): Promise<QueryResult<Row>> {
  const { db, plans } = session;
  let plan = plans.get(build);
  if (!plan) {
    plan = compile(session, build, values);
    plans.set(build, plan);
  }
  const { compiled, names } = plan;
  const parameters = names.map((name, i): unknown =>
    name === undefined ? compiled.parameters[i] : Reflect.get(values, name),
  );
  return db.executeQuery<Row>({ ...compiled, parameters } as CompiledQuery<Row>);
}

export async function rows<Values extends object, Row>(
  session: Session,
  build: Build<Values, Row>,
  values: Values,
): Promise<readonly Row[]> {
  return (await run(session, build, values)).rows;
}

export async function first<Values extends object, Row>(
  session: Session,
  build: Build<Values, Row>,
  values: Values,
): Promise<Row | undefined> {
  return (await rows(session, build, values))[0];
}

/** Whether a write found a row to write. */
export async function wrote<Values extends object, Row>(
  session: Session,
  build: Build<Values, Row>,
  values: Values,
): Promise<boolean> {
  return (await run(session, build, values)).numAffectedRows === 1n;
}

export const inTransaction = <T>(session: Session, work: (tx: Session) => Promise<T>): Promise<T> =>
  session.db.transaction().execute((db) => work({ ...session, db }));

/**
 * For what would be decided again: after a loss of power the deliveries are still there to be applied,
 * and no lease holds. What outside calls or answers rest on is never written like this.
 */
export const inRelaxedTransaction = <T>(
  session: Session,
  work: (tx: Session) => Promise<T>,
): Promise<T> => session.dialect.relaxed(session.db, (db) => work({ ...session, db }));

/** Rows that are read to be written again in the same transaction. */
export const locked = <Query extends { forUpdate(): Query }>(
  { locksRows }: Dialect,
  query: Query,
): Query => (locksRows ? query.forUpdate() : query);

export const lockNames = ({ db, dialect }: Session, names: Iterable<string>): Promise<void> =>
  dialect.lock(db, sorted(names));

/** A list as JSON; see `Dialect.list`. */
export interface Ids {
  readonly ids: string;
}

/** The rows of a list of ids, which is one parameter, however long it is. */
export async function rowsIn<Id extends string | number, Row>(
  session: Session,
  build: Build<Ids, Row>,
  ids: Iterable<Id>,
): Promise<readonly Row[]> {
  const all = [...new Set(ids)];
  return all.length === 0 ? [] : rows(session, build, { ids: JSON.stringify(all) });
}
