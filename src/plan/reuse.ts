import type { Instant } from '../lib/clock.ts';
import type { InstanceKey, JobId } from '../model/ids.ts';
import { capabilityOf, needsOf, runOf, unmet } from '../model/labels.ts';
import type { InstanceView, JobView, World } from '../model/world.ts';
import { type Facts, factsOf, isAside, isFresh } from './facts.ts';

/**
 * Queued jobs that a machine takes next which has just finished one of the same run, with that machine:
 * no other has to start for them.
 */
export function keptFor(facts: Facts): ReadonlyMap<JobId, InstanceKey> {
  const kept = new Map<JobId, InstanceKey>();
  const isForOthers = createOtherRuns(facts);
  for (const instance of facts.instances) {
    const jobs = jobsOf(facts, instance);
    const job = jobs.find((one) => !kept.has(one.id) && !isForOthers(one));
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
  const hasStrangers = facts.repos.get(repo)?.hasStrangers === true;
  const able = capabilityOf(rule, label);
  return facts.jobs.filter((job) => {
    const isOfRun = job.repo === repo && job.run === keeps.run && runOf(job.labels) === keeps.run;
    if (!isOfRun || isAside(facts, job)) return false;
    // A stranger's job can choose its moment: only what no other run can ask for keeps others away.
    if (hasStrangers && !job.labels.every((one) => runOf([one]) === keeps.run)) return false;
    const needs = needsOf(job.labels, label);
    const markets = needs.flatMap(({ need }) => (need.kind === 'market' && need.market) || []);
    return unmet(needs, able) === undefined && markets.every((one) => one === market);
  });
}

/**
 * Whether GitHub could hand a runner with the labels of this job to a job of another run instead. That
 * may be of another trust, and would run where this run's jobs have left what they like.
 */
function createOtherRuns(facts: Facts): (job: JobView) => boolean {
  const known = new Map<string, boolean>();
  return ({ repo, run, labels }) => {
    const key = `${repo} ${run}\n${labels.join('\n')}`;
    const found = known.get(key);
    if (found !== undefined) return found;
    const having = new Set(labels.map((label) => label.toLowerCase()));
    const isForOther = facts.jobs.some(
      (other) =>
        other.repo === repo &&
        other.run !== run &&
        other.labels.length > 0 &&
        other.labels.every((label) => having.has(label.toLowerCase())),
    );
    known.set(key, isForOther);
    return isForOther;
  };
}

/**
 * What a machine that has just finished registers with for its next job: that one's labels and no
 * others, since each more is asked for by more jobs of other runs; `wait`: one may still come; null: it
 * takes no more.
 */
export function nextLabels(
  world: World,
  key: InstanceKey,
  now: Instant,
): readonly string[] | 'wait' | null {
  const facts = factsOf(world, now);
  const instance = facts.instances.find((one) => one.key === key);
  const hasRule = instance !== undefined && facts.rules.has(instance.rule);
  if (!instance?.keeps || instance.keeps.until <= now || !hasRule || !world.enabled) return null;
  const kept = keptFor(facts);
  const next = facts.jobs.find(({ id }) => kept.get(id) === key);
  return next === undefined ? 'wait' : distinct(next.labels);
}

/** The first spelling of each. */
function distinct(labels: readonly string[]): readonly string[] {
  const first = new Map<string, string>();
  for (const label of labels) {
    const lower = label.toLowerCase();
    if (!first.has(lower)) first.set(lower, label);
  }
  return [...first.values()];
}
