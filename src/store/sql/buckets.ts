import type { Instant } from '../../lib/clock.ts';
import type { Line, Want } from '../capacity.ts';
import type { Dialect } from '../dialect.ts';
import { type BucketRow, emptied, lineMs as msOf, reserved } from '../merge/bucket.ts';
import { first, inRelaxedTransaction, locked, lockNames, run, type Session } from './session.ts';
import type { Db } from './tables.ts';

const bucketOf = (db: Db, { key }: { readonly key: string }, dialect: Dialect) =>
  locked(dialect, db.selectFrom('buckets').selectAll().where('key', '=', key));

const bucketSeen = (db: Db, { key }: { readonly key: string }) =>
  db.selectFrom('buckets').selectAll().where('key', '=', key);

const putBucket = (db: Db, row: BucketRow) =>
  db
    .insertInto('buckets')
    .values(row)
    .onConflict((on) => on.column('key').doUpdateSet(row));

async function rowsOf(
  session: Session,
  keys: readonly string[],
  query: typeof bucketOf | typeof bucketSeen,
): Promise<ReadonlyMap<string, BucketRow>> {
  const rows = new Map<string, BucketRow>();
  for (const key of keys) {
    const row = await first(session, query, { key });
    if (row) rows.set(key, row);
  }
  return rows;
}

export async function lineMs(
  session: Session,
  wants: readonly Want[],
  now: Instant,
): Promise<number> {
  const keys = wants.map(({ key }) => key);
  return msOf(await rowsOf(session, keys, bucketSeen), wants, now);
}

/** Relaxed: after a loss of power a bucket is taken to be a little fuller than it was. */
export const reserve = (
  session: Session,
  wants: readonly Want[],
  line: Line,
): Promise<Instant | null> =>
  inRelaxedTransaction(session, async (tx) => {
    const keys = wants.map(({ key }) => key);
    await lockNames(
      tx,
      keys.map((key) => `bucket ${key}`),
    );
    const taken = reserved(await rowsOf(tx, keys, bucketOf), wants, line);
    for (const row of taken.rows) await run(tx, putBucket, row);
    return taken.at;
  });

export const emptyBucket = (
  session: Session,
  of: Omit<Want, 'count'>,
  now: Instant,
): Promise<void> =>
  inRelaxedTransaction(session, async (tx) => {
    await lockNames(tx, [`bucket ${of.key}`]);
    await run(tx, putBucket, emptied(await first(tx, bucketOf, of), of, now));
  });
