import type { Fault, Scenario } from './scenario.ts';

/** Does this one still break the same promise? */
export type Fails = (scenario: Scenario) => Promise<boolean>;

export interface ShrinkLimits {
  readonly mostRuns: number;
}

/** Other seeds may show the same with less around it. */
const OTHER_SEEDS = 20;

/**
 * Makes a failing scenario small by leaving out and by making simpler whatever can be, over and over
 * until nothing more can, or enough was tried.
 */
export async function shrink(
  failing: Scenario,
  fails: Fails,
  { mostRuns }: ShrinkLimits = { mostRuns: 600 },
): Promise<Scenario> {
  let best = failing;
  let runs = 0;
  const attempt = async (next: Scenario): Promise<boolean> => {
    if (runs >= mostRuns) return false;
    runs += 1;
    if (!(await fails(next))) return false;
    best = next;
    return true;
  };
  for (let size = Number.POSITIVE_INFINITY; sizeOf(best) < size && runs < mostRuns; ) {
    size = sizeOf(best);
    await dropParts(best.faults, (faults) => attempt({ ...best, faults }));
    await dropParts(best.jobs, (jobs) => attempt({ ...best, jobs }));
    for (const simpler of SIMPLER) await attempt({ ...best, ...simpler(best) });
    await dropRules(() => best, attempt);
    await lessenFaults(() => best, attempt);
    await lessenJobs(() => best, attempt);
  }
  const { seed } = best;
  const before = sizeOf(best);
  for (let other = 1; other <= OTHER_SEEDS && other !== seed; other += 1) {
    if (best.faults.length + best.jobs.length <= 2) break;
    if (await attempt({ ...best, seed: other })) break;
  }
  if (sizeOf(best) < before) return shrink(best, fails, { mostRuns: mostRuns - runs });
  return best;
}

/** What there is to read, about. */
const sizeOf = (scenario: Scenario): number => JSON.stringify(scenario).length;

/** Halves, quarters, and so on down to single ones. */
async function dropParts<T>(
  list: readonly T[],
  attempt: (kept: readonly T[]) => Promise<boolean>,
): Promise<void> {
  let kept = list;
  for (let part = Math.ceil(kept.length / 2); part >= 1; part = Math.floor(part / 2)) {
    for (let from = 0; from < kept.length; ) {
      const less = [...kept.slice(0, from), ...kept.slice(from + part)];
      if (await attempt(less)) kept = less;
      else from += part;
    }
  }
}

const SIMPLER: readonly ((scenario: Scenario) => Partial<Scenario>)[] = [
  () => ({ isCalm: true }),
  () => ({ replicas: 1 }),
  () => ({ lateMs: 0 }),
  () => ({ readLagMs: 0 }),
  ({ jobs }) => ({ jobs: jobs.map((job) => ({ ...job, type: '' })) }),
  ({ repos }) => ({ repos: repos.map(({ rules }) => ({ rules })) }),
];

async function dropRules(
  best: () => Scenario,
  attempt: (next: Scenario) => Promise<boolean>,
): Promise<void> {
  for (let repo = 0; repo < best().repos.length; repo += 1) {
    const withRules = (rules: Scenario['repos'][number]['rules']) => ({
      ...best(),
      // An owner's are the same for each.
      repos: best().repos.map((one, i) =>
        i === repo || best().isOwners ? { ...one, rules } : one,
      ),
    });
    const rulesNow = () => best().repos[repo]?.rules ?? [];
    if (rulesNow().length > 1) await attempt(withRules(rulesNow().slice(0, 1)));
    // A job that no rule serves waits for ever, and that breaks no promise.
    const isAsked = best().jobs.some((job) => job.repo === repo);
    if (rulesNow().length > 0 && !isAsked) await attempt(withRules([]));
    for (const max of [1, 2]) {
      if (rulesNow().every((rule) => rule.max <= max)) break;
      if (await attempt(withRules(rulesNow().map((rule) => ({ ...rule, max }))))) break;
    }
  }
}

/** Numbers that only say when or how often: a smaller one is nearer to the start of the trace. */
const NUMBERS = ['gate', 'nth', 'at', 'ms', 'downMs'] as const;

async function lessenFaults(
  best: () => Scenario,
  attempt: (next: Scenario) => Promise<boolean>,
): Promise<void> {
  for (let index = 0; index < best().faults.length; index += 1) {
    for (const name of NUMBERS) {
      const numberOf = (fault: Fault | undefined): number | undefined => {
        const value = Object.entries(fault ?? {}).find(([key]) => key === name)?.[1];
        return typeof value === 'number' ? value : undefined;
      };
      const put = (value: number) => ({
        ...best(),
        faults: best().faults.map((one, i) => (i === index ? { ...one, [name]: value } : one)),
      });
      for (const part of [0, 0.25, 0.5, 0.8]) {
        const value = numberOf(best().faults[index]);
        if (value === undefined) break;
        const less = Math.max(name === 'gate' || name === 'nth' ? 1 : 0, Math.floor(value * part));
        if (less < value && (await attempt(put(less)))) break;
      }
    }
  }
}

async function lessenJobs(
  best: () => Scenario,
  attempt: (next: Scenario) => Promise<boolean>,
): Promise<void> {
  for (let index = 0; index < best().jobs.length; index += 1) {
    for (const change of [{ at: 0 }, { durationMs: 5_000 }] as const) {
      const jobs = best().jobs.map((job, i) => (i === index ? { ...job, ...change } : job));
      if (JSON.stringify(jobs) !== JSON.stringify(best().jobs)) await attempt({ ...best(), jobs });
    }
  }
}
