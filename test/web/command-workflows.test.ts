import { generateKeyPairSync, sign } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { RunClaims } from '../../src/sandbox/github-oidc.ts';
import type { Repo } from '../../src/sandbox/github-state.ts';
import { type PeopleWorld, startPeopleWorld } from './people-world.ts';

// What a job may do with the token that says which run it is of.

const PATH = '.github/dstack.yml';
const INFO = 'autoscale info';
const CLEAR = 'autoscale clear';
const MINUTE_S = 60;

let world: PeopleWorld;
let home: Repo;
beforeAll(async () => {
  world = await startPeopleWorld(({ model, repo }) => {
    home = model.repos.addRepo({ owner: repo.owner, name: '.github' });
  });
});
afterAll(() => world.close());

const issue = (of: Partial<RunClaims> = {}): string =>
  world.oidc.issue({ repo: world.repo, audience: world.appUrl, ...of });
const claims = (of: Readonly<Record<string, unknown>>): string => issue({ claims: of });
const fileNow = () => world.model.repos.fileAt(world.repo, PATH);
const nowS = () => Math.floor(Date.now() / 1000);
const encode = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url');

/** The token's own claims under another signature. */
function forged(head: object, key?: string): string {
  const body = issue().split('.')[1] ?? '';
  const signed = `${encode(head)}.${body}`;
  const by = key ?? generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey;
  return `${signed}.${sign('sha256', Buffer.from(signed), by).toString('base64url')}`;
}
const keyId = (): string =>
  JSON.parse(Buffer.from(issue().split('.')[0] ?? '', 'base64url').toString()).kid;

test('a run on the default branch changes a rule, and the commit links it', async () => {
  const token = issue({ actor: 'wendy', runId: 4711 });
  const { status, body } = await world.command(token, 'autoscale allow c5.xlarge --max 2');
  expect([status, body.ok]).toEqual([200, true]);
  expect(fileNow()).toContain('c5.xlarge');
  const [commit] = world.model.commits.history(world.repo);
  expect(commit?.message).toContain(`@wendy: ${world.url}/acme/app/actions/runs/4711`);
});

test.each<[string, string, Partial<RunClaims>, string]>([
  ['a pull request', 'oidc-event', { event: 'pull_request', ref: 'refs/pull/7/merge' }, 'app'],
  ["a fork's pull request", 'oidc-event', { event: 'pull_request_target' }, 'app'],
  ['a comment', 'oidc-event', { event: 'issue_comment' }, 'app'],
  ['another run', 'oidc-event', { event: 'workflow_run' }, 'app'],
  ['a push to another branch', 'oidc-branch', { ref: 'refs/heads/feature' }, 'app'],
  ['a push of a tag of that name', 'oidc-branch', { ref: 'refs/tags/main' }, 'app'],
  ["a push to the owner's rules", 'oidc-owner', {}, '.github'],
])('a run of %s reads, and changes nothing', async (_, code, run, name) => {
  const repo = name === 'app' ? world.repo : home;
  const before = fileNow();
  const place = `acme/${name}`;
  expect(await world.command(issue({ ...run, repo }), INFO, place)).toMatchObject({ status: 200 });
  const refused = await world.command(issue({ ...run, repo }), CLEAR, place);
  expect(refused).toMatchObject({ status: 403, body: { ok: false, error: { code } } });
  expect(refused.body.text).toContain('Nothing was changed.');
  expect(fileNow()).toBe(before);
});

describe('a token', () => {
  test.each<[string, () => string, number, string]>([
    ['of another repository', () => issue({ repo: home }), 403, 'oidc-repository'],
    [
      'of another audience',
      () => issue({ audience: 'https://else.example' }),
      401,
      'oidc-audience',
    ],
    ['of another issuer', () => claims({ iss: 'https://else.example' }), 401, 'oidc-issuer'],
    ['that ended an hour ago', () => claims({ exp: nowS() - 60 * MINUTE_S }), 401, 'oidc-expired'],
    ['of the next hour', () => claims({ nbf: nowS() + 60 * MINUTE_S }), 401, 'oidc-early'],
    ['without an end', () => claims({ exp: undefined }), 401, 'oidc-shape'],
    ['that lives for a month', () => claims({ exp: nowS() + 720 * 3600 }), 401, 'oidc-shape'],
    ['without an id of its own', () => claims({ jti: undefined }), 401, 'oidc-shape'],
    ['without a repository id', () => claims({ repository_id: 'acme' }), 401, 'oidc-shape'],
    ['of an owner that has it no more', () => claims({ repository_owner_id: '99' }), 409, 'moved'],
    [
      'that somebody else signed',
      () => forged({ alg: 'RS256', kid: keyId() }),
      401,
      'oidc-signature',
    ],
    ['of a key that nobody knows', () => forged({ alg: 'RS256', kid: 'mine' }), 401, 'oidc-key'],
    ['that names no signature', () => forged({ alg: 'none', kid: keyId() }), 401, 'oidc-shape'],
    ['that names a shared secret', () => forged({ alg: 'HS256', kid: keyId() }), 401, 'oidc-shape'],
    ['that is cut', () => issue().slice(0, 200), 401, 'oidc-shape'],
  ])('%s is refused', async (_, token, status, code) => {
    const before = fileNow();
    const answer = await world.command(token(), CLEAR);
    expect([answer.status, answer.body.error?.code]).toEqual([status, code]);
    expect(fileNow()).toBe(before);
    expect(await world.metrics()).toContain(`dstack_refused_total{what="command",why="${code}"}`);
  });

  test('that is used again is refused', async () => {
    const token = issue();
    expect(await world.command(token, INFO)).toMatchObject({ status: 200 });
    const again = await world.command(token, INFO);
    expect([again.status, again.body.error?.code]).toEqual([401, 'oidc-replayed']);
  });

  test('a minute early or late is taken: clocks differ', async () => {
    const late = claims({ exp: nowS() - 30 });
    const early = claims({ iat: nowS() + 30 });
    for (const token of [late, early]) {
      expect(await world.command(token, INFO)).toMatchObject({ status: 200 });
    }
  });

  test('goes by the ids in it, whatever its subject says', async () => {
    const token = claims({ sub: 'repo:globex/site:ref:refs/heads/main' });
    expect(await world.command(token, INFO)).toMatchObject({ status: 200 });
  });
});

describe('the keys of the issuer', () => {
  test('are asked for again when a token names a new one, but not for every one', async () => {
    world.oidc.rotate();
    world.skew.ms += 31_000;
    expect(await world.command(issue(), INFO)).toMatchObject({ status: 200 });
    const before = world.oidc.reads();
    for (const kid of ['a', 'b', 'c']) await world.command(forged({ alg: 'RS256', kid }), INFO);
    expect(world.oidc.reads()).toBe(before);
    world.skew.ms = 0;
  });

  test('are good for a day when the issuer is down, and then it says so', async () => {
    world.oidc.isDown = true;
    const at = (ms: number) => {
      world.skew.ms = ms;
      const s = nowS() + ms / 1000;
      return claims({ iat: s, nbf: s, exp: s + 300 });
    };
    expect(await world.command(at(2 * 3_600_000), INFO)).toMatchObject({ status: 200 });
    const answer = await world.command(at(25 * 3_600_000), INFO);
    expect([answer.status, answer.body.error?.code]).toEqual([503, 'github']);
    world.oidc.isDown = false;
    world.skew.ms = 0;
  });
});

test('who is refused too often waits, and so does who asks too often', async () => {
  const statuses = new Map<string, Headers>();
  for (let i = 0; i < 90; i += 1) {
    const answer = await world.command(issue(), INFO);
    statuses.set(`${answer.status} ${answer.body.error?.code ?? 'ok'}`, answer.headers);
  }
  expect([...statuses.keys()]).toEqual(['200 ok', '429 rate']);
  expect(Number(statuses.get('429 rate')?.get('retry-after'))).toBeGreaterThan(0);
  for (let i = 0; i < 40; i += 1) await world.command('hello', INFO);
  const closed = await world.command(world.signIn('acme'), INFO);
  expect([closed.status, closed.body.error?.code]).toEqual([429, 'refused']);
  expect(closed.headers.get('retry-after')).toMatch(/^\d+$/);
});
