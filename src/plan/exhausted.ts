import type { Instant } from '../lib/clock.ts';
import { type LaunchFailure, MEANINGS } from '../model/aws-codes.ts';
import type { JobId } from '../model/ids.ts';
import type { Reason } from '../model/job.ts';
import type { Offer } from '../model/launch.ts';
import { quotaOf } from '../model/quota.ts';
import type { Action, JobView, RuleView, Wait } from '../model/world.ts';
import type { Demand, JobClass } from './demand.ts';
import { type Facts, groupBy, inMarket } from './facts.ts';
import { clockTime, count, nameOf, reason, span } from './reasons.ts';

// What to tell of jobs whose offers are all left alone, and when their runs are cancelled for it.

/** What a person has to know first: a quota of nothing must not hide behind a lack of capacity. */
const RANK: readonly LaunchFailure[] = ['denied', 'quota', 'invalid', 'capacity', 'price'];
const CODES: Readonly<Partial<Record<LaunchFailure, string>>> = {
  denied: 'iam',
  quota: 'quota',
  invalid: 'refused',
  price: 'price-cap',
};
/** Waits for machines that are not to be had, whatever a person does to the rules. */
const OUT: ReadonlySet<string> = new Set(['no-capacity', 'quota']);

const failureOf = ({ exhaustedWhy, full }: Offer): LaunchFailure =>
  full ? 'quota' : (MEANINGS.get(exhaustedWhy)?.failure ?? 'capacity');

function offersOf({ rules, market }: JobClass) {
  return rules
    .filter(({ rule }) => rule.blocked === null)
    .flatMap(({ rule, allowed }) => inMarket(allowed, market).map((offer) => ({ rule, offer })));
}

/** Why nothing is to be had for these jobs now; null where no offer is left alone. */
export function exhaustedReason(facts: Facts, jobClass: JobClass): Reason | null {
  const refused = offersOf(jobClass).filter(({ offer }) => offer.exhaustedUntil > facts.now);
  const rank = ({ offer }: { offer: Offer }): number => RANK.indexOf(failureOf(offer));
  const [worst] = refused.toSorted((a, b) => rank(a) - rank(b));
  if (worst === undefined) return null;
  if (worst.offer.full) return worst.offer.full.reason;
  const next = Math.min(...refused.map(({ offer }) => offer.exhaustedUntil));
  const { exhaustedWhy } = worst.offer;
  const tell = MEANINGS.get(exhaustedWhy)?.tell ?? exhaustedWhy;
  const many = count(refused.length, 'offer');
  return reason(
    CODES[failureOf(worst.offer)] ?? 'no-capacity',
    `${nameOf(worst.rule)}: next try ${clockTime(next)}; ${many} refused: ${tell}`,
  );
}

/** Since when all that could serve these jobs is out, which it is now; infinite: it comes free. */
const outSince = (facts: Facts, jobClass: JobClass): Instant =>
  Math.max(
    ...offersOf(jobClass).map(({ rule, offer }) =>
      isOurs(facts, rule, offer) ? Number.POSITIVE_INFINITY : offer.exhaustedSince,
    ),
  );

/** Machines of ours use the quota up: they end, and so it is a place that these jobs wait for. */
function isOurs(facts: Facts, rule: RuleView, offer: Offer): boolean {
  if (offer.full) return offer.full.isOurs;
  if (failureOf(offer) !== 'quota') return false;
  const code = quotaOf(rule.type, offer.market)?.code;
  return facts.instances.some(({ rule: id, market }) => {
    const its = facts.rules.get(id)?.rule;
    return its?.region === rule.region && quotaOf(its.type, market)?.code === code;
  });
}

export interface Cancelled {
  readonly actions: readonly Action[];
  /** With the reason of a job whose run is to be cancelled in place of why it waited. */
  readonly waits: readonly Wait[];
}

/** `on-exhausted: cancel`: runs with a job that waited for so long while nothing was to be had. */
export function cancelExhausted(of: {
  readonly facts: Facts;
  readonly demand: Demand;
  readonly waits: readonly Wait[];
}): Cancelled {
  const { facts, demand, waits } = of;
  const afterMs = facts.world.cancelAfterMs;
  if (afterMs === null) return { actions: [], waits };
  const jobs = new Map(facts.jobs.map((job) => [job.id, job]));
  const known = new Map<JobClass, Instant>();
  const isOver = (job: JobView): boolean => {
    const group = demand.groupOf(job);
    if (group === undefined) return false;
    const since = known.get(group.class) ?? outSince(facts, group.class);
    known.set(group.class, since);
    return Math.max(since, job.queuedAt) + afterMs <= facts.now;
  };
  const doomed = new Map<JobId, JobView>();
  for (const { job: id, reason: why } of waits) {
    const job = jobs.get(id);
    if (job !== undefined && OUT.has(why.code) && isOver(job)) doomed.set(id, job);
  }
  const tell = (why: Reason): Reason =>
    reason('cancelled', `Cancelled, nothing to be had for ${span(afterMs)}: ${why.text}`);
  const told = waits.map((wait) =>
    doomed.has(wait.job) ? { ...wait, reason: tell(wait.reason) } : wait,
  );
  const texts = new Map(told.map(({ job, reason: { text } }) => [job, text]));
  const runs = groupBy([...doomed.values()], ({ repo, run }) => `${repo} ${run}`);
  const actions = [...runs.values()].flatMap(([job]): readonly Action[] => {
    if (job === undefined) return [];
    return [{ kind: 'cancel', repo: job.repo, run: job.run, reason: texts.get(job.id) ?? '' }];
  });
  return { actions, waits: told };
}
