import type { InstanceKey, JobId, RepoId } from '../model/ids.ts';
import type { JobView } from '../model/world.ts';
import type { Facts, RuleFacts } from './facts.ts';
import type { LabelSet } from './label-sets.ts';
import { groupRunners, type Runners } from './runners.ts';

/** Jobs of one repository that ask the same of a machine. */
export interface JobClass {
  readonly repo: RepoId;
  /** One of the label lists that ask for this, to be quoted. */
  readonly set: LabelSet;
  /** The rules that serve them. */
  readonly rules: readonly RuleFacts[];
}

/** Jobs of a class that the same registered runners can take, the oldest first. */
export interface JobGroup {
  readonly class: JobClass;
  readonly jobs: JobView[];
}

export interface Demand {
  readonly classes: readonly JobClass[];
  readonly groups: readonly JobGroup[];
  readonly groupOf: (job: JobView) => JobGroup | undefined;
}

/** Who wants and who serves: the groups of each side know what they can have of the other. */
export interface BothSides {
  readonly demand: Demand;
  readonly runners: Runners;
}

export function bothSides(
  facts: Facts,
  jobs: readonly JobView[],
  leaving: ReadonlyMap<InstanceKey, unknown>,
): BothSides {
  const runners = groupRunners(facts, leaving);
  return { runners, demand: groupJobs(facts, runners, jobs) };
}

/** Groups jobs, and writes each group down with the runners that can take it. */
function groupJobs(facts: Facts, runners: Runners, jobs: readonly JobView[]): Demand {
  const classes = new Map<string, JobClass>();
  const groups = new Map<string, JobGroup>();
  const bySet = new Map<RepoId, Map<LabelSet, JobGroup>>();
  const groupFor = (repo: RepoId, set: LabelSet): JobGroup => {
    const classKey = `${repo}\n${set.partsKey}`;
    let jobClass = classes.get(classKey);
    if (jobClass === undefined) {
      jobClass = { repo, set, rules: rulesFor(facts, set) };
      classes.set(classKey, jobClass);
    }
    const takers = takersOf(runners, repo, set);
    // Jobs that no registered runner can take differ only in what they ask of a machine: ten
    // thousand runs with a `run=` of their own are then one group.
    const groupKey = takers.length === 0 ? classKey : `${repo}\n\n${set.key}`;
    let group = groups.get(groupKey);
    if (group === undefined) {
      group = { class: jobClass, jobs: [] };
      groups.set(groupKey, group);
      for (const taker of takers) taker.groups.push(group);
    }
    return group;
  };
  const byJob = new Map<JobId, JobGroup>();
  for (const job of jobs) {
    const set = facts.readLabels(job.labels);
    const known = bySet.get(job.repo) ?? new Map<LabelSet, JobGroup>();
    const group = known.get(set) ?? groupFor(job.repo, set);
    if (known.size === 0) bySet.set(job.repo, known);
    known.set(set, group);
    group.jobs.push(job);
    byJob.set(job.id, group);
  }
  return {
    classes: [...classes.values()],
    groups: [...groups.values()],
    groupOf: (job) => byJob.get(job.id),
  };
}

function takersOf(
  runners: Runners,
  repo: RepoId,
  set: LabelSet,
): readonly { readonly groups: JobGroup[] }[] {
  const index = runners.indexOf(repo);
  if (index === undefined) return [];
  return set.free.length > 0 ? index.all.find(set.labels) : index.plain.find(set.plain);
}

function rulesFor(facts: Facts, set: LabelSet): readonly RuleFacts[] {
  // The part that the fewest rules have leaves little to ask of the others.
  const [fewest, ...others] = set.parts.map(facts.having).sort((a, b) => a.size - b.size);
  const ids = fewest === undefined ? [...facts.rules.keys()] : [...fewest];
  return ids
    .filter((id) => others.every((having) => having.has(id)))
    .flatMap((id) => facts.rules.get(id) ?? []);
}
