import type { Market, Offer } from '../model/launch.ts';
import type { Action } from '../model/world.ts';
import { type Facts, inMarket, type RuleFacts, roomFor, usableFor } from './facts.ts';
import type { Matching, Places } from './matching.ts';
import { count, hourly } from './reasons.ts';
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

function usdOf({ usable, usdOf: ofOffer }: RuleFacts): number {
  const [best] = usable;
  return best === undefined ? Number.POSITIVE_INFINITY : ofOffer(best);
}

function byCost(a: RuleFacts, b: RuleFacts): number {
  if (usdOf(a) !== usdOf(b)) return usdOf(a) < usdOf(b) ? -1 : 1;
  return a.rule.id < b.rule.id ? -1 : 1;
}

/**
 * Takes places for the jobs that no runner is for. The sets of places that can be filled together
 * are a transversal matroid: a place once filled stays filled while others are added. Greedy is best
 * in a matroid, so filling the rules in order of cost serves as many jobs as can be, and no other
 * way to serve that many is cheaper; but that a rule counts with its cheapest offer, also where jobs
 * ask for the dearer market.
 */
export function takePlaces(facts: Facts, runners: Runners, matching: Matching): void {
  if (facts.world.enabled !== true) return;
  let left = registrationsLeft(facts, runners);
  const open = [...facts.rules.values()].filter((rule) => isOpen(rule, null));
  for (const rule of open.sort(byCost)) {
    const limit = Math.min(rule.room, left);
    left -= matching.take(rule, { limit, roomFor: (repo) => roomFor(facts, rule, repo) });
  }
}

/** The launches for the places taken. */
export function launchActions(facts: Facts, places: readonly Places[]): readonly Action[] {
  const added = new Map<string, number>();
  const open = [...facts.rules.values()].filter((rule) => isOpen(rule, null));
  return places.flatMap((its) => {
    const actions: Action[] = [];
    for (const [offer, count] of spread(its, added)) {
      const reason = reasonFor(open, its, offer);
      for (let left = count; left > 0; left -= MAX_COUNT) {
        const part = Math.min(left, MAX_COUNT);
        actions.push({ kind: 'launch', repo: its.repo, offer, count: part, reason });
      }
    }
    return actions;
  });
}

/** An offer so near to the best is as good as that: then the risk is spread. */
const ALIKE = 1.01;

/** Spreads machines over the best offers, to where the rule has fewest: one zone or subnet may fail. */
function spread(
  { rule, repo, market, count }: Places,
  added: Map<string, number>,
): ReadonlyMap<Offer, number> {
  const counts = new Map<Offer, number>();
  const usable = inMarket(usableFor(rule, repo), market);
  const least = usable[0] === undefined ? 0 : rule.usdOf(usable[0]) * ALIKE;
  const alike = usable.filter((offer) => rule.usdOf(offer) <= least);
  const inZone = new Map<string, number>();
  for (const { zone } of rule.live) inZone.set(zone, (inZone.get(zone) ?? 0) + 1);
  const addedTo = (place: string): number => added.get(`${rule.rule.id} ${place}`) ?? 0;
  const load = ({ zone, subnet }: Offer) => ({
    zone: (inZone.get(zone) ?? 0) + addedTo(zone),
    subnet: addedTo(subnet),
  });
  const isFreer = (a: Offer, b: Offer): boolean => {
    const [its, other] = [load(a), load(b)];
    return its.zone === other.zone ? its.subnet < other.subnet : its.zone < other.zone;
  };
  for (let i = 0; i < count; i++) {
    const [first, ...others] = alike;
    if (first === undefined) break;
    // Offers are sorted, so a tie goes to the first.
    const best = others.reduce((freest, one) => (isFreer(one, freest) ? one : freest), first);
    counts.set(best, (counts.get(best) ?? 0) + 1);
    for (const place of [best.zone, best.subnet]) {
      added.set(`${rule.rule.id} ${place}`, addedTo(place) + 1);
    }
  }
  return counts;
}

/** `m5.large us-east-1b: $0.0312 an hour, 3 others dearer`: against all that may be launched now. */
function reasonFor(open: readonly RuleFacts[], { rule, market }: Places, offer: Offer): string {
  const { type, zone, priceUsd } = offer;
  const its = rule.usdOf(offer);
  const ranks = { cheaper: 0, alike: 0, dearer: 0 };
  for (const { usable, usdOf: ofOffer } of open) {
    for (const other of inMarket(usable, market)) {
      const usd = ofOffer(other);
      if (other === offer) continue;
      else if (usd > its * ALIKE) ranks.dearer += 1;
      else if (usd * ALIKE < its) ranks.cheaper += 1;
      else ranks.alike += 1;
    }
  }
  const others = [
    ranks.dearer > 0 && `${count(ranks.dearer, 'other')} dearer`,
    ranks.alike > 0 && `${count(ranks.alike, 'other')} alike`,
    ranks.cheaper > 0 && `${count(ranks.cheaper, 'other')} cheaper, but full or not fit`,
  ].filter((part) => part !== false);
  const price = priceUsd === null ? 'price not known yet' : hourly(priceUsd);
  return `${type} ${zone}: ${price}, ${others.join(', ') || 'the only offer'}`;
}
