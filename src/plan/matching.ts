import type { RepoId } from '../model/ids.ts';
import type { Demand, JobClass, JobGroup } from './demand.ts';
import { groupBy, type RuleFacts } from './facts.ts';
import { createFlow } from './flow.ts';
import type { ComingGroup, RunnerGroup, Runners } from './runners.ts';

/** How many machines to start by a rule, for the jobs of one repository. */
export interface Places {
  readonly rule: RuleFacts;
  readonly repo: RepoId;
  readonly count: number;
}

/** A maximum matching of queued jobs to runners, counted by groups and never by pairs. */
export interface Matching {
  /** How many jobs of a group have a runner or a launch. */
  served(group: JobGroup): number;
  /** Some queued job is counted for these machines. */
  isNeeded(coming: ComingGroup): boolean;
  /** Matches what is left to a rule's free places, at most `limit`; answers how many it took. */
  take(rule: RuleFacts, limit: number): number;
  /** What was taken, once nothing more will be. */
  places(): readonly Places[];
}

export function matchJobs(demand: Demand, runners: Runners): Matching {
  const flow = createFlow();
  const nodes = new Map<JobClass | JobGroup, number>();
  for (const jobClass of demand.classes) nodes.set(jobClass, flow.node());
  for (const group of demand.groups) {
    const node = flow.node(group.jobs.length);
    nodes.set(group, node);
    flow.arc(node, nodes.get(group.class) ?? node);
  }
  const nodeOf = (of: JobClass | JobGroup): number => nodes.get(of) ?? 0;
  const classesByRule = new Map<string, JobClass[]>();
  for (const jobClass of demand.classes) {
    for (const { rule } of jobClass.rules) {
      const classes = classesByRule.get(rule.id);
      if (classes === undefined) classesByRule.set(rule.id, [jobClass]);
      else classes.push(jobClass);
    }
  }

  // The idle first: what they take is not needed from those that are still coming.
  const idle = flow.node();
  for (const { groups, runners: itsRunners } of runners.plain) {
    const plain = flow.node();
    for (const group of groups) flow.arc(nodeOf(group), plain);
    for (const runner of itsRunners) joinRunner(runner, plain);
  }
  flow.fill(idle, Number.POSITIVE_INFINITY);

  function joinRunner(runner: RunnerGroup, plain: number): void {
    const node = flow.node();
    flow.arc(plain, node);
    for (const group of runner.groups) flow.arc(nodeOf(group), node);
    flow.arc(node, idle, runner.instances.length);
  }

  const coming = flow.node();
  const needed = new Map<ComingGroup, number>();
  for (const group of runners.coming) {
    const node = flow.node();
    const classes = classesByRule.get(group.rule) ?? [];
    for (const jobClass of classes) {
      if (jobClass.repo === group.repo) flow.arc(nodeOf(jobClass), node);
    }
    needed.set(group, flow.arc(node, coming, group.instances.length));
  }
  flow.fill(coming, Number.POSITIVE_INFINITY);

  const taken: { readonly rule: RuleFacts; readonly repo: RepoId; readonly arc: number }[] = [];
  return {
    served: (group) => group.jobs.length - flow.unsent(nodeOf(group)),
    isNeeded: (group) => flow.flowOn(needed.get(group) ?? 0) > 0,
    take(rule, limit) {
      const node = flow.node();
      for (const jobClass of classesByRule.get(rule.rule.id) ?? []) {
        taken.push({ rule, repo: jobClass.repo, arc: flow.arc(nodeOf(jobClass), node) });
      }
      return flow.fill(node, limit);
    },
    places() {
      const counted = taken.map(({ rule, repo, arc }) => ({ rule, repo, n: flow.flowOn(arc) }));
      const groups = groupBy(counted, ({ rule, repo }) => `${repo} ${rule.rule.id}`);
      return [...groups.values()].flatMap((group) => {
        const [first] = group;
        const count = group.reduce((sum, { n }) => sum + n, 0);
        if (first === undefined || count === 0) return [];
        return [{ rule: first.rule, repo: first.repo, count }];
      });
    },
  };
}
