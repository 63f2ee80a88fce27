import type { InstanceId, RepoId } from '../../model/ids.ts';
import type { Instance } from '../../model/launch.ts';
import type { Dialect } from '../dialect.ts';
import { observed, repoTagged, type Seen } from '../merge/listing.ts';
import type { Listing, Store } from '../port.ts';
import { instanceOf } from './codec.ts';
import { instancesById, instancesOf, launchesById, write } from './launches.ts';
import { LIVING } from './scopes.ts';
import { type Ids, inTransaction, locked, lockNames, rowsIn, type Session } from './session.ts';
import type { Db } from './tables.ts';

async function living(tx: Session, { account, region }: Listing): Promise<readonly Instance[]> {
  const found = tx.db
    .selectFrom('instances')
    .selectAll()
    .where('state', 'in', LIVING)
    .where('account', '=', account)
    .where('region', '=', region)
    .where('id', 'is not', null)
    .orderBy('key');
  return (await locked(tx.dialect, found).execute()).map(instanceOf);
}

const reposIn = (db: Db, { ids }: Ids, { list }: Dialect) =>
  db
    .selectFrom('repos')
    .select(['id', 'scope'])
    .where('id', 'in', list<RepoId>(ids, 'integer'))
    .orderBy('id');

/** Most listings tell only of what lives and is known; the rest is looked for where there is any. */
async function seenBy(tx: Session, listing: Listing): Promise<Seen> {
  const instances = new Map<string, Instance>();
  const known = new Set<InstanceId>();
  const add = (rows: readonly Instance[]) => {
    for (const row of rows) {
      instances.set(row.key, row);
      if (row.id !== null) known.add(row.id);
    }
  };
  const unmet = () => listing.instances.filter(({ id }) => !known.has(id));
  add(await living(tx, listing));
  add(
    await instancesById(
      tx,
      unmet().map(({ id }) => id),
    ),
  );
  const launches = await launchesById(
    tx,
    unmet().flatMap(({ launch }) => launch ?? []),
  );
  const repos = await rowsIn(
    tx,
    reposIn,
    unmet().flatMap((one) => repoTagged(one) ?? []),
  );
  add(await instancesOf(tx, launches.keys()));
  return { instances, launches, repos: new Map(repos.map((repo) => [repo.id, repo])) };
}

export const observe = (session: Session, listing: Listing): ReturnType<Store['observe']> =>
  inTransaction(session, async (tx) => {
    await lockNames(tx, [`listing ${listing.account} ${listing.region}`]);
    const { launches, instances, changed, strangers } = observed(
      listing,
      await seenBy(tx, listing),
    );
    await write(tx, launches.values(), instances.values());
    return { changed, strangers };
  });
