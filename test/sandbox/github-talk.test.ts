import { readFileSync } from 'node:fs';
import { describe, expect, test } from '@jest/globals';
import { parse } from 'yaml';
import type { Webhook } from '../../src/sandbox/github-hooks.ts';
import { APP_EVENTS, APP_PERMISSIONS } from '../../src/sandbox/github-state.ts';
import { createSandboxTalk } from '../../src/sandbox/github-talk-port.ts';
import type { Annotation } from '../../src/sandbox/github-talk-state.ts';
import type { PortCall } from '../../src/sandbox/process.ts';
import { createWorld, MINUTE_MS, value, type World } from './github-world.ts';

// What GitHub does when people talk: who is told what. The port's own promises are in the contract.

const PATH = '.github/dstack.yml';
const BOT = 'dstack-sandbox[bot]';

/** The webhooks of a kind, each as `action` and the sender's login. */
const told = (world: World, event: string): unknown[] =>
  world.hooks.filter((hook) => hook.event === event).map(told1);

function told1({ payload }: Webhook): unknown {
  const { action, sender } = JSON.parse(JSON.stringify(payload));
  return [action, sender.login];
}

test('the sandbox’s App asks for what app.yml asks for', () => {
  const yml = parse(readFileSync(new URL('../../app.yml', import.meta.url), 'utf8'));
  expect(APP_PERMISSIONS).toEqual(yml.default_permissions);
  expect(APP_EVENTS.toSorted()).toEqual(yml.default_events.toSorted());
});

describe('comments', () => {
  test('are told with who wrote them; our own come back to us', async () => {
    const world = createWorld();
    const { issues } = world.model;
    const { number } = issues.addIssue(world.repo);
    issues.addComment(world.repo, number, '/dstack help', 'ann');
    await world.pass(MINUTE_MS);
    const { id } = value(issues.comment(world.repo, number, 'answer'));
    await world.pass(MINUTE_MS);
    value(issues.editComment(world.repo, id, 'another'));
    await world.pass(MINUTE_MS);
    expect(told(world, 'issue_comment')).toEqual([
      ['created', 'ann'],
      ['created', BOT],
      ['edited', BOT],
    ]);
  });

  test('are told as a person’s or a bot’s by the name', async () => {
    const world = createWorld();
    const { number } = world.model.issues.addIssue(world.repo);
    for (const by of ['ann', 'renovate[bot]'])
      world.model.issues.addComment(world.repo, number, 'x', by);
    const types = value(world.model.issues.commentsOf(world.repo, number)).map(({ by }) => by.type);
    expect(types).toEqual(['User', 'Bot']);
  });
});

test('issues and pull requests share their numbers', () => {
  const world = createWorld();
  const { issues, commits, pulls } = world.model;
  commits.push(world.repo, { a: 'b' }, { branch: 'feature' });
  issues.addIssue(world.repo);
  const spec = { head: 'feature', base: 'main', title: 'One', body: '' };
  expect(value(pulls.open(world.repo, spec)).issue.number).toBe(2);
  expect(issues.addIssue(world.repo).number).toBe(3);
});

test('everybody may read a public repository, its owner all', () => {
  const world = createWorld({ ownerType: 'User' });
  const repo = world.model.repos.addRepo({ owner: world.owner, name: 'open', isPrivate: false });
  world.model.issues.setCollaborator(world.repo, 'ann', 'admin');
  const may = (login: string) => value(world.model.issues.permissionOf(repo, login)).permission;
  expect([may('ann'), may('acme')]).toEqual(['read', 'admin']);
});

describe('a pull request', () => {
  async function opened() {
    const world = createWorld();
    const { commits, pulls } = world.model;
    commits.push(world.repo, { [PATH]: 'old', keep: 'as it is' });
    commits.push(world.repo, { [PATH]: 'new', keep: null }, { branch: 'feature' });
    const spec = { head: 'feature', base: 'main', title: 'One', body: '' };
    const { number } = value(pulls.open(world.repo, spec)).issue;
    await world.pass(MINUTE_MS);
    world.hooks.length = 0;
    return { world, number };
  }

  test('that is merged commits its changes and no others, and tells of both', async () => {
    const { world, number } = await opened();
    const { commits, pulls, repos } = world.model;
    commits.protect(world.repo);
    commits.push(world.repo, { other: 'text' }, { by: 'bob' });
    await world.pass(MINUTE_MS);
    const sha = pulls.merge(world.repo, number, 'ann');
    await world.pass(MINUTE_MS);
    const texts = [PATH, 'keep', 'other'].map((path) => repos.fileAt(world.repo, path));
    expect(texts).toEqual(['new', undefined, 'text']);
    const [head, before] = commits.history(world.repo);
    expect(head).toMatchObject({ sha, author: 'ann', message: expect.stringMatching(/^Merge/) });
    expect(before?.author).toBe('bob');
    expect(told(world, 'push')).toEqual([
      [undefined, 'bob'],
      [undefined, 'ann'],
    ]);
    expect(told(world, 'pull_request')).toEqual([['closed', 'ann']]);
    const closed = world.hooks.find(({ event }) => event === 'pull_request');
    expect(closed?.payload).toMatchObject({ number, pull_request: { merged: true } });
  });

  test('that is closed is told of once, and cannot be merged', async () => {
    const { world, number } = await opened();
    world.model.pulls.closePull(world.repo, number, 'ann');
    value(world.model.pulls.close(world.repo, number));
    await world.pass(MINUTE_MS);
    expect(told(world, 'pull_request')).toEqual([['closed', 'ann']]);
    expect(() => world.model.pulls.merge(world.repo, number)).toThrow();
  });

  test('follows its branch', async () => {
    const { world, number } = await opened();
    const { sha } = world.model.commits.push(world.repo, { x: 'y' }, { branch: 'feature' });
    expect(value(world.model.pulls.find(world.repo, number)).headSha).toBe(sha);
  });
});

describe('a branch', () => {
  const main = ({ repo }: World) => repo.branches.get('main') ?? '';

  test('is not moved back without force, and a protected one not at all', () => {
    const world = createWorld();
    const { commits } = world.model;
    const before = main(world);
    commits.push(world.repo, { a: 'b' });
    const move = (isForced: boolean) =>
      commits.moveBranch(world.repo, { name: 'main', sha: before, isForced });
    expect(move(false)).toMatchObject({ ok: false, code: '422' });
    expect(move(true)).toMatchObject({ ok: true });
    commits.push(world.repo, { a: 'b' });
    commits.protect(world.repo);
    expect(move(true)).toMatchObject({ ok: false, code: '422' });
    expect(commits.deleteBranch(world.repo, 'main')).toMatchObject({ ok: false, code: '422' });
  });

  test('that is made and deleted is told of, by the App', async () => {
    const world = createWorld();
    value(world.model.commits.makeBranch(world.repo, 'feature', main(world)));
    await world.pass(MINUTE_MS);
    value(world.model.commits.deleteBranch(world.repo, 'feature'));
    await world.pass(MINUTE_MS);
    const pushes = world.hooks.filter(({ event }) => event === 'push');
    expect(pushes.map(({ payload }) => payload)).toMatchObject([
      { ref: 'refs/heads/feature', created: true, deleted: false, commits: [] },
      { ref: 'refs/heads/feature', created: false, deleted: true, head_commit: null },
    ]);
  });
});

describe('a check is refused', () => {
  const line: Annotation = {
    path: PATH,
    startLine: 1,
    endLine: 1,
    startColumn: 1,
    endColumn: 2,
    level: 'failure',
    message: 'no',
  };
  const output = { title: 'Wrong', summary: '', annotations: [] };
  const make = (change: object, sha?: string) => {
    const world = createWorld();
    const at = sha ?? world.repo.branches.get('main') ?? '';
    return world.model.checks.make(world.repo, { sha: at, name: 'c', ...change });
  };

  test.each([
    ['51 annotations', { output: { ...output, annotations: Array(51).fill(line) } }],
    ['a summary beyond 65,535 bytes', { output: { ...output, summary: 'ü'.repeat(32_768) } }],
    ['columns over lines', { output: { ...output, annotations: [{ ...line, endLine: 2 }] } }],
    ['an unknown level', { output: { ...output, annotations: [{ ...line, level: 'error' }] } }],
    ['an unknown conclusion', { conclusion: 'stale' }],
    ['an end without a conclusion', { status: 'completed' }],
    ['no name', { name: '' }],
  ])('with %s', (_, change) => {
    expect(make(change)).toMatchObject({ ok: false, reason: 'invalid', code: '422' });
  });

  test('under the id of a job, which is another app’s', () => {
    const world = createWorld();
    const run = world.model.jobs.addRun(world.repo, {
      jobs: [{ name: 'build', labels: ['dstack'], durationMs: 1 }],
    });
    const change = world.model.checks.change(world.repo, run.jobs[0]?.id ?? 0, { name: 'c' });
    expect(change).toMatchObject({ ok: false, reason: 'denied' });
  });
});

test('a call’s fault is known by its name; a comment whose answer is lost was made', async () => {
  const calls: PortCall[] = [];
  const world = createWorld({
    fault(call) {
      calls.push(call);
      return call.name === 'github.comment' ? { kind: 'lost-answer' } : undefined;
    },
  });
  const talk = createSandboxTalk(world.model, world.kernel.process('other'));
  const { number } = world.model.issues.addIssue(world.repo);
  const reply = await world.settle(talk.comment(world.ref, number, '<!-- 7 -->'));
  expect(reply).toMatchObject({ ok: false, reason: 'unreachable' });
  const of = { issue: number, marker: '<!-- 7 -->', since: 0 };
  expect(value(await world.settle(talk.findComment(world.ref, of)))).not.toBeNull();
  expect(calls.map(({ name }) => name)).toEqual(['github.comment', 'github.findComment']);
});
