import { createVerify } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { CALLS, type CallName, PERMISSIONS } from '../../src/github/calls.ts';
import type { GitHub, Talk } from '../../src/github/port.ts';
import { MINT, NOW, PATH, publicKey, REPO, SETTINGS_URL, startWire, type Wire } from './wire.ts';

/** The same repository's organization. */
const CI = { ...REPO, group: 'CI' };
const JOB = `GET ${PATH}/actions/jobs/5`;
const FILE = `GET ${PATH}/contents/a.yml`;
const text = { type: 'file', sha: 'b10b', encoding: 'base64', content: 'YQ==' };

let wire: Wire;
let github: GitHub & Talk;

beforeEach(async () => {
  wire = await startWire();
  ({ github } = wire);
  wire.on(FILE, { status: 200, body: text });
});
afterEach(() => wire.stop());

const readFile = (path = 'a.yml') => github.file(REPO, path, 'main');

describe('a token', () => {
  const at = {
    runner: { name: 'r', labels: ['dstack'] },
    comment: { issue: 2, marker: 'x', since: NOW },
    change: { path: 'a.yml', text: 'a', blob: null, branch: 'main', message: 'x' },
    branch: { name: 'b', from: 'main' },
    pull: { head: 'b', base: 'main', title: 't', body: '' },
    check: { name: 'c', sha: 'f00d', conclusion: null, title: 't', summary: '', annotations: [] },
  };
  test.each<[CallName, string, (github: GitHub & Talk) => Promise<unknown>]>([
    ['file', FILE, () => readFile()],
    [
      'register',
      `POST ${PATH}/actions/runners/generate-jitconfig`,
      (g) => g.register(REPO, at.runner),
    ],
    ['removeRunner', `DELETE ${PATH}/actions/runners/4`, (g) => g.removeRunner(REPO, 4)],
    ['runners', `GET ${PATH}/actions/runners`, (g) => g.runners(REPO)],
    ['actionsRunner', `GET ${PATH}/actions/runners/downloads`, (g) => g.actionsRunner(REPO, 'x64')],
    ['job', JOB, (g) => g.job(REPO, 5)],
    ['run', `GET ${PATH}/actions/runs/6`, (g) => g.run(REPO, 6)],
    ['rerunFailed', `POST ${PATH}/actions/runs/6/rerun-failed-jobs`, (g) => g.rerunFailed(REPO, 6)],
    ['rerunJob', `POST ${PATH}/actions/jobs/5/rerun`, (g) => g.rerunJob(REPO, 5)],
    ['cancelRun', `POST ${PATH}/actions/runs/6/cancel`, (g) => g.cancelRun(REPO, 6)],
    ['runs', `GET ${PATH}/actions/runs`, (g) => g.unfinishedJobs(REPO)],
    ['repositories', 'GET /installation/repositories', (g) => g.repository(7, 31)],
    ['permission', `GET ${PATH}/collaborators/ann/permission`, (g) => g.permission(REPO, 'ann')],
    ['comment', `POST ${PATH}/issues/2/comments`, (g) => g.comment(REPO, 2, 'x')],
    ['editComment', `PATCH ${PATH}/issues/comments/3`, (g) => g.editComment(REPO, 3, 'x')],
    ['comments', `GET ${PATH}/issues/2/comments`, (g) => g.findComment(REPO, at.comment)],
    ['react', `POST ${PATH}/issues/comments/3/reactions`, (g) => g.react(REPO, 3, 'eyes')],
    ['unreact', `DELETE ${PATH}/issues/comments/3/reactions/4`, (g) => g.unreact(REPO, 3, 4)],
    ['fileToEdit', FILE, (g) => g.fileToEdit(REPO, 'a.yml', 'main')],
    ['files', FILE, (g) => g.files(REPO, 'a.yml', 'main')],
    ['pullFiles', `GET ${PATH}/pulls/2/files`, (g) => g.pullFiles(REPO, 2)],
    ['commitFile', `PUT ${PATH}/contents/a.yml`, (g) => g.commitFile(REPO, at.change)],
    ['ref', `GET ${PATH}/git/ref/heads/main`, (g) => g.makeBranch(REPO, at.branch)],
    ['deleteRef', `DELETE ${PATH}/git/refs/heads/b`, (g) => g.deleteBranch(REPO, 'b')],
    ['openPull', `POST ${PATH}/pulls`, (g) => g.openPull(REPO, at.pull)],
    ['pull', `GET ${PATH}/pulls/2`, (g) => g.pull(REPO, 2)],
    ['changePull', `PATCH ${PATH}/pulls/2`, (g) => g.closePull(REPO, 2)],
    ['makeCheck', `POST ${PATH}/check-runs`, (g) => g.check(REPO, at.check)],
    [
      'checks',
      `GET ${PATH}/commits/f00d/check-runs`,
      (g) => {
        wire.on('GET /app', { status: 200, body: { id: 4711 } });
        return g.findCheck(REPO, at.check);
      },
    ],
    ['changeCheck', `PATCH ${PATH}/check-runs/8`, (g) => g.check(REPO, { ...at.check, id: 8 })],
  ])(
    'for %s reaches one repository, with what the call needs and no more',
    async (name, route, go) => {
      await go(github);
      const permissions = CALLS[name].needs;
      expect(wire.to(MINT).map(({ body }) => body)).toEqual([
        { repository_ids: [31], permissions },
      ]);
      expect(wire.to(route)[0]?.headers.authorization).toBe('token token-1');
    },
  );

  test.each<readonly [name: keyof typeof CALLS, route: string, go: (g: GitHub) => unknown]>([
    ['runnerGroups', 'GET /orgs/octo/actions/runner-groups', (g) => g.runnerGroup(REPO, 'CI')],
    ['orgRunners', 'GET /orgs/octo/actions/runners', (g) => g.runners(CI)],
    ['orgRemoveRunner', 'DELETE /orgs/octo/actions/runners/7', (g) => g.removeRunner(CI, 7)],
  ])("for an organization's runners can do nothing else", async (name, route, go) => {
    await go(github);
    expect(wire.to(MINT).map(({ body }) => body)).toEqual([{ permissions: CALLS[name].needs }]);
    expect(wire.to(route)[0]?.headers.authorization).toBe('token token-1');
  });

  test('for the list of repositories reaches all of them, and can do nothing with them', async () => {
    await github.repositories(7);
    expect(wire.to(MINT).map(({ body }) => body)).toEqual([{ permissions: { metadata: 'read' } }]);
  });

  test('is asked for in no other way than the table says', () => {
    expect(Object.keys(PERMISSIONS)).toHaveLength(38);
  });

  test('is used again by the calls that need the same, until five minutes before its end', async () => {
    await readFile();
    await readFile();
    wire.clock.pass(3_299_999);
    await readFile();
    expect(wire.to(MINT)).toHaveLength(1);
    wire.clock.pass(1);
    await readFile();
    expect(wire.to(MINT)).toHaveLength(2);
    expect(wire.to(FILE).at(-1)?.headers.authorization).toBe('token token-2');
  });

  test('is got once for many calls at the same time', async () => {
    await Promise.all(Array.from({ length: 20 }, () => readFile()));
    expect(wire.to(MINT)).toHaveLength(1);
    expect(wire.to(FILE)).toHaveLength(20);
  });

  test('is not shared by repositories', async () => {
    await readFile();
    await github.file({ ...REPO, id: 32, name: 'other' }, 'a.yml', 'main');
    expect(wire.to(MINT).map(({ body }) => body)).toMatchObject([
      { repository_ids: [31] },
      { repository_ids: [32] },
    ]);
  });

  test('that GitHub no longer takes is replaced, and the call sent once more', async () => {
    wire.on(FILE, ({ headers }) =>
      headers.authorization === 'token token-1' ? { status: 401 } : { status: 200, body: text },
    );
    expect(await readFile()).toMatchObject({ ok: true });
    expect(wire.to(FILE)).toHaveLength(2);
    expect(await readFile()).toMatchObject({ ok: true });
    expect(wire.to(MINT)).toHaveLength(2);
  });

  test('that is refused twice is a refusal', async () => {
    wire.on(FILE, { status: 401, body: { message: 'Bad credentials' } });
    expect(await readFile()).toMatchObject({ ok: false, reason: 'denied', code: '401' });
    expect(wire.to(FILE)).toHaveLength(2);
  });
});

describe('the token of the App', () => {
  test('is signed with its key, for ten minutes around now', async () => {
    await github.installations();
    const [, token = ''] =
      wire.to('GET /app/installations')[0]?.headers.authorization?.split(' ') ?? [];
    const [header = '', claims = '', signature = ''] = token.split('.');
    const verify = createVerify('sha256').update(`${header}.${claims}`);
    expect(verify.verify(publicKey, signature, 'base64url')).toBe(true);
    expect(JSON.parse(Buffer.from(header, 'base64url').toString())).toMatchObject({ alg: 'RS256' });
    expect(JSON.parse(Buffer.from(claims, 'base64url').toString())).toEqual({
      iss: '4711',
      iat: NOW / 1000 - 60,
      exp: NOW / 1000 + 540,
    });
  });

  test('is not tried again when GitHub refuses it', async () => {
    wire.on('GET /app/installations', { status: 401 });
    expect(await github.installations()).toMatchObject({ ok: false, reason: 'denied' });
    expect(wire.to('GET /app/installations')).toHaveLength(1);
  });
});

describe('a token that cannot be had', () => {
  const refused = (status: number) => ({ status, body: { message: `no ${status}` } });

  test('because the permission was not granted: denied, with what is missing and where', async () => {
    wire.on(MINT, ({ body }) =>
      JSON.stringify(body).includes('metadata')
        ? { status: 201, body: { token: 't', expires_at: '2026-11-24T13:00:00Z' } }
        : refused(422),
    );
    const reply = await readFile();
    expect(reply).toMatchObject({ ok: false, reason: 'denied', code: '422' });
    expect(reply).toHaveProperty('message', expect.stringContaining('contents=read'));
    expect(reply).toHaveProperty('message', expect.stringContaining(SETTINGS_URL));
  });

  test('because the repository is out of reach: missing', async () => {
    wire.on(MINT, refused(422));
    expect(await readFile()).toMatchObject({ ok: false, reason: 'missing' });
    expect(await github.repository(7, 31)).toMatchObject({ ok: false, reason: 'missing' });
    expect(wire.to(FILE)).toEqual([]);
  });

  test.each([
    ['the App is not installed there any more', 404, 'denied'],
    ['the installation is suspended', 403, 'denied'],
    ['GitHub is down', 503, 'unreachable'],
  ])('because %s: %i is %s', async (_, status, reason) => {
    wire.on(MINT, refused(status));
    expect(await readFile()).toMatchObject({ ok: false, reason, code: String(status) });
  });

  test('is asked for again by the next call', async () => {
    wire.on(MINT, [
      refused(503),
      { status: 201, body: { token: 't', expires_at: '2026-11-24T13:00:00Z' } },
    ]);
    expect(await readFile()).toMatchObject({ ok: false });
    expect(await readFile()).toMatchObject({ ok: true });
  });

  test('in an answer that is no token: unreachable', async () => {
    wire.on(MINT, { status: 201, body: { token: 't' } });
    expect(await readFile()).toMatchObject({ ok: false, reason: 'unreachable', code: 'shape' });
  });
});
