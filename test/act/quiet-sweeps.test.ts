import { describe, expect, test } from '@jest/globals';
import { turnAt } from '../../src/act/turns.ts';
import type { ScopeId } from '../../src/model/ids.ts';
import { MINUTE, openStage, type Stage } from '../stage.ts';

// When repositories with rules and without jobs are swept.

const HOUR = 60 * MINUTE;

const openQuiet = () =>
  openStage({ seed: 7, repoNames: Array.from({ length: 8 }, (_, i) => `quiet-${i}`) });

const sweptAt = async ({ store }: Stage, repo: { readonly id: number }) =>
  (await store.fact(`swept:repo-${repo.id}`))?.at ?? 0;

/** Minutes from one sweep to the next of each repository, as seen every minute. */
async function gapsOf(stage: Stage, minutes: number, each: (minute: number) => void = () => {}) {
  const last = new Map(
    await Promise.all(stage.repos.map(async (r) => [r, await sweptAt(stage, r)] as const)),
  );
  const gaps: number[] = [];
  for (let minute = 1; minute <= minutes; minute += 1) {
    await stage.pass(MINUTE);
    each(minute);
    for (const repo of stage.repos) {
      const [at, before] = [await sweptAt(stage, repo), last.get(repo) ?? 0];
      if (at > before) gaps.push((at - before) / MINUTE);
      last.set(repo, at);
    }
  }
  return { gaps, sinceMs: Math.max(...[...last.values()].map((at) => stage.kernel.now() - at)) };
}

test('each quiet repository is swept an hour after its last sweep', async () => {
  const stage = await openQuiet();
  await stage.pass(2 * HOUR);
  const { gaps } = await gapsOf(stage, 8 * 60);
  expect(gaps.length).toBe(8 * stage.repos.length);
  expect(Math.max(...gaps)).toBeLessThan(61);
  expect(Math.min(...gaps)).toBeGreaterThan(59);
  const minutes = stage.repos.map(async (repo) =>
    Math.floor((await sweptAt(stage, repo)) / MINUTE),
  );
  expect(new Set(await Promise.all(minutes)).size).toBeGreaterThan(5);
});

test('and a process that starts anew goes on where the last one was', async () => {
  const stage = await openQuiet();
  const { gaps, sinceMs } = await gapsOf(stage, 10 * 50, (minute) => {
    if (minute % 50 !== 0) return;
    stage.kill();
    stage.start();
  });
  expect(gaps.length).toBeGreaterThanOrEqual(7 * stage.repos.length);
  expect(Math.max(...gaps)).toBeLessThan(62);
  expect(sinceMs).toBeLessThan(62 * MINUTE);
});

test('one that was at work until now is swept within the hour', async () => {
  const stage = await openQuiet();
  stage.addJobs(1);
  await stage.pass(24 * HOUR);
  const { gaps } = await gapsOf(stage, 3 * 60);
  expect(Math.max(...gaps)).toBeLessThan(62);
});

test('one whose rules went is swept on, one that never had any is not', async () => {
  const stage = await openQuiet();
  const bare = stage.github.repos.addRepo({ owner: stage.repo.owner, name: 'bare' });
  await stage.pass(2 * HOUR);
  stage.push(null);
  await stage.pass(MINUTE);
  const [before, ofBare] = [await sweptAt(stage, stage.repo), await sweptAt(stage, bare)];
  expect(ofBare).toBeGreaterThan(0);
  await stage.pass(2 * HOUR);
  expect(await sweptAt(stage, stage.repo)).toBeGreaterThan(before);
  expect(await sweptAt(stage, bare)).toBe(ofBare);
});

describe('a turn', () => {
  const scopes = Array.from({ length: 1_000 }, (_, i): ScopeId => `repo-${i}`);
  const now = 1_000 * HOUR + 7 * MINUTE;
  const turn = (scope: ScopeId, sweptAt: number | undefined) =>
    (turnAt(scope, sweptAt, { now, resyncMs: MINUTE }) - now) / MINUTE;

  test.each([
    ['never swept', undefined, 60],
    ['swept just now', now, 60],
    ['missed long ago', now - 5 * HOUR, 60],
  ] as const)('of a scope that was %s comes within the hour', (_, sweptAt, most) => {
    const turns = scopes.map((scope) => turn(scope, sweptAt));
    expect(Math.min(...turns)).toBeGreaterThan(0);
    expect(Math.max(...turns)).toBeLessThanOrEqual(most);
    const early = turns.filter((minutes) => minutes < most / 2).length;
    expect(Math.abs(early - scopes.length / 2)).toBeLessThan(scopes.length / 10);
  });

  test('is at the same moment of each hour, and what was missed in the last minutes comes soon', () => {
    for (const scope of scopes) {
      const minutes = turn(scope, now);
      expect(turn(scope, undefined)).toBeCloseTo(minutes, 9);
      // Its moment was less than ten minutes ago, and no process ran.
      const isJustMissed = minutes > 50;
      expect(turn(scope, now - HOUR) <= 10).toBe(isJustMissed || minutes <= 10);
    }
  });
});
