import type { Dialect } from '../dialect.ts';
import { type LeaseAsk, leaseAfter, released } from '../merge/lease.ts';
import type { Lease } from '../port.ts';
import { first, inRelaxedTransaction, locked, lockNames, run, type Session } from './session.ts';
import type { Db } from './tables.ts';

const leaseNamed = (db: Db, { name }: { readonly name: string }, dialect: Dialect) =>
  locked(dialect, db.selectFrom('leases').selectAll().where('name', '=', name));

const holding = (db: Db, { name, holder, fence }: Lease) =>
  db
    .selectFrom('leases')
    .select('name')
    .where('name', '=', name)
    .where('holder', '=', holder)
    .where('fence', '=', fence);

/** For the WHERE of a single write. */
export const held = (db: Db, lease: Lease) => holding(db, lease);

const holdingLocked = (db: Db, lease: Lease, dialect: Dialect) =>
  locked(dialect, holding(db, lease));

/** For a transaction of several statements: first in it, and the lease stays ours to its end. */
export async function isHeld(tx: Session, lease: Lease): Promise<boolean> {
  return (await first(tx, holdingLocked, lease)) !== undefined;
}

const putLease = (db: Db, row: Lease) =>
  db
    .insertInto('leases')
    .values(row)
    .onConflict((on) => on.column('name').doUpdateSet(row));

export const lease = (session: Session, ask: LeaseAsk): Promise<Lease | null> =>
  inRelaxedTransaction(session, async (tx) => {
    await lockNames(tx, [`lease ${ask.name}`]);
    const row = await first(tx, leaseNamed, { name: ask.name });
    const next = leaseAfter(row, ask);
    if (next && next !== row) await run(tx, putLease, next);
    return next;
  });

export async function release({ db }: Session, lease: Lease): Promise<void> {
  await db
    .updateTable('leases')
    .set(released)
    .where('name', '=', lease.name)
    .where('holder', '=', lease.holder)
    .where('fence', '=', lease.fence)
    .execute();
}
