import { describe, expect, test } from '@jest/globals';
import type { Job } from '../../src/sandbox/github-state.ts';
import {
  conclusions,
  isDone,
  isRunning,
  MINUTE,
  openStage,
  R,
  rulesText,
  SECOND,
  type Stage,
} from '../stage.ts';

// The database is lost while jobs run, and GitHub does not answer what would tell whose they are.

const REGISTER_TIMEOUT = 5 * MINUTE;
const FILE = '.github/dstack.yml';

async function endsWell(stage: Stage, jobs: readonly Job[]): Promise<void> {
  await stage.until(isDone(jobs), 60 * MINUTE);
  expect(conclusions(jobs)).toEqual(['success']);
  await stage.until(() => stage.live().length === 0, 10 * R);
}

describe('GitHub does not list its runners', () => {
  test.each(['throttled', 'lost-request'] as const)(
    'for 10 R (%s), and machines that should have registered by then run on',
    async (kind) => {
      const stage = await openStage();
      const jobs = stage.addJobs(2, { durationMs: 20 * MINUTE });
      await stage.until(isRunning(jobs), 5 * MINUTE);
      await stage.pass(REGISTER_TIMEOUT);
      // What was read by then: the repositories and the rules.
      const silent = new Set(['github.runners', 'github.unfinishedJobs', 'github.job']);
      stage.knobs.fault = ({ name }) => (silent.has(name) ? { kind } : undefined);
      stage.loseStore();
      await stage.pass(10 * R);
      expect(stage.live()).toHaveLength(2);
      stage.knobs.fault = () => undefined;
      await endsWell(stage, jobs);
      expect(stage.ec2.counts().launched).toBe(2);
    },
  );
});

describe('of two owners, GitHub does not say what one has', () => {
  test.each(['throttled', 'lost-request'] as const)(
    'once (%s), and none of their machines is taken for a stranger',
    async (kind) => {
      const stage = await openStage();
      const { repos, jobs } = stage.github;
      const owner = repos.addOwner('globex');
      const files = { [FILE]: rulesText({ 'm5.large': 4 }) };
      const repo = repos.addRepo({ owner, name: 'theirs', files });
      repos.install(owner);
      await stage.pass(R + 20 * SECOND);
      const labels = ['self-hosted', 'dstack'];
      const spec = { name: 'theirs', labels, durationMs: 20 * MINUTE };
      const all = [
        ...stage.addJobs(1, { durationMs: 20 * MINUTE }),
        ...jobs.addRun(repo, { jobs: [spec] }).jobs,
      ];
      await stage.until(isRunning(all), 5 * MINUTE);
      let asked = 0;
      stage.knobs.fault = ({ name }) => {
        if (name !== 'github.repositories') return undefined;
        asked += 1;
        return asked === 2 ? { kind } : undefined;
      };
      stage.loseStore();
      await endsWell(stage, all);
      expect(asked).toBeGreaterThan(2);
    },
  );
});

describe('a repository without rules', () => {
  const openWithout = async () => {
    const stage = await openStage();
    stage.push(null);
    await stage.pass(2 * R);
    const jobs = stage.addJobs(1);
    await stage.pass(MINUTE);
    stage.loseStore();
    await stage.pass(2 * R);
    return { stage, jobs };
  };

  test('has its queued jobs found again, and told why they wait', async () => {
    const { stage, jobs } = await openWithout();
    const [row] = await stage.store.recentJobs(9);
    expect(row?.id).toBe(jobs[0]?.id);
    expect(await stage.reasons()).toEqual(['no-rule']);
  });

  test('runs them when its file is back, though no webhook says so', async () => {
    const { stage, jobs } = await openWithout();
    stage.knobs.hookFault = ({ event }) => (event === 'push' ? { kind: 'outage' } : undefined);
    stage.push(rulesText({ 'm5.large': 1 }));
    await endsWell(stage, jobs);
  });
});
