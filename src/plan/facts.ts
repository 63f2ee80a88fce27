import type { Instant } from '../lib/clock.ts';
import type { RepoId, RuleId } from '../model/ids.ts';
import type { Market, Offer } from '../model/launch.ts';
import type { InstanceView, JobView, OwnView, RepoView, RuleView, World } from '../model/world.ts';
import { expectedUsd, reclaimsPerHour } from './choice.ts';
import { createLabelReader, createPartTable, type LabelSet, type Part } from './label-sets.ts';

/** A rule with what counts for it. */
export interface RuleFacts {
  readonly rule: RuleView;
  /** Not gone, whatever its state: each takes a place. */
  readonly live: readonly InstanceView[];
  /** In order of what a job on them is expected to cost. */
  readonly offers: readonly Offer[];
  /** Those that may be launched now: not exhausted, and not above the rule's price. */
  readonly usable: readonly Offer[];
  readonly room: number;
  /** What one job is expected to cost on one of them; infinite while its price is not known. */
  readonly usdOf: (offer: Offer) => number;
  /** How many of the live ones each repository has. */
  readonly inUse: ReadonlyMap<RepoId, number>;
}

/** The world, sorted and looked up by id: the same for any order of its lists. */
export interface Facts {
  readonly world: World;
  readonly now: Instant;
  readonly repos: ReadonlyMap<RepoId, RepoView>;
  readonly rules: ReadonlyMap<RuleId, RuleFacts>;
  /** The oldest first. */
  readonly jobs: readonly JobView[];
  readonly instances: readonly InstanceView[];
  readonly readLabels: (labels: readonly string[]) => LabelSet;
  readonly readPart: (part: string) => Part;
}

const inOrder = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);
const orderOf = (offer: Offer): string => `${offer.zone} ${offer.subnet} ${offer.market}`;

/** So long after a refusal for lack of capacity a place counts as scarce. */
const SCARCE_MS = 3_600_000;
const DEFAULT_DISK_GB = 30;

/** What a job costs on each of a rule's offers. A cut one is run again as the rule then allows. */
function costs(
  { diskGb, markets }: RuleView,
  offers: readonly Offer[],
  now: Instant,
): ReadonlyMap<Offer, number> {
  const onDemand = offers.find(({ market }) => market === 'on-demand')?.priceUsd ?? null;
  const againUsd = markets.length > 1 ? onDemand : null;
  const usd = ({ priceUsd, market, seen, exhaustedUntil }: Offer): number => {
    if (priceUsd === null) return Number.POSITIVE_INFINITY;
    const rate = market === 'spot' ? reclaimsPerHour(seen, exhaustedUntil + SCARCE_MS > now) : 0;
    const disk = diskGb ?? DEFAULT_DISK_GB;
    return expectedUsd({ priceUsd, diskGb: disk, lifeMs: null, reclaimsPerHour: rate, againUsd });
  };
  return new Map(offers.map((offer) => [offer, usd(offer)]));
}

export function groupBy<T, K>(items: readonly T[], keyOf: (item: T) => K): Map<K, T[]> {
  const groups = new Map<K, T[]>();
  for (const item of items) {
    const key = keyOf(item);
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [item]);
    else group.push(item);
  }
  return groups;
}

function countBy<T, K>(items: readonly T[], keyOf: (item: T) => K): ReadonlyMap<K, number> {
  const counts = new Map<K, number>();
  for (const item of items) counts.set(keyOf(item), (counts.get(keyOf(item)) ?? 0) + 1);
  return counts;
}

export function factsOf(world: World, now: Instant): Facts {
  const instances = world.instances.toSorted(
    (a, b) => a.createdAt - b.createdAt || inOrder(a.key, b.key),
  );
  const rules = world.rules.toSorted((a, b) => inOrder(a.id, b.id));
  const live = groupBy(instances, (instance) => instance.rule);
  const offers = groupBy(world.offers, (offer) => offer.rule);
  const ruleFacts = (rule: RuleView): RuleFacts => {
    const unsorted = offers.get(rule.id) ?? [];
    const usds = costs(rule, unsorted, now);
    const usdOf = (offer: Offer): number => usds.get(offer) ?? Number.POSITIVE_INFINITY;
    const byCost = (a: Offer, b: Offer): number => {
      if (usdOf(a) !== usdOf(b)) return usdOf(a) < usdOf(b) ? -1 : 1;
      return inOrder(orderOf(a), orderOf(b));
    };
    const its = { live: live.get(rule.id) ?? [], offers: unsorted.toSorted(byCost), usdOf };
    const max = rule.maxPriceUsd ?? Number.POSITIVE_INFINITY;
    const usable = its.offers.filter(
      (offer) => offer.exhaustedUntil <= now && (offer.priceUsd ?? 0) <= max,
    );
    const room = Math.max(0, rule.max - its.live.length);
    return { rule, ...its, usable, room, inUse: countBy(its.live, ({ repo }) => repo) };
  };
  return {
    world,
    now,
    repos: new Map(world.repos.map((repo) => [repo.id, repo])),
    rules: new Map(rules.map((rule) => [rule.id, ruleFacts(rule)])),
    jobs: world.jobs.toSorted((a, b) => a.queuedAt - b.queuedAt || a.id - b.id),
    instances,
    readLabels: createLabelReader(world.label),
    readPart: createPartTable(rules, world.label),
  };
}

/** What its own file leaves of the rules; undefined: all. */
export const ownOf = (facts: Facts, repo: RepoId): OwnView | undefined =>
  facts.repos.get(repo)?.own;

/** The most machines of a rule that one repository may have. */
export const mostOf = (facts: Facts, { rule }: RuleFacts, repo: RepoId): number => {
  const own = ownOf(facts, repo);
  return own ? Math.min(rule.max, own.maxima[rule.id] ?? 0) : rule.max;
};

/** How many more of them it may have, whatever the others leave. */
export function roomFor(facts: Facts, its: RuleFacts, repo: RepoId): number {
  const own = ownOf(facts, repo);
  if (own && (!own.enabled || own.closed[its.rule.id] !== undefined)) return 0;
  return Math.max(0, mostOf(facts, its, repo) - (its.inUse.get(repo) ?? 0));
}

/** Those that a job may be served by; null: it does not mind which market. */
export const inMarket = (offers: readonly Offer[], market: Market | null): readonly Offer[] =>
  market === null ? offers : offers.filter((offer) => offer.market === market);

export const isRemoved = (facts: Facts, repo: RepoId): boolean =>
  facts.repos.get(repo)?.isRemoved ?? false;

/** GitHub was heard of late: only then may we act on what we do not see. */
export const isFresh = (facts: Facts, repo: RepoId): boolean => {
  const view = facts.repos.get(repo);
  return view?.isFresh === true && !view.isRemoved;
};

export const isAside = (facts: Facts, job: JobView): boolean =>
  job.asideUntil !== undefined && job.asideUntil > facts.now;
