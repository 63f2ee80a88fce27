import type { Instant } from '../../lib/clock.ts';
import type { Delivery } from '../../model/event.ts';
import { type JobId, type RepoId, repoScope, type ScopeId } from '../../model/ids.ts';
import type { JobReport } from '../../model/job.ts';
import { fileScope, type Repo, type RepoFacts } from '../../model/repo.ts';
import type { Dialect } from '../dialect.ts';
import { type Applied, applied, type Known, repoRead, reported } from '../merge/event.ts';
import type { RulesRecord } from '../port.ts';
import { deliveryOf, deliveryRow, jobOf, jobRow, repoOf, repoRow } from './codec.ts';
import {
  type Ids,
  inRelaxedTransaction,
  inTransaction,
  locked,
  lockNames,
  rowsIn,
  run,
  type Session,
  wrote,
} from './session.ts';
import type { Db, DeliveryRow, JobRow, RepoRow } from './tables.ts';

const addDelivery = (db: Db, row: Omit<DeliveryRow, 'seq'>) =>
  db
    .insertInto('deliveries')
    .values(row)
    .onConflict((on) => on.column('id').doNothing());

export const receive = (
  session: Session,
  batch: readonly Delivery[],
): Promise<readonly boolean[]> =>
  inTransaction(session, async (tx) => {
    const isNew: boolean[] = [];
    for (const delivery of batch) isNew.push(await wrote(tx, addDelivery, deliveryRow(delivery)));
    return isNew;
  });

export async function unapplied({ db }: Session, limit: number): Promise<readonly Delivery[]> {
  const rows = await db
    .selectFrom('deliveries')
    .select(['id', 'at', 'event'])
    .where('appliedAt', 'is', null)
    .orderBy('seq')
    .limit(limit)
    .execute();
  return rows.map(deliveryOf);
}

const putRepo = (db: Db, row: RepoRow) =>
  db
    .insertInto('repos')
    .values(row)
    .onConflict((on) => on.column('id').doUpdateSet(row));

const putJob = (db: Db, row: JobRow) =>
  db
    .insertInto('jobs')
    .values(row)
    .onConflict((on) => on.column('id').doUpdateSet(row));

export const putRules = (db: Db, row: RulesRecord) =>
  db
    .insertInto('rules')
    .values(row)
    .onConflict((on) => on.column('scope').doUpdateSet(row));

async function write(tx: Session, { repos, jobs, rules, scopes }: Applied) {
  for (const repo of repos.values()) await run(tx, putRepo, repoRow(repo));
  for (const job of jobs.values()) await run(tx, putJob, jobRow(job));
  for (const record of rules.values()) await run(tx, putRules, record);
  return scopes;
}

const reposWhere =
  (column: 'id' | 'installation' | 'ownerId') =>
  (db: Db, { ids }: Ids, dialect: Dialect) =>
    locked(
      dialect,
      db
        .selectFrom('repos')
        .selectAll()
        .where(column, 'in', dialect.list<number>(ids, 'integer'))
        .orderBy('id'),
    );

const REPOS_BY = {
  id: reposWhere('id'),
  installation: reposWhere('installation'),
  ownerId: reposWhere('ownerId'),
};

const reposBy = async (
  tx: Session,
  column: keyof typeof REPOS_BY,
  ids: Iterable<number>,
): Promise<readonly Repo[]> => (await rowsIn(tx, REPOS_BY[column], ids)).map(repoOf);

const byId = <Row extends { readonly id: number }>(rows: readonly Row[]): Map<number, Row> =>
  new Map(rows.map((row) => [row.id, row]));

const jobsIn = (db: Db, { ids }: Ids, dialect: Dialect) =>
  locked(
    dialect,
    db
      .selectFrom('jobs')
      .selectAll()
      .where('id', 'in', dialect.list<JobId>(ids, 'integer'))
      .orderBy('id'),
  );

async function jobsById(tx: Session, ids: Iterable<JobId>): Promise<Known['jobs']> {
  return byId((await rowsIn(tx, jobsIn, ids)).map(jobOf));
}

const rulesIn = (db: Db, { ids }: Ids, dialect: Dialect) =>
  locked(
    dialect,
    db
      .selectFrom('rules')
      .selectAll()
      .where('scope', 'in', dialect.list<ScopeId>(ids, 'text'))
      .orderBy('scope'),
  );

async function rulesOf(tx: Session, scopes: Iterable<ScopeId>): Promise<Known['rules']> {
  const rows = await rowsIn(tx, rulesIn, scopes);
  return new Map(rows.map((row) => [row.scope, row]));
}

/** What a repository's jobs and rules are is decided by one transaction at a time. */
const lockRepos = (tx: Session, ids: readonly RepoId[]) => lockNames(tx, ids.map(repoScope));

async function knownTo(tx: Session, batch: readonly Delivery[]): Promise<Known> {
  const events = batch.map(({ event }) => event);
  const ids = events.flatMap((event) => (event.kind === 'installation' ? [] : event.repo.id));
  const moves = events.flatMap((event) => (event.kind === 'installation' ? event : []));
  await lockRepos(tx, ids);
  const repos = [
    ...(await reposBy(tx, 'id', ids)),
    ...(await reposBy(
      tx,
      'installation',
      moves.map((event) => event.installation),
    )),
    ...(await reposBy(
      tx,
      'ownerId',
      moves.map((event) => event.ownerId),
    )),
  ];
  const jobs = events.flatMap((event) => (event.kind === 'job' ? event.job.id : []));
  const mayChangeRules = ['push', 'repository'];
  const known = byId(repos);
  // By the name that we know and by the one that it may have now: `.github` makes it the owner's.
  const scopes = events.flatMap((event) => {
    if (event.kind === 'installation' || !mayChangeRules.includes(event.kind)) return [];
    const { repo } = event;
    return [fileScope(repo), fileScope(known.get(repo.id) ?? repo)];
  });
  return { repos: known, jobs: await jobsById(tx, jobs), rules: await rulesOf(tx, scopes) };
}

export const apply = (
  session: Session,
  batch: readonly Delivery[],
  now: Instant,
): Promise<readonly ScopeId[]> =>
  inRelaxedTransaction(session, async (tx) => {
    const scopes = await write(tx, applied(batch, await knownTo(tx, batch)));
    await run(tx, markApplied, { ids: JSON.stringify(batch.map(({ id }) => id)), now });
    return scopes;
  });

const markApplied = (
  db: Db,
  { ids, now }: { readonly ids: string; readonly now: Instant },
  { list }: Dialect,
) =>
  db.updateTable('deliveries').set({ appliedAt: now }).where('id', 'in', list<string>(ids, 'text'));

export const report = (session: Session, jobs: readonly JobReport[]): Promise<readonly ScopeId[]> =>
  inTransaction(session, async (tx) => {
    const ids = jobs.map((job) => job.repo);
    await lockRepos(tx, ids);
    const repos = byId(await reposBy(tx, 'id', ids));
    const known = await jobsById(
      tx,
      jobs.map((job) => job.id),
    );
    return write(tx, reported(jobs, { repos, jobs: known }));
  });

export const noteRepos = (
  session: Session,
  repos: readonly RepoFacts[],
  now: Instant,
): Promise<void> =>
  inTransaction(session, async (tx) => {
    const ids = repos.map((facts) => facts.id);
    await lockRepos(tx, ids);
    const known = byId(await reposBy(tx, 'id', ids));
    for (const facts of repos) {
      known.set(facts.id, repoRead(known.get(facts.id), facts, now));
    }
    for (const repo of known.values()) await run(tx, putRepo, repoRow(repo));
  });

export async function heard({ db }: Session, id: RepoId, now: Instant): Promise<void> {
  await db
    .updateTable('repos')
    .set({ heardAt: now })
    .where('id', '=', id)
    .where('heardAt', '<', now)
    .execute();
}

export async function removeRepo({ db }: Session, id: RepoId, now: Instant): Promise<void> {
  await db
    .updateTable('repos')
    .set({ removedAt: now })
    .where('id', '=', id)
    .where('removedAt', 'is', null)
    .execute();
}
