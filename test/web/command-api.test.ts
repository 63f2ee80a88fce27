import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { TokenKind } from '../../src/sandbox/github-user-tokens.ts';
import { type PeopleWorld, send, startPeopleWorld } from './people-world.ts';

const PATH = '.github/dstack.yml';

let world: PeopleWorld;
beforeAll(async () => {
  world = await startPeopleWorld();
  const { issues } = world.model;
  issues.setCollaborator(world.repo, 'wendy', 'write');
  issues.setCollaborator(world.repo, 'rita', 'read');
});
afterAll(() => world.close());

const fileNow = () => world.model.repos.fileAt(world.repo, PATH);

describe('a person', () => {
  test('who may write changes a rule, and is told in words, in Markdown and as data', async () => {
    const { status, body } = await world.command(
      world.signIn('wendy'),
      'autoscale allow c5.xlarge --max 2',
    );
    expect([status, body.ok]).toEqual([200, true]);
    expect(body.text).toMatch(/^c5\.xlarge: at most 2\. Machines start when jobs ask for them\.\n/);
    expect(body.markdown).toContain('**c5.xlarge: at most 2. Machines start');
    expect(body.data).toMatchObject({ kind: 'changed', undo: 'autoscale allow c5.xlarge --max 0' });
    expect(fileNow()).toContain('instance-type: c5.xlarge\n      max: 2');
    const [commit] = world.model.commits.history(world.repo);
    expect(commit?.message).toContain('Asked for by @wendy: over HTTP');
  });

  test.each(['/dstack runners', 'dstack runners', '  runners '])('may write %j', async (line) => {
    const { body } = await world.command(world.signIn('wendy'), line);
    expect(body).toMatchObject({ ok: true, data: { kind: 'runners' } });
  });

  test('who may read sees, and is refused what changes', async () => {
    const token = world.signIn('rita');
    const before = fileNow();
    expect(await world.command(token, 'autoscale info')).toMatchObject({ status: 200 });
    const refused = await world.command(token, 'autoscale clear');
    expect(refused).toMatchObject({
      status: 403,
      body: { ok: false, error: { code: 'permission' }, data: { kind: 'refused' } },
    });
    expect(refused.body.text).toContain('you have read');
    expect(fileNow()).toBe(before);
  });

  test('is told what is wrong with a line, and that nothing was changed', async () => {
    const { status, body } = await world.command(
      world.signIn('wendy'),
      'autoscale allow m5.xlrge --max 4',
    );
    expect([status, body.ok]).toEqual([200, false]);
    expect(body.text).toContain('Nearest: m5.xlarge. Nothing was changed.');
    expect(body.data).toMatchObject({ kind: 'error' });
  });
});

describe('a token', () => {
  const scopes = ['read:org', 'repo'];
  const fine = (contents: 'read' | 'write'): TokenKind => ({
    kind: 'fine-grained',
    repos: [world.repo.id],
    contents,
  });
  const INFO = 'autoscale info';
  const CLEAR = 'autoscale clear';

  test.each<[string, () => string, string, number, string | undefined]>([
    ['of this App', () => world.signIn('wendy'), INFO, 200, undefined],
    [
      'of a command line, with repo',
      () => tokenOf({ kind: 'oauth', scopes }),
      INFO,
      200,
      undefined,
    ],
    ['made by hand, with repo', () => tokenOf({ kind: 'classic', scopes }), INFO, 200, undefined],
    ['made by hand, without', () => tokenOf({ kind: 'classic', scopes: [] }), INFO, 403, 'scope'],
    [
      'of an OAuth app without repo',
      () => tokenOf({ kind: 'oauth', scopes: ['gist'] }),
      INFO,
      403,
      'scope',
    ],
    ['of another App', () => tokenOf({ kind: 'other-app' }), INFO, 403, 'other-app'],
    ['fine-grained, to read', () => tokenOf(fine('read')), INFO, 200, undefined],
    ['fine-grained, to read, for a change', () => tokenOf(fine('read')), CLEAR, 403, 'token-reads'],
    [
      'fine-grained, of other repositories',
      () => tokenOf({ ...FINE, repos: [] }),
      INFO,
      404,
      'repository',
    ],
    ['of an installation', () => `ghs_${'0'.repeat(40)}`, INFO, 403, 'installation-token'],
    ['that is no token', () => 'hello', INFO, 401, 'token'],
    ['that GitHub does not know', () => `ghp_${'0'.repeat(36)}`, INFO, 401, 'token'],
    [
      'of somebody who does not see the repository',
      () => world.signIn('mallory'),
      INFO,
      404,
      'repository',
    ],
  ])('%s', async (_, token, command, status, code) => {
    const before = fileNow();
    const answer = await world.command(token(), command);
    expect([answer.status, answer.body.error?.code]).toEqual([status, code]);
    expect(answer.body.ok).toBe(status === 200);
    expect(fileNow()).toBe(before);
    if (code !== undefined) {
      expect(await world.metrics()).toContain(`dstack_refused_total{what="command",why="${code}"}`);
    }
  });

  test('that is fine-grained and may write changes rules', async () => {
    const answer = await world.command(tokenOf(fine('write')), 'autoscale allow r6i.large --max 1');
    expect(answer).toMatchObject({ status: 200, body: { ok: true } });
  });

  test('is in no log', () => {
    expect(world.logged.length).toBeGreaterThan(10);
    expect(
      world.logged.filter((line) => /gh[opu]_[0-9a-f]{10}|github_pat_|eyJ/.test(line)),
    ).toEqual([]);
  });

  test('is asked about once a minute', async () => {
    const token = world.signIn('wendy');
    const asked = () => world.logged.filter((line) => line.includes('"call":"checkToken"')).length;
    await world.command(token, INFO);
    const before = asked();
    await world.command(token, INFO);
    expect(asked()).toBe(before);
    world.skew.ms = 61_000;
    await world.command(token, INFO);
    expect(asked()).toBe(before + 1);
    world.skew.ms = 0;
  });
});

const FINE: Extract<TokenKind, { kind: 'fine-grained' }> = {
  kind: 'fine-grained',
  repos: [],
  contents: 'write',
};
const tokenOf = (kind: TokenKind): string => world.signIn('wendy', kind);

describe('a request', () => {
  test.each<[string, unknown, number, string]>([
    ['without a repository', { command: 'runners' }, 400, 'shape'],
    ['with a repository that is none', { repository: 'acme', command: 'runners' }, 400, 'shape'],
    ['without a command', { repository: 'acme/app' }, 400, 'shape'],
    ['that is no object', [], 400, 'shape'],
    [
      'that is too large',
      { repository: 'acme/app', command: 'x'.repeat(20_000) },
      413,
      'too-large',
    ],
  ])('%s is refused', async (_, body, status, code) => {
    const answer = await send(world.appUrl, { token: world.signIn('wendy'), body });
    expect([answer.status, answer.body.error?.code]).toEqual([status, code]);
  });

  test('without a token is answered 401, and says what to send', async () => {
    const answer = await world.command(null, 'runners');
    expect([answer.status, answer.body.error?.code]).toEqual([401, 'no-token']);
    expect(answer.body.error?.message).toContain('authorization: bearer');
  });

  test('for a repository without the App is told to install it', async () => {
    const owner = world.model.repos.addOwner('globex');
    world.model.repos.addRepo({ owner, name: 'site' });
    const answer = await world.command(world.signIn('globex'), 'runners', 'globex/site');
    expect([answer.status, answer.body.error?.code]).toEqual([404, 'not-installed']);
  });

  test('finds a repository by the name that it had before', async () => {
    world.model.repos.rename(world.repo, 'application');
    const answer = await world.command(world.signIn('wendy'), 'runners');
    expect(answer.status).toBe(200);
    world.model.repos.rename(world.repo, 'app');
  });
});
