import type { Instant } from '../../lib/clock.ts';
import type { InstanceId, JobId, ScopeId } from '../../model/ids.ts';
import type { Job } from '../../model/job.ts';
import type { Rerun, RerunOutcome } from '../../model/rerun.ts';
import type { Dialect } from '../dialect.ts';
import { withJobs } from '../merge/rerun.ts';
import type { Lease, Reclaimed } from '../port.ts';
import { instanceOf, jobOf, rerunOf, rerunRow } from './codec.ts';
import { isHeld } from './leases.ts';
import { type Ids, inTransaction, rows, rowsIn, run, type Session, wrote } from './session.ts';
import type { Db, RerunRow } from './tables.ts';

/** Those that something is still to be done about. */
export const OPEN: readonly RerunOutcome[] = ['open', 'asked'];

interface Since {
  readonly scope: ScopeId;
  readonly since: Instant;
}

const takenBy =
  (column: 'noticeAt' | 'reclaimedAt') =>
  (db: Db, { scope, since }: Since) =>
    db
      .selectFrom('instances')
      .selectAll()
      .where('scope', '=', scope)
      .where(column, 'is not', null)
      .where((is) => is.or([is('goneAt', 'is', null), is('goneAt', '>=', since)]))
      .orderBy('key');

const noticed = takenBy('noticeAt');
const taken = takenBy('reclaimedAt');

const jobsOn = (db: Db, { ids }: Ids, dialect: Dialect) =>
  db
    .selectFrom('jobs')
    .selectAll()
    .where('instance', 'in', dialect.list<InstanceId>(ids, 'text'))
    .orderBy('id');

const jobsIn = (db: Db, { ids }: Ids, dialect: Dialect) =>
  db
    .selectFrom('jobs')
    .selectAll()
    .where('id', 'in', dialect.list<JobId>(ids, 'integer'))
    .orderBy('id');

export async function jobs(session: Session, ids: readonly JobId[]): Promise<readonly Job[]> {
  return (await rowsIn(session, jobsIn, ids)).map(jobOf);
}

export const reclaimed = (
  session: Session,
  scope: ScopeId,
  since: Instant,
): Promise<readonly Reclaimed[]> =>
  inTransaction(session, async (tx) => {
    const found = [
      ...(await rows(tx, noticed, { scope, since })),
      ...(await rows(tx, taken, { scope, since })),
    ].map(instanceOf);
    const ids = found.flatMap(({ id }) => id ?? []);
    return withJobs(found, (await rowsIn(tx, jobsOn, ids)).map(jobOf));
  });

const rerunsOf = (db: Db, { scope, since }: Since) =>
  db
    .selectFrom('reruns')
    .selectAll()
    .where('scope', '=', scope)
    .where((is) => is.or([is('outcome', 'in', OPEN), is('at', '>=', since)]))
    .orderBy('run')
    .orderBy('attempt');

export async function reruns(
  session: Session,
  scope: ScopeId,
  since: Instant,
): Promise<readonly Rerun[]> {
  return (await rows(session, rerunsOf, { scope, since })).map(rerunOf);
}

const addRerun = (db: Db, row: RerunRow) =>
  db
    .insertInto('reruns')
    .values(row)
    .onConflict((on) => on.columns(['repo', 'run', 'attempt']).doNothing());

export const saveRerun = (
  session: Session,
  lease: Lease,
  rerun: Rerun,
  from: RerunOutcome | null,
): Promise<boolean> =>
  inTransaction(session, async (tx) => {
    if (!(await isHeld(tx, lease))) return false;
    const row = rerunRow(rerun);
    if (from === null) return wrote(tx, addRerun, row);
    return (await run(tx, setRerun, { ...row, from })).numAffectedRows === 1n;
  });

const setRerun = (db: Db, { from, ...row }: RerunRow & { readonly from: RerunOutcome }) =>
  db
    .updateTable('reruns')
    .set(row)
    .where('repo', '=', row.repo)
    .where('run', '=', row.run)
    .where('attempt', '=', row.attempt)
    .where('outcome', '=', from);
