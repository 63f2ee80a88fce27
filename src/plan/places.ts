import type { Demand } from './demand.ts';
import { type Endings, isLeftToEc2 } from './ends.ts';
import type { Facts, RuleFacts } from './facts.ts';
import { isOpen } from './launches.ts';
import type { Matching } from './matching.ts';

/** Ends machines whose job is done, at once, where a job waits only for their place. */
export function endForPlaces(given: {
  readonly facts: Facts;
  readonly demand: Demand;
  readonly matching: Matching;
  readonly endings: Endings;
}): void {
  const { facts, demand, matching, endings } = given;
  if (facts.world.enabled !== true) return;
  const wanted = new Set<RuleFacts>();
  for (const group of demand.groups) {
    if (matching.served(group) === group.jobs.length) continue;
    for (const rule of group.class.rules) if (isOpen(rule, group.class.market)) wanted.add(rule);
  }
  for (const { rule, live } of wanted) {
    if (live.length < rule.max) continue;
    for (const instance of live) {
      const { key, finishedAt } = instance;
      if (finishedAt === null || endings.has(key) || isLeftToEc2(facts, instance)) continue;
      endings.set(key, { onlyIdle: false, reason: 'its job is done, and its place is needed' });
    }
  }
}
