import type { InstanceKey, JobId, RepoId } from '../model/ids.ts';
import type { Market } from '../model/launch.ts';
import type { JobView } from '../model/world.ts';
import { type Facts, groupBy, ownOf, type RuleFacts } from './facts.ts';
import { type Asked, askedOf, freeLabels, type LabelSet, type PlainSet } from './label-sets.ts';
import { groupRunners, type RunnerIndex, type Runners } from './runners.ts';

/** Jobs of one repository that ask the same of a machine. */
export interface JobClass {
  readonly repo: RepoId;
  /** One of the lists that ask for this, to be quoted. */
  readonly labels: readonly string[];
  /** What their machines must be; null: either. */
  readonly market: Market | null;
  /** They run again after EC2 took their machine. */
  readonly isAgain: boolean;
  /** The rules that serve them. */
  readonly rules: readonly RuleFacts[];
  /** Those that would, and that the repository's own file leaves out. */
  readonly leftOut: readonly RuleFacts[];
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
  const groups: JobGroup[] = [];
  const byJob = new Map<JobId, JobGroup>();

  function newGroup(job: JobView, set: LabelSet, takers: readonly Taker[]): JobGroup {
    const asked = askedOf(set);
    const isAgain = job.isAgain === true;
    const key = `${job.repo} ${isAgain}\n${asked.key}`;
    let jobClass = classes.get(key);
    if (jobClass === undefined) {
      const served = servedBy(facts, asked, job.repo);
      jobClass = { repo: job.repo, labels: job.labels, isAgain, ...served };
      classes.set(key, jobClass);
    }
    const group = { class: jobClass, jobs: [] };
    for (const taker of takers) taker.groups.push(group);
    groups.push(group);
    return group;
  }

  for (const [repo, its] of groupBy(jobs, (job) => job.repo)) {
    const index = runners.indexOf(repo);
    const once = new Map<PlainSet | Asked | string, JobGroup>();
    const again: typeof once = new Map();
    for (const job of its) {
      const set = facts.readLabels(job.labels);
      const known = job.isAgain === true ? again : once;
      const key = set.free.length === 0 ? set.plain : keyWithFree(set, index);
      let group = known.get(key);
      if (group === undefined) {
        group = newGroup(job, set, takersOf(set, index));
        known.set(key, group);
      }
      group.jobs.push(job);
      byJob.set(job.id, group);
    }
  }
  return { classes: [...classes.values()], groups, groupOf: (job) => byJob.get(job.id) };
}

type Taker = { readonly groups: JobGroup[] };

function takersOf(set: LabelSet, index: RunnerIndex | undefined): readonly Taker[] {
  if (index === undefined) return [];
  if (set.free.length === 0) return index.plain.find(set.plain.labels);
  return index.all.find([...freeLabels(set), ...set.plain.labels]);
}

/**
 * Jobs with free labels that no runner has differ only in what they ask of a machine: ten thousand
 * runs with a `run=` of their own are then one group.
 */
function keyWithFree(set: LabelSet, index: RunnerIndex | undefined): Asked | string {
  if (index !== undefined && set.free.every(({ lower }) => index.all.has(lower))) {
    return `${set.plain.key}\n\n${freeLabels(set).join('\n')}`;
  }
  // Mostly the list's own object, which needs no string to be looked up.
  const asked = askedOf(set);
  return asked === set.plain.asked ? asked : asked.key;
}

function servedBy(
  facts: Facts,
  asked: Asked,
  repo: RepoId,
): Pick<JobClass, 'market' | 'rules' | 'leftOut'> {
  const parts = asked.parts.map(facts.readPart);
  const markets = new Set(
    parts.flatMap(({ need }) => (need.kind === 'market' && need.market) || []),
  );
  const [market = null] = markets;
  // A rule may allow both markets, and yet no machine is of both.
  if (markets.size > 1) return { market, rules: [], leftOut: [] };
  // The part that the fewest rules have leaves little to ask of the others.
  const [fewest, ...others] = parts.map(({ rules }) => rules).sort((a, b) => a.size - b.size);
  const own = ownOf(facts, repo);
  const ids = fewest === undefined ? [...facts.rules.keys()] : [...fewest];
  const able = ids
    .filter((id) => others.every((having) => having.has(id)))
    .flatMap((id) => facts.rules.get(id) ?? []);
  const isLeft = ({ rule }: RuleFacts) => own === undefined || own.maxima[rule.id] !== undefined;
  return {
    market,
    rules: able.filter(isLeft),
    leftOut: own === undefined ? [] : able.filter((its) => !isLeft(its)),
  };
}
