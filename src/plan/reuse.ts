import type { Instant } from '../lib/clock.ts';
import type { InstanceKey, JobId } from '../model/ids.ts';
import { baseLabels, capabilityOf, needsOf, runOf, unmet } from '../model/labels.ts';
import type { InstanceView, JobView, World } from '../model/world.ts';
import { type Facts, factsOf, isAside, isFresh } from './facts.ts';

/**
 * Queued jobs that a machine takes next which has just finished one of the same run, with that machine:
 * no other has to start for them.
 */
export function keptFor(facts: Facts): ReadonlyMap<JobId, InstanceKey> {
  const kept = new Map<JobId, InstanceKey>();
  for (const instance of facts.instances) {
    const job = jobsOf(facts, instance).find(({ id }) => !kept.has(id));
    if (job !== undefined) kept.set(job.id, instance.key);
  }
  return kept;
}

/** The oldest first: jobs of its run that it can serve. One run has one author, and so one trust. */
function jobsOf(facts: Facts, instance: InstanceView): readonly JobView[] {
  const { keeps, rule: id, repo, market } = instance;
  const rule = facts.rules.get(id)?.rule;
  if (!keeps || keeps.until <= facts.now || rule === undefined || !isFresh(facts, repo)) return [];
  const { label } = facts.world;
  const able = capabilityOf(rule, label);
  return facts.jobs.filter((job) => {
    const isOfRun = job.repo === repo && job.run === keeps.run && runOf(job.labels) === keeps.run;
    if (!isOfRun || isAside(facts, job)) return false;
    const needs = needsOf(job.labels, label);
    const markets = needs.flatMap(({ need }) => (need.kind === 'market' && need.market) || []);
    return unmet(needs, able) === undefined && markets.every((one) => one === market);
  });
}

/**
 * What a machine that has just finished registers with for its next job; `wait`: one may still come;
 * null: it takes no more.
 */
export function nextLabels(
  world: World,
  key: InstanceKey,
  now: Instant,
): readonly string[] | 'wait' | null {
  const facts = factsOf(world, now);
  const instance = facts.instances.find((one) => one.key === key);
  const rule = instance && facts.rules.get(instance.rule)?.rule;
  if (!instance?.keeps || instance.keeps.until <= now || !rule?.arch || !world.enabled) return null;
  if (![...keptFor(facts).values()].includes(key)) return 'wait';
  const { type, arch, labels } = rule;
  const base = baseLabels({ ours: world.label, type, arch, labels });
  const asked = jobsOf(facts, instance).flatMap((job) => job.labels);
  return distinct([...base, ...asked]).slice(0, MOST_LABELS);
}

/** GitHub's limit for one runner. */
const MOST_LABELS = 100;

/** The first spelling of each. */
function distinct(labels: readonly string[]): readonly string[] {
  const first = new Map<string, string>();
  for (const label of labels) {
    const lower = label.toLowerCase();
    if (!first.has(lower)) first.set(lower, label);
  }
  return [...first.values()];
}
