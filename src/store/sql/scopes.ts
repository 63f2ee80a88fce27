import { sql } from 'kysely';
import type { Instant } from '../../lib/clock.ts';
import {
  type InstallationId,
  type JobId,
  ownerScope,
  type RepoId,
  repoScope,
  type ScopeId,
} from '../../model/ids.ts';
import type { Job, JobState, Reason } from '../../model/job.ts';
import type { InstanceState } from '../../model/launch.ts';
import type { Repo } from '../../model/repo.ts';
import type { Dialect } from '../dialect.ts';
import { sorted } from '../merge/draft.ts';
import { rulesAfter } from '../merge/event.ts';
import { requeued } from '../merge/job.ts';
import { byScope, homeOf, ownerOf } from '../merge/owner.ts';
import type { Lease, RulesRecord, ScopeRows } from '../port.ts';
import { instanceOf, jobOf, launchOf, repoOf } from './codec.ts';
import { putRules } from './events.ts';
import { held, isHeld } from './leases.ts';
import { OPEN } from './reruns.ts';
import {
  first,
  type Ids,
  inRelaxedTransaction,
  inTransaction,
  locked,
  lockNames,
  rows,
  rowsIn,
  run,
  type Session,
} from './session.ts';
import type { Db } from './tables.ts';

// Named one by one, not "not completed" and "not gone": an index finds them.
const UNFINISHED: readonly JobState[] = ['waiting', 'queued', 'in_progress'];
export const LIVING: readonly InstanceState[] = [
  'requested',
  'pending',
  'online',
  'busy',
  'ending',
];

const nothing = {};

/** Scopes of repositories that are not removed and have such jobs. */
const activeRepos = (db: Db) =>
  db.selectFrom('repos').select('scope').where('removedAt', 'is', null);

const working = (db: Db) =>
  activeRepos(db)
    .where('id', 'in', db.selectFrom('jobs').select('repo').where('state', '=', 'queued'))
    .union(db.selectFrom('instances').select('scope').where('state', 'in', LIVING))
    .union(
      db
        .selectFrom('launches')
        .select('scope')
        .where('outcome', '=', 'unknown')
        .where('scope', 'in', activeRepos(db)),
    )
    .union(
      db
        .selectFrom('reruns')
        .select('scope')
        .where('outcome', 'in', OPEN)
        .where('scope', 'in', activeRepos(db)),
    )
    .union(
      db
        .selectFrom('rules')
        .select('scope')
        .where('wantedCommit', 'is not', null)
        .where('scope', 'in', activeRepos(db)),
    )
    // The file of a repository that another one's rules govern.
    .union(
      activeRepos(db).where(
        sql`'repo-' || "repos"."id"`,
        'in',
        db.selectFrom('rules').select('scope').where('wantedCommit', 'is not', null),
      ),
    );

const active = (db: Db, { since }: { readonly since: Instant }) =>
  activeRepos(db).where(
    'id',
    'in',
    db
      .selectFrom('jobs')
      .select('repo')
      .where((is) =>
        is.or([
          is('state', '=', 'in_progress'),
          is('queuedAt', '>=', since),
          is('completedAt', '>=', since),
        ]),
      ),
  );

export async function scopesWithWork(session: Session): Promise<readonly ScopeId[]> {
  return sorted((await rows(session, working, nothing)).map((row) => row.scope));
}

export async function scopesActiveSince(
  session: Session,
  since: Instant,
): Promise<readonly ScopeId[]> {
  const recent = await rows(session, active, { since });
  return sorted([...(await scopesWithWork(session)), ...recent.map((row) => row.scope)]);
}

interface OfScope {
  readonly scope: ScopeId;
}

const reposOfScope = (db: Db, { scope }: OfScope) =>
  db.selectFrom('repos').selectAll().where('scope', '=', scope).orderBy('id');

const rulesOfScope = (db: Db, { scope }: OfScope) =>
  db.selectFrom('rules').selectAll().where('scope', '=', scope);

const jobsOfScope = (db: Db, { scope }: OfScope) =>
  db
    .selectFrom('jobs')
    .selectAll()
    .where('state', 'in', UNFINISHED)
    .where('repo', 'in', db.selectFrom('repos').select('id').where('scope', '=', scope))
    .orderBy('queuedAt')
    .orderBy('id');

const instancesOfScope = (db: Db, { scope }: OfScope) =>
  db
    .selectFrom('instances')
    .selectAll()
    .where('state', 'in', LIVING)
    .where('scope', '=', scope)
    .orderBy('createdAt')
    .orderBy('key');

const launchesOfScope = (db: Db, { scope }: OfScope) =>
  db
    .selectFrom('launches')
    .selectAll()
    .where('outcome', '=', 'unknown')
    .where('scope', '=', scope)
    .orderBy('createdAt')
    .orderBy('id');

const homesOf = (db: Db, { owner }: { readonly owner: number }) =>
  db
    .selectFrom('repos')
    .selectAll()
    .where('ownerId', '=', owner)
    .where(sql`lower("name")`, '=', '.github');

const rulesIn = (db: Db, { ids }: Ids, dialect: Dialect) =>
  db
    .selectFrom('rules')
    .selectAll()
    .where('scope', 'in', dialect.list<ScopeId>(ids, 'text'))
    .orderBy('scope');

/** Repositories, and every file that may govern them. */
async function filesOf(tx: Session, scope: ScopeId) {
  const repos = (await rows(tx, reposOfScope, { scope })).map(repoOf);
  const owner = ownerOf(scope, repos);
  const homes = owner === undefined ? [] : (await rows(tx, homesOf, { owner })).map(repoOf);
  const ownerIs = owner === undefined ? scope : ownerScope(owner);
  const ids = repos.map(({ id }) => repoScope(id));
  const known = byScope(await rowsIn(tx, rulesIn, [scope, ownerIs, ...ids]));
  return {
    scope,
    repos,
    rules: known.get(scope) ?? null,
    home: owner === undefined ? null : homeOf(homes, owner),
    ownerRules: owner === undefined ? null : (known.get(ownerIs) ?? null),
    own: byScope(ids.flatMap((id) => known.get(id) ?? [])),
  };
}

export const scopeRows = (session: Session, scope: ScopeId): Promise<ScopeRows> =>
  inTransaction(session, async (tx) => ({
    ...(await filesOf(tx, scope)),
    jobs: (await rows(tx, jobsOfScope, { scope })).map(jobOf),
    instances: (await rows(tx, instancesOfScope, { scope })).map(instanceOf),
    launches: (await rows(tx, launchesOfScope, { scope })).map(launchOf),
  }));

const activeReposOf = (
  db: Db,
  { scope, since }: { readonly scope: ScopeId; readonly since: Instant },
) =>
  db
    .selectFrom('repos')
    .selectAll()
    .where('scope', '=', scope)
    .where(
      'id',
      'in',
      db
        .selectFrom('jobs')
        .select('repo')
        .where((is) =>
          is.or([
            is('state', 'in', UNFINISHED),
            is('queuedAt', '>=', since),
            is('completedAt', '>=', since),
          ]),
        ),
    )
    .orderBy('id');

export async function reposActiveSince(
  session: Session,
  scope: ScopeId,
  since: Instant,
): Promise<readonly Repo[]> {
  return (await rows(session, activeReposOf, { scope, since })).map(repoOf);
}

export async function rules(session: Session, scope: ScopeId): Promise<RulesRecord | null> {
  return (await first(session, rulesOfScope, { scope })) ?? null;
}

const repoById = (db: Db, { id }: { readonly id: RepoId }) =>
  db.selectFrom('repos').selectAll().where('id', '=', id);

export async function repo(session: Session, id: RepoId): Promise<Repo | null> {
  const row = await first(session, repoById, { id });
  return row ? repoOf(row) : null;
}

export async function reposOf({ db }: Session, id: InstallationId): Promise<readonly Repo[]> {
  const found = db.selectFrom('repos').selectAll().where('installation', '=', id).orderBy('id');
  return (await found.execute()).map(repoOf);
}

export const saveRules = (session: Session, lease: Lease, saved: RulesRecord): Promise<boolean> =>
  inTransaction(session, async (tx) => {
    await lockNames(tx, [saved.scope]);
    if (!(await isHeld(tx, lease))) return false;
    const old = await locked(tx.dialect, rulesOfScope(tx.db, saved)).executeTakeFirst();
    await run(tx, putRules, rulesAfter(old, saved));
    return true;
  });

interface ReasonOfJob {
  readonly job: JobId;
  readonly reason: Reason | null;
}

const putReason = (
  db: Db,
  {
    job,
    code,
    text,
    at,
  }: { job: JobId; code: string | null; text: string | null; at: Instant | null },
) =>
  db
    .updateTable('jobs')
    .set({ reasonCode: code, reasonText: text, reasonAt: at })
    .where('id', '=', job);

export const saveReasons = (
  session: Session,
  lease: Lease,
  reasons: readonly ReasonOfJob[],
  now: Instant,
): Promise<boolean> =>
  inRelaxedTransaction(session, async (tx) => {
    if (!(await isHeld(tx, lease))) return false;
    const known = await rowsIn(
      tx,
      waitingReasons,
      reasons.map(({ job }) => job),
    );
    const before = new Map(known.map((row) => [row.id, row]));
    for (const { job, reason } of reasons) {
      const row = before.get(job);
      const [code, text] = [reason?.code ?? null, reason?.text ?? null];
      if (!row || (row.reasonCode === code && row.reasonText === text)) continue;
      await run(tx, putReason, { job, code, text, at: reason && now });
      before.set(job, { id: job, reasonCode: code, reasonText: text });
    }
    return true;
  });

const waitingReasons = (db: Db, { ids }: Ids, dialect: Dialect) =>
  locked(
    dialect,
    db
      .selectFrom('jobs')
      .select(['id', 'reasonCode', 'reasonText'])
      .where('id', 'in', dialect.list<JobId>(ids, 'integer'))
      .where('state', 'in', ['waiting', 'queued'])
      .orderBy('id'),
  );

export async function setAside(
  { db }: Session,
  lease: Lease,
  job: JobId,
  asideUntil: Instant,
  asideMs: number,
): Promise<boolean> {
  const { numUpdatedRows } = await db
    .updateTable('jobs')
    .set({ asideUntil, asideMs })
    .where('id', '=', job)
    .where('state', '=', 'queued')
    .where(({ exists }) => exists(held(db, lease)))
    .executeTakeFirst();
  return numUpdatedRows === 1n;
}

export async function requeue({ db }: Session, lease: Lease, job: JobId): Promise<boolean> {
  const { reason: _, ...columns } = requeued;
  const { numUpdatedRows } = await db
    .updateTable('jobs')
    .set({ ...columns, instance: null, reasonCode: null, reasonText: null })
    .where('id', '=', job)
    .where('state', '=', 'in_progress')
    .where(({ exists }) => exists(held(db, lease)))
    .executeTakeFirst();
  return numUpdatedRows === 1n;
}

export async function recentJobs({ db }: Session, limit: number): Promise<readonly Job[]> {
  const found = db
    .selectFrom('jobs')
    .selectAll()
    .orderBy('queuedAt', 'desc')
    .orderBy('id', 'desc')
    .limit(limit);
  return (await found.execute()).map(jobOf);
}
