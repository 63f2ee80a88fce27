import { createHash } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import type { GitHub, Talk } from '../../src/github/port.ts';
import type { Refusal, Reply } from '../../src/model/reply.ts';
import { NOW, next, PATH, REPO, startWire, type Told, type Wire } from './wire.ts';

const PERMISSION = `GET ${PATH}/collaborators/ann/permission`;
const COMMENTS = `${PATH}/issues/2/comments`;
const FILE = `${PATH}/contents/.github/dstack.yml`;
const REACTIONS = `${PATH}/issues/comments/3/reactions`;
const BRANCH = `${PATH}/git/refs/heads/dstack/hold`;
const CHECKS = `POST ${PATH}/check-runs`;

let wire: Wire;
let talk: GitHub & Talk;

beforeEach(async () => {
  wire = await startWire();
  talk = wire.github;
});
afterEach(() => wire.stop());

const blobOf = (bytes: Buffer, algorithm = 'sha1') =>
  createHash(algorithm).update(`blob ${bytes.length}\0`).update(bytes).digest('hex');
const ok = (body: unknown, headers: object = {}): Told => ({ status: 200, headers, body });
const no = (status: number): Told => ({ status, body: { message: 'The reason why' } });

const change = { path: '.github/dstack.yml', text: 'a: ü\n', branch: 'main', message: 'Allow' };
const commit = (blob: string | null) => talk.commitFile(REPO, { ...change, blob });
const find = () => talk.findComment(REPO, { issue: 2, marker: '<!-- 7 -->', since: NOW + 345 });

test.each<[string, string, number, () => Promise<Reply<unknown>>, Refusal]>([
  ['a comment', `POST ${COMMENTS}`, 403, () => talk.comment(REPO, 2, 'x'), 'denied'],
  ['a comment', `POST ${COMMENTS}`, 404, () => talk.comment(REPO, 2, 'x'), 'missing'],
  ['a comment', `POST ${COMMENTS}`, 410, () => talk.comment(REPO, 2, 'x'), 'missing'],
  ['a comment', `POST ${COMMENTS}`, 422, () => talk.comment(REPO, 2, 'x'), 'invalid'],
  ['a comment', `POST ${COMMENTS}`, 502, () => talk.comment(REPO, 2, 'x'), 'unreachable'],
  ['a reaction', `POST ${REACTIONS}`, 404, () => talk.react(REPO, 3, 'eyes'), 'missing'],
  ['a commit', `PUT ${FILE}`, 409, () => commit('b10b'), 'conflict'],
  ['a commit without a blob', `PUT ${FILE}`, 422, () => commit(null), 'conflict'],
  ['a commit with a blob', `PUT ${FILE}`, 422, () => commit('b10b'), 'invalid'],
  ['a commit', `PUT ${FILE}`, 403, () => commit('b10b'), 'denied'],
  ['a commit', `PUT ${FILE}`, 404, () => commit('b10b'), 'denied'],
  ['a branch', `DELETE ${BRANCH}`, 422, () => talk.deleteBranch(REPO, 'dstack/hold'), 'missing'],
  ['a permission', PERMISSION, 403, () => talk.permission(REPO, 'ann'), 'denied'],
])('%s: %s answered with %i is refused', async (_, route, status, go, reason) => {
  wire.on(route, no(status));
  expect(await go()).toMatchObject({ ok: false, reason, code: String(status) });
  expect(wire.to(route)).toHaveLength(1);
});

test('the 81st comment of a minute is told when, and not sent; to edit one is no comment', async () => {
  wire.on(`POST ${COMMENTS}`, { status: 201, body: { id: 1 } });
  wire.on(`PATCH ${PATH}/issues/comments/1`, ok({}));
  const comment = () => talk.comment(REPO, 2, 'x');
  for (let i = 0; i < 4; i++) await Promise.all(Array.from({ length: 20 }, comment));
  expect(await comment()).toMatchObject({ reason: 'throttled', retryAt: NOW + 62_000 });
  expect(wire.to(`POST ${COMMENTS}`)).toHaveLength(80);
  expect(await talk.editComment(REPO, 1, 'y')).toEqual({ ok: true, value: null });
});

describe('who may', () => {
  test.each(['admin', 'write', 'read', 'none'])('%s, by the four old words', async (permission) => {
    wire.on(PERMISSION, ok({ permission, role_name: 'release-manager' }));
    expect(await talk.permission(REPO, 'ann')).toEqual({ ok: true, value: permission });
  });

  test('nothing, when GitHub does not know the person', async () => {
    expect(await talk.permission(REPO, 'ann')).toEqual({ ok: true, value: 'none' });
  });

  test('nothing is said by a word that is not known', async () => {
    wire.on(PERMISSION, ok({ permission: 'owner' }));
    expect(await talk.permission(REPO, 'ann')).toMatchObject({ reason: 'unreachable' });
  });
});

describe('our own comment', () => {
  const comment = (id: number, more: object = {}) => ({
    id,
    created_at: '2026-11-24T12:00:00Z',
    body: 'done <!-- 7 -->',
    performed_via_github_app: { id: 4711 },
    ...more,
  });

  test('is found by its marker, also on the second page', async () => {
    const others = [
      comment(1, { body: 'done <!-- 8 -->' }),
      comment(2, { performed_via_github_app: { id: 5 } }),
      comment(3, { performed_via_github_app: null }),
      comment(4, { created_at: '2026-11-24T11:59:59Z' }),
    ];
    wire.on(`GET ${COMMENTS}`, [ok(others, next(wire.url, 'page=2')), ok([comment(5)])]);
    expect(await find()).toEqual({ ok: true, value: { id: 5 } });
    const since = '2026-11-24T12:00:00.000Z';
    expect(wire.to(`GET ${COMMENTS}`).map(({ query }) => query)).toEqual([
      { since, per_page: '100' },
      { since, per_page: '100', page: '2' },
    ]);
  });

  test('is not there when nobody wrote it; further pages are read up to ten', async () => {
    wire.on(`GET ${COMMENTS}`, ok([], next(wire.url, 'page=2')));
    expect(await find()).toEqual({ ok: true, value: null });
    expect(wire.to(`GET ${COMMENTS}`)).toHaveLength(10);
  });

  test('is told from another one in the same answer that was kept', async () => {
    wire.on(`GET ${COMMENTS}`, ({ headers }) =>
      headers['if-none-match'] ? { status: 304 } : ok([comment(5)], { etag: '"1"' }),
    );
    const of = { issue: 2, since: NOW };
    expect(await talk.findComment(REPO, { ...of, marker: '<!-- 9 -->' })).toMatchObject({
      value: null,
    });
    expect(await talk.findComment(REPO, { ...of, marker: '<!-- 7 -->' })).toMatchObject({
      value: { id: 5 },
    });
  });
});

describe('a file to edit', () => {
  const read = () => talk.fileToEdit(REPO, '.github/dstack.yml', 'main');
  const file = (bytes: Buffer, sha = blobOf(bytes)) => ({
    type: 'file',
    encoding: 'base64',
    content: bytes.toString('base64').replace(/.{60}/g, '$&\n'),
    sha,
  });

  test('comes with its blob, and to the byte', async () => {
    const text = `\ufeff${'# übergroß\r\n'.repeat(20)}`;
    wire.on(`GET ${FILE}`, ok(file(Buffer.from(text))));
    const blob = blobOf(Buffer.from(text));
    expect(await read()).toEqual({ ok: true, value: { text, blob } });
  });

  test('has a longer blob in a repository of longer hashes', async () => {
    const blob = blobOf(Buffer.from('a: 1\n'), 'sha256');
    wire.on(`GET ${FILE}`, ok(file(Buffer.from('a: 1\n'), blob)));
    expect(await read()).toEqual({ ok: true, value: { text: 'a: 1\n', blob } });
  });

  test('may not be there', async () => {
    expect(await read()).toEqual({ ok: true, value: { text: null, blob: null } });
  });

  test.each<[string, object, string]>([
    ['a folder', [{ type: 'file', name: 'a', sha: 'b10b' }], 'no-file'],
    ['a link', { type: 'symlink', target: '../a', sha: 'b10b' }, 'link'],
    // GitHub shows the file that it leads to, and the link's own blob.
    ['a link to a file', file(Buffer.from('a: 1\n'), blobOf(Buffer.from('../a.yml'))), 'link'],
    ['a submodule', { type: 'submodule', sha: 'b10b' }, 'no-file'],
    ['over 1 MB', { type: 'file', encoding: 'none', content: '', sha: 'b10b' }, 'no-text'],
    ['no UTF-8', file(Buffer.from([0x61, 0xff])), 'no-text'],
  ])('that is %s is invalid', async (_, body, code) => {
    wire.on(`GET ${FILE}`, ok(body));
    expect(await read()).toMatchObject({ ok: false, reason: 'invalid', code });
  });
});

test('a commit shows the blob that it replaces, and names its own page', async () => {
  const made = { sha: 'c0de', html_url: 'https://github.example/c0de' };
  wire.on(`PUT ${FILE}`, ok({ commit: made }));
  expect(await commit('b10b')).toEqual({ ok: true, value: { commit: 'c0de', url: made.html_url } });
  expect(wire.to(`PUT ${FILE}`)[0]?.body).toEqual({
    message: 'Allow',
    content: Buffer.from(change.text).toString('base64'),
    branch: 'main',
    sha: 'b10b',
  });
});

describe('a branch', () => {
  const make = () => talk.makeBranch(REPO, { name: 'dstack/hold', from: 'main' });
  const REF = `GET ${PATH}/git/ref/heads/main`;
  const REFS = `POST ${PATH}/git/refs`;
  beforeEach(() => wire.on(REF, ok({ object: { sha: 'f00d' } })));

  test('is made at the head of another', async () => {
    wire.on(REFS, { status: 201, body: {} });
    expect(await make()).toEqual({ ok: true, value: null });
    expect(wire.to(REFS)[0]?.body).toEqual({ ref: 'refs/heads/dstack/hold', sha: 'f00d' });
    expect(wire.to(`PATCH ${BRANCH}`)).toEqual([]);
  });

  test('that exists is moved there', async () => {
    wire.on(REFS, no(422));
    wire.on(`PATCH ${BRANCH}`, ok({}));
    expect(await make()).toEqual({ ok: true, value: null });
    expect(wire.to(`PATCH ${BRANCH}`)[0]?.body).toEqual({ sha: 'f00d', force: true });
  });

  test('is not made from what is not there, nor where it may not be', async () => {
    wire.on(REFS, no(403));
    expect(await make()).toMatchObject({ reason: 'denied' });
    wire.on(REF, no(404));
    expect(await make()).toMatchObject({ reason: 'missing' });
    expect(wire.to(REFS)).toHaveLength(1);
  });
});

describe('pull requests', () => {
  const pull = (number: number, more: object = {}) => ({
    number,
    html_url: `https://github.example/pull/${number}`,
    state: 'open',
    merged_at: null,
    user: { login: 'dstack[bot]' },
    head: { ref: `dstack/${number}`, repo: { id: REPO.id } },
    ...more,
  });

  test.each([
    ['open', { state: 'open', merged_at: null }],
    ['closed', { state: 'closed', merged_at: null }],
    ['merged', { state: 'closed', merged_at: '2026-11-24T12:00:00Z' }],
  ])('are %s', async (state, more) => {
    wire.on(`GET ${PATH}/pulls/2`, ok(pull(2, more)));
    const url = 'https://github.example/pull/2';
    const value = { number: 2, url, head: 'dstack/2', state };
    expect(await talk.pull(REPO, 2)).toEqual({ ok: true, value });
  });

  test('of our own are those by our App, from this repository, with such a head', async () => {
    wire.on('GET /app', ok({ slug: 'dstack' }));
    const list = [
      pull(1),
      pull(2, { user: { login: 'ann' } }),
      pull(3, { head: { ref: 'dstack/3', repo: { id: 99 } } }),
      pull(4, { head: { ref: 'other/4', repo: { id: REPO.id } } }),
      pull(5, { user: null, head: { ref: 'dstack/5', repo: null } }),
    ];
    wire.on(`GET ${PATH}/pulls`, [ok(list, next(wire.url, 'page=2')), ok([pull(6)])]);
    const reply = await talk.openPulls(REPO, 'dstack/');
    expect(reply.ok && reply.value.map(({ number }) => number)).toEqual([1, 6]);
    expect(wire.to(`GET ${PATH}/pulls`)[0]?.query).toEqual({ state: 'open', per_page: '100' });
  });
});

describe('a folder', () => {
  test('is listed at a commit; what is no file in it is passed over', async () => {
    const folder = `GET ${PATH}/contents/.github/workflows`;
    const entry = (type: string, path: string) => ({ type, path, sha: 'b10b' });
    const entries = [entry('file', 'a.yml'), entry('dir', 'b'), entry('symlink', 'c'), {}];
    wire.on(folder, ok(entries));
    const reply = await talk.files(REPO, '.github/workflows', 'f00d');
    expect(reply).toEqual({ ok: true, value: ['a.yml'] });
    expect(wire.to(folder)[0]?.query).toEqual({ ref: 'f00d' });
  });
});

describe('the files of a pull request', () => {
  const files = `GET ${PATH}/pulls/2/files`;

  test('are read to the last page, a moved one at both its places', async () => {
    const moved = { filename: 'c', previous_filename: 'b', status: 'renamed' };
    wire.on(files, [ok([{ filename: 'a' }], next(wire.url, 'page=2')), ok([moved])]);
    expect(await talk.pullFiles(REPO, 2)).toEqual({ ok: true, value: ['a', 'c', 'b'] });
  });

  test('are read up to 3,000, where GitHub stops', async () => {
    wire.on(files, ok([{ filename: 'a' }], next(wire.url, 'page=2')));
    await talk.pullFiles(REPO, 2);
    expect(wire.to(files)).toHaveLength(30);
  });
});

describe('a check', () => {
  const at = { path: 'a.yml', column: 3, endColumn: 9, level: 'failure', message: 'no' } as const;
  const run = (count: number) => ({
    name: 'dstack.yml',
    sha: 'f00d',
    conclusion: 'failure' as const,
    title: 'Wrong',
    summary: 'Why',
    annotations: Array.from({ length: count }, (_, i) => ({ ...at, line: i + 1 })),
  });
  const change = `PATCH ${PATH}/check-runs/8`;
  const lines = (route: string) => wire.to(route).map(({ body }) => linesOf(body));
  beforeEach(() => {
    wire.on(CHECKS, { status: 201, body: { id: 8 } });
    wire.on(change, ok({ id: 8 }));
  });

  test('shows each annotation on its line', async () => {
    expect(await talk.check(REPO, run(1))).toEqual({ ok: true, value: { id: 8 } });
    const annotation = {
      path: 'a.yml',
      start_line: 1,
      end_line: 1,
      start_column: 3,
      end_column: 9,
      annotation_level: 'failure',
      message: 'no',
    };
    expect(wire.to(CHECKS)[0]?.body).toEqual({
      name: 'dstack.yml',
      head_sha: 'f00d',
      status: 'completed',
      conclusion: 'failure',
      output: { title: 'Wrong', summary: 'Why', annotations: [annotation] },
    });
  });

  test('that has not ended has no conclusion', async () => {
    await talk.check(REPO, { ...run(0), conclusion: null, id: 8 });
    expect(wire.to(change)[0]?.body).toMatchObject({ status: 'in_progress' });
    expect(wire.to(CHECKS)).toEqual([]);
  });

  test('of 120 annotations takes three calls, one of 5,000 stops at 500', async () => {
    await talk.check(REPO, run(120));
    expect(lines(CHECKS)).toEqual([[1, 50]]);
    expect(lines(change)).toEqual([
      [51, 100],
      [101, 120],
    ]);
    await talk.check(REPO, run(5000));
    expect(lines(change).at(-1)).toEqual([451, 500]);
  });

  test('with a summary that is too long is cut at a line', async () => {
    await talk.check(REPO, { ...run(0), summary: `${'ü'.repeat(99)}\n`.repeat(400) });
    const { summary } = outputOf(wire.to(CHECKS)[0]?.body);
    expect(Buffer.byteLength(summary)).toBeLessThanOrEqual(65_535);
    expect(summary).toMatch(/^(?:ü{99}\n)+\n…\n$/);
  });

  test('for a commit that is not there is invalid', async () => {
    wire.on(CHECKS, no(422));
    expect(await talk.check(REPO, run(120))).toMatchObject({ reason: 'invalid' });
    expect(wire.to(change)).toEqual([]);
  });

  interface Output {
    readonly summary: string;
    readonly annotations: readonly { readonly start_line: number }[];
  }
  function outputOf(body: unknown): Output {
    return JSON.parse(JSON.stringify(body)).output;
  }
  function linesOf(body: unknown): readonly unknown[] {
    const all = outputOf(body).annotations;
    return [all.at(0)?.start_line, all.at(-1)?.start_line];
  }
});
