import type { InstanceKey, RepoId, RuleId } from '../model/ids.ts';
import type { Market } from '../model/launch.ts';
import type { InstanceView } from '../model/world.ts';
import type { JobGroup } from './demand.ts';
import { type Facts, groupBy } from './facts.ts';
import { createSupersetIndex, freeLabels, type SupersetIndex } from './label-sets.ts';

/** Whose jobs a machine takes: of one repository, or of all that are governed here. */
export type Home = RepoId | 'all';

export const homeOf = ({ repo, isShared }: Pick<InstanceView, 'repo' | 'isShared'>): Home =>
  isShared ? 'all' : repo;

export const isOfHome = (repo: RepoId, home: Home): boolean => home === 'all' || home === repo;

/** Machines of one home, rule and market that will register: they serve what their rule serves. */
export interface ComingGroup {
  readonly repo: Home;
  readonly rule: RuleId;
  readonly market: Market;
  readonly instances: readonly InstanceView[];
}

/** Runners of one home with equal labels: they serve the jobs whose labels are among these. */
export interface RunnerGroup {
  readonly instances: readonly InstanceView[];
  /** Jobs that carry `run=` or `retry=` and that these runners can take. */
  readonly groups: JobGroup[];
  readonly plain: PlainGroup;
}

/** Runners that differ in free labels only, so that other jobs need not meet each of them. */
export interface PlainGroup {
  readonly runners: RunnerGroup[];
  readonly groups: JobGroup[];
}

export interface Runners {
  readonly coming: readonly ComingGroup[];
  readonly registered: readonly RunnerGroup[];
  readonly plain: readonly PlainGroup[];
  readonly indexOf: (repo: RepoId) => RunnerIndex | undefined;
}

export interface RunnerIndex {
  readonly all: Lookup<RunnerGroup>;
  readonly plain: Lookup<PlainGroup>;
}

type Lookup<T> = Pick<SupersetIndex<T>, 'find' | 'has'>;

interface OwnIndex {
  readonly all: SupersetIndex<RunnerGroup>;
  readonly plain: SupersetIndex<PlainGroup>;
}

/** Could take a job now or soon; one with a spot notice takes no more. */
function isServing(facts: Facts, instance: InstanceView): boolean {
  const { state, finishedAt, noticeAt } = instance;
  if (state === 'ending' || finishedAt !== null) return false;
  return state === 'busy' ? hasTakenOne(facts, instance) : noticeAt === null;
}

/**
 * A machine speaks sooner than GitHub: one of the jobs that are queued here is already its own, and
 * needs no other machine. After R / 2 GitHub's word is taken for lost, and the sweep is near.
 */
function hasTakenOne({ world, now }: Facts, { hasUntoldJob, startedAt }: InstanceView): boolean {
  return hasUntoldJob === true && (startedAt ?? 0) + world.limits.resyncMs / 2 > now;
}

/** A row without EC2's word does not count for ever; others are ended when they are late. */
function isComing(facts: Facts, { state, registeredAt, createdAt }: InstanceView): boolean {
  if (registeredAt !== null || state === 'online') return false;
  if (state === 'pending') return true;
  return createdAt + facts.world.limits.registerTimeoutMs > facts.now;
}

function isRegistered(facts: Facts, { state, registeredAt }: InstanceView): boolean {
  if (registeredAt === null) return false;
  const isOnline = state === 'online' || state === 'busy';
  return isOnline || registeredAt + facts.world.limits.registerTimeoutMs > facts.now;
}

/** Groups the coming and the idle runners, without those that are leaving. */
export function groupRunners(facts: Facts, leaving: ReadonlyMap<InstanceKey, unknown>): Runners {
  const serving = facts.instances.filter(
    (instance) => isServing(facts, instance) && !leaving.has(instance.key),
  );
  const coming = groupBy(
    serving.filter((instance) => isComing(facts, instance)),
    (instance) => `${homeOf(instance)} ${instance.rule} ${instance.market}`,
  );
  const registered = groupBy(
    serving.filter((instance) => isRegistered(facts, instance)),
    (instance) => `${homeOf(instance)}\n${instance.labels.join('\n').toLowerCase()}`,
  );
  return {
    coming: [...coming.values()].flatMap((instances) => {
      const [first] = instances;
      if (first === undefined) return [];
      const { rule, market } = first;
      return [{ repo: homeOf(first), rule, market, instances }];
    }),
    ...indexed(facts, [...registered.values()]),
  };
}

function indexed(
  facts: Facts,
  registered: readonly (readonly InstanceView[])[],
): Omit<Runners, 'coming'> {
  const indexes = new Map<Home, OwnIndex>();
  const plains = new Map<string, PlainGroup>();
  const runners: RunnerGroup[] = [];
  for (const instances of registered) {
    const [first] = instances;
    if (first === undefined) continue;
    const set = facts.readLabels(first.labels);
    const home = homeOf(first);
    let index = indexes.get(home);
    if (index === undefined) {
      index = { all: createSupersetIndex(), plain: createSupersetIndex() };
      indexes.set(home, index);
    }
    const plainKey = `${home}\n${set.plain.key}`;
    let plain = plains.get(plainKey);
    if (plain === undefined) {
      plain = { runners: [], groups: [] };
      plains.set(plainKey, plain);
      index.plain.add(set.plain.labels, plain);
    }
    const group = { instances, groups: [], plain };
    plain.runners.push(group);
    index.all.add([...set.plain.labels, ...freeLabels(set)], group);
    runners.push(group);
  }
  const shared = indexes.get('all');
  return {
    registered: runners,
    plain: [...plains.values()],
    indexOf: (repo) => bothOf(indexes.get(repo), shared),
  };
}

/** A repository's own runners, and those that it shares with others. */
function bothOf(own: OwnIndex | undefined, shared: OwnIndex | undefined): RunnerIndex | undefined {
  if (own === undefined || shared === undefined) return own ?? shared;
  return { all: joined(own.all, shared.all), plain: joined(own.plain, shared.plain) };
}

const joined = <T>(a: Lookup<T>, b: Lookup<T>): Lookup<T> => ({
  find: (labels) => [...a.find(labels), ...b.find(labels)],
  has: (label) => a.has(label) || b.has(label),
});
