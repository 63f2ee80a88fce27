import type { Instant } from '../lib/clock.ts';
import type { RepoId, RuleId } from '../model/ids.ts';
import type { Reason } from '../model/job.ts';
import type { Market, Offer } from '../model/launch.ts';
import type { RegisterTime } from '../model/register-time.ts';
import type { InstanceView, JobView, OwnView, RepoView, RuleView, World } from '../model/world.ts';
import { createLabelReader, createPartTable, type LabelSet, type Part } from './label-sets.ts';
import { inOrder, type RuleFacts, ruleFactsOf } from './rule-facts.ts';

export type { RuleFacts } from './rule-facts.ts';

/** The world, sorted and looked up by id: the same for any order of its lists. */
export interface Facts {
  readonly world: World;
  readonly now: Instant;
  readonly registerTime: RegisterTime;
  readonly repos: ReadonlyMap<RepoId, RepoView>;
  readonly rules: ReadonlyMap<RuleId, RuleFacts>;
  /** The oldest first. */
  readonly jobs: readonly JobView[];
  readonly instances: readonly InstanceView[];
  readonly readLabels: (labels: readonly string[]) => LabelSet;
  readonly readPart: (part: string) => Part;
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

export function factsOf(world: World, now: Instant): Facts {
  const instances = world.instances.toSorted(
    (a, b) => a.createdAt - b.createdAt || inOrder(a.key, b.key),
  );
  const rules = world.rules.toSorted((a, b) => inOrder(a.id, b.id));
  const live = groupBy(instances, (instance) => instance.rule);
  const offers = groupBy(world.offers, (offer) => offer.rule);
  const { limits, reachableSince = 0 } = world;
  const registerTime = { registerTimeoutMs: limits.registerTimeoutMs, reachableSince };
  const at = { now, registerTime };
  const ruleFacts = (rule: RuleView): RuleFacts =>
    ruleFactsOf({ rule, live: live.get(rule.id) ?? [], offers: offers.get(rule.id) ?? [] }, at);
  return {
    world,
    now,
    registerTime,
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

/** Why a rule launches nothing more for a repository; undefined: it may. */
export const closedTo = (facts: Facts, { rule }: RuleFacts, repo: RepoId): Reason | undefined =>
  facts.repos.get(repo)?.closed?.[rule.id];

/** How many more of them it may have, whatever the others leave. */
export function roomFor(facts: Facts, its: RuleFacts, repo: RepoId): number {
  if (ownOf(facts, repo)?.enabled === false || closedTo(facts, its, repo) !== undefined) return 0;
  return Math.max(0, mostOf(facts, its, repo) - (its.inUse.get(repo) ?? 0));
}

/** Those of a rule's offers that may be launched now for this repository. */
export const usableFor = ({ usable }: RuleFacts, repo: RepoId): readonly Offer[] =>
  usable.filter(({ unfit }) => unfit?.[repo] === undefined);

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

type OfRepo = Pick<InstanceView, 'repo' | 'isShared'>;

/** The same for a machine or a launch; a shared one is not of one repository alone. */
export const isAbandoned = (facts: Facts, { repo, isShared }: OfRepo): boolean =>
  isShared ? facts.world.repos.every((one) => one.isRemoved) : isRemoved(facts, repo);

export const isHeard = (facts: Facts, { repo, isShared }: OfRepo): boolean =>
  isShared ? facts.world.repos.some((one) => one.isFresh && !one.isRemoved) : isFresh(facts, repo);

/** Its own file has no say in what others may be using. */
export const ownOfMachine = (facts: Facts, { repo, isShared }: OfRepo): OwnView | undefined =>
  isShared ? undefined : ownOf(facts, repo);

export const isAside = (facts: Facts, job: JobView): boolean =>
  job.asideUntil !== undefined && job.asideUntil > facts.now;
