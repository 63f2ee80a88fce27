import { type Mutant, mutant } from './mutant.ts';

// Bugs in what happens when EC2 takes a machine back.

export const RERUNS_MUTANTS: readonly Mutant[] = [
  mutant('runs nothing again that EC2 took the machine of', [
    'act/rerun.ts',
    "outcome: what === 'none' ? 'none' : 'asked',",
    "outcome: 'none',",
  ]),
  mutant('runs jobs with `retry=0` again', [
    'plan/reruns.ts',
    "if (isNeverAgain(job.labels, facts.world.label)) return 'has `retry=0`';",
    '',
  ]),
  mutant('runs jobs again that we ended ourselves', [
    'model/rerun.ts',
    "export const RECLAIMS = ['Server.SpotInstanceTermination',",
    "export const RECLAIMS = ['Client.UserInitiatedShutdown', 'Server.SpotInstanceTermination',",
  ]),
];
