import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import type { CheckRun, RepoRef, Talk } from '../../src/github/port.ts';
import type { Refusal, Reply } from '../../src/model/reply.ts';
import type { GitHubModel } from '../../src/sandbox/github.ts';
import type { Repo } from '../../src/sandbox/github-state.ts';

// What commands and checks may rely on, whoever is behind the port: the sandbox in process, and the
// adapter before the sandbox's HTTP face. What GitHub then shows is read from the sandbox's model.

export interface TalkDoor {
  readonly model: GitHubModel;
  readonly talk: Talk;
  /** Lets the world run until the promise is settled. */
  readonly settle: <T>(promise: Promise<T>) => Promise<T>;
  close(): Promise<void>;
}

/** One owner with the App on one private repository, with a rules file on its branch `main`. */
export interface TalkWorld extends TalkDoor {
  readonly repo: Repo;
  readonly ref: RepoRef;
}

const PATH = '.github/dstack.yml';
const NOBODY = 999_999_999;

export function talkWorld(door: TalkDoor): TalkWorld {
  const { repos } = door.model;
  const owner = repos.addOwner('acme');
  const installation = repos.install(owner);
  const repo = repos.addRepo({ owner, name: 'app', files: { [PATH]: 'a: ü\n' } });
  const ref = { id: repo.id, owner: 'acme', name: 'app', installation: installation.id };
  return { ...door, repo, ref };
}

const got = <T>(reply: Reply<T>): T => {
  if (!reply.ok) throw new Error(`refused: ${reply.reason} ${reply.code} ${reply.message}`);
  return reply.value;
};
const refused = (reason: Refusal, code: string) =>
  expect.objectContaining({ ok: false, reason, code });
const nothing = { ok: true, value: null };

export function talkContract(name: string, openWorld: () => Promise<TalkWorld>): void {
  let world: TalkWorld;
  let talk: Talk;
  let ref: RepoRef;
  const go = <T>(promise: Promise<T>) => world.settle(promise);

  beforeEach(async () => {
    world = await openWorld();
    ({ talk, ref } = world);
  });
  afterEach(() => world.close());

  describe(`Talk, people: ${name}`, () => {
    test.each([
      ['admin', 'admin'],
      ['maintain', 'write'],
      ['write', 'write'],
      ['triage', 'read'],
      ['read', 'read'],
    ] as const)('with the role %s may %s', async (role, permission) => {
      world.model.issues.setCollaborator(world.repo, 'Ann', role);
      expect(got(await go(talk.permission(ref, 'ann')))).toBe(permission);
    });

    test('without a role, or without a name at GitHub, may nothing', async () => {
      world.model.issues.setCollaborator(world.repo, 'ann', 'write');
      world.model.issues.setCollaborator(world.repo, 'ann', null);
      expect(got(await go(talk.permission(ref, 'ann')))).toBe('none');
      expect(got(await go(talk.permission(ref, 'renovate[bot]')))).toBe('none');
    });
  });

  describe(`Talk, comments: ${name}`, () => {
    const commentsOf = (issue: number) => got(world.model.issues.commentsOf(world.repo, issue));

    test('are made, edited and found again by their marker', async () => {
      const { number } = world.model.issues.addIssue(world.repo);
      const since = world.model.state.kernel.now();
      const of = { issue: number, since };
      world.model.issues.addComment(world.repo, number, 'mine <!-- 7 -->', 'ann');
      expect(await go(talk.findComment(ref, { ...of, marker: '<!-- 7 -->' }))).toEqual(nothing);
      const { id } = got(await go(talk.comment(ref, number, 'one <!-- 7 -->')));
      got(await go(talk.comment(ref, number, 'two <!-- 8 -->')));
      expect(await go(talk.editComment(ref, id, 'three <!-- 7 -->'))).toEqual(nothing);
      const found = await go(talk.findComment(ref, { ...of, marker: '<!-- 7 -->' }));
      expect(got(found)).toEqual({ id });
      const later = { ...of, since: since + 60_000, marker: '<!-- 7 -->' };
      expect(await go(talk.findComment(ref, later))).toEqual(nothing);
      expect(commentsOf(number).map(({ by, body }) => [by.login, body])).toEqual([
        ['ann', 'mine <!-- 7 -->'],
        ['dstack-sandbox[bot]', 'three <!-- 7 -->'],
        ['dstack-sandbox[bot]', 'two <!-- 8 -->'],
      ]);
    });

    test('are found behind many others', async () => {
      const { number } = world.model.issues.addIssue(world.repo);
      for (let i = 0; i < 150; i++) world.model.issues.addComment(world.repo, number, `${i}`);
      const { id } = got(await go(talk.comment(ref, number, '<!-- 7 -->')));
      const found = await go(
        talk.findComment(ref, { issue: number, marker: '<!-- 7 -->', since: 0 }),
      );
      expect(got(found)).toEqual({ id });
    });

    test('are denied where the issue is locked, and missing where there is none', async () => {
      const issue = world.model.issues.addIssue(world.repo);
      issue.isLocked = true;
      const comment = (number: number) => go(talk.comment(ref, number, 'x'));
      expect(await comment(issue.number)).toEqual(refused('denied', '403'));
      expect(await comment(NOBODY)).toEqual(refused('missing', '404'));
      world.repo.talk.hasIssues = false;
      expect(await comment(issue.number)).toEqual(refused('missing', '410'));
      expect(await go(talk.editComment(ref, NOBODY, 'x'))).toEqual(refused('missing', '404'));
    });

    test.each([
      ['nothing', 0],
      ['too much', 65_537],
    ])('that say %s are invalid', async (_, length) => {
      const { number } = world.model.issues.addIssue(world.repo);
      const reply = await go(talk.comment(ref, number, 'x'.repeat(length)));
      expect(reply).toEqual(refused('invalid', '422'));
    });

    test('get a reaction once, and lose it once', async () => {
      const { number } = world.model.issues.addIssue(world.repo);
      const comment = world.model.issues.addComment(world.repo, number, '/dstack help', 'ann');
      const { id } = got(await go(talk.react(ref, comment.id, 'eyes')));
      expect(got(await go(talk.react(ref, comment.id, 'eyes')))).toEqual({ id });
      got(await go(talk.react(ref, comment.id, 'rocket')));
      expect(await go(talk.unreact(ref, comment.id, id))).toEqual(nothing);
      expect(await go(talk.unreact(ref, comment.id, id))).toEqual(refused('missing', '404'));
      expect(comment.reactions.map(({ content }) => content)).toEqual(['rocket']);
      expect(comment.reactionLog).toEqual(['eyes', 'rocket']);
      expect(await go(talk.react(ref, NOBODY, 'eyes'))).toEqual(refused('missing', '404'));
    });
  });

  describe(`Talk, a file: ${name}`, () => {
    const read = (path = PATH, branch = 'main') => go(talk.fileToEdit(ref, path, branch));
    const commit = (blob: string | null, more: object = {}) =>
      go(
        talk.commitFile(ref, {
          path: PATH,
          text: 'b: 2\n',
          branch: 'main',
          message: 'Allow m5.large for @ann',
          blob,
          ...more,
        }),
      );
    const head = (branch = 'main') => world.model.commits.history(world.repo, branch)[0];

    test('is replaced by one commit of the App, which shows its blob', async () => {
      const { text, blob } = got(await read());
      expect(text).toBe('a: ü\n');
      const made = got(await commit(blob));
      expect(head()).toMatchObject({
        sha: made.commit,
        author: 'dstack-sandbox[bot]',
        message: 'Allow m5.large for @ann',
      });
      expect(made.url).toMatch(new RegExp(`^http.*/acme/app/commit/${made.commit}$`));
      expect(got(await read()).text).toBe('b: 2\n');
      expect(world.model.commits.history(world.repo)).toHaveLength(2);
    });

    test('that was not there is made without a blob', async () => {
      expect(got(await read('new.yml'))).toEqual({ text: null, blob: null });
      got(await commit(null, { path: 'new.yml' }));
      expect(got(await read('new.yml')).text).toBe('b: 2\n');
    });

    test('that somebody changed or made meanwhile is a conflict, and stays as it is', async () => {
      const { blob } = got(await read());
      world.model.repos.commit(world.repo, { [PATH]: 'rival' });
      expect(await commit(blob)).toEqual(refused('conflict', '409'));
      expect(await commit(null)).toEqual(refused('conflict', '422'));
      expect(got(await read()).text).toBe('rival');
    });

    test('on a protected branch is a conflict with the blob unchanged', async () => {
      world.model.commits.protect(world.repo);
      const { blob } = got(await read());
      expect(await commit(blob)).toEqual(refused('conflict', '409'));
      expect(got(await read()).blob).toBe(blob);
    });

    test('is denied on a branch that is not there, and among the workflows', async () => {
      expect(await commit(null, { branch: 'other' })).toEqual(refused('denied', '404'));
      const path = '.github/workflows/ci.yml';
      expect(await commit(null, { path })).toEqual(refused('denied', '403'));
      expect(got(await read(PATH, 'other'))).toEqual({ text: null, blob: null });
    });

    test('is invalid where there is a folder, and where it is too large', async () => {
      expect(await read('.github')).toEqual(refused('invalid', 'no-file'));
      world.model.repos.commit(world.repo, { [PATH]: 'x'.repeat(1_000_001) });
      expect(await read()).toEqual(refused('invalid', 'no-text'));
    });
  });

  describe(`Talk, a branch and its pull request: ${name}`, () => {
    const BRANCH = 'dstack/allow-7';
    const { stringMatching } = expect;
    const makeBranch = () => go(talk.makeBranch(ref, { name: BRANCH, from: 'main' }));
    const openPull = (branch = BRANCH) =>
      go(talk.openPull(ref, { head: branch, base: 'main', title: 'Allow', body: 'By @ann' }));
    const change = async (branch = BRANCH) => {
      const { blob } = got(await go(talk.fileToEdit(ref, PATH, branch)));
      const text = `b: 2\n# ${branch}\n`;
      return got(
        await go(talk.commitFile(ref, { path: PATH, text, blob, branch, message: 'Allow' })),
      );
    };
    const branches = () => [...world.repo.branches.keys()];

    test('begins at the head of the other, also when it was there before', async () => {
      expect(await makeBranch()).toEqual(nothing);
      await change();
      world.model.repos.commit(world.repo, { x: 'y' });
      expect(await makeBranch()).toEqual(nothing);
      expect(world.repo.branches.get(BRANCH)).toBe(world.repo.branches.get('main'));
    });

    test('is deleted once', async () => {
      got(await makeBranch());
      expect(await go(talk.deleteBranch(ref, BRANCH))).toEqual(nothing);
      expect(await go(talk.deleteBranch(ref, BRANCH))).toEqual(refused('missing', '422'));
      expect(branches()).toEqual(['main']);
    });

    test('does not begin at what is not there', async () => {
      const made = await go(talk.makeBranch(ref, { name: BRANCH, from: 'other' }));
      expect(made).toEqual(refused('missing', '404'));
    });

    test('is opened, found, and merged by a person', async () => {
      got(await makeBranch());
      await change();
      const pull = got(await openPull());
      const url = stringMatching(new RegExp(`/acme/app/pull/${pull.number}$`));
      expect(pull).toEqual({ number: pull.number, url, head: BRANCH, state: 'open' });
      expect(got(await go(talk.openPulls(ref, 'dstack/')))).toEqual([pull]);
      expect(got(await go(talk.openPulls(ref, 'other/')))).toEqual([]);
      world.model.repos.commit(world.repo, { x: 'y' });
      world.model.pulls.merge(world.repo, pull.number, 'ann');
      expect(got(await go(talk.pull(ref, pull.number)))).toEqual({ ...pull, state: 'merged' });
      expect(got(await go(talk.openPulls(ref, 'dstack/')))).toEqual([]);
      const { text } = got(await go(talk.fileToEdit(ref, PATH, 'main')));
      expect(text).toBe(`b: 2\n# ${BRANCH}\n`);
      expect(world.model.commits.history(world.repo)[0]?.author).toBe('ann');
      expect(world.model.repos.fileAt(world.repo, 'x')).toBe('y');
    });

    test('is closed by us, by a person, and with its branch', async () => {
      const numbers: number[] = [];
      for (const name of ['dstack/1', 'dstack/2', 'dstack/3']) {
        got(await go(talk.makeBranch(ref, { name, from: 'main' })));
        await change(name);
        numbers.push(got(await openPull(name)).number);
      }
      const [first = 0, second = 0, third = 0] = numbers;
      expect(await go(talk.closePull(ref, first))).toEqual(nothing);
      expect(await go(talk.closePull(ref, first))).toEqual(nothing);
      world.model.pulls.closePull(world.repo, second);
      got(await go(talk.deleteBranch(ref, 'dstack/3')));
      for (const number of [first, second, third]) {
        expect(got(await go(talk.pull(ref, number))).state).toBe('closed');
      }
    });

    test('is invalid without a commit of its own, and a second time', async () => {
      got(await makeBranch());
      expect(await openPull()).toEqual(refused('invalid', '422'));
      await change();
      got(await openPull());
      expect(await openPull()).toEqual(refused('invalid', '422'));
      expect(await openPull('other')).toEqual(refused('invalid', '422'));
    });

    test('is missing under a number that is none of a pull request', async () => {
      const { number } = world.model.issues.addIssue(world.repo);
      expect(await go(talk.pull(ref, number))).toEqual(refused('missing', '404'));
      expect(await go(talk.closePull(ref, number))).toEqual(refused('missing', '404'));
    });
  });

  describe(`Talk, files: ${name}`, () => {
    const FOLDER = '.github/workflows';

    test('of a folder are listed as they are at a commit, without those of folders in it', async () => {
      const { commits } = world.model;
      const files = {
        [`${FOLDER}/b.yml`]: 'b',
        [`${FOLDER}/a.yml`]: 'a',
        [`${FOLDER}/c/d.yml`]: 'd',
      };
      const { sha } = commits.write(world.repo, files);
      commits.write(world.repo, { [`${FOLDER}/a.yml`]: null });
      const listed = got(await go(talk.files(ref, FOLDER, sha)));
      expect([...listed].sort()).toEqual([`${FOLDER}/a.yml`, `${FOLDER}/b.yml`]);
      expect(got(await go(talk.files(ref, FOLDER, 'main')))).toEqual([`${FOLDER}/b.yml`]);
    });

    test('are missing without the folder, and invalid where a file is in its place', async () => {
      expect(await go(talk.files(ref, FOLDER, 'main'))).toEqual(refused('missing', '404'));
      expect(await go(talk.files(ref, PATH, 'main'))).toEqual(refused('invalid', 'no-folder'));
    });

    test('of a pull request are those that it changes, and not what others changed since', async () => {
      const { commits, pulls } = world.model;
      const changes = Object.fromEntries(Array.from({ length: 120 }, (_, i) => [`f${i}`, 'x']));
      commits.write(world.repo, { ...changes, [PATH]: null }, { branch: 'topic' });
      commits.write(world.repo, { 'other.txt': 'x' });
      const spec = { head: 'topic', base: 'main', title: 'One', body: '' };
      const { issue } = got(pulls.open(world.repo, spec));
      const listed = got(await go(talk.pullFiles(ref, issue.number)));
      expect([...listed].sort()).toEqual([...Object.keys(changes), PATH].sort());
      expect(await go(talk.pullFiles(ref, NOBODY))).toEqual(refused('missing', '404'));
    });
  });

  describe(`Talk, a check: ${name}`, () => {
    const run = (more: Partial<CheckRun & { id: number }> = {}): CheckRun => ({
      name: 'dstack.yml',
      sha: world.repo.branches.get('main') ?? '',
      conclusion: null,
      title: 'Reading',
      summary: 'One moment',
      annotations: [],
      ...more,
    });
    const lines = (count: number): CheckRun['annotations'] =>
      Array.from({ length: count }, (_, i) => ({
        path: PATH,
        line: i + 1,
        column: 3,
        endColumn: 9,
        level: 'failure',
        message: `line ${i + 1}`,
      }));
    const shown = () => world.model.checks.of(world.repo, run().sha);

    test('is made, and changed to its end with all its annotations', async () => {
      const { id } = got(await go(talk.check(ref, run())));
      expect(shown()).toMatchObject([{ id, status: 'in_progress', conclusion: null }]);
      const end = run({ conclusion: 'failure', title: 'Wrong', annotations: lines(120) });
      expect(got(await go(talk.check(ref, { ...end, id })))).toEqual({ id });
      expect(shown()).toMatchObject([
        { id, name: 'dstack.yml', status: 'completed', conclusion: 'failure', title: 'Wrong' },
      ]);
      const { annotations } = shown()[0] ?? { annotations: [] };
      expect(annotations.map(({ startLine }) => startLine)).toEqual(
        lines(120).map(({ line }) => line),
      );
    });

    test('is found by its name on its commit, also when it has ended', async () => {
      const { name, sha } = run();
      expect(got(await go(talk.findCheck(ref, { name, sha })))).toBeNull();
      const { id } = got(await go(talk.check(ref, run({ conclusion: 'neutral' }))));
      got(await go(talk.check(ref, run({ name: 'another' }))));
      expect(got(await go(talk.findCheck(ref, { name, sha })))).toEqual({ id });
      got(await go(talk.check(ref, { ...run(), id })));
      expect(shown().find((check) => check.id === id)).toMatchObject({ conclusion: null });
    });

    test('keeps as much of a long summary as GitHub takes', async () => {
      const summary = 'a line of text\n'.repeat(10_000);
      got(await go(talk.check(ref, run({ summary, annotations: lines(600) }))));
      const bytes = Buffer.byteLength(shown()[0]?.summary ?? '');
      expect(bytes).toBeGreaterThan(65_000);
      expect(bytes).toBeLessThanOrEqual(65_535);
      expect(shown()[0]?.annotations).toHaveLength(500);
    });

    test('is invalid for a commit that is not there, and missing under another id', async () => {
      const sha = 'f'.repeat(40);
      expect(await go(talk.check(ref, run({ sha })))).toEqual(refused('invalid', '422'));
      const other = { ...run(), id: NOBODY };
      expect(await go(talk.check(ref, other))).toEqual(refused('missing', '404'));
    });
  });

  describe(`Talk, everything: ${name}`, () => {
    test('is denied when the App is not installed any more', async () => {
      world.model.repos.uninstall(ref.installation);
      expect(await go(talk.comment(ref, 1, 'x'))).toEqual(refused('denied', '404'));
      expect(await go(talk.permission(ref, 'ann'))).toEqual(refused('denied', '404'));
      expect(await go(talk.fileToEdit(ref, PATH, 'main'))).toEqual(refused('denied', '404'));
    });
  });
}
