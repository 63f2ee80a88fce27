// plan: the decisions. Pure and synchronous: a world and a time in, actions and reasons out. Called
// by reconcile (plan) and by the gateway (labelsFor).
//
// It counts and never pairs: GitHub gives a job to any runner that has its labels. It promises: never
// more live machines than a rule's maximum, as many jobs served as can be, no cheaper way to serve
// that many (unless jobs ask for a market: see launches.ts), no machine ended that may be busy except
// by a rule, a limit or a person, and exactly one reason for each queued job. Read in order: ends,
// runners, demand, idle, matching, launches, reruns.

import type { Instant } from '../lib/clock.ts';
import type { Plan, World } from '../model/world.ts';
import { bothSides } from './demand.ts';
import { endActions, endsByThemselves } from './ends.ts';
import { cancelExhausted } from './exhausted.ts';
import { factsOf, isAside, isFresh } from './facts.ts';
import { heldUp } from './held-up.ts';
import { endIdle } from './idle.ts';
import { launchActions, takePlaces } from './launches.ts';
import { matchJobs } from './matching.ts';
import { endForPlaces } from './places.ts';
import { cutJobs, rerunActions } from './reruns.ts';
import { keptFor } from './reuse.ts';
import { unknownActions } from './unknown.ts';
import { waitsOf } from './waits.ts';

export { labelsFor } from './labels-for.ts';
export { nextLabels } from './reuse.ts';

export function plan(world: World, now: Instant): Plan {
  const facts = factsOf(world, now);
  const endings = endsByThemselves(facts);
  const kept = keptFor(facts);
  const wanted = [...facts.jobs, ...cutJobs(facts)].filter(
    (job) => isFresh(facts, job.repo) && !isAside(facts, job) && !kept.has(job.id),
  );
  const before = bothSides(facts, wanted, endings);
  const ended = endings.size;
  const doubted = endIdle(facts, before.runners, endings);
  // Those that are now to end, and the jobs they waited for in vain, do not count.
  const still = wanted.filter(({ id }) => !doubted.has(id));
  const { runners, demand } = endings.size === ended ? before : bothSides(facts, still, endings);
  const matching = matchJobs(demand, runners);
  takePlaces(facts, runners, matching);
  const places = matching.places();
  endForPlaces({ facts, demand, matching, endings, kept });
  const late = heldUp(facts, runners, matching);
  const waits = waitsOf({ facts, demand, matching, places, doubted, kept, heldUp: late });
  const cancelled = cancelExhausted({ facts, demand, waits });
  return {
    actions: [
      ...unknownActions(facts, runners, matching),
      ...endActions(facts, endings),
      ...launchActions(facts, places),
      ...cancelled.actions,
      ...rerunActions(facts),
    ],
    waits: cancelled.waits,
    doubted: [...doubted],
  };
}
