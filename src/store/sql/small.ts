import type { Instant } from '../../lib/clock.ts';
import type { InstanceId } from '../../model/ids.ts';
import type { MarkPlace } from '../../model/marks.ts';
import type { Repo } from '../../model/repo.ts';
import type { Exhausted, Fact, Registration } from '../port.ts';
import { repoOf } from './codec.ts';
import { first, inTransaction, run, type Session, wrote } from './session.ts';
import type { Db, Tables } from './tables.ts';

const registrationOf = (db: Db, { instance }: { readonly instance: InstanceId }) =>
  db.selectFrom('registrations').selectAll().where('instance', '=', instance);

export async function registration(
  session: Session,
  instance: InstanceId,
): Promise<Registration | null> {
  return (await first(session, registrationOf, { instance })) ?? null;
}

export async function saveRegistration({ db }: Session, saved: Registration): Promise<void> {
  await db
    .insertInto('registrations')
    .values(saved)
    .onConflict((on) => on.column('instance').doUpdateSet(saved))
    .execute();
}

export async function dropRegistration({ db }: Session, instance: InstanceId): Promise<void> {
  await db.deleteFrom('registrations').where('instance', '=', instance).execute();
}

const addEvent = (db: Db, row: Tables['events']) =>
  db
    .insertInto('events')
    .values(row)
    .onConflict((on) => on.columns(['instance', 'id']).doNothing());

export const noteEvents = (
  session: Session,
  instance: InstanceId,
  ids: readonly string[],
  now: Instant,
): Promise<readonly boolean[]> =>
  inTransaction(session, async (tx) => {
    const isNew: boolean[] = [];
    for (const id of ids) isNew.push(await wrote(tx, addEvent, { instance, id, at: now }));
    return isNew;
  });

export const exhausted = ({ db }: Session, account: string): Promise<readonly Exhausted[]> =>
  db
    .selectFrom('exhausted')
    .selectAll()
    .where('account', '=', account)
    .orderBy('region')
    .orderBy('zone')
    .orderBy('type')
    .orderBy('market')
    .execute();

export async function exhaust({ db }: Session, mark: Exhausted): Promise<void> {
  await db
    .insertInto('exhausted')
    .values(mark)
    .onConflict((on) =>
      on.columns(['account', 'region', 'zone', 'type', 'market']).doUpdateSet(mark),
    )
    .execute();
}

export async function clearExhausted(
  { db }: Session,
  account: string,
  { region, zone, type, market }: MarkPlace,
): Promise<void> {
  await db
    .deleteFrom('exhausted')
    .where('account', '=', account)
    .where('region', '=', region)
    .where('zone', '=', zone)
    .where('type', '=', type)
    .where('market', '=', market)
    .execute();
}

const factOf = (db: Db, { key }: { readonly key: string }) =>
  db.selectFrom('facts').select(['value', 'at']).where('key', '=', key);

export async function fact(session: Session, key: string): Promise<Fact | null> {
  return (await first(session, factOf, { key })) ?? null;
}

export async function facts(
  { db }: Session,
  keys: readonly string[],
): Promise<ReadonlyMap<string, Fact>> {
  if (keys.length === 0) return new Map();
  const rows = await db.selectFrom('facts').selectAll().where('key', 'in', keys).execute();
  return new Map(rows.map(({ key, value, at }) => [key, { value, at }]));
}

const putFact = (db: Db, row: Tables['facts']) =>
  db
    .insertInto('facts')
    .values(row)
    .onConflict((on) => on.column('key').doUpdateSet(row));

export async function saveFact(
  session: Session,
  key: string,
  value: string,
  at: Instant,
): Promise<void> {
  await run(session, putFact, { key, value, at });
}

const addFact = (db: Db, row: Tables['facts']) =>
  db
    .insertInto('facts')
    .values(row)
    .onConflict((on) => on.column('key').doNothing());

const turnFact = (db: Db, { key, from, value, at }: Tables['facts'] & { readonly from: string }) =>
  db.updateTable('facts').set({ value, at }).where('key', '=', key).where('value', '=', from);

/** One statement each way, so that of two at once the second finds the first one's value. */
export function swapFact(
  session: Session,
  key: string,
  { from, to: value }: { readonly from: string | null; readonly to: string },
  at: Instant,
): Promise<boolean> {
  const row = { key, value, at };
  return from === null ? wrote(session, addFact, row) : wrote(session, turnFact, { ...row, from });
}

/** Facts that are answers of AWS, or of machines that are forgotten: of no use after so long. */
const PASSING = ['aws|%', 'knocked:%'];

export const prune = (session: Session, before: Instant): Promise<void> =>
  inTransaction(session, async ({ db }) => {
    await db
      .deleteFrom('deliveries')
      .where('at', '<', before)
      .where('appliedAt', 'is not', null)
      .execute();
    await db
      .deleteFrom('jobs')
      .where('state', '=', 'completed')
      .where(({ fn }) => fn.coalesce('completedAt', 'queuedAt'), '<', before)
      .execute();
    await db
      .deleteFrom('instances')
      .where('state', '=', 'gone')
      .where(({ fn }) => fn.coalesce('goneAt', 'createdAt'), '<', before)
      .execute();
    await db
      .deleteFrom('launches')
      .where('outcome', '!=', 'unknown')
      .where('createdAt', '<', before)
      .where('id', 'not in', db.selectFrom('instances').select('launch'))
      .execute();
    const known = db.selectFrom('instances').select('id').where('id', 'is not', null);
    await db.deleteFrom('registrations').where('instance', 'not in', known).execute();
    await db.deleteFrom('events').where('at', '<', before).execute();
    await db.deleteFrom('reruns').where('at', '<', before).execute();
    await db.deleteFrom('exhausted').where('until', '<', before).execute();
    for (const name of PASSING) {
      await db.deleteFrom('facts').where('key', 'like', name).where('at', '<', before).execute();
    }
  });

export async function removedUntil(
  { db }: Session,
  until: Instant,
  limit: number,
): Promise<readonly Repo[]> {
  const found = db
    .selectFrom('repos')
    .selectAll()
    .where('removedAt', '<=', until)
    .orderBy('removedAt', 'desc')
    .orderBy('id')
    .limit(limit);
  return (await found.execute()).map(repoOf);
}
