import { type Code, soundCode } from './code.ts';
import { type Fault, generate, type Scenario } from './scenario.ts';
import { shrink } from './shrink.ts';
import { type Result, type StoreKind, simulate } from './simulate.ts';

export interface Failure {
  readonly seed: number;
  readonly rule: string;
  readonly text: string;
}

/** What came of one seed; `marks`: what it reached. */
export interface Played {
  readonly seed: number;
  readonly failure: Failure | null;
  readonly marks: readonly string[];
  readonly worstSurplus: number;
  /** Played on the other store as well. */
  readonly isTwice: boolean;
}

/** Every so many seeds are played on SQLite as well, and must give the very same trace. */
const SQLITE_EVERY = 10;

/** Plays one seed; on the memory store, every tenth on SQLite as well. */
export async function playSeed(
  seed: number,
  {
    store = 'memory',
    code = soundCode,
    blindTo = [],
  }: { store?: StoreKind; code?: Code; blindTo?: readonly string[] } = {},
): Promise<Played> {
  const scenario = generate(seed);
  const first = await simulate(scenario, { store, code, blindTo });
  const isTwice = store === 'memory' && code === soundCode && seed % SQLITE_EVERY === 0;
  const second = isTwice ? await simulate(scenario, { store: 'sqlite', code }) : first;
  return {
    seed,
    failure: failureOf(seed, first) ?? differenceOf(seed, first, second),
    marks: [...first.marks.keys()],
    worstSurplus: first.worstSurplus,
    isTwice,
  };
}

const failureOf = (seed: number, { rule, text }: Result): Failure | null =>
  rule === null ? null : { seed, rule, text };

function differenceOf(seed: number, a: Result, b: Result): Failure | null {
  if (a.hash === b.hash) return null;
  const line = a.trace.findIndex((text, i) => text !== b.trace[i]);
  const text = `in memory: ${a.trace[line]}; in SQLite: ${b.trace[line]}`;
  return { seed, rule: 'equal-stores', text };
}

/** A job that no rule serves is lost whatever the app does, and so shows nothing. */
const isServed = ({ repos, jobs, faults }: Scenario): boolean =>
  [...jobs, ...faults.flatMap((fault) => (BRINGS_JOBS.has(fault.kind) ? fault : []))].every(
    (of) => {
      const rules = 'repo' in of ? repos[of.repo]?.rules : undefined;
      const type = 'type' in of ? of.type : '';
      return rules?.some((rule) => type === '' || rule.type === type) === true;
    },
  );
const BRINGS_JOBS: ReadonlySet<Fault['kind']> = new Set(['race', 'matrix', 'withheld', 'at-once']);

/** The smallest scenario that breaks the same promise. */
export function shrinkTo(
  rule: string,
  scenario: Scenario,
  options: { code?: Code; blindTo?: readonly string[] } = {},
) {
  return shrink(
    scenario,
    async (smaller) => isServed(smaller) && (await simulate(smaller, options)).rule === rule,
  );
}
