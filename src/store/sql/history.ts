import type { Instant } from '../../lib/clock.ts';
import type { LiveCount } from '../capacity.ts';
import type { MachineOfRule, SpotRecord, Store } from '../port.ts';
import { instanceOf } from './codec.ts';
import { LIVING } from './scopes.ts';
import { rows, type Session } from './session.ts';
import type { Db } from './tables.ts';

type Ask = Parameters<Store['machinesOfRule']>[0];

const ofRule = (db: Db, { scope, rule, since, limit }: Ask) =>
  db
    .selectFrom('instances')
    .innerJoin('launches', 'launches.id', 'instances.launch')
    .selectAll('instances')
    .select('launches.code')
    .where('instances.scope', '=', scope)
    .where('instances.rule', '=', rule)
    .where('instances.createdAt', '>=', since)
    .orderBy('instances.createdAt', 'desc')
    .orderBy('instances.key', 'desc')
    .limit(limit);

export async function machinesOfRule(
  session: Session,
  ask: Ask,
): Promise<readonly MachineOfRule[]> {
  const found = await rows(session, ofRule, { ...ask });
  return found.map(({ code, ...row }) => ({ ...instanceOf(row), code }));
}

export async function spotHistory(
  { db }: Session,
  account: string,
  { since, now }: { readonly since: Instant; readonly now: Instant },
): Promise<readonly SpotRecord[]> {
  const found = await db
    .selectFrom('instances')
    .select(['region', 'zone', 'type'])
    .select(({ fn, eb, val }) => [
      fn
        .sum<number>(eb.case().when('reclaimedAt', 'is', null).then(0).else(1).end())
        .as('reclaims'),
      fn.sum<number>(eb(fn.coalesce('goneAt', val(now)), '-', eb.ref('launchedAt'))).as('ms'),
    ])
    .where('account', '=', account)
    .where('market', '=', 'spot')
    .where('launchedAt', '>=', since)
    .groupBy(['region', 'zone', 'type'])
    .orderBy('region')
    .orderBy('zone')
    .orderBy('type')
    .execute();
  return found.map((row) => ({ ...row, reclaims: Number(row.reclaims), ms: Number(row.ms) }));
}

export async function liveIn({ db }: Session, account: string): Promise<readonly LiveCount[]> {
  const found = await db
    .selectFrom('instances')
    .select(['region', 'type', 'market'])
    .select(({ fn }) => [fn.countAll<number>().as('count')])
    .where('state', 'in', LIVING)
    .where('account', '=', account)
    .groupBy(['region', 'type', 'market'])
    .orderBy('region')
    .orderBy('type')
    .orderBy('market')
    .execute();
  return found.map((row) => ({ ...row, count: Number(row.count) }));
}

export async function jobsRun(
  { db }: Session,
  { scope, repo, since }: Parameters<Store['jobsRun']>[0],
): Promise<number> {
  const machines = db
    .selectFrom('instances')
    .select('id')
    .where('scope', '=', scope)
    .where('id', 'is not', null);
  const begun = db
    .selectFrom('jobs')
    .select(({ fn }) => fn.countAll<number>().as('jobs'))
    .where('instance', 'in', machines)
    .where('startedAt', '>=', since);
  const counted = repo === null ? begun : begun.where('repo', '=', repo);
  return Number((await counted.executeTakeFirstOrThrow()).jobs);
}
