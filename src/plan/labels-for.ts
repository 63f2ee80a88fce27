import type { Instant } from '../lib/clock.ts';
import type { InstanceKey } from '../model/ids.ts';
import { baseLabels } from '../model/labels.ts';
import type { JobView, World } from '../model/world.ts';
import { bothSides, type JobGroup } from './demand.ts';
import { factsOf, isAside } from './facts.ts';
import { fits, matchJobs } from './matching.ts';
import { cutJobs } from './reruns.ts';
import { type Home, homeOf, isOfHome } from './runners.ts';

/** GitHub's limits for one runner. */
const MAX_LABELS = 100;
const MAX_LABEL_LENGTH = 256;

/**
 * What a machine registers: the labels that all machines of its rule have and, as the jobs spell
 * them, those of the neediest jobs it can serve. Empty when its rule is gone or not known yet.
 */
export function labelsFor(world: World, key: InstanceKey, now: Instant): readonly string[] {
  const facts = factsOf(world, now);
  const instance = world.instances.find((other) => other.key === key);
  const rule = instance && facts.rules.get(instance.rule)?.rule;
  if (instance === undefined || rule === undefined || rule.arch === null) return [];
  const { type, arch, labels } = rule;
  const chosen = createChoice(baseLabels({ ours: world.label, type, arch, labels }));

  const home = homeOf(instance);
  const mayTake = ({ repo }: JobView): boolean => isOfHome(repo, home);
  const others = facts.instances.filter((other) => meets(homeOf(other), home) && other.key !== key);
  const all = [...facts.jobs, ...cutJobs(facts)];
  const jobs = all.filter((job) => mayTake(job) && !isAside(facts, job));
  const { demand, runners } = bothSides({ ...facts, instances: others }, jobs, new Map());
  const matching = matchJobs(demand, runners);

  const runsOf = (job: JobView): readonly string[] =>
    facts.readLabels(job.labels).free.flatMap(({ runs }) => runs);

  const left = new Map(demand.groups.map((group) => [group, matching.served(group)]));
  const isServed = (group: JobGroup): boolean => {
    const served = left.get(group) ?? 0;
    left.set(group, served - 1);
    return served > 0;
  };
  const fitting = jobs.filter((job) => {
    const its = demand.groupOf(job)?.class;
    const isOfRule = its?.rules.some((one) => one.rule.id === rule.id) ?? false;
    return isOfRule && fits(its?.market ?? null, instance.market);
  });
  const own = fitting.filter((job) => {
    const group = demand.groupOf(job);
    return group !== undefined && !isServed(group);
  });
  // With the labels of jobs that others come for, a large machine would be given a small one's, and
  // its own would wait for another. Who is for none takes whatever it can.
  for (const job of own.length > 0 ? own : fitting) chosen.add(job.labels, runsOf(job));
  return chosen.labels();
}

/** Some job could go to either. */
const meets = (a: Home, b: Home): boolean => a === b || a === 'all' || b === 'all';

/** Collects labels, all of a job's or none, for one run at most. */
function createChoice(base: readonly string[]): {
  add(labels: readonly string[], runs: readonly string[]): void;
  labels(): readonly string[];
} {
  const chosen = new Map<string, string>();
  const seen = new Set<string>();
  let run: string | undefined;
  const take = (labels: readonly string[]): void => {
    const added = new Map(labels.map((label) => [label.toLowerCase(), label]));
    const isTooLong = labels.some((label) => label.length > MAX_LABEL_LENGTH);
    const fresh = [...added].filter(([lower]) => !chosen.has(lower));
    if (isTooLong || chosen.size + fresh.length > MAX_LABELS) return;
    for (const [lower, label] of fresh) chosen.set(lower, label);
  };
  for (const label of base) take([label]);
  return {
    add(labels, runs) {
      const key = labels.join('\n');
      if (seen.has(key) || runs.some((other) => other !== (run ?? runs[0]))) return;
      seen.add(key);
      const before = chosen.size;
      take(labels);
      if (chosen.size > before) run ??= runs[0];
    },
    labels: () => [...chosen.values()],
  };
}
