import type { Market, Offer } from '../model/launch.ts';
import type { Action } from '../model/world.ts';
import { type Facts, inMarket, type RuleFacts } from './facts.ts';
import type { Matching, Places } from './matching.ts';
import { hourly } from './reasons.ts';
import type { Runners } from './runners.ts';

/** Instances in one launch: one call of EC2, one intent, one thing to settle. */
export const MAX_COUNT = 50;

const MINUTE_MS = 60_000;

/** How many machines may be on their way to register: as many as GitHub takes in the time they have. */
export function registerable({ world }: Facts): number {
  const { registrationsPerMinute, registerTimeoutMs } = world.limits;
  return Math.floor((registrationsPerMinute * registerTimeoutMs) / MINUTE_MS);
}

/** How many more may be launched before those on their way have registered. */
export function registrationsLeft(facts: Facts, runners: Runners): number {
  const coming = runners.coming.reduce((sum, { instances }) => sum + instances.length, 0);
  return Math.max(0, registerable(facts) - coming);
}

export const isOpen = ({ rule, usable }: RuleFacts, market: Market | null): boolean =>
  rule.blocked === null && inMarket(usable, market).length > 0;

const priceOf = ({ usable }: RuleFacts): number => usable[0]?.priceUsd ?? Number.POSITIVE_INFINITY;

function byPrice(a: RuleFacts, b: RuleFacts): number {
  if (priceOf(a) !== priceOf(b)) return priceOf(a) < priceOf(b) ? -1 : 1;
  return a.rule.id < b.rule.id ? -1 : 1;
}

/**
 * Takes places for the jobs that no runner is for. The sets of places that can be filled together
 * are a transversal matroid: a place once filled stays filled while others are added. Greedy is best
 * in a matroid, so filling the rules in order of price serves as many jobs as can be, and no other
 * way to serve that many is cheaper; but that a rule counts with its cheapest offer, also where jobs
 * ask for the dearer market.
 */
export function takePlaces(facts: Facts, runners: Runners, matching: Matching): void {
  if (facts.world.enabled !== true) return;
  let left = registrationsLeft(facts, runners);
  const open = [...facts.rules.values()].filter((rule) => isOpen(rule, null));
  for (const rule of open.sort(byPrice)) {
    left -= matching.take(rule, Math.min(rule.room, left));
  }
}

/** The launches for the places taken. */
export function launchActions(places: readonly Places[]): readonly Action[] {
  const added = new Map<string, number>();
  return places.flatMap((its) => {
    const actions: Action[] = [];
    for (const [offer, count] of spread(its, added)) {
      const reason = reasonFor(inMarket(its.rule.usable, its.market), offer);
      for (let left = count; left > 0; left -= MAX_COUNT) {
        const part = Math.min(left, MAX_COUNT);
        actions.push({ kind: 'launch', repo: its.repo, offer, count: part, reason });
      }
    }
    return actions;
  });
}

/** Spreads machines over the cheapest offers, to where the rule has fewest: one zone may fail. */
function spread(
  { rule, market, count }: Places,
  added: Map<string, number>,
): ReadonlyMap<Offer, number> {
  const counts = new Map<Offer, number>();
  const usable = inMarket(rule.usable, market);
  const cheapest = usable.filter((offer) => offer.priceUsd === usable[0]?.priceUsd);
  const inZone = new Map<string, number>();
  for (const { zone } of rule.live) inZone.set(zone, (inZone.get(zone) ?? 0) + 1);
  const keyOf = ({ zone }: Offer): string => `${rule.rule.id} ${zone}`;
  const load = (offer: Offer): number =>
    (inZone.get(offer.zone) ?? 0) + (added.get(keyOf(offer)) ?? 0);
  for (let i = 0; i < count; i++) {
    const [first, ...others] = cheapest;
    if (first === undefined) break;
    // Offers are sorted by zone, so a tie goes to the first.
    const best = others.reduce(
      (least, offer) => (load(offer) < load(least) ? offer : least),
      first,
    );
    counts.set(best, (counts.get(best) ?? 0) + 1);
    added.set(keyOf(best), (added.get(keyOf(best)) ?? 0) + 1);
  }
  return counts;
}

/** `m5.large us-east-1b: $0.0312 an hour, cheapest of 6 offers`. */
export function reasonFor(usable: readonly Offer[], { type, zone, priceUsd }: Offer): string {
  const price = priceUsd === null ? 'price not known yet' : hourly(priceUsd);
  const rank = priceUsd === null ? 'first' : 'cheapest';
  const among = usable.length === 1 ? 'the only offer' : `${rank} of ${usable.length} offers`;
  return `${type} ${zone}: ${price}, ${among}`;
}
