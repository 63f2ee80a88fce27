import type { Dice, Fault } from './scenario.ts';

// Faults that only say together what they are to say, and what all draws need.

/** What the faults may name. */
export interface Stage {
  readonly replicas: number;
  readonly repos: number;
  readonly jobs: number;
  /** Faults begin within this time. */
  readonly ms: number;
  readonly resyncMs: number;
  readonly isOwners: boolean;
}

export const slot = (dice: Dice, { replicas }: Stage) => dice.int('slot', 0, replicas - 1);
export const at = (dice: Dice, { ms }: Stage) => dice.int('fault at', 0, ms);
export const repo = (dice: Dice, { repos }: Stage) => dice.int('fault repo', 0, repos - 1);

/** EC2 is to take machines back, and in their last two minutes somebody ends them first. */
export function noticed(dice: Dice, stage: Stage): readonly Fault[] {
  const first = at(dice, stage);
  const endedAt = first + dice.int('noticed for', 5_000, 60_000);
  const rules = { kind: 'rules', repo: repo(dice, stage) } as const;
  return [
    { kind: 'reclaim', at: first, nth: 0, hasNotice: true, count: 10 },
    { ...rules, at: endedAt, to: 'none' },
    { ...rules, at: endedAt + dice.int('none for', 15_000, 40_000), to: 'raise' },
  ];
}

/** What was told before may come when the App is installed again, under another number. */
export function uninstall(dice: Dice, stage: Stage): readonly Fault[] {
  const goneAt = at(dice, stage);
  const ms = dice.int('uninstalled ms', 5_000, 90_000);
  const gone = { kind: 'uninstall', at: goneAt, ms } as const;
  if (dice.isTrue('all is told', 0.3)) return [gone];
  const beforeMs = Math.min(goneAt, 30_000);
  const lateMs = ms + dice.int('told late', 5_000, 60_000);
  return [{ kind: 'hooks', at: goneAt - beforeMs, ms: beforeMs, how: 'late', lateMs }, gone];
}

/** GitHub has made a runner and nobody heard its answer, and then the machine is gone. */
export function halfRegistered(dice: Dice, stage: Stage): readonly Fault[] {
  const process = `app${slot(dice, stage)}`;
  const nth = dice.int('half nth', 1, 12);
  const at = { process, call: 'github.register' } as const;
  return [
    { kind: 'call', ...at, nth, how: 'lost-answer', ms: 0 },
    // The machine asks again, or another one asks.
    {
      ...{ kind: 'race', ...at, nth: nth + 1, ms: dice.int('half ms', 500, 6_000), repo: 0 },
      what: 'reclaim',
    },
  ];
}
