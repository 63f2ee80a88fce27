import type { Fault, JobPlan, RulePlan, Scenario } from './scenario.ts';
import { type Result, simulate } from './simulate.ts';

// Scenarios with a name: each plays one thing that goes wrong, alone, as a user would tell of it. What
// they come to is read from the trace, in seconds since the start.

export const RULE: RulePlan = {
  type: 'm5.large',
  region: 'eu-west-1',
  max: 4,
  spotPolicy: 'spot',
};

export const rules = (change: Partial<RulePlan> = {}): Scenario['repos'] => [
  { rules: [{ ...RULE, ...change }] },
];

/** So many jobs at the same time; the app has looked at its regions by then. */
export const jobs = (count: number, change: Partial<JobPlan> = {}): readonly JobPlan[] =>
  Array.from({ length: count }, () => ({
    at: 60_000,
    repo: 0,
    type: '',
    durationMs: 10_000,
    ...change,
  }));

export const scenario = (of: Partial<Scenario>): Scenario => ({
  seed: 1,
  replicas: 1,
  isCalm: true,
  tickMs: 10_000,
  resyncMs: 20_000,
  registerTimeoutMs: 120_000,
  lateMs: 0,
  readLagMs: 0,
  repos: rules(),
  jobs: [],
  faults: [],
  calmAt: 400_000,
  ...of,
});

export const loseAnswer = (call: string, nth: number): Fault => {
  return { kind: 'call', process: 'app0', call, nth, how: 'lost-answer', ms: 0 };
};

export interface Launched {
  readonly at: number;
  readonly machine: string;
  readonly zone: string;
  readonly market: string;
  readonly launch: string;
}

export interface Story {
  readonly result: Result;
  readonly launched: readonly Launched[];
  readonly ended: readonly {
    readonly at: number;
    readonly machine: string;
    readonly why: string;
  }[];
  readonly queuedAt: readonly number[];
  readonly startedAt: readonly number[];
  readonly completed: readonly {
    readonly at: number;
    readonly conclusion: string;
    /** '' for a job that never ran. */
    readonly runner: string;
  }[];
  /** What the app told of why jobs wait. */
  readonly waits: readonly { readonly at: number; readonly code: string; readonly text: string }[];
  readonly refused: readonly {
    readonly at: number;
    readonly code: string;
    readonly zone: string;
  }[];
}

/** Plays it, and reads what came of it. */
export async function play(of: Partial<Scenario>): Promise<Story> {
  const result = await simulate(scenario(of), { isVerbose: true });
  const read = <T>(pattern: RegExp, make: (at: number, ...parts: readonly string[]) => T) =>
    result.trace.flatMap((line) => {
      const [, at, ...parts] = pattern.exec(line) ?? [];
      return at === undefined ? [] : [make(Number(at), ...parts)];
    });
  const isA = '^([\\d.]+)';
  const told = (message: string) => new RegExp(`${isA} app\\d: ${message} (.*)$`);
  return {
    result,
    launched: read(
      /^([\d.]+) ec2: (\S+) launched, \S+ (\S+) (\S+) for (\S+)$/,
      (at, machine = '', zone = '', market = '', launch = '') => {
        return { at, machine, zone, market, launch };
      },
    ),
    ended: read(/^([\d.]+) ec2: (\S+) ends, (\S+)$/, (at, machine = '', why = '') => {
      return { at, machine, why };
    }),
    queuedAt: read(/^([\d.]+) github: job \d+ queued/, (at) => at),
    startedAt: read(/^([\d.]+) github: job \d+ in_progress/, (at) => at),
    completed: read(
      /^([\d.]+) github: job \d+ completed (\w+)(?: on (\S+))?/,
      (at, conclusion = '', runner = '') => ({ at, conclusion, runner }),
    ),
    waits: read(told('jobs wait'), (at, facts = '') => ({ at, ...JSON.parse(facts) })),
    refused: read(told('launch failed'), (at, facts = '') => ({ at, ...JSON.parse(facts) })),
  };
}
