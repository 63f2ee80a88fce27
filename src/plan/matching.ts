import type { Instant } from '../lib/clock.ts';
import type { RepoId, RuleId } from '../model/ids.ts';
import type { Market } from '../model/launch.ts';
import type { Demand, JobClass, JobGroup } from './demand.ts';
import { groupBy, inMarket, type RuleFacts, usableFor } from './facts.ts';
import { type Claim, shareOut } from './fair.ts';
import { createFlow, type Flow } from './flow.ts';
import { type ComingGroup, isOfHome, type Runners } from './runners.ts';

/** How many machines to start by a rule, for those jobs of one repository that want one market. */
export interface Places {
  readonly rule: RuleFacts;
  readonly repo: RepoId;
  /** null: either. */
  readonly market: Market | null;
  readonly count: number;
}

/** A maximum matching of queued jobs to runners, counted by groups and never by pairs. */
export interface Matching {
  /** How many jobs of a group have a runner or a launch. */
  served(group: JobGroup): number;
  /** How many jobs of each class are counted for these machines. */
  countedFor(coming: ComingGroup): readonly (readonly [JobClass, number])[];
  /** Some queued job is counted for these machines. */
  isNeeded(coming: ComingGroup): boolean;
  /**
   * Matches what is left to a rule's free places, at most `limit`, and of each repository as many as
   * it has room for; answers how many it took.
   */
  take(rule: RuleFacts, of: { readonly limit: number; roomFor(repo: RepoId): number }): number;
  /** What was taken, once nothing more will be. */
  places(): readonly Places[];
}

/** A machine of a market will do for a job that wants one. */
export const fits = (wanted: Market | null, market: Market): boolean =>
  wanted === null || wanted === market;

/** What EC2 took back once is not put at its mercy again, where the rule has a choice. */
function marketAt({ market, isAgain, repo }: JobClass, rule: RuleFacts): Market | null {
  const hasChoice = isAgain && inMarket(usableFor(rule, repo), 'on-demand').length > 0;
  return market ?? (hasChoice ? 'on-demand' : null);
}

const hasOffer = (jobClass: JobClass, rule: RuleFacts): boolean =>
  inMarket(usableFor(rule, jobClass.repo), marketAt(jobClass, rule)).length > 0;

type NodeOf = (of: JobClass | JobGroup) => number;

export function matchJobs(demand: Demand, runners: Runners): Matching {
  const flow = createFlow();
  const nodes = new Map<JobClass | JobGroup, number>();
  const nodeOf: NodeOf = (of) => nodes.get(of) ?? 0;
  for (const jobClass of demand.classes) nodes.set(jobClass, flow.node());
  for (const group of demand.groups) {
    const node = flow.node(group.jobs.length);
    nodes.set(group, node);
    flow.arc(node, nodeOf(group.class));
  }
  const byRule = classesByRule(demand);
  // The idle first: what they take is not needed from those that are still coming.
  fillIdle(flow, runners, nodeOf);
  const servedBy = (group: ComingGroup): readonly JobClass[] =>
    (byRule.get(group.rule) ?? []).filter(
      ({ repo, market }) => isOfHome(repo, group.repo) && fits(market, group.market),
    );
  const coming = fillComing(flow, { runners, servedBy, nodeOf });

  const waitsSince = (classes: readonly JobClass[]): Instant => {
    const among = new Set(classes);
    const oldest = demand.groups.flatMap((group) => {
      if (!among.has(group.class)) return [];
      return group.jobs[group.jobs.length - flow.unsent(nodeOf(group))]?.queuedAt ?? [];
    });
    return Math.min(...oldest);
  };

  const taken: { rule: RuleFacts; jobClass: JobClass; arc: number }[] = [];
  return {
    served: (group) => group.jobs.length - flow.unsent(nodeOf(group)),
    countedFor: (group) =>
      (coming.get(group)?.from ?? []).map(([jobClass, arc]) => [jobClass, flow.flowOn(arc)]),
    isNeeded: (group) => flow.flowOn(coming.get(group)?.all ?? 0) > 0,
    take(rule, { limit, roomFor }) {
      const root = flow.node();
      const open = (byRule.get(rule.rule.id) ?? []).filter((one) => hasOffer(one, rule));
      const gates: Gate[] = [];
      for (const [repo, classes] of groupBy(open, (jobClass) => jobClass.repo)) {
        const node = flow.node();
        for (const jobClass of classes) {
          taken.push({ rule, jobClass, arc: flow.arc(nodeOf(jobClass), node) });
        }
        const [has, since] = [rule.inUse.get(repo) ?? 0, waitsSince(classes)];
        const arc = flow.arc(node, root, 0);
        gates.push(createGate(flow, { arc, root, room: roomFor(repo), has, since }));
      }
      const [only, ...others] = gates;
      const count = others.length === 0 ? (only?.take(limit) ?? 0) : shareOut(gates, limit);
      // What was shared out stays so many; who has it may yet change places with another rule's.
      for (const gate of gates) gate.open();
      return count;
    },
    places() {
      const counted = taken.map(({ rule, jobClass, arc }) => {
        const market = marketAt(jobClass, rule);
        return { rule, repo: jobClass.repo, market, count: flow.flowOn(arc) };
      });
      const keyOf = ({ rule, repo, market }: Places): string => `${repo} ${rule.rule.id} ${market}`;
      return [...groupBy(counted, keyOf).values()].flatMap((group) => {
        const [first] = group;
        const count = group.reduce((sum, its) => sum + its.count, 0);
        return first === undefined || count === 0 ? [] : [{ ...first, count }];
      });
    },
  };
}

/** A repository's way into a rule's places, as wide as its share. */
interface Gate extends Claim {
  /** To all that it may have. */
  open(): void;
}

function createGate(
  flow: Flow,
  of: Pick<Claim, 'has' | 'since'> & { arc: number; root: number; room: number },
): Gate {
  const { arc, root, has, since } = of;
  let { room } = of;
  const widen = (by: number): void => {
    room -= by;
    if (by > 0) flow.widen(arc, by);
  };
  return {
    has,
    since,
    take(most) {
      const more = Math.min(most, room);
      widen(more);
      return more === 0 ? 0 : flow.fill(root, more);
    },
    open: () => widen(room),
  };
}

function classesByRule({ classes }: Demand): ReadonlyMap<RuleId, readonly JobClass[]> {
  const byRule = new Map<RuleId, JobClass[]>();
  for (const jobClass of classes) {
    for (const { rule } of jobClass.rules) {
      const its = byRule.get(rule.id);
      if (its === undefined) byRule.set(rule.id, [jobClass]);
      else its.push(jobClass);
    }
  }
  return byRule;
}

function fillIdle(flow: Flow, runners: Runners, nodeOf: NodeOf): void {
  const idle = flow.node();
  for (const { groups, runners: its } of runners.plain) {
    const plain = flow.node();
    for (const group of groups) flow.arc(nodeOf(group), plain);
    for (const runner of its) {
      const node = flow.node();
      flow.arc(plain, node);
      for (const group of runner.groups) flow.arc(nodeOf(group), node);
      flow.arc(node, idle, runner.instances.length);
    }
  }
  flow.fill(idle, Number.POSITIVE_INFINITY);
}

/** The arcs over which a group of coming machines is needed, by whom and together. */
interface ComingArcs {
  readonly from: readonly (readonly [JobClass, number])[];
  readonly all: number;
}

function fillComing(
  flow: Flow,
  of: {
    readonly runners: Runners;
    readonly servedBy: (group: ComingGroup) => readonly JobClass[];
    readonly nodeOf: NodeOf;
  },
): ReadonlyMap<ComingGroup, ComingArcs> {
  const coming = flow.node();
  const arcs = new Map<ComingGroup, ComingArcs>();
  for (const group of of.runners.coming) {
    const node = flow.node();
    const from = of
      .servedBy(group)
      .map((jobClass) => [jobClass, flow.arc(of.nodeOf(jobClass), node)] as const);
    arcs.set(group, { from, all: flow.arc(node, coming, group.instances.length) });
  }
  flow.fill(coming, Number.POSITIVE_INFINITY);
  return arcs;
}
