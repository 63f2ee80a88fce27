import { expect, test } from '@jest/globals';
import { isDone, MINUTE, openStage, rulesText, SECOND, type Stage } from '../stage.ts';

// More repositories at work than healings may look at each R.

const REPOS = 8;

/** How long ago the one was swept that had to wait longest. */
async function longestMs({ repos, store, kernel }: Stage): Promise<number> {
  const facts = await store.facts(repos.map(({ id }) => `swept:repo-${id}`));
  const times = [...facts.values()].map(({ at }) => kernel.now() - at);
  return times.length === repos.length ? Math.max(...times) : Number.POSITIVE_INFINITY;
}

test('all are swept alike, later than each R, and none is left for the rest of an hour', async () => {
  const repoNames = Array.from({ length: REPOS }, (_, i) => `busy-${i}`);
  const stage = await openStage({ seed: 5, repoNames, rules: rulesText({ 'm5.large': 10 }) });
  const payer = String(stage.installation.id);
  stage.meter.learn(payer, 3_000);
  const [last] = stage.repos.slice(-1);
  let isUntold = false;
  stage.knobs.hookFault = () => (isUntold ? { kind: 'outage' } : undefined);
  const untold = [];
  let longest = 0;
  for (let round = 0; round < 45; round += 1) {
    for (const repo of stage.repos) {
      isUntold = repo === last && round > 3;
      const spec = { name: 'job', labels: ['self-hosted', 'dstack'], durationMs: 30 * SECOND };
      const { jobs } = stage.github.jobs.addRun(repo, { jobs: [spec] });
      if (isUntold) untold.push(...jobs);
      isUntold = false;
      await stage.pass((2 * MINUTE) / REPOS);
    }
    longest = Math.max(longest, await longestMs(stage));
    expect(stage.meter.spending(payer).healing).toBeLessThanOrEqual(300);
  }
  expect(longest).toBeLessThan(13 * MINUTE);
  await stage.until(isDone(untold), 15 * MINUTE);
}, 60_000);
