import type { Instant } from '../lib/clock.ts';
import type { RepoId } from '../model/ids.ts';
import type { Offer } from '../model/launch.ts';
import type { RegisterTime } from '../model/register-time.ts';
import type { InstanceView, RuleView } from '../model/world.ts';
import { expectedUsd, reclaimsPerHour } from './choice.ts';
import { healthOf, withoutTooCheap } from './health.ts';

/** A rule with what counts for it, and what can be made of it now. */
export interface RuleFacts {
  /** `blocked` also where its health says so. */
  readonly rule: RuleView;
  /** Not gone, whatever its state: each takes a place. */
  readonly live: readonly InstanceView[];
  /** In order of what a job on them is expected to cost. */
  readonly offers: readonly Offer[];
  /** Not above the rule's price. */
  readonly allowed: readonly Offer[];
  /** Those that may be launched now: neither exhausted, nor a fallback that is not needed. */
  readonly usable: readonly Offer[];
  readonly room: number;
  /** It was paused, and is tried with one machine. */
  readonly isTrial: boolean;
  /** What one job is expected to cost on one of them; infinite while its price is not known. */
  readonly usdOf: (offer: Offer) => number;
  /** How many of the live ones each repository has. */
  readonly inUse: ReadonlyMap<RepoId, number>;
}

export interface OfRule {
  readonly rule: RuleView;
  readonly live: readonly InstanceView[];
  readonly offers: readonly Offer[];
}

export function ruleFactsOf(
  { rule, live, offers: given }: OfRule,
  at: { readonly now: Instant; readonly registerTime: RegisterTime },
): RuleFacts {
  const { paused, isTrial } = healthOf(rule, at.now, at.registerTime);
  const offers = withoutTooCheap(rule, given);
  const usds = costs(rule, offers, at.now);
  const usdOf = (offer: Offer): number => usds.get(offer) ?? Number.POSITIVE_INFINITY;
  const sorted = offers.toSorted((a, b) => usdOf(a) - usdOf(b) || inOrder(orderOf(a), orderOf(b)));
  const allowed = sorted.filter(
    ({ priceUsd }) => (priceUsd ?? 0) <= (rule.maxPriceUsd ?? Number.POSITIVE_INFINITY),
  );
  const most = isTrial ? 1 + live.filter(hasRegistered).length : rule.max;
  return {
    rule: paused ? { ...rule, blocked: rule.blocked ?? paused } : rule,
    live,
    offers: sorted,
    allowed,
    usable: usableOf(allowed, at.now),
    room: Math.max(0, Math.min(rule.max, most) - live.length),
    isTrial,
    usdOf,
    inUse: countBy(live, ({ repo }) => repo),
  };
}

function countBy<T, K>(items: readonly T[], keyOf: (item: T) => K): ReadonlyMap<K, number> {
  const counts = new Map<K, number>();
  for (const item of items) counts.set(keyOf(item), (counts.get(keyOf(item)) ?? 0) + 1);
  return counts;
}

const hasRegistered = ({ registeredAt }: InstanceView): boolean => registeredAt !== null;

export const inOrder = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);
const orderOf = (offer: Offer): string => `${offer.zone} ${offer.subnet} ${offer.market}`;

function usableOf(allowed: readonly Offer[], now: Instant): readonly Offer[] {
  const own = allowed.filter(({ isFallback }) => !isFallback);
  const isOut = own.length > 0 && own.every(({ exhaustedUntil }) => exhaustedUntil > now);
  return allowed.filter(
    ({ exhaustedUntil, isFallback }) => exhaustedUntil <= now && (!isFallback || isOut),
  );
}

/** So long after a refusal for lack of capacity a place counts as scarce. */
const SCARCE_MS = 3_600_000;

/** What a job costs on each of a rule's offers. A cut one is run again as the rule then allows. */
function costs(
  { diskGb, markets }: RuleView,
  offers: readonly Offer[],
  now: Instant,
): ReadonlyMap<Offer, number> {
  const onDemand = offers.find(({ market }) => market === 'on-demand')?.priceUsd ?? null;
  const againUsd = markets.length > 1 ? onDemand : null;
  const usd = ({ priceUsd, market, seen, exhaustedUntil }: Offer): number => {
    if (priceUsd === null) return Number.MAX_VALUE;
    const rate = market === 'spot' ? reclaimsPerHour(seen, exhaustedUntil + SCARCE_MS > now) : 0;
    return expectedUsd({ priceUsd, diskGb, lifeMs: null, reclaimsPerHour: rate, againUsd });
  };
  return new Map(offers.map((offer) => [offer, usd(offer)]));
}
