import { describe, expect, test } from '@jest/globals';
import type { Check } from '../../src/sandbox/github-talk-state.ts';
import {
  isDone,
  isRunning,
  MINUTE,
  openStage,
  REGION,
  rulesText,
  SECOND,
  type Stage,
  type StageOptions,
} from '../stage.ts';

const PATH = '.github/dstack.yml';
const BROKEN = `autoscale:\n  region: ${REGION}\n  forkz: deny\n  rules: []\n`;

const open = (options: StageOptions = {}) =>
  openStage({ rules: rulesText({ 'm5.large': 4 }), ...options });

function checkOf({ github, repo }: Stage, sha: string): Check | undefined {
  const checks = github.checks.of(repo, sha).filter(({ name }) => name === 'dstack / rules');
  expect(checks.length).toBeLessThanOrEqual(1);
  return checks[0];
}

/** Of a push to the default branch, a while later. */
async function pushed(stage: Stage, files: Readonly<Record<string, string | null>>) {
  const sha = stage.github.repos.commit(stage.repo, files);
  await stage.pass(20 * SECOND);
  return checkOf(stage, sha);
}

interface Proposal {
  readonly number: number;
  readonly check: Check | undefined;
}

/** A pull request of one commit on a branch. */
async function proposed(
  stage: Stage,
  files: Readonly<Record<string, string | null>>,
  more: { readonly isFork?: boolean; readonly base?: string } = {},
): Promise<Proposal> {
  const { github, repo } = stage;
  const sha = github.repos.commit(repo, files, 'topic');
  const spec = { head: 'topic', base: 'main', title: 'Rules', body: '', ...more };
  const made = github.pulls.open(repo, spec);
  if (!made.ok) throw new Error(made.message);
  await stage.pass(20 * SECOND);
  return { number: made.value.issue.number, check: checkOf(stage, sha) };
}

const workflow = (...jobs: readonly string[]): string =>
  ['jobs:', ...jobs.map((runsOn, i) => `  job${i}:\n    runs-on: ${runsOn}`), ''].join('\n');
const WORKFLOW = '.github/workflows/ci.yml';
const annotations = (check: Check | undefined) =>
  check?.annotations.map(({ path, startLine, level, message }) => [
    path,
    startLine,
    level,
    message,
  ]);

describe('a push to the default branch', () => {
  test('that changes the file gets a preview with what it costs at most', async () => {
    const stage = await open();
    const check = await pushed(stage, { [PATH]: rulesText({ 'm5.large': 2 }) });
    expect(check).toMatchObject({ status: 'completed', conclusion: 'success' });
    expect(check?.title).toMatch(/^1 rule · at most \$\d\.\d+\/h$/);
    expect(check?.summary).toMatch(/\| m5\.large \| eu-west-1 \| 4 spot \| 2 spot \| \$/);
    expect(check?.summary).toMatch(/\/hour \(\$.*\/month\) → \*\*\$.*\/hour \(\$.*\/month\)\*\*/);
  });

  test('with a mistake is told once, at its line, and which rules stay', async () => {
    const stage = await open();
    const good = await pushed(stage, { [PATH]: rulesText({ 'm5.large': 2 }) });
    const check = await pushed(stage, { [PATH]: BROKEN });
    expect(check?.conclusion).toBe('failure');
    expect(annotations(check)).toEqual([
      [PATH, 3, 'failure', 'unknown key "forkz" in autoscale; did you mean "forks"?'],
    ]);
    expect(check?.title).toBe(
      `line 3: unknown key "forkz" in autoscale; did you mean "forks"?; rules of ${good?.sha.slice(0, 7)} stay in force`,
    );
  });

  test('that leaves the file alone gets no check, also while the file is bad', async () => {
    const stage = await open();
    expect(await pushed(stage, { 'a.txt': 'a' })).toBeUndefined();
    await pushed(stage, { [PATH]: BROKEN });
    expect(await pushed(stage, { 'a.txt': 'b' })).toBeUndefined();
  });

  test('by a command has a check as well', async () => {
    const stage = await open();
    const { github, repo } = stage;
    github.issues.setCollaborator(repo, 'alice', 'admin');
    const { number } = github.issues.addIssue(repo, {});
    github.issues.addComment(repo, number, '/dstack autoscale allow c5.xlarge --max 1', 'alice');
    await stage.pass(30 * SECOND);
    const [commit] = github.commits.history(repo);
    expect(checkOf(stage, commit?.sha ?? '')?.title).toMatch(/^2 rules · at most/);
  });

  test('gets its check although GitHub takes none for minutes, and the app was killed', async () => {
    const stage = await open();
    const jobs = stage.addJobs(1);
    await stage.until(isDone(jobs), 10 * MINUTE);
    stage.knobs.fault = ({ name }) =>
      name === 'github.check' ? { kind: 'lost-request' } : undefined;
    const sha = stage.github.repos.commit(stage.repo, { [PATH]: rulesText({}) });
    await stage.pass(MINUTE);
    stage.kill();
    stage.knobs.fault = () => undefined;
    stage.start();
    await stage.pass(3 * MINUTE);
    expect(checkOf(stage, sha)?.title).toBe('no rules · no machine may be launched');
  });

  test('with more to say than GitHub takes in one call says all of it', async () => {
    const stage = await open();
    const types = Array.from({ length: 80 }, (_, i) => `m${i + 100}.large`);
    const maxima = Object.fromEntries(types.map((type) => [type, 1]));
    const files = { [PATH]: rulesText(maxima), [WORKFLOW]: workflow('[dstack, m5.large]') };
    const check = await pushed(stage, files);
    const unasked = annotations(check)?.filter(([, , , text]) =>
      String(text).startsWith('no `runs-on`'),
    );
    expect(unasked?.map(([, line]) => line)).toEqual(types.map((_, i) => 4 + 2 * i));
  });

  test('names a type that the region does not have at the line of its rule', async () => {
    const stage = await open();
    const check = await pushed(stage, { [PATH]: rulesText({ 'm5.large': 1, 'm9.large': 1 }) });
    expect(check?.conclusion).toBe('success');
    expect(annotations(check)).toContainEqual([
      PATH,
      6,
      'warning',
      expect.stringContaining('m9.large is no instance type of eu-west-1.'),
    ]);
  });
});

describe('workflows', () => {
  test('name jobs that no rule serves and rules that none asks for', async () => {
    const stage = await open();
    const check = await pushed(stage, {
      [PATH]: rulesText({ 'm5.large': 1, 'c5.xlarge': 1 }),
      [WORKFLOW]: workflow(
        '[self-hosted, dstack, m5.large]',
        '[dstack, r5.large]',
        'ubuntu-latest',
      ),
    });
    expect(annotations(check)).toEqual([
      [WORKFLOW, 5, 'warning', 'no rule serves the job job1, which asks for dstack r5.large'],
      [PATH, 6, 'warning', expect.stringContaining('asks for c5.xlarge in eu-west-1')],
    ]);
  });

  test('with expressions are passed over, and counted', async () => {
    const stage = await open();
    const check = await pushed(stage, {
      [PATH]: rulesText({ 'm5.large': 1 }),
      // biome-ignore lint/suspicious/noTemplateCurlyInString: GitHub's own expression.
      [WORKFLOW]: workflow('dstack', '[dstack, "${{ matrix.type }}"]'),
    });
    expect(annotations(check)).toEqual([]);
    expect(check?.summary).toContain('Jobs whose runs-on is an expression are passed over: 1.');
  });
});

describe('a pull request', () => {
  test('that changes the file says what would end at merge, and the next head is checked too', async () => {
    const stage = await open();
    const jobs = stage.addJobs(3, { durationMs: 60 * MINUTE });
    await stage.until(isRunning(jobs), 10 * MINUTE);
    const { check } = await proposed(stage, { [PATH]: rulesText({ 'm5.large': 1 }) });
    expect(check?.conclusion).toBe('success');
    expect(check?.summary).toContain('**What ends at merge**\n\n- m5.large/eu-west-1: 2 of 3');
    const sha = stage.github.repos.commit(stage.repo, { [PATH]: BROKEN }, 'topic');
    await stage.pass(20 * SECOND);
    expect(checkOf(stage, sha)).toMatchObject({ conclusion: 'failure' });
    expect(stage.live()).toHaveLength(3);
  });

  test.each<[string, Readonly<Record<string, string | null>>, object]>([
    ['leaves the file alone', { 'a.txt': 'a' }, {}],
    ['goes to another branch', { [PATH]: BROKEN }, { base: 'other' }],
  ])('that %s gets no check', async (_, files, more) => {
    const stage = await open();
    stage.github.repos.commit(stage.repo, { 'b.txt': 'b' }, 'other');
    expect((await proposed(stage, files, more)).check).toBeUndefined();
  });

  test('of an old branch gets no check for what others changed since', async () => {
    const stage = await open();
    stage.github.repos.commit(stage.repo, { 'a.txt': 'a' }, 'topic');
    await pushed(stage, { [PATH]: rulesText({ 'm5.large': 1 }) });
    expect((await proposed(stage, { 'a.txt': 'b' })).check).toBeUndefined();
  });

  test('from a fork is read, and AWS is not asked', async () => {
    const stage = await open();
    const asked = () =>
      [...stage.calls].filter(([name]) => /ec2\.(types|spot|onDemand)/i.test(name));
    const before = asked();
    const { check } = await proposed(
      stage,
      { [PATH]: rulesText({ 'c5.xlarge': 9 }), [WORKFLOW]: workflow('[dstack, nothing]') },
      { isFork: true },
    );
    expect(check?.title).toBe('1 rule · checked without AWS');
    expect(check?.summary).toContain('| c5.xlarge | eu-west-1 | – | 9 spot | ? | ? |');
    expect(annotations(check)).toEqual([]);
    expect(asked()).toEqual(before);
  });

  test('is checked by the next process when this one dies', async () => {
    const stage = await open();
    stage.knobs.fault = ({ name }) =>
      name === 'github.check' ? { kind: 'lost-request' } : undefined;
    const { github, repo } = stage;
    const sha = github.repos.commit(repo, { [PATH]: null }, 'topic');
    github.pulls.open(repo, { head: 'topic', base: 'main', title: 'x', body: '' });
    await stage.pass(10 * SECOND);
    stage.kill();
    stage.knobs.fault = () => undefined;
    stage.start();
    await stage.pass(MINUTE);
    expect(checkOf(stage, sha)?.title).toBe('no rules · no machine may be launched');
  });
});
