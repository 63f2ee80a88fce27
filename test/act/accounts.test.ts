import { expect, test } from '@jest/globals';
import type { Accounts } from '../../src/accounts/port.ts';
import { createStage, isDone, isRunning, MINUTE, R, REGION, rulesText, SECOND } from '../stage.ts';
import { thread } from './thread.ts';

// Whose AWS account serves a scope, as the whole app goes by it.

const OTHER_REGION = 'us-east-1';

test('credentials that expired pause the scope, which says so, and it goes on by itself', async () => {
  const text = 'AWS refuses the credentials of this repository: ExpiredToken.';
  let isExpired = true;
  const stage = createStage({ rules: rulesText({ 'm5.large': 1 }) });
  stage.knobs.accounts = (one) => ({
    ...one,
    accountFor: async (repo) =>
      isExpired ? { reason: { code: 'credentials', text } } : one.accountFor(repo),
  });
  stage.start();
  stage.github.issues.setCollaborator(stage.repo, 'alice', 'admin');
  await stage.pass(R);
  const jobs = stage.addJobs(1);
  await stage.pass(R);
  expect(stage.ec2.counts().launched).toBe(0);
  expect(await stage.reasons()).toEqual(['credentials']);
  const { reply } = await thread(stage).say('/dstack autoscale info');
  expect(reply).toMatch(/\| m5\.large \|.*ExpiredToken/);
  const card = [...stage.repo.talk.checks.values()].find(({ name }) => name === 'dstack / queue');
  expect(card?.title).toContain('ExpiredToken');
  isExpired = false;
  await stage.until(isDone(jobs), 10 * MINUTE);
  await stage.pass(R);
  expect(card?.conclusion).toBe('neutral');
});

test('each region of each account is described once, however many scopes are in it', async () => {
  const names = ['app', 'lib', 'web'];
  const stage = createStage({ repoNames: names, rules: twoRegions() });
  const [app, lib, web] = stage.repos;
  const accountOf = (scope: string | null) => (scope === `repo-${web?.id}` ? 'two' : 'one');
  const listed = new Map<string, number>();
  stage.knobs.accounts = (all) => ({
    accountFor: async ({ scope }) => ({ account: accountOf(scope), region: null }),
    ec2: (account, region) => inAccount(all, { account, region }),
  });
  /** The sandbox has one account: each sees what is its own. */
  function inAccount(all: Accounts, { account, region }: { account: string; region: string }) {
    const ec2 = all.ec2(account, region);
    const list = async (tag: string) => {
      const key = `${account} ${region}`;
      listed.set(key, (listed.get(key) ?? 0) + 1);
      const found = await ec2.list(tag);
      if (!found.ok) return found;
      return { ...found, value: found.value.filter(({ scope }) => accountOf(scope) === account) };
    };
    return { ...ec2, list };
  }
  stage.start();
  await stage.pass(2 * R);
  const jobs = [app, lib, web].flatMap((repo) =>
    [REGION, OTHER_REGION].flatMap((region) => {
      const job = { name: region, labels: ['dstack', `region=${region}`], durationMs: 60 * MINUTE };
      return repo ? stage.github.jobs.addRun(repo, { jobs: [job] }).jobs : [];
    }),
  );
  await stage.until(isRunning(jobs), 20 * MINUTE);
  await stage.pass(MINUTE);
  listed.clear();
  await stage.pass(MINUTE);
  const places = ['one', 'two'].flatMap((one) => [`${one} ${REGION}`, `${one} ${OTHER_REGION}`]);
  expect([...listed.keys()].sort()).toEqual(places.sort());
  const most = MINUTE / (5 * SECOND);
  for (const place of places) expect(listed.get(place)).toBeLessThanOrEqual(most);
});

function twoRegions(): string {
  const rules = [REGION, OTHER_REGION].map(
    (region) => `    - {instance-type: m5.large, region: ${region}, max: 2}\n`,
  );
  return `autoscale:\n  region: ${REGION}\n  rules:\n${rules.join('')}`;
}
