import { type Mutant, mutant } from './mutant.ts';

/** Of machines that EC2 takes back or does not give, and of rules that are sick. */
export const CAPACITY_MUTANTS: readonly Mutant[] = [
  mutant('runs again whatever failed', [
    'plan/reruns.ts',
    'if (own.length === 0) {',
    'if (own.length >= 0) {',
  ]),
  mutant('never runs anything again', [
    'plan/reruns.ts',
    'if (reruns < mostReruns) return null;',
    "if (reruns < mostReruns) return 'it is not run again';",
  ]),
  mutant('runs jobs with an environment again', [
    'plan/reruns.ts',
    'if (hasEnvironment === true) {',
    'if (hasEnvironment === 7) {',
  ]),
  mutant("takes every machine's end for EC2's", [
    'act/lost.ts',
    'if (reclaimedAt !== null) return true;',
    'if (reclaimedAt !== null || goneAt !== null) return true;',
  ]),
  mutant('runs a lost job again for ever', [
    'plan/reruns.ts',
    'if (reruns < mostReruns) return null;',
    'if (reruns >= 0) return null;',
  ]),
  mutant('keeps in mind for ever that a place was exhausted', [
    'model/marks.ts',
    'return { until: now + first, forMs: first, since: now };',
    'return { until: now + 1000 * first, forMs: first, since: now };',
  ]),
  mutant('goes on with a rule whose machines never register', [
    'plan/health.ts',
    'const TOO_MANY = 3;',
    'const TOO_MANY = 3_000;',
  ]),
];
