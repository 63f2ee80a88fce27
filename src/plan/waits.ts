import type { JobId } from '../model/ids.ts';
import type { Reason } from '../model/job.ts';
import type { JobView, Wait } from '../model/world.ts';
import type { Demand, JobClass, JobGroup } from './demand.ts';
import { exhaustedReason } from './exhausted.ts';
import {
  closedTo,
  type Facts,
  inMarket,
  isAside,
  isFresh,
  isRemoved,
  mostOf,
  ownOf,
  type RuleFacts,
} from './facts.ts';
import type { HeldUp } from './held-up.ts';
import { isOpen, registerable } from './launches.ts';
import type { Matching, Places } from './matching.ts';
import { badLabel, noRule } from './no-rule.ts';
import { clockTime, count, hourly, nameOf, reason, span } from './reasons.ts';

/** Everything that decides why a job waits. */
export interface Outcome {
  readonly facts: Facts;
  readonly demand: Demand;
  readonly matching: Matching;
  readonly places: readonly Places[];
  readonly doubted: ReadonlySet<JobId>;
  /** A machine that has just finished takes them next. */
  readonly kept: ReadonlyMap<JobId, unknown>;
  readonly heldUp: ReadonlyMap<JobClass, HeldUp>;
}

/** One reason for each queued job; equal jobs share the very same one. */
export function waitsOf(outcome: Outcome): readonly Wait[] {
  const { facts, demand, doubted, kept } = outcome;
  const { limits } = facts.world;
  const inVain = reason(
    'not-handed-out',
    `A runner waited ${span(5 * limits.resyncMs)} for it in vain; it is read at GitHub next`,
  );
  const starting = startingReason(facts);
  const unserved = unservedReasons(outcome);
  const served = servedReasons(outcome);
  const left = new Map<JobGroup, number>();
  for (const group of demand.groups) left.set(group, outcome.matching.served(group));
  return facts.jobs.map((job): Wait => {
    if (doubted.has(job.id)) return { job: job.id, reason: inVain };
    if (kept.has(job.id)) return { job: job.id, reason: starting };
    const group = demand.groupOf(job);
    if (group === undefined) return { job: job.id, reason: outsideReason(facts, job) };
    const still = left.get(group) ?? 0;
    left.set(group, still - 1);
    return { job: job.id, reason: still > 0 ? served(group.class) : unserved(group.class) };
  });
}

const startingReason = ({ world }: Facts): Reason =>
  reason(
    'starting',
    `A machine is idle or starting for it; one that has not registered after ${span(
      world.limits.registerTimeoutMs,
    )} is replaced`,
  );

const IN_LINE = reason(
  'paced',
  'Its launch stands in line: EC2 takes few calls at once, and it is sent when its turn comes',
);
const UNANSWERED = reason(
  'unanswered',
  'EC2 has not taken its launch yet, or has not said so; the same is asked again until it does',
);

/** What is told of the jobs of a class that count on a machine, the oldest first. */
function servedReasons({ facts, demand, matching, heldUp }: Outcome) {
  const starting = startingReason(facts);
  const left = new Map<JobClass, number>();
  for (const group of demand.groups) {
    left.set(group.class, (left.get(group.class) ?? 0) + matching.served(group));
  }
  return (jobClass: JobClass): Reason => {
    const still = left.get(jobClass) ?? 0;
    left.set(jobClass, still - 1);
    const { inLine, unanswered } = heldUp.get(jobClass) ?? { inLine: 0, unanswered: 0 };
    if (still <= inLine) return IN_LINE;
    return still <= inLine + unanswered ? UNANSWERED : starting;
  };
}

/** Jobs that are no demand. */
function outsideReason(facts: Facts, job: JobView): Reason {
  if (isRemoved(facts, job.repo)) {
    return reason('removed', 'The repository is gone, or the App is not installed; nothing starts');
  }
  if (!isFresh(facts, job.repo) || !isAside(facts, job)) {
    const silence = span(2 * facts.world.limits.resyncMs);
    return reason(
      'github-slow',
      `No word from GitHub for ${silence}; nothing starts until it answers`,
    );
  }
  const until = clockTime(job.asideUntil ?? facts.now);
  return reason(
    'not-handed-out',
    `GitHub gave it to no runner that waited for it; next try ${until}`,
  );
}

/** What is to start by this plan. */
interface Launched {
  readonly all: ReadonlyMap<RuleFacts, number>;
  readonly byRepo: ReadonlyMap<string, number>;
}

function launchedBy(places: readonly Places[]): Launched {
  const all = new Map<RuleFacts, number>();
  const byRepo = new Map<string, number>();
  for (const { rule, repo, count: n } of places) {
    const key = `${repo} ${rule.rule.id}`;
    all.set(rule, (all.get(rule) ?? 0) + n);
    byRepo.set(key, (byRepo.get(key) ?? 0) + n);
  }
  return { all, byRepo };
}

function unservedReasons(outcome: Outcome): (jobClass: JobClass) => Reason {
  const launched = launchedBy(outcome.places);
  const known = new Map<JobClass, Reason>();
  return (jobClass) => {
    const its = known.get(jobClass) ?? unservedReason(outcome.facts, jobClass, launched);
    known.set(jobClass, its);
    return its;
  };
}

function unservedReason(facts: Facts, jobClass: JobClass, launched: Launched): Reason {
  const { enabled, rulesReason } = facts.world;
  if (enabled === false) {
    return reason('disabled', 'Disabled; nothing starts until `/dstack autoscale enable`');
  }
  if (enabled === null) {
    return rulesReason ?? reason('rules-unread', 'The rules file is not read yet; it is next');
  }
  const own = ownOf(facts, jobClass.repo);
  if (own?.enabled === false) {
    const text = 'Disabled by this repository; nothing starts until `/dstack autoscale enable`';
    return reason('disabled', text);
  }
  const bad = jobClass.rules.length === 0 ? badLabel(facts, jobClass) : null;
  if (bad !== null) return bad;
  if (facts.rules.size === 0 && rulesReason !== null) return rulesReason;
  const [leftOut] = jobClass.leftOut;
  if (jobClass.rules.length === 0 && leftOut !== undefined) {
    const name = nameOf(leftOut.rule);
    return reason(
      'no-rule',
      `${name}: the owner allows it, and this repository's own file does not`,
    );
  }
  if (jobClass.rules.length === 0) return noRule(facts, jobClass);
  const { repo, market, rules } = jobClass;
  const counted = (rule: RuleFacts): number => rule.live.length + (launched.all.get(rule) ?? 0);
  const ofIts = (rule: RuleFacts): number =>
    (rule.inUse.get(repo) ?? 0) + (launched.byRepo.get(`${repo} ${rule.rule.id}`) ?? 0);
  const isOwnFull = (rule: RuleFacts): boolean =>
    own !== undefined && ofIts(rule) >= mostOf(facts, rule, repo);
  const isFull = (rule: RuleFacts): boolean => counted(rule) >= rule.rule.max || isOwnFull(rule);
  const use = (rule: RuleFacts): string =>
    isOwnFull(rule)
      ? `${ofIts(rule)} of this repository's ${mostOf(facts, rule, repo)} machines in use`
      : `${counted(rule)} of ${rule.rule.max} machines in use${isOwners(facts) ? ' by all repositories' : ''}`;
  const whyNot = (rule: RuleFacts) => closedTo(facts, rule, repo) ?? unfitFor(rule, jobClass);
  const left = rules.filter((rule) => whyNot(rule) === undefined);
  const closed = rules.flatMap((rule) => whyNot(rule) ?? [])[0];
  const rest: JobClass = { ...jobClass, rules: left };
  return (
    registering(
      facts,
      left.find((rule) => isOpen(rule, market) && !rule.isTrial && !isFull(rule)),
    ) ??
    atMax(
      left.filter((rule) => rule.rule.blocked === null && isFull(rule)),
      use,
    ) ??
    onTrial(left) ??
    exhaustedReason(facts, rest) ??
    priceCap(rest) ??
    left.find((rule) => rule.rule.blocked !== null)?.rule.blocked ??
    closed ??
    noOffer(jobClass)
  );
}

/** The repository's own file has no use for any of the offers that the job could have. */
function unfitFor({ offers }: RuleFacts, { repo, market }: JobClass): Reason | undefined {
  const whys = inMarket(offers, market).map(({ unfit }) => unfit?.[repo]);
  return whys.includes(undefined) ? undefined : whys[0];
}

function registering(facts: Facts, rule: RuleFacts | undefined): Reason | null {
  if (rule === undefined) return null;
  const within = span(facts.world.limits.registerTimeoutMs);
  const many = count(registerable(facts), 'machine');
  return reason(
    'registering',
    `${many} may be registering, what GitHub takes in ${within}; one more starts as each is done`,
  );
}

const isOwners = ({ world }: Facts): boolean => world.scope.startsWith('owner-');

function atMax(full: readonly RuleFacts[], use: (rule: RuleFacts) => string): Reason | null {
  const [first, ...others] = full;
  if (first === undefined) return null;
  const more = others.length > 0 ? `, and ${count(others.length, 'more rule')} full` : '';
  return reason('at-max', `${nameOf(first.rule)}: ${use(first)}${more}; starts when one ends`);
}

/** One machine of it is under way, and more come once that has registered. */
function onTrial(rules: readonly RuleFacts[]): Reason | null {
  const found = rules.find(({ rule, isTrial }) => isTrial && rule.blocked === null);
  if (found === undefined) return null;
  const text = `${nameOf(found.rule)}: tried with one machine, since several did not register`;
  return reason('sick', text);
}

function priceCap({ rules, market }: JobClass): Reason | null {
  for (const { rule, offers } of rules) {
    const price = inMarket(offers, market)[0]?.priceUsd ?? null;
    if (rule.blocked !== null || rule.maxPriceUsd === null || price === null) continue;
    const cap = hourly(rule.maxPriceUsd);
    return reason(
      'price-cap',
      `${nameOf(rule)}: ${hourly(price)}, above max-price ${cap}; starts when the price falls`,
    );
  }
  return null;
}

function noOffer({ rules, market }: JobClass): Reason {
  const [first] = rules;
  const name = first === undefined ? 'The rule' : nameOf(first.rule);
  if (market !== null) {
    return reason(
      'no-offer',
      `${name}: no ${market} machine is on offer now; nothing starts until then`,
    );
  }
  return reason('no-offer', `${name}: EC2 has named no zone for it; nothing starts until it does`);
}
