import { type RepoId, repoScope, type ScopeId } from '../../model/ids.ts';
import type { Dialect } from '../dialect.ts';
import { fitsIn, ruleKey } from '../merge/launch.ts';
import type { Lease, Store } from '../port.ts';
import { liveBy } from './launches.ts';
import { isHeld } from './leases.ts';
import { LIVING } from './scopes.ts';
import { first, inTransaction, locked, lockNames, rows, run, type Session } from './session.ts';
import type { Db } from './tables.ts';

const repoIn = (db: Db, { id }: { readonly id: RepoId }, dialect: Dialect) =>
  locked(dialect, db.selectFrom('repos').select(['id', 'scope']).where('id', '=', id));

interface Of {
  readonly id: RepoId;
  readonly from: ScopeId;
}

const livingOf = (db: Db, { id, from }: Of, dialect: Dialect) =>
  locked(
    dialect,
    db
      .selectFrom('instances')
      .select(['key', 'scope', 'rule', 'repo'])
      .where('state', 'in', LIVING)
      .where('scope', '=', from)
      .where('repo', '=', id)
      .orderBy('key'),
  );

interface To extends Of {
  readonly to: ScopeId;
}

const moveRow = (db: Db, { id, to }: Omit<To, 'from'>) =>
  db.updateTable('repos').set({ scope: to }).where('id', '=', id);

/** What is over as well: what it cost and what is still to be done about it is the new scope's. */
const moveRows =
  (table: 'instances' | 'launches' | 'reruns') =>
  (db: Db, { id, from, to }: To) =>
    db.updateTable(table).set({ scope: to }).where('scope', '=', from).where('repo', '=', id);

const MOVES = (['instances', 'launches', 'reruns'] as const).map(moveRows);

export const moveRepo = (
  session: Session,
  lease: Lease,
  { repo: id, to, maxima }: Parameters<Store['moveRepo']>[1],
): Promise<boolean> =>
  inTransaction(session, async (tx) => {
    const rules = [...maxima.keys()].map((rule) => ({ scope: to, rule }));
    // As a launch there and a word of GitHub about the repository do, so that neither is overtaken.
    await lockNames(tx, [repoScope(id), ...rules.map(ruleKey)]);
    const repo = await first(tx, repoIn, { id });
    const from = lease.name as ScopeId;
    if (!(await isHeld(tx, lease)) || (repo?.scope !== from && repo?.scope !== to)) return false;
    const moving = await rows(tx, livingOf, { id, from });
    if (!fitsIn(moving, { live: await liveBy(tx, rules), maxima, to })) return false;
    await run(tx, moveRow, { id, to });
    for (const move of MOVES) await run(tx, move, { id, from, to });
    return true;
  });
