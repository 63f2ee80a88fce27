import { describe, expect, test } from '@jest/globals';
import type { Repo } from '../../src/sandbox/github-state.ts';
import { isRunning, MINUTE, rulesText, SECOND, type Stage } from '../stage.ts';
import { type Owner, type OwnerOptions, openOwner } from './owner-world.ts';
import { thread } from './thread.ts';

// Commands where an owner's rules are in force: in a repository of theirs, and in the owner's own.

const PATH = '.github/dstack.yml';
const LONG = { durationMs: 60 * MINUTE };
const max = (n: number, more = '') => rulesText({ 'm5.large': n, 'c5.large': 2 }, more);

/** With an administrator alice of all repositories, and a writer wendy. */
async function openOwned(options: Partial<OwnerOptions> = {}): Promise<Owner> {
  const owner = await openOwner({ owners: max(4), ...options });
  const { issues } = owner.stage.github;
  for (const repo of [owner.home, owner.lib, owner.stage.repo]) {
    issues.setCollaborator(repo, 'alice', 'admin');
    issues.setCollaborator(repo, 'wendy', 'write');
  }
  return owner;
}

const fileIn = ({ github }: Stage, repo: Repo) => github.repos.fileAt(repo, PATH);

/** Of a repository that is known and governed: as it is after its first job. */
async function warm({ stage, lib, addJobs }: Owner): Promise<void> {
  const jobs = addJobs(lib, 1, { durationMs: 1_000 });
  await stage.until(() => jobs.every((job) => job.facts.now.state === 'completed'), 10 * MINUTE);
  await stage.pass(2 * MINUTE);
}

const say = async (owner: Owner, repo: Repo, line: string, by = 'alice') =>
  (await thread(owner.stage, 'machines', repo).say(`/dstack ${line}`, by)).reply;

describe('where the owner’s rules are inherited', () => {
  test('info shows them, with what all repositories use', async () => {
    const owner = await openOwned();
    await warm(owner);
    const jobs = [
      ...owner.addJobs(owner.stage.repo, 2, LONG),
      ...owner.addJobs(owner.lib, 1, LONG),
    ];
    await owner.stage.until(isRunning(jobs), 10 * MINUTE);
    const reply = await say(owner, owner.lib, 'autoscale info');
    expect(reply).toMatch(/\| (m5|c5)\.large \|.*\| 3 \/ 4 \||\| 1 \/ /);
    expect(reply).toContain("These are the owner's rules, of acme/.github");
    // What the others run is theirs to see.
    expect(reply).toContain('1 machine');
    expect(reply).toContain('acme/.github/blob/main/.github/dstack.yml');
    expect(reply).not.toContain('app-');
  });

  test('explain says that all repositories have the machines', async () => {
    const owner = await openOwned({ owners: rulesText({ 'm5.large': 1 }) });
    await warm(owner);
    const jobs = owner.addJobs(owner.stage.repo, 1, LONG);
    await owner.stage.until(isRunning(jobs), 10 * MINUTE);
    owner.addJobs(owner.lib, 1);
    await owner.stage.pass(MINUTE);
    const reply = await say(owner, owner.lib, 'autoscale explain');
    expect(reply).toContain('1 of 1 machines in use by all repositories');
  });

  test('allow makes a file of its own, and says that it hides the owner’s', async () => {
    const owner = await openOwned();
    await warm(owner);
    const reply = await say(owner, owner.lib, 'autoscale allow m5.large --max 1', 'wendy');
    expect(fileIn(owner.stage, owner.lib)).toContain('instance-type: m5.large\n      max: 1');
    expect(reply).toContain('m5.large: at most 1');
    expect(reply).toContain("which hides the owner's rules, of acme/.github");
    expect(reply).toContain("narrows the owner's rules");
    expect(fileIn(owner.stage, owner.home)).toBe(max(4));
  });

  test.each([
    ['clear', 'rules: []', 'All rules are removed.'],
    ['disable', 'enabled: false', 'Autoscaling is off'],
  ])(
    '%s makes a file that holds for it alone, and ends its machines at once',
    async (command, text, words) => {
      const owner = await openOwned();
      await warm(owner);
      const jobs = [
        ...owner.addJobs(owner.lib, 2, LONG),
        ...owner.addJobs(owner.stage.repo, 1, LONG),
      ];
      await owner.stage.until(isRunning(jobs), 10 * MINUTE);
      const reply = await say(owner, owner.lib, `autoscale ${command}`);
      expect(fileIn(owner.stage, owner.lib)).toContain(text);
      expect(reply).toContain(words);
      expect(reply).toContain('Ended 2 machines');
      expect(reply).toContain("which hides the owner's rules");
      expect(owner.live()).toEqual({ app: 1 });
      await owner.stage.pass(3 * MINUTE);
      expect(owner.live()).toEqual({ app: 1 });
    },
  );

  test.each([
    ['allow m5.large --max 9', 'allow at most 4 m5.large in eu-west-1'],
    ['allow r5.large --max 1', 'allow no r5.large in eu-west-1'],
    ['allow m5.large --max 1 --spot-policy on-demand', 'say spot for m5.large'],
    ['allow m5.large --max 0', 'has no file of its own to take m5.large out of'],
  ])('%s changes nothing', async (line, words) => {
    const owner = await openOwned();
    await warm(owner);
    expect(await say(owner, owner.lib, `autoscale ${line}`)).toContain(words);
    expect(fileIn(owner.stage, owner.lib)).toBeUndefined();
  });

  test('anything may be allowed where the owner lets repositories have their own', async () => {
    const owner = await openOwned({ owners: max(4, 'own-rules: allow') });
    await warm(owner);
    await say(owner, owner.lib, 'autoscale allow m5.large --max 9');
    expect(fileIn(owner.stage, owner.lib)).toContain('max: 9');
    await warm(owner);
    expect((await owner.stage.store.repo(owner.lib.id))?.scope).toBe(`repo-${owner.lib.id}`);
  });
});

describe('in the owner’s `.github` repository', () => {
  test('a command edits the owner’s file, for all repositories', async () => {
    const owner = await openOwned();
    const jobs = [
      ...owner.addJobs(owner.lib, 2, LONG),
      ...owner.addJobs(owner.stage.repo, 1, LONG),
    ];
    await owner.stage.until(isRunning(jobs), 10 * MINUTE);
    await owner.stage.pass(10 * SECOND);
    const reply = await say(owner, owner.home, 'autoscale clear');
    expect(fileIn(owner.stage, owner.home)).toContain('rules: []');
    expect(reply).toContain('Ended 3 machines; 3 jobs were interrupted.');
    expect(reply).toContain('a job of another repository');
    expect(reply).not.toContain('lib-');
    expect(owner.stage.live()).toEqual([]);
  });

  test('it takes an administrator of that repository', async () => {
    const owner = await openOwned();
    const reply = await say(owner, owner.home, 'autoscale allow m5.large --max 9', 'wendy');
    expect(reply).toContain('Only people with admin access');
    expect(fileIn(owner.stage, owner.home)).toBe(max(4));
    const info = await say(owner, owner.home, 'autoscale info', 'wendy');
    expect(info).toContain('| m5.large | eu-west-1 |');
  });
});

test('a check shows at its line what goes beyond the owner’s rules', async () => {
  const owner = await openOwned();
  await warm(owner);
  owner.push(owner.lib, rulesText({ 'm5.large': 9 }));
  await owner.stage.pass(2 * MINUTE);
  const { github } = owner.stage;
  const [commit] = github.commits.history(owner.lib);
  const [run] = github.checks.of(owner.lib, commit?.sha ?? '');
  expect(run).toMatchObject({ name: 'dstack / rules', conclusion: 'failure' });
  const [first] = run?.annotations ?? [];
  expect(first).toMatchObject({
    startLine: 5,
    level: 'failure',
    message: "max 9 is more than the owner's 4, which applies",
  });
});
