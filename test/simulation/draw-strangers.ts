import type { Dice, JobPlan, Scenario } from './scenario.ts';

// The database is lost while machines of somebody run jobs for long, of whom nothing is heard for a
// while: for an app that knows only somebody else in the same region they are strangers, and yet they
// take the places of a rule that is heard of again too early.

const [HEARD, SILENT] = [0, 1];
/** From their launch until the loss, and from the loss until all is known again. */
const [BEFORE_MS, KNOWN_MS] = [60_000, 110_000];
const LONG_MS = 170_000;
/** Besides the loss: in the midst of everything else the silence would be broken. */
const MOST_FAULTS = 9;

export function withStrangers(dice: Dice, scenario: Scenario): Scenario {
  const { repos, jobs, faults } = scenario;
  const lostAt = dice.int('strangers lost at', BEFORE_MS, 120_000);
  const region = repos[HEARD]?.rules[0]?.region ?? '';
  const job = (plan: Pick<JobPlan, 'at' | 'repo' | 'durationMs'>) => ({ ...plan, type: '' });
  const places = (repos[SILENT]?.rules ?? []).reduce((sum, { max }) => sum + max, 0);
  const isQuiet = ({ repo, at }: JobPlan) =>
    repo === SILENT && at > lostAt - BEFORE_MS - 40_000 && at < lostAt + KNOWN_MS;
  const long = { at: lostAt - BEFORE_MS, repo: SILENT, durationMs: LONG_MS };
  const heardAt = lostAt + dice.int('heard after', 2_000, 5_000);
  const backAt = lostAt + dice.int('back after', 40_000, 90_000);
  return {
    ...scenario,
    isApart: true,
    repos: repos.map((repo, i) =>
      i === SILENT ? { rules: repo.rules.map((rule) => ({ ...rule, region })) } : repo,
    ),
    jobs: [
      ...jobs.map((plan) => (isQuiet(plan) ? { ...plan, repo: HEARD, type: '' } : plan)),
      ...Array.from({ length: places }, () => job(long)),
      job({ at: heardAt, repo: HEARD, durationMs: 20_000 }),
      job({ at: backAt, repo: SILENT, durationMs: 5_000 }),
    ].sort((a, b) => a.at - b.at),
    faults: [
      ...faults
        .filter((fault) => fault.kind !== 'crash' || !fault.losesStore)
        .slice(0, MOST_FAULTS),
      {
        ...{ kind: 'crash', slot: 0, gate: `at ${lostAt}`, downMs: 500, losesStore: true },
        ...{ blindMs: KNOWN_MS, isListed: true },
      },
    ],
  };
}
