import type { Instant } from '../../lib/clock.ts';
import type { InstanceId, LaunchId, ScopeId } from '../../model/ids.ts';
import type { Ec2State, Instance, Launch } from '../../model/launch.ts';
import type { Dialect } from '../dialect.ts';
import { countLive, cutToMax, type Live, ruleKey, settled, type Written } from '../merge/launch.ts';
import { sightedRow } from '../merge/listing.ts';
import type { Intent, Lease, Settlement, Store } from '../port.ts';
import { instanceOf, instanceRow, launchOf, launchRow } from './codec.ts';
import { held, isHeld } from './leases.ts';
import { LIVING } from './scopes.ts';
import {
  first,
  type Ids,
  inTransaction,
  locked,
  lockNames,
  rows,
  rowsIn,
  run,
  type Session,
} from './session.ts';
import type { Db, InstanceRow, LaunchRow } from './tables.ts';

const putLaunch = (db: Db, row: LaunchRow) =>
  db
    .insertInto('launches')
    .values(row)
    .onConflict((on) => on.column('id').doUpdateSet(row));

const putInstance = (db: Db, row: InstanceRow) =>
  db
    .insertInto('instances')
    .values(row)
    .onConflict((on) => on.column('key').doUpdateSet(row));

export async function write(
  tx: Session,
  launches: Iterable<Launch>,
  instances: Iterable<Instance>,
): Promise<void> {
  for (const launch of launches) await run(tx, putLaunch, launchRow(launch));
  for (const row of instances) await run(tx, putInstance, instanceRow(row));
}

const launchesIn = (db: Db, { ids }: Ids, dialect: Dialect) =>
  locked(
    dialect,
    db
      .selectFrom('launches')
      .selectAll()
      .where('id', 'in', dialect.list<LaunchId>(ids, 'text'))
      .orderBy('id'),
  );

export async function launchesById(
  tx: Session,
  ids: Iterable<LaunchId>,
): Promise<ReadonlyMap<LaunchId, Launch>> {
  const found = await rowsIn(tx, launchesIn, ids);
  return new Map(found.map((row) => [row.id, launchOf(row)]));
}

const liveOf = (db: Db, { scope, rule }: { readonly scope: ScopeId; readonly rule: string }) =>
  db
    .selectFrom('instances')
    .select(['scope', 'rule', 'repo', ({ fn }) => fn.countAll<number>().as('count')])
    .where('state', 'in', LIVING)
    .where('scope', '=', scope)
    .where('rule', '=', rule)
    .groupBy(['scope', 'rule', 'repo']);

/** By the rules that are named, each once. */
export async function liveBy(
  tx: Session,
  named: readonly { readonly scope: ScopeId; readonly rule: string }[],
): Promise<Live> {
  const each = new Map(named.map(({ scope, rule }) => [ruleKey({ scope, rule }), { scope, rule }]));
  const counted = [];
  for (const of of each.values()) counted.push(...(await rows(tx, liveOf, of)));
  return countLive(counted);
}

export const intend = (
  session: Session,
  lease: Lease,
  intents: readonly Intent[],
  now: Instant,
): Promise<readonly Launch[]> =>
  inTransaction(session, async (tx) => {
    // Before anything is read: two that count at once would both find the last place free.
    await lockNames(tx, intents.map(ruleKey));
    if (!(await isHeld(tx, lease))) return [];
    const known = new Map(
      await launchesById(
        tx,
        intents.map(({ id }) => id),
      ),
    );
    const fresh = intents.filter(({ id }) => !known.has(id));
    for (const { launch, instances } of cutToMax(fresh, await liveBy(tx, fresh), now)) {
      await write(tx, [launch], instances);
      known.set(launch.id, launch);
    }
    return intents.flatMap(({ id }) => known.get(id) ?? []);
  });

type Change = Parameters<Store['changeInstance']>[0];

export async function changeInstance(
  { db }: Session,
  { key, from, patch, lease, isUnregistered }: Change,
): Promise<boolean> {
  const { labels, ...columns } = patch;
  const text = labels && { labels: JSON.stringify(labels) };
  const states = patch.state ? from.filter((state) => state !== 'gone') : from;
  if (states.length === 0) return false;
  const inState = db
    .updateTable('instances')
    .set({ key, ...columns, ...text })
    .where('key', '=', key)
    .where('state', 'in', states);
  const change = isUnregistered ? inState.where('registeredAt', 'is', null) : inState;
  const fenced = lease ? change.where(({ exists }) => exists(held(db, lease))) : change;
  return (await fenced.executeTakeFirst()).numUpdatedRows === 1n;
}

const countSent = (db: Db, { id, retryAt }: { readonly id: LaunchId; readonly retryAt: Instant }) =>
  db
    .updateTable('launches')
    .set(({ eb }) => ({ tries: eb('tries', '+', 1), retryAt }))
    .where('id', '=', id)
    .where('outcome', '=', 'unknown');

export async function sent(session: Session, id: LaunchId, retryAt: Instant): Promise<void> {
  await run(session, countSent, { id, retryAt });
}

const instancesWhere =
  (column: 'id' | 'launch') =>
  (db: Db, { ids }: Ids, dialect: Dialect) =>
    locked(
      dialect,
      db
        .selectFrom('instances')
        .selectAll()
        .where(column, 'in', dialect.list<string>(ids, 'text'))
        .orderBy('key'),
    );

const instancesIn = instancesWhere('id');
const instancesByLaunch = instancesWhere('launch');

export async function instancesOf(
  tx: Session,
  launches: Iterable<LaunchId>,
): Promise<readonly Instance[]> {
  return (await rowsIn(tx, instancesByLaunch, launches)).map(instanceOf);
}

export async function instancesById(
  tx: Session,
  ids: Iterable<InstanceId>,
): Promise<readonly Instance[]> {
  return (await rowsIn(tx, instancesIn, ids)).map(instanceOf);
}

async function writtenLaunch(tx: Session, id: LaunchId): Promise<Written | undefined> {
  const launch = (await launchesById(tx, [id])).get(id);
  return launch && { launch, instances: await instancesOf(tx, [id]) };
}

export const settle = (
  session: Session,
  id: LaunchId,
  settlement: Settlement,
  now: Instant,
): Promise<void> =>
  inTransaction(session, async (tx) => {
    if (settlement.outcome !== 'launched' && !(await isHeld(tx, settlement.lease))) return;
    const written = await writtenLaunch(tx, id);
    if (written?.launch.outcome !== 'unknown') return;
    const ids = settlement.outcome === 'launched' ? settlement.instances : [];
    const known = (await instancesById(tx, ids)).flatMap((row) => row.id ?? []);
    const { launch, instances } = settled(written, settlement, new Set(known), now);
    await write(tx, [launch], instances);
  });

export const sighted = (
  session: Session,
  id: InstanceId,
  ec2: Ec2State,
  reason: string,
  now: Instant,
): Promise<void> =>
  inTransaction(session, async (tx) => {
    for (const row of await instancesById(tx, [id])) {
      const next = sightedRow(row, { ec2, ec2Reason: reason }, now);
      if (next !== row) await write(tx, [], [next]);
    }
  });

const launchRowById = (db: Db, { id }: { readonly id: LaunchId }) =>
  db.selectFrom('launches').selectAll().where('id', '=', id);

export async function launch(session: Session, id: LaunchId): Promise<Launch | null> {
  const row = await first(session, launchRowById, { id });
  return row ? launchOf(row) : null;
}

const instanceRowById = (db: Db, { id }: { readonly id: InstanceId }) =>
  db.selectFrom('instances').selectAll().where('id', '=', id);

export async function instanceById(session: Session, id: InstanceId): Promise<Instance | null> {
  const row = await first(session, instanceRowById, { id });
  return row ? instanceOf(row) : null;
}

const regions = (db: Db) =>
  db
    .selectFrom('instances')
    .select(['account', 'region'])
    .distinct()
    .where('state', 'in', LIVING)
    .orderBy('account')
    .orderBy('region');

export const livingRegions = (
  session: Session,
): Promise<readonly { readonly account: string; readonly region: string }[]> =>
  rows(session, regions, {});

export async function recentInstances(
  { db }: Session,
  limit: number,
): Promise<readonly Instance[]> {
  const found = db
    .selectFrom('instances')
    .selectAll()
    .orderBy('createdAt', 'desc')
    .orderBy('key', 'desc')
    .limit(limit);
  return (await found.execute()).map(instanceOf);
}

export async function orphanRunners({ db }: Session, limit: number): Promise<readonly Instance[]> {
  const found = db
    .selectFrom('instances')
    .selectAll()
    .where('state', '=', 'gone')
    .where('finishedAt', 'is', null)
    .where('runnerName', 'is not', null)
    .where('repo', 'in', db.selectFrom('repos').select('id').where('removedAt', 'is', null))
    .orderBy('goneAt', 'desc')
    .orderBy('key', 'desc')
    .limit(limit);
  return (await found.execute()).map(instanceOf);
}
