import { describe, expect, test } from '@jest/globals';
import type { Repo } from '../../src/sandbox/github-state.ts';
import { conclusions, isDone, isRunning, MINUTE, R, rulesText, SECOND } from '../stage.ts';
import { type Owner, openOwner } from './owner-world.ts';

// `runner-group` in an owner's file: machines register at the organization, and serve all of it.

const inGroup = (max: number) => rulesText({ 'm5.large': max }, 'runner-group: CI');

/** An organization whose group CI is for these repositories, or for all. */
async function openGroup(max = 4, reposOf?: (owner: Owner) => readonly Repo[]): Promise<Owner> {
  const owner = await openOwner({ owners: inGroup(max) });
  const repos = reposOf?.(owner).map(({ id }) => id);
  const group = { name: 'CI', repos: repos ? new Set(repos) : null };
  owner.stage.github.repos.addGroup(owner.home.owner, group);
  return owner;
}

const runners = ({ home }: Owner) =>
  [...home.owner.runners.values()].filter(({ state }) => state.now.isThere);

/** Why its only job waits. */
async function whyWaits({ stage, home }: Owner): Promise<string> {
  const { jobs } = await stage.store.scopeRows(`owner-${home.owner.id}`);
  return jobs.map(({ reason }) => `${reason?.code}: ${reason?.text}`).join('\n');
}

test('a machine that was launched for one repository takes the job of another', async () => {
  const owner = await openGroup();
  const { stage, lib } = owner;
  const mine = owner.addJobs(stage.repo, 1);
  await stage.until(() => stage.live().length === 1);
  // Nobody needs the machine any more that it was launched for.
  for (const job of mine) stage.github.runners.cancel(job);
  await stage.pass(10 * SECOND);
  const theirs = owner.addJobs(lib, 1);
  await stage.until(isDone(theirs), 5 * MINUTE);
  expect(conclusions(theirs)).toEqual(['success']);
  expect(stage.ec2.counts().launched).toBe(1);
  await stage.until(() => stage.live().length === 0, 2 * R);
  expect(runners(owner)).toEqual([]);
});

test('jobs of two repositories are done by as many machines as there are jobs, and no maximum is exceeded', async () => {
  const owner = await openGroup(3);
  const { stage, lib } = owner;
  const jobs = [...owner.addJobs(stage.repo, 4), ...owner.addJobs(lib, 4)];
  expect(await owner.mostLive(isDone(jobs), 60 * MINUTE)).toBe(3);
  expect(conclusions(jobs)).toEqual(['success']);
  expect(stage.ec2.counts().launched).toBe(8);
  expect([stage.repo.runners.size, lib.runners.size]).toEqual([0, 0]);
});

test('the runner of a machine that no job came to is deleted at the organization', async () => {
  const owner = await openGroup();
  const { stage } = owner;
  const jobs = owner.addJobs(stage.repo, 1);
  await stage.until(() => runners(owner).some(({ state }) => !state.now.isOnline));
  for (const job of jobs) stage.github.runners.cancel(job);
  await stage.until(() => stage.live().length === 0, 6 * R);
  await stage.pass(2 * R);
  expect(runners(owner)).toEqual([]);
  expect(await stage.store.scopesWithWork()).toEqual([]);
});

test('a lost database brings the machines back, each in its group', async () => {
  const owner = await openGroup();
  const { stage, lib } = owner;
  const jobs = owner.addJobs(lib, 1, { durationMs: 10 * MINUTE });
  await stage.until(isRunning(jobs));
  stage.loseStore();
  await stage.pass(2 * R);
  const [machine] = stage.live();
  const known = machine && (await stage.store.instanceById(machine.id));
  expect(known).toMatchObject({ runnerGroup: 'CI', state: 'busy' });
  await stage.until(isDone(jobs), 15 * MINUTE);
  expect(conclusions(jobs)).toEqual(['success']);
  await stage.until(() => stage.live().length === 0, 3 * R);
  expect(stage.ec2.counts().launched).toBe(1);
});

test('the file of a person that names a group is refused', async () => {
  const { stage } = await openOwner({ owners: null });
  const { repos, jobs } = stage.github;
  const person = repos.addOwner('ann', 'User');
  const files = { '.github/dstack.yml': inGroup(4) };
  const home = repos.addRepo({ owner: person, name: '.github', files });
  repos.install(person);
  jobs.addRun(home, { jobs: [{ name: 'a', labels: ['dstack'], durationMs: MINUTE }] });
  await stage.pass(3 * R);
  const { ownerRules } = await stage.store.scopeRows(`owner-${person.id}`);
  expect(ownerRules).toMatchObject({ text: null });
  expect(ownerRules?.errors).toContain('runner-group needs an organization');
});

describe('a job waits, and is told why,', () => {
  const url = 'github.example/organizations/acme/settings';

  test('while there is no such group, and runs soon after it was made', async () => {
    const owner = await openOwner({ owners: inGroup(4) });
    const { stage, lib, home } = owner;
    const jobs = owner.addJobs(lib, 1);
    await stage.pass(20 * SECOND);
    expect(await whyWaits(owner)).toContain('runner-group: There is no runner group CI that lib');
    expect(await whyWaits(owner)).toContain(`${url}/actions/runner-groups`);
    expect(stage.calls.get('ec2.launch')).toBeUndefined();
    stage.github.repos.addGroup(home.owner, { name: 'CI' });
    await stage.until(isDone(jobs), 6 * MINUTE);
  });

  test('while its repository may not use the group, and the others run', async () => {
    const owner = await openGroup(4, ({ stage }) => [stage.repo]);
    const { stage, lib } = owner;
    const jobs = owner.addJobs(stage.repo, 1);
    owner.addJobs(lib, 1);
    await stage.until(isDone(jobs), 6 * MINUTE);
    expect(await whyWaits(owner)).toContain('runner-group: There is no runner group CI that lib');
    expect(stage.ec2.counts().launched).toBe(1);
  });

  test('while the App may not touch runners of the organization', async () => {
    const owner = await openGroup();
    const { stage, lib } = owner;
    const { organization_self_hosted_runners: _, ...left } = stage.installation.permissions;
    stage.installation.permissions = left;
    owner.addJobs(lib, 1);
    await stage.pass(20 * SECOND);
    const where = `${url}/installations/${stage.installation.id}`;
    expect(await whyWaits(owner)).toContain('runner-group: GitHub does not let the App');
    expect(await whyWaits(owner)).toContain(where);
    expect(stage.calls.get('ec2.launch')).toBeUndefined();
  });
});
