import { expect, test } from '@jest/globals';
import type { ScopeId } from '../../src/model/ids.ts';
import { MINUTE, openStage, type Stage } from '../stage.ts';

const HOUR = 60 * MINUTE;

/** Accounts that were forgotten, in order; `isBusy`: machines still need them. */
async function open() {
  const stage = await openStage();
  const kept = { forgotten: [] as ScopeId[], isBusy: false, asked: 0 };
  stage.knobs.forgetAccount = async (scope) => {
    kept.asked += 1;
    if (!kept.isBusy) kept.forgotten.push(scope);
    return !kept.isBusy;
  };
  return { stage, kept };
}

const scopesOf = ({ repo }: Stage): readonly ScopeId[] => [
  `repo-${Number(repo.id)}`,
  `owner-${Number(repo.owner.id)}`,
];

test('credentials are deleted a day after the App was uninstalled, once', async () => {
  const { stage, kept } = await open();
  stage.github.repos.uninstall(stage.installation.id);
  await stage.pass(23 * HOUR);
  expect(kept.forgotten).toEqual([]);
  await stage.pass(2 * HOUR);
  expect(kept.forgotten).toEqual(scopesOf(stage));
  await stage.pass(5 * HOUR);
  expect(kept.forgotten).toHaveLength(2);
});

test('a restart on the way changes nothing', async () => {
  const { stage, kept } = await open();
  stage.github.repos.uninstall(stage.installation.id);
  await stage.pass(12 * HOUR);
  stage.kill();
  await stage.pass(HOUR);
  stage.start();
  await stage.pass(12 * HOUR);
  expect(kept.forgotten).toEqual(scopesOf(stage));
});

test('whoever installs again within the day keeps them', async () => {
  const { stage, kept } = await open();
  stage.github.repos.uninstall(stage.installation.id);
  await stage.pass(20 * HOUR);
  stage.github.repos.install(stage.repo.owner);
  await stage.pass(20 * HOUR);
  expect(kept.asked).toBe(0);
});

test('an installation that came back without a word keeps them', async () => {
  const { stage, kept } = await open();
  stage.github.repos.uninstall(stage.installation.id);
  await stage.pass(HOUR);
  stage.kill();
  stage.knobs.hookFault = () => ({ kind: 'lost' });
  stage.github.repos.install(stage.repo.owner);
  await stage.pass(23.5 * HOUR);
  stage.start();
  await stage.pass(5 * HOUR);
  expect(kept.asked).toBe(0);
});

test('a suspended App keeps them', async () => {
  const { stage, kept } = await open();
  stage.github.repos.suspend(stage.installation.id);
  await stage.pass(3 * 24 * HOUR);
  expect(kept.asked).toBe(0);
});

test('a repository that was taken from the App loses its own, and the owner keeps theirs', async () => {
  const { stage, kept } = await open();
  stage.github.repos.select(stage.installation.id, { remove: [stage.repo] });
  await stage.pass(26 * HOUR);
  expect(kept.forgotten).toEqual(scopesOf(stage).slice(0, 1));
});

test('machines that still live keep them, and it is tried again each hour', async () => {
  const { stage, kept } = await open();
  kept.isBusy = true;
  stage.github.repos.uninstall(stage.installation.id);
  await stage.pass(27.5 * HOUR);
  expect(kept.asked).toBeGreaterThanOrEqual(6);
  expect(kept.asked).toBeLessThanOrEqual(10);
  kept.isBusy = false;
  await stage.pass(2 * HOUR);
  expect(kept.forgotten).toEqual(scopesOf(stage));
});
