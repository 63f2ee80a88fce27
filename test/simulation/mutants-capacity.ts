import { type Mutant, mutant } from './mutant.ts';

/** Of machines that EC2 takes back or does not give, and of rules that are sick. */
export const CAPACITY_MUTANTS: readonly Mutant[] = [
  mutant('runs again whatever failed', [
    'plan/reruns.ts',
    'if (own.length === 0 && barred === undefined) {',
    'if (own.length >= 0) {',
  ]),
  mutant('never runs anything again', [
    'plan/reruns.ts',
    'if (reruns < mostReruns) return null;',
    "if (reruns < mostReruns) return 'it is not run again';",
  ]),
  mutant('runs jobs with an environment again', [
    'plan/reruns.ts',
    "return job.hasEnvironment === true ? 'may name an environment' : null;",
    'return null;',
  ]),
  mutant("takes every machine's end for EC2's", [
    'act/lost.ts',
    'if (reclaimedAt !== null) return',
    'if (reclaimedAt !== null || goneAt !== null) return',
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
  mutant('forgets at once that a place was exhausted', [
    'act/exhausted.ts',
    'await store.exhaust({ account, ...place, ...next, why: code });',
    '',
  ]),
  mutant(
    'ignores max-price',
    ['act/prepare.ts', "offer.market === 'spot' ? maxPriceUsd : null", 'null'],
    ['plan/rule-facts.ts', '(rule.maxPriceUsd ?? Number.POSITIVE_INFINITY)', 'rule.max * 1_000'],
  ),
  mutant(
    'asks again and again at a price that EC2 has refused',
    [
      'act/send.ts',
      "if (failure === 'invalid' || failure === 'price') deps.catalogue.forget(launch);",
      '',
    ],
    ['plan/health.ts', 'exhaustedUntil: goneAt + ms, ', 'exhaustedUntil: goneAt, '],
  ),
  mutant('launches on demand where only spot is allowed', [
    'act/offers.ts',
    '(spot.length === 0 || !ask.hasFallback)',
    'spot.length === 0',
  ]),
  mutant(
    'frees a place as soon as EC2 gives notice',
    [
      'plan/facts.ts',
      'const live = groupBy(instances, (instance) => instance.rule);',
      'const live = groupBy(instances.filter(({ noticeAt }) => noticeAt === null), (one) => one.rule);',
    ],
    [
      'store/memory/launches.ts',
      "countLive(where(state.instances, (row) => row.state !== 'gone'))",
      "countLive(where(state.instances, (row) => row.state !== 'gone' && row.noticeAt === null))",
    ],
  ),
  mutant('ends machines that EC2 would take back', [
    'plan/ends.ts',
    'if (!instance.isKnown || isLeftToEc2(facts, instance)) return null;',
    `if (!instance.isKnown) return null;
  if (isLeftToEc2(facts, instance)) return now('EC2 takes it back');`,
  ]),
  mutant('counts machines that EC2 did not give', [
    'store/merge/launch.ts',
    "if (row.state === 'requested') rows.set(row.key, goneRow(row, reason, now));",
    "if (row.state === 'requested' && code !== '') rows.set(row.key, goneRow(row, reason, now));",
  ]),
  mutant('never comes back to a job that GitHub did not hand out', [
    'act/sweep.ts',
    'await deps.store.setAside(lease, id, now + forMs, forMs);',
    'await deps.store.setAside(lease, id, now + 1_000 * forMs, forMs);',
  ]),
];
