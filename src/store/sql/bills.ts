import { sql } from 'kysely';
import type { Instant } from '../../lib/clock.ts';
import { type Bill, FREE_IF_RECLAIMED_MS, LEAST_BILLED_MS, type Within } from '../../model/cost.ts';
import type { ScopeId } from '../../model/ids.ts';
import type { Dialect } from '../dialect.ts';
import { rows, type Session } from './session.ts';
import type { Db } from './tables.ts';

const FREE_MS = sql.lit(FREE_IF_RECLAIMED_MS);
const LEAST_MS = sql.lit(LEAST_BILLED_MS);
/** Both are columns below; there is no maximum of two values that all databases share. */
const later = (a: string, b: string) =>
  sql<number>`case when ${sql.ref(a)} > ${sql.ref(b)} then ${sql.ref(a)} else ${sql.ref(b)} end`;

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
    .select(['repo', 'priceUsd', 'diskGb'])
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
    .select(['repo', 'priceUsd', 'diskGb'])
    .select(({ fn }) => [
      fn.sum<number>('billedMs').as('billedMs'),
      fn.sum<number>(sql`"billedMs" * "isPriced"`).as('pricedMs'),
      fn.sum<number>('livedMs').as('livedMs'),
    ])
    .where('billedMs', '>', 0)
    .groupBy(['repo', 'priceUsd', 'diskGb'])
    .orderBy('repo')
    .orderBy(sql`coalesce("priceUsd", -1)`)
    .orderBy(sql`coalesce("diskGb", -1)`);
};

export async function bills(
  session: Session,
  scope: ScopeId,
  within: Within,
): Promise<readonly Bill[]> {
  const found = await rows(session, billsOf, { scope, ...within });
  return found.map((row) => ({
    ...row,
    billedMs: Number(row.billedMs),
    pricedMs: Number(row.pricedMs),
    livedMs: Number(row.livedMs),
  }));
}
