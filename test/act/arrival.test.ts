import { describe, expect, test } from '@jest/globals';
import { isDone, MINUTE, openStage, R, rulesText } from '../stage.ts';

// A rules file that is there before the App is: nobody pushes it, and no job is queued.

const files = { '.github/dstack.yml': rulesText({ 'm5.large': 1 }) };

describe('the rules of a repository are read', () => {
  test('soon after the App was installed', async () => {
    const stage = await openStage();
    const { repos } = stage.github;
    const other = repos.addOwner('other');
    const repo = repos.addRepo({ owner: other, name: 'service', files });
    repos.install(other);
    await stage.pass(MINUTE);
    expect((await stage.store.rules(`repo-${repo.id}`))?.text).toContain('m5.large');
  });

  test('soon after it was chosen', async () => {
    const stage = await openStage();
    const { repos } = stage.github;
    const other = repos.addOwner('other');
    const [first, second] = ['one', 'two'].map((name) =>
      repos.addRepo({ owner: other, name, files }),
    );
    if (!first || !second) throw new Error('two repositories');
    const { id } = repos.install(other, [first]);
    await stage.pass(MINUTE);
    repos.select(id, { add: [second] });
    await stage.pass(MINUTE);
    expect((await stage.store.rules(`repo-${second.id}`))?.text).toContain('m5.large');
  });
});

test.each(['lost-request', 'throttled'] as const)(
  'an owner whose first list does not come (%s) has their rules in force within 2 R',
  async (kind) => {
    const stage = await openStage();
    const { repos } = stage.github;
    const other = repos.addOwner('other');
    const one = repos.addRepo({ owner: other, name: 'one' });
    const home = repos.addRepo({ owner: other, name: '.github', files });
    let lists = 0;
    stage.knobs.fault = ({ name }) => {
      if (name !== 'github.repositories') return undefined;
      lists += 1;
      return lists <= 2 ? { kind } : undefined;
    };
    const { id } = repos.install(other, [one]);
    // The word of the second one comes while nothing of the first is known.
    await stage.pass(1_000);
    repos.select(id, { add: [home] });
    await stage.pass(2 * R);
    expect((await stage.store.rules(`owner-${other.id}`))?.text).toContain('m5.large');
    expect(lists).toBeGreaterThan(2);
  },
);

test('an App that is installed anew without a word is found within 11 R', async () => {
  const stage = await openStage();
  await stage.until(isDone(stage.addJobs(1)), 30 * MINUTE);
  stage.knobs.hookFault = () => ({ kind: 'outage' });
  const { owner } = stage.repo;
  stage.github.repos.uninstall(stage.installation.id);
  const { id } = stage.github.repos.install(owner);
  await stage.pass(11 * R);
  expect((await stage.store.repo(stage.repo.id))?.installation).toBe(id);
});

test('an older push that is told after a newer one rules for R at most', async () => {
  const stage = await openStage();
  // The first push is told only when the second has long been.
  let pushes = 0;
  stage.knobs.hookFault = ({ event }) => {
    if (event === 'push') pushes += 1;
    return event === 'push' && pushes === 1 ? { kind: 'delay', ms: 30_000 } : undefined;
  };
  stage.push(rulesText({ 'm5.large': 2 }));
  await stage.pass(1_000);
  const newer = rulesText({ 'm5.large': 3 });
  stage.push(newer);
  await stage.pass(32_000);
  expect((await stage.store.rules(`repo-${stage.repo.id}`))?.text).not.toBe(newer);
  await stage.pass(MINUTE);
  expect((await stage.store.rules(`repo-${stage.repo.id}`))?.text).toBe(newer);
});
