import { onDemandUsd, typeRow } from '../../src/sandbox/aws-catalogue.ts';
import { createKernel } from '../../src/sandbox/kernel.ts';
import type { Behaviour } from '../../src/sandbox/machine-daemon.ts';
import { drawFaults } from './draw-faults.ts';
import { withStrangers } from './draw-strangers.ts';

// simulation: the whole app on the sandbox's kernel, with everything that can go wrong as data. A
// scenario is JSON: it can be saved, made smaller, and played again to the byte. `generate` draws
// one; simulate.ts plays it; shrink.ts makes it small; mutants.ts asks whether it finds anything.

export interface Scenario {
  readonly seed: number;
  /** Processes of the app on one store. */
  readonly replicas: 1 | 2;
  /** Least latencies and no ties: for traces that a person reads. */
  readonly isCalm: boolean;
  readonly tickMs: number;
  readonly resyncMs: number;
  readonly registerTimeoutMs: number;
  /** EC2 shows new instances up to this late. */
  readonly lateMs: number;
  /** GitHub's reads are as old as this. */
  readonly readLagMs: number;
  /** One repository is one scope, unless `isOwners`. */
  readonly repos: readonly RepoPlan[];
  /** The rules, the same for each, are the owner's, for all together. */
  readonly isOwners?: true;
  /** What the owner's file says of repositories' own; without it they only narrow. */
  readonly ownRules?: 'allow';
  /** The second repository is another owner's, in the same AWS account. */
  readonly isApart?: true;
  readonly jobs: readonly JobPlan[];
  readonly faults: readonly Fault[];
  /** From then on nothing goes wrong, and everything has to converge. */
  readonly calmAt: number;
}

export interface RepoPlan {
  readonly rules: readonly RulePlan[];
  /** Under an owner's rules: of a file of its own. */
  readonly own?: readonly RulePlan[];
}

export interface RulePlan {
  readonly type: string;
  readonly region: string;
  readonly max: number;
  readonly spotPolicy: 'spot' | 'on-demand' | 'auto';
  /** $ an hour, above what spot costs as a rule and below what on-demand does. */
  readonly maxPriceUsd?: number;
}

export interface JobPlan {
  readonly at: number;
  readonly repo: number;
  /** Asks for this instance type; '' for any. */
  readonly type: string;
  readonly durationMs: number;
  /** By its own fault: nobody's business but its author's. */
  readonly fails?: true;
  /** EC2 takes its machine, and those that it is run again on, so many times in all. */
  readonly reclaims?: number;
  /** Its author cancels it this much later, when a machine is on its way for it. */
  readonly cancelMs?: number;
  /** It names an environment, and somebody approves it this much later. */
  readonly approveMs?: number;
  /** GitHub hands it to nobody for so long. */
  readonly withheldMs?: number;
  /** More jobs of the same run. */
  readonly mates?: readonly MatePlan[];
}

export interface MatePlan {
  readonly durationMs: number;
  /** By its own fault. */
  readonly fails: boolean;
  /** It has `retry=0`. */
  readonly isOnce?: true;
}

/** How far a machine has come. */
export type Phase = 'pending' | 'without runner' | 'idle' | 'busy' | 'after its job';
export type CallHow = 'lost-request' | 'lost-answer' | 'slow' | 'throttled' | 'missing';
export type HookHow = 'lost' | 'outage' | 'delay' | 'double';
/** Of all webhooks in a time: every second one is never made, or all are late. */
export type HooksHow = 'half' | 'none' | 'late';
/** error: EC2 answers 500 at once, and has done it or has not. */
export type Outage = 'down' | 'limit' | 'missing' | 'error';
export type RulesChange = 'budget' | 'lower' | 'raise' | 'none' | 'disabled' | 'broken' | 'missing';
export type OwnChange = 'less' | 'more' | 'other' | 'empty' | 'disabled' | 'broken' | 'missing';

export type Who = 'admin' | 'writer' | 'reader' | 'stranger';
export type Taking = 'lower' | 'zero' | 'clear' | 'disable';
export type Says = Taking | 'raise' | 'enable' | 'info';

/** What goes wrong, each an entry of its own, so that it can be left out. */
export type Fault =
  | { kind: 'call'; process: string; call: string; nth: number; how: CallHow; ms: number }
  /**
   * The call takes `ms` longer, and right then a job comes, where a runner is idle if there is one; or
   * EC2 takes back the machines whose runner is registered and has not come.
   */
  | {
      kind: 'race';
      process: string;
      call: string;
      nth: number;
      ms: number;
      repo: number;
      what?: 'reclaim';
    }
  /** The call that takes an idle runner away, or its machine, takes `ms` longer; a job comes right then. */
  | { kind: 'needed'; nth: number; ms: number }
  /** `times`: of a lost one, how often, when it is asked for again. */
  | { kind: 'hook'; nth: number; how: HookHow; ms: number; times?: number }
  | { kind: 'hooks'; at: number; ms: number; how: HooksHow; lateMs: number }
  | { kind: 'capacity'; at: number; ms: number; type: string; zones: 'one' | 'all' }
  | { kind: 'quota'; at: number; ms: number }
  /** Spot costs nearly what on-demand does. */
  | { kind: 'price'; at: number; ms: number; type: string }
  | { kind: 'late'; at: number; ms: number; lateMs: number }
  /** `count`: so many at once, one without it. `phase`: from then on, the first that comes to it. */
  | {
      kind: 'reclaim';
      at: number;
      nth: number;
      hasNotice: boolean;
      count?: number;
      phase?: Phase;
    }
  | { kind: 'machine'; nth: number; behaviour: Exclude<Behaviour, 'sound'> }
  /** Whatever boots of a type in that time never says a word. */
  | { kind: 'sick'; at: number; ms: number; type: string }
  /** The machine takes that much longer until it registers. */
  | { kind: 'slow-start'; nth: number; ms: number }
  | { kind: 'github' | 'ec2'; at: number; ms: number; how: Outage }
  | { kind: 'cancel'; at: number; job: number }
  /** A run of so many jobs comes, and a person cancels it so much later. */
  | {
      kind: 'matrix';
      at: number;
      repo: number;
      jobs: number;
      durationMs: number;
      cancelMs: number;
    }
  /** A job comes that GitHub hands to nobody for so long. */
  | { kind: 'withheld'; at: number; repo: number; ms: number; durationMs: number }
  | { kind: 'theft'; at: number; repo: number; durationMs: number }
  /** `isSilent`: GitHub makes no webhook of the push. */
  | { kind: 'rules'; at: number; repo: number; to: RulesChange; isSilent?: boolean }
  /** Under an owner's rules a repository's own file comes, changes or goes. */
  | { kind: 'own-file'; at: number; repo: number; to: OwnChange; isSilent?: boolean }
  /** The owner's file says something else of own files: `allow` for `within`, or back. */
  | { kind: 'own-rules'; at: number; to: 'within' | 'allow' }
  /** `repo`: behind the last is the owner's own. A person says it in a comment; `isTwice`: and somebody the opposite, at the same time. */
  | { kind: 'command'; at: number; repo: number; who: Who; says: Says; isTwice: boolean }
  /** In the calm: what takes away is in force within seconds, whatever guards the branch. */
  | { kind: 'at-once'; repo: number; says: Taking; isProtected: boolean }
  /** AWS takes our credentials for so long. */
  | { kind: 'credentials'; at: number; ms: number }
  | { kind: 'uninstall'; at: number; ms: number }
  | { kind: 'rename'; at: number; repo: number }
  /**
   * `blindMs`: for so long after the loss of the store GitHub does not list whose App we are; nor an
   * installation's repositories, unless `isListed`.
   */
  | {
      kind: 'crash';
      slot: number;
      gate: Moment;
      downMs: number;
      losesStore: boolean;
      blindMs?: number;
      isListed?: true;
    }
  | { kind: 'stop'; slot: number; at: number; downMs: number }
  | { kind: 'pause'; slot: number; gate: Moment; ms: number };

/**
 * A gate by its number, or close to a call: `ec2.launch answer 3`; or a time, `at 90000`. Over a call of
 * the store one may fall asleep before it is sent: `store.intend sending 2`.
 */
export type Moment = number | string;

/** Chance by label, so that one more draw here moves none there. */
export interface Dice {
  unit(label: string): number;
  int(label: string, least: number, most: number): number;
  pick<T>(label: string, from: readonly [T, ...T[]]): T;
  isTrue(label: string, chance: number): boolean;
}

function createDice(seed: number): Dice {
  const { rand: unit } = createKernel({ seed });
  const int = (label: string, least: number, most: number) =>
    least + Math.floor(unit(label) * (most - least + 1));
  return {
    unit,
    int,
    pick: (label, from) => from[int(label, 0, from.length - 1)] ?? from[0],
    isTrue: (label, chance) => unit(label) < chance,
  };
}

/** With R, the grace times shrink that are written as multiples of it. */
const RESYNC_MS = 20_000;
const REGISTER_TIMEOUT_MS = 120_000;
const TICK_MS = 10_000;
const FAULTS_MS = 240_000;
const TYPES = ['m5.large', 'c5.xlarge', 'm5.xlarge'] as const;
const REGIONS = ['eu-west-1', 'us-west-2'] as const;

export function generate(seed: number): Scenario {
  const dice = createDice(seed);
  const replicas = dice.isTrue('replicas', 0.3) ? 2 : 1;
  const isOwners = dice.isTrue('owners', 0.2);
  const repos = drawRepos(dice).map((repo, _, [first = repo]) =>
    isOwners ? { ...first, ...drawOwn(dice, first) } : repo,
  );
  const isAllowed = isOwners && dice.isTrue('own rules', 0.5);
  const jobs = drawJobs(dice, repos);
  const faults = drawFaults(dice, {
    replicas,
    repos: repos.length,
    jobs: jobs.length,
    ms: FAULTS_MS,
    resyncMs: RESYNC_MS,
    isOwners,
  });
  const late = dice.pick('late', [0, 2_000, 12_000, 40_000]);
  const scenario: Scenario = {
    seed,
    replicas,
    isCalm: false,
    tickMs: TICK_MS,
    resyncMs: RESYNC_MS,
    registerTimeoutMs: REGISTER_TIMEOUT_MS,
    lateMs: late,
    readLagMs: dice.pick('read lag', [0, 1_000, 5_000]),
    repos,
    ...(isOwners ? { isOwners: true } : {}),
    ...(isAllowed ? { ownRules: 'allow' } : {}),
    jobs,
    faults,
    calmAt: FAULTS_MS + 30_000,
  };
  const hasStrangers = !isOwners && dice.isTrue('strangers', 0.08);
  return knowable(hasStrangers ? withStrangers(dice, scenario) : scenario);
}

/**
 * After a lost database nobody can know of a machine that EC2 does not show: for R nothing is launched,
 * and what EC2 hides for longer is beyond the promise. So it hides none for longer then.
 */
function knowable(scenario: Scenario): Scenario {
  const isLost = scenario.faults.some((fault) => fault.kind === 'crash' && fault.losesStore);
  if (!isLost) return scenario;
  const most = (ms: number) => Math.min(ms, scenario.resyncMs - 5_000);
  return {
    ...scenario,
    lateMs: most(scenario.lateMs),
    faults: scenario.faults.map((fault) =>
      fault.kind === 'late' ? { ...fault, lateMs: most(fault.lateMs) } : fault,
    ),
  };
}

/** Three rules in two scopes, or four; the maxima are small, so that they are reached. */
function drawRepos(dice: Dice): readonly RepoPlan[] {
  const count = [2, dice.int('second rules', 1, 2)];
  return count.map((n) => {
    const first = dice.int('first type', 0, TYPES.length - 1);
    return {
      rules: Array.from({ length: n }, (_, i): RulePlan => {
        const rule: RulePlan = {
          type: TYPES[(first + i) % TYPES.length] ?? TYPES[0],
          region: dice.pick('region', REGIONS),
          max: dice.int('max', 1, 4),
          spotPolicy: dice.pick('spot policy', ['spot', 'spot', 'auto', 'on-demand']),
        };
        return dice.isTrue('max price', 0.3) ? capped(rule) : rule;
      }),
    };
  });
}

/** Every rule of the owner's with a maximum of its own, so that it takes all jobs in the end. */
function drawOwn(dice: Dice, { rules }: RepoPlan): Pick<RepoPlan, 'own'> {
  if (!dice.isTrue('own file', 0.4)) return {};
  return { own: rules.map((rule) => ({ ...rule, max: dice.int('own max', 1, 4) })) };
}

/** Where only on-demand is allowed, nothing would ever start. */
function capped(rule: RulePlan): RulePlan {
  const row = typeRow(rule.type);
  if (rule.spotPolicy === 'on-demand' || !row) return rule;
  return { ...rule, maxPriceUsd: Math.round(700 * onDemandUsd(row, rule.region)) / 1000 };
}

const drawMates = (dice: Dice): readonly MatePlan[] =>
  Array.from({ length: dice.int('mates', 1, 3) }, () => ({
    durationMs: dice.int('mate ms', 2_000, 30_000),
    fails: dice.isTrue('mate fails', 0.4),
    ...(dice.isTrue('mate once', 0.3) ? { isOnce: true } : {}),
  }));

interface Fates {
  readonly areCancelled: boolean;
  /** One of the others would do: each costs minutes. */
  readonly isHunted: boolean;
}

function drawFate(dice: Dice, { areCancelled, isHunted }: Fates): Partial<JobPlan> {
  if (dice.isTrue('approval', 0.05)) {
    const isTaken = dice.isTrue('approved is taken', 0.3);
    const taken = { reclaims: 1, durationMs: dice.int('taken ms', 15_000, 40_000) };
    return { approveMs: dice.int('approve', 1_000, 60_000), ...(isTaken ? taken : {}) };
  }
  if (isHunted) return { reclaims: 3, durationMs: 30_000 };
  if (dice.isTrue('mates', 0.12)) return { mates: drawMates(dice) };
  const isCancelled = areCancelled && dice.isTrue('is cancelled', 0.12);
  return isCancelled ? { cancelMs: dice.int('cancelled after', 8_000, 40_000) } : {};
}

function drawJobs(dice: Dice, repos: readonly RepoPlan[]): readonly JobPlan[] {
  const areCancelled = dice.isTrue('are cancelled', 0.4);
  const bursts = Array.from({ length: 4 }, () => dice.int('burst', 0, FAULTS_MS - 40_000));
  const hunted = dice.isTrue('is hunted', 0.1) ? 0 : -1;
  return Array.from({ length: dice.int('jobs', 20, 28) }, (_, i): JobPlan => {
    const repo = dice.int('job repo', 0, repos.length - 1);
    const rules = repos[repo]?.rules ?? [];
    const isBurst = dice.isTrue('is burst', 0.6);
    const at = isBurst ? (bursts[dice.int('which burst', 0, 3)] ?? 0) : 0;
    const spread = isBurst ? 3_000 : FAULTS_MS - 20_000;
    return {
      at: at + dice.int('job at', 0, spread),
      repo,
      type: dice.isTrue('any type', 0.6)
        ? ''
        : (rules[dice.int('job rule', 0, rules.length - 1)]?.type ?? ''),
      durationMs: dice.int('job ms', 2_000, 40_000),
      ...(dice.isTrue('job fails', 0.1) ? { fails: true } : {}),
      ...drawFate(dice, { areCancelled, isHunted: i === hunted }),
    };
  }).sort((a, b) => a.at - b.at);
}
