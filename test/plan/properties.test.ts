import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import type { InstanceView, Plan, RuleView, World } from '../../src/model/world.ts';
import { labelsFor, plan } from '../../src/plan/plan.ts';
import { aJob, anOffer, aRule, aWorld, MINUTE, NOW } from '../builders.ts';
import { anyWorld, quietWorld } from './worlds.ts';

/** Checks a promise on many worlds; fast-check prints the smallest one that breaks it. */
const holds = (worlds: fc.Arbitrary<World>, promise: (world: World, plan: Plan) => void): void =>
  fc.assert(
    fc.property(worlds, (world) => promise(world, plan(world, NOW))),
    { numRuns: 500 },
  );

const launched = ({ actions }: Plan, rule: string): number =>
  actions.reduce(
    (sum, action) =>
      action.kind === 'launch' && action.offer.rule === rule ? sum + action.count : sum,
    0,
  );

const ended = ({
  actions,
}: Plan): readonly { readonly key: string; readonly onlyIdle: boolean }[] =>
  actions.flatMap((action) =>
    action.kind === 'end'
      ? action.instances.map((key) => ({ key, onlyIdle: action.onlyIdle }))
      : [],
  );

const liveOf = ({ instances }: World, rule: string): number =>
  instances.filter((instance) => instance.rule === rule).length;

test('never launches above a maximum, whatever the world', () => {
  holds(anyWorld, (world, its) => {
    for (const action of its.actions) {
      if (action.kind !== 'launch') continue;
      const rule = world.rules.find(({ id }) => id === action.offer.rule);
      expect(
        liveOf(world, action.offer.rule) + launched(its, action.offer.rule),
      ).toBeLessThanOrEqual(rule?.max ?? 0);
    }
  });
});

test('names only instances and launches that are there, and each once', () => {
  holds(anyWorld, (world, its) => {
    const keys = ended(its).map(({ key }) => key);
    expect(new Set(keys).size).toBe(keys.length);
    const known = world.instances.filter(({ isKnown }) => isKnown).map(({ key }) => key);
    expect(known).toEqual(expect.arrayContaining(keys));
    const named = its.actions.flatMap((action) =>
      action.kind === 'retry' || action.kind === 'settle' ? [action.launch] : [],
    );
    expect(new Set(named).size).toBe(named.length);
    expect(world.launches.map(({ id }) => id)).toEqual(expect.arrayContaining(named));
  });
});

test('gives each queued job one reason, and each reason at most 140 characters', () => {
  holds(anyWorld, (world, its) => {
    const ids = (list: readonly number[]): readonly number[] => list.toSorted((a, b) => a - b);
    expect(ids(its.waits.map(({ job }) => job))).toEqual(ids(world.jobs.map(({ id }) => id)));
    const texts = [
      ...its.waits.map(({ reason }) => reason.text),
      ...its.actions.map((a) => a.reason),
    ];
    for (const text of texts) expect(text.length).toBeLessThanOrEqual(140);
  });
});

test('ends a busy machine only for a rule, a limit or a person', () => {
  const mayEnd = (world: World, { repo, rule, launchedAt }: InstanceView): boolean => {
    const max = world.rules.find(({ id }) => id === rule)?.max ?? 0;
    const isRemoved = world.repos.find(({ id }) => id === repo)?.isRemoved === true;
    const isOver = world.enabled === true && liveOf(world, rule) > max;
    const isOld = (launchedAt ?? NOW) + world.limits.maxDurationMs <= NOW;
    return isRemoved || isOver || isOld || world.enabled === false;
  };
  holds(anyWorld, (world, its) => {
    const busy = world.instances.filter((one) => one.state === 'busy' && one.finishedAt === null);
    for (const { key, onlyIdle } of ended(its)) {
      const instance = busy.find((one) => one.key === key);
      if (instance === undefined) continue;
      expect(mayEnd(world, instance)).toBe(true);
      expect(onlyIdle).toBe(false);
    }
  });
});

test('is the same for the same world, in whatever order its lists come', () => {
  const sorted = ({ actions, waits, doubted }: Plan): unknown => ({
    actions: actions.map((action) => JSON.stringify(action)).sort(),
    waits: waits.toSorted((a, b) => a.job - b.job),
    doubted: doubted.toSorted((a, b) => a - b),
  });
  const all = <T>(list: readonly T[]): fc.Arbitrary<T[]> =>
    fc.shuffledSubarray([...list], { minLength: list.length });
  const pairs = anyWorld.chain((world) =>
    fc
      .record({
        repos: all(world.repos),
        rules: all(world.rules),
        offers: all(world.offers),
        jobs: all(world.jobs),
        instances: all(world.instances),
        launches: all(world.launches),
      })
      .map((lists) => ({ world, shuffled: { ...world, ...lists } })),
  );
  fc.assert(
    fc.property(pairs, ({ world, shuffled }) => {
      expect(sorted(plan(shuffled, NOW))).toEqual(sorted(plan(world, NOW)));
      expect(plan(world, NOW)).toEqual(plan(structuredClone(world), NOW));
    }),
    { numRuns: 300 },
  );
});

test('registers labels that GitHub takes, and of one run', () => {
  holds(anyWorld, (world) => {
    for (const { key } of world.instances) {
      const labels = labelsFor(world, key, NOW);
      expect(labels.length).toBeLessThanOrEqual(100);
      expect(labels.filter((label) => label.startsWith('run=')).length).toBeLessThanOrEqual(1);
    }
  });
});

// Brute force: jobs and machines one by one, and every way to choose how many to launch by each rule.

type Serves = (labels: readonly string[], repo: number) => boolean;

function maximum(world: World, machines: readonly Serves[]): number {
  const holder = new Map<number, number>();
  const place = (job: number, tried: Set<number>): boolean =>
    machines.some((serves, i) => {
      const { labels = [], repo = 0 } = world.jobs[job] ?? {};
      if (tried.has(i) || !serves(labels, repo)) return false;
      tried.add(i);
      const other = holder.get(i);
      if (other !== undefined && !place(other, tried)) return false;
      holder.set(i, job);
      return true;
    });
  return world.jobs.filter((_, job) => place(job, new Set())).length;
}

function machineOf(world: World, { repo, rule, labels }: InstanceView): Serves {
  const its = world.rules.find(({ id }) => id === rule);
  if (labels.length > 0) {
    return (asked, of) => of === repo && asked.every((label) => labels.includes(label));
  }
  return (asked, of) => of === repo && its !== undefined && newOf(its)(asked, of);
}

const newOf =
  (rule: RuleView): Serves =>
  (asked) =>
    asked.every(
      (label) => label.startsWith('run=') || ['dstack', rule.type, ...rule.labels].includes(label),
    );

/** An unknown price is dearer than all known ones together. */
const UNKNOWN_USD = 1_000;

function priceOf(world: World, rule: RuleView): number | undefined {
  const open = world.offers.filter((one) => one.rule === rule.id && one.exhaustedUntil <= NOW);
  const prices = open.map(({ priceUsd }) => priceUsd ?? UNKNOWN_USD);
  return prices.length === 0 ? undefined : Math.min(...prices);
}

function cheapestWay(world: World): { readonly served: number; readonly costUsd: number } {
  const there = world.instances.map((instance) => machineOf(world, instance));
  let best = { served: 0, costUsd: 0 };
  const choose = (
    rules: readonly RuleView[],
    machines: readonly Serves[],
    costUsd: number,
  ): void => {
    const [rule, ...others] = rules;
    if (rule === undefined) {
      const served = maximum(world, machines);
      const isBetter = served > best.served || (served === best.served && costUsd < best.costUsd);
      if (isBetter) best = { served, costUsd };
      return;
    }
    const price = priceOf(world, rule);
    const room = price === undefined ? 0 : Math.max(0, rule.max - liveOf(world, rule.id));
    for (let n = 0; n <= room; n++) {
      const more = Array.from({ length: n }, () => newOf(rule));
      choose(others, [...machines, ...more], costUsd + n * (price ?? 0));
    }
  };
  choose(world.rules, there, 0);
  return best;
}

test('serves as many jobs as can be, at the lowest price, by brute force', () => {
  fc.assert(
    fc.property(quietWorld, (world) => {
      const its = plan(world, NOW);
      const served = its.waits.filter(({ reason }) => reason.code === 'starting').length;
      const costUsd = its.actions.reduce(
        (sum, action) =>
          action.kind === 'launch'
            ? sum + action.count * (action.offer.priceUsd ?? UNKNOWN_USD)
            : sum,
        0,
      );
      const best = cheapestWay(world);
      expect(served).toBe(best.served);
      expect(costUsd).toBeCloseTo(best.costUsd, 9);
      expect(ended(its)).toEqual([]);
    }),
    { numRuns: 150 },
  );
});

test('is quiet once nothing is queued and nothing lives', () => {
  holds(anyWorld, (world) => {
    const quiet = { ...world, jobs: [], instances: [], launches: [] };
    expect(plan(quiet, NOW + MINUTE)).toEqual({ actions: [], waits: [], doubted: [] });
  });
});

test('serves a job whose needs a rule meets, when there is room', () => {
  const cpus = [2, 4, 8, 16];
  const rules = fc.array(
    fc.record({
      vcpus: fc.constantFrom(...cpus),
      gib: fc.constantFrom(4, 8, 32),
      disk: fc.nat(90),
    }),
    { minLength: 1, maxLength: 4 },
  );
  const asked = fc.record({
    least: fc.constantFrom(...cpus),
    more: fc.nat(8),
    gib: fc.integer({ min: 1, max: 40 }),
    disk: fc.integer({ min: 1, max: 90 }),
    isJoined: fc.boolean(),
  });
  fc.assert(
    fc.property(rules, asked, (given, { least, more, gib, disk, isJoined }) => {
      const views = given.map((one, i) =>
        aRule({
          type: `m${i}.large`,
          machine: { vcpus: one.vcpus, memoryMib: one.gib * 1024, gpus: null },
          diskGb: one.disk,
        }),
      );
      const needs = [`cpu=${least}..${least + more}`, `memory=${gib}GB`, `disk=${disk}GB`];
      const labels = isJoined ? [`dstack/${needs.join('/')}`] : ['dstack', ...needs];
      const offers = views.map(({ type }) => anOffer({ type }));
      const { waits } = plan(aWorld({ rules: views, offers, jobs: [aJob({ labels })] }), NOW);
      const isMet = given.some(
        (one) =>
          one.vcpus >= least && one.vcpus <= least + more && one.gib >= gib && one.disk >= disk,
      );
      expect(waits.map(({ reason }) => reason.code)).toEqual([isMet ? 'starting' : 'no-rule']);
    }),
    { numRuns: 300 },
  );
});
