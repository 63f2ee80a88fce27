import type { Offer } from '../src/model/launch.ts';
import type { InstanceView, JobView, RuleView, World } from '../src/model/world.ts';
import { plan } from '../src/plan/plan.ts';
import { median, rounded } from './lib/figures.ts';

// How long a plan takes, measured against writing and reading the same world as JSON: a ratio of two
// kinds of work of one process says the same on a slow machine. And how it grows with the world.

const ROUNDS = 5;
/** Rounds before those that count: a server has compiled its plan long ago. */
const WARM_UP = 10;
const REPOS = 4;
const RULES = 200;
const ZONES = 3;
const LABEL_SETS = 500;
const FEATURES = 40;
const SMALL = { jobs: 10_000, instances: 2_000 };
const TIMES = 10;
const NOW = 1_795_528_800_000;
/** Ids as large as GitHub's are. */
const FIRST_REPO = 1_000_000_000;
const FIRST_JOB = 58_000_000_000;
const FIRST_RUN = 20_000_000_000;

interface Size {
  readonly jobs: number;
  readonly instances: number;
  /** Each job has a `run=` label of its own. */
  readonly hasRunLabels?: boolean;
}

type Dice = (below: number) => number;

/** Mulberry32: small, seeded, and good enough to shuffle a world. */
function createDice(seed: number): Dice {
  let state = seed;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below;
  };
}

const range = (n: number): readonly number[] => Array.from({ length: n }, (_, i) => i);
const pick = <T>(items: readonly T[], dice: Dice, fallback: T): T =>
  items[dice(items.length)] ?? fallback;

/** Rules have some of the features, jobs ask for fewer: their label sets overlap in all ways. */
function features(n: number, dice: Dice): readonly string[] {
  return [...new Set(range(n).map(() => `feature-${dice(FEATURES)}`))];
}

function aRule(i: number, max: number, dice: Dice): RuleView {
  const type = `m${i}.large`;
  return {
    id: `${type}/eu-west-1`,
    type,
    region: 'eu-west-1',
    max,
    maxPriceUsd: 1,
    labels: features(12, dice),
    arch: 'x64',
    machine: { vcpus: 2, memoryMib: 8192, gpus: null },
    markets: ['spot'],
    diskGb: 30,
    image: 'ubuntu-24.04',
    history: [],
    blocked: null,
  };
}

function offersOf({ id, type, region }: RuleView, dice: Dice): readonly Offer[] {
  return range(ZONES).map((i) => ({
    rule: id,
    region,
    zone: `${region}${'abc'[i]}`,
    subnet: `subnet-${i}`,
    type,
    market: 'spot',
    arch: 'x64',
    priceUsd: (1 + dice(100)) / 100,
    exhaustedUntil: dice(4) === 0 ? NOW + 60_000 : 0,
    exhaustedWhy: '',
    exhaustedSince: 0,
    isFallback: false,
    seen: { reclaims: 0, hours: 0 },
  }));
}

const STATES: readonly InstanceView['state'][] = [
  ...(['busy', 'busy', 'busy', 'busy', 'online', 'online'] as const),
  ...(['pending', 'pending', 'requested', 'ending'] as const),
];

function anInstance(i: number, rule: RuleView, job: JobView | undefined, dice: Dice): InstanceView {
  const state = pick(STATES, dice, 'busy');
  const isRegistered = state === 'busy' || state === 'online';
  const at = NOW - dice(50_000);
  const base = ['self-hosted', 'linux', 'x64', 'dstack', rule.type, ...rule.labels];
  return {
    key: `launch-${i}.0`,
    launch: `launch-${i}`,
    repo: job?.repo ?? FIRST_REPO,
    rule: rule.id,
    zone: 'eu-west-1a',
    market: 'spot',
    state,
    isKnown: state !== 'requested',
    createdAt: at,
    launchedAt: at,
    registeredAt: isRegistered ? at : null,
    onlineAt: isRegistered ? at : null,
    startedAt: state === 'busy' ? at : null,
    finishedAt: null,
    noticeAt: null,
    endAskedAt: state === 'ending' ? at : null,
    labels: isRegistered ? [...new Set([...base, ...(job?.labels ?? [])])] : [],
    reason: '',
  };
}

function aWorld({ jobs: jobCount, instances: instanceCount, hasRunLabels = false }: Size): World {
  const dice = createDice(7);
  const max = Math.ceil((2 * instanceCount) / RULES);
  const rules = range(RULES).map((i) => aRule(i, max, dice));
  const [anyRule] = rules;
  if (anyRule === undefined) throw new Error('a world without rules');
  const sets = range(LABEL_SETS).map((i) => {
    const type = dice(4) === 0 ? [`m${dice(RULES)}.large`] : features(1 + dice(4), dice);
    return { repo: FIRST_REPO + (i % REPOS), labels: ['self-hosted', 'dstack', ...type] };
  });
  const jobs = range(jobCount).map((i): JobView => {
    const { repo, labels } = pick(sets, dice, { repo: FIRST_REPO, labels: [] });
    const run = FIRST_RUN + i;
    const its = hasRunLabels ? [...labels, `run=${run}`] : labels;
    const queuedAt = NOW - 60_000 + Math.floor((50_000 * i) / jobCount);
    return { id: FIRST_JOB + i, repo, run, labels: its, queuedAt };
  });
  const instances = range(instanceCount).map((i) =>
    anInstance(i, pick(rules, dice, anyRule), jobs[i], dice),
  );
  return {
    scope: 'owner-1',
    limits: {
      resyncMs: 60_000,
      registerTimeoutMs: 300_000,
      maxDurationMs: 21_600_000,
      registrationsPerMinute: instanceCount,
      mostReruns: 2,
    },
    label: 'dstack',
    repos: range(REPOS).map((id) => ({ id: FIRST_REPO + id, isFresh: true, isRemoved: false })),
    enabled: true,
    rulesReason: null,
    cancelAfterMs: null,
    rules,
    offers: rules.flatMap((rule) => offersOf(rule, dice)),
    jobs,
    instances,
    launches: [],
    lost: [],
  };
}

function timeMs(work: () => unknown): number {
  const start = performance.now();
  work();
  return performance.now() - start;
}

/** Median times. The works take turns, so that a slow moment of the machine meets all of them. */
function medians(works: readonly (() => unknown)[], warmUp: number): readonly number[] {
  const times = works.map((): number[] => []);
  for (let round = 0; round < warmUp + ROUNDS; round++) {
    for (const [i, work] of works.entries()) {
      const ms = timeMs(work);
      if (round >= warmUp) times[i]?.push(ms);
    }
  }
  return times.map(median);
}

const json = (world: World) => () => JSON.parse(JSON.stringify(world));

export async function bench() {
  const small = aWorld(SMALL);
  const runs = aWorld({ ...SMALL, hasRunLabels: true });
  const [jsonMs = 0, planMs = 0, jsonRunsMs = 0, planRunsMs = 0] = medians(
    [json(small), () => plan(small, NOW), json(runs), () => plan(runs, NOW)],
    WARM_UP,
  );
  const large = aWorld({ jobs: SMALL.jobs * TIMES, instances: SMALL.instances * TIMES });
  const [smallMs = 0, largeMs = 0] = medians([() => plan(small, NOW), () => plan(large, NOW)], 1);
  const figures = {
    ratioToJson: rounded(planMs / jsonMs),
    growth: rounded(largeMs / smallMs),
    ratioToJsonRunLabels: rounded(planRunsMs / jsonRunsMs),
    planMs: rounded(planMs),
    jsonMs: rounded(jsonMs),
    planRunLabelsMs: rounded(planRunsMs),
    planTenfoldMs: rounded(largeMs),
    maxJobBytes: Math.max(...runs.jobs.map((job) => JSON.stringify(job).length)),
  };
  const targets = { ratioToJson: 3, growth: 13, ratioToJsonRunLabels: 3 };
  const holds =
    figures.ratioToJson <= targets.ratioToJson &&
    figures.growth <= targets.growth &&
    figures.ratioToJsonRunLabels <= targets.ratioToJsonRunLabels;
  return { bench: 'plan' as const, holds, figures, targets };
}
