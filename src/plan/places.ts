import type { InstanceKey, JobId, RepoId } from '../model/ids.ts';
import type { Demand } from './demand.ts';
import { type Endings, isLeftToEc2 } from './ends.ts';
import { type Facts, mostOf, type RuleFacts } from './facts.ts';
import { isOpen } from './launches.ts';
import type { Matching } from './matching.ts';

/** Ends machines whose job is done, at once, where a job waits only for their place. */
export function endForPlaces(given: {
  readonly facts: Facts;
  readonly demand: Demand;
  readonly matching: Matching;
  readonly endings: Endings;
  /** Jobs that a machine which has just finished takes next. */
  readonly kept: ReadonlyMap<JobId, InstanceKey>;
}): void {
  const { facts, demand, matching, endings } = given;
  const keeping = new Set(given.kept.values());
  if (facts.world.enabled !== true) return;
  const wanted = new Map<RuleFacts, Set<RepoId>>();
  for (const group of demand.groups) {
    if (matching.served(group) === group.jobs.length) continue;
    const { repo, market, rules } = group.class;
    for (const rule of rules) {
      if (!isOpen(rule, market)) continue;
      wanted.set(rule, (wanted.get(rule) ?? new Set()).add(repo));
    }
  }
  for (const [its, repos] of wanted) {
    const isFull = its.live.length >= its.rule.max;
    for (const instance of its.live) {
      const { key, repo, finishedAt } = instance;
      const isOwnFull = repos.has(repo) && (its.inUse.get(repo) ?? 0) >= mostOf(facts, its, repo);
      if (!isFull && !isOwnFull) continue;
      if (finishedAt === null || endings.has(key) || isLeftToEc2(facts, instance)) continue;
      if (keeping.has(key)) continue;
      endings.set(key, { onlyIdle: false, reason: 'its job is done, and its place is needed' });
    }
  }
}
