import { sql } from 'kysely';
import type { Instant } from '../../lib/clock.ts';
import {
  type Bill,
  FREE_IF_RECLAIMED_MS,
  LEAST_BILLED_MS,
  UNPRICED,
  type Unpriced,
  type Within,
} from '../../model/cost.ts';
import type { ScopeId } from '../../model/ids.ts';
import type { Dialect } from '../dialect.ts';
import { rows, type Session } from './session.ts';
import type { Db } from './tables.ts';

const FREE_MS = sql.lit(FREE_IF_RECLAIMED_MS);
const LEAST_MS = sql.lit(LEAST_BILLED_MS);
/** Both are columns below; there is no maximum of two values that all databases share. */
const later = (a: string, b: string) =>
  sql<number>`case when ${sql.ref(a)} > ${sql.ref(b)} then ${sql.ref(a)} else ${sql.ref(b)} end`;

/** Machines whose price is known are alike wherever they are. */
const ofUnpriced = <Name extends keyof Unpriced>(name: Name) =>
  sql<Unpriced[Name] | null>`case when "priceUsd" is null then ${sql.ref(name)} end`.as(name);
const ALIKE = ['repo', 'priceUsd', 'diskGb', ...UNPRICED] as const;

/** `timesOf` in the words of a database, and summed up. */
const billsOf = (
  db: Db,
  { scope, from, to }: Within & { readonly scope: ScopeId },
  { types }: Dialect,
) => {
  const at = (time: Instant) => sql<Instant>`cast(${time} as ${sql.raw(types.integer)})`;
  const rows = db
    .selectFrom('instances')
    .select(['repo', 'priceUsd', 'diskGb', 'launchedAt', 'goneAt', 'reclaimedAt'])
    .select([ofUnpriced('account'), ofUnpriced('region'), ofUnpriced('zone')])
    .select([ofUnpriced('type'), ofUnpriced('market')])
    .select(
      sql<number>`coalesce("launchedAt", case "state" when 'requested' then "createdAt" end)`.as(
        'since',
      ),
    )
    .where('scope', '=', scope)
    .where((is) => is.or([is('goneAt', 'is', null), is('goneAt', '>=', from)]));
  const lives = db
    .selectFrom(rows.as('rows'))
    .selectAll()
    .select([
      at(from).as('from'),
      sql<number>`coalesce("goneAt", ${at(to)})`.as('end'),
      sql<number>`"since" + ${LEAST_MS}`.as('least'),
    ])
    .where('since', 'is not', null);
  const spans = db
    .selectFrom(lives.as('lives'))
    .selectAll()
    .select([later('since', 'from').as('start'), later('end', 'least').as('until')]);
  const times = db
    .selectFrom(spans.as('spans'))
    .select(ALIKE)
    .select([
      sql<number>`case when "until" > "start" then "until" - "start" else 0 end`.as('billedMs'),
      sql<number>`case when "launchedAt" is not null and "end" > "start" then "end" - "start" else 0 end`.as(
        'livedMs',
      ),
      sql<number>`case when "reclaimedAt" is not null and coalesce("goneAt", 0) - "since" < ${FREE_MS} then 0 else 1 end`.as(
        'isPriced',
      ),
    ]);
  return db
    .selectFrom(times.as('times'))
    .select(ALIKE)
    .select(({ fn }) => [
      fn.sum<number>('billedMs').as('billedMs'),
      fn.sum<number>(sql`"billedMs" * "isPriced"`).as('pricedMs'),
      fn.sum<number>('livedMs').as('livedMs'),
      fn.sum<number>('isPriced').as('machines'),
    ])
    .where('billedMs', '>', 0)
    .groupBy(ALIKE)
    .orderBy('repo')
    .orderBy(sql`coalesce("priceUsd", -1)`)
    .orderBy(sql`coalesce("diskGb", -1)`)
    .orderBy('account')
    .orderBy('region')
    .orderBy('zone')
    .orderBy('type')
    .orderBy('market');
};

type Nullable<T> = { readonly [Key in keyof T]: T[Key] | null };

const unpricedOf = ({
  account,
  region,
  zone,
  type,
  market,
}: Nullable<Unpriced>): Unpriced | null =>
  account === null || region === null || zone === null || type === null || market === null
    ? null
    : { account, region, zone, type, market };

export async function bills(
  session: Session,
  scope: ScopeId,
  within: Within,
): Promise<readonly Bill[]> {
  const found = await rows(session, billsOf, { scope, ...within });
  return found.map(({ account, region, zone, type, market, ...row }) => ({
    ...row,
    unpriced: unpricedOf({ account, region, zone, type, market }),
    billedMs: Number(row.billedMs),
    pricedMs: Number(row.pricedMs),
    livedMs: Number(row.livedMs),
    machines: Number(row.machines),
  }));
}
