import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import type { GitHub } from '../../src/github/port.ts';
import { next, PATH, REPO, startWire, type Told, type Wire } from './wire.ts';

const RUNNERS = `GET ${PATH}/actions/runners`;
const DOWNLOADS = `GET ${PATH}/actions/runners/downloads`;
const RUNS = `GET ${PATH}/actions/runs`;
const REPOSITORIES = 'GET /installation/repositories';
const FILE = `GET ${PATH}/contents/.github/dstack.yml`;

let wire: Wire;
let github: GitHub;

beforeEach(async () => {
  wire = await startWire();
  ({ github } = wire);
});
afterEach(() => wire.stop());

const ok = (body: unknown, headers: object = {}): Told => ({ status: 200, headers, body });

const file = (text: string) => ({
  type: 'file',
  encoding: 'base64',
  sha: 'b10b',
  content: Buffer.from(text).toString('base64').replace(/.{60}/g, '$&\n'),
});

const job = (id: number, status = 'queued') => ({
  id,
  run_id: 1,
  head_sha: 'f00d',
  status,
  name: `job ${id}`,
  labels: ['dstack'],
  created_at: '2026-11-24T11:00:00Z',
});

const repository = (id: number) => ({
  id,
  name: `r${id}`,
  owner: { id: 5, login: 'octo' },
  private: true,
  default_branch: 'main',
});

describe('a file', () => {
  test('comes as text, whatever its language, from the commit that was asked for', async () => {
    const text = `${'# übergroß 日本\n'.repeat(20)}autoscale: {}\n`;
    wire.on(FILE, ok(file(text)));
    expect(await github.file(REPO, '.github/dstack.yml', 'f00d')).toEqual({
      ok: true,
      value: { text },
    });
    expect(wire.to(FILE)[0]?.query).toEqual({ ref: 'f00d' });
  });

  test('with a strange name is asked for by that name', async () => {
    const route = `GET ${PATH}/contents/a b/c#d?.yml`;
    wire.on(route, ok(file('x')));
    expect(await github.file(REPO, 'a b/c#d?.yml', 'main')).toMatchObject({ ok: true });
  });

  test.each([
    ['a folder', [], 'no-file'],
    ['a submodule', { type: 'submodule', sha: 'b10b' }, 'no-file'],
    ['a link to no file', { type: 'symlink', target: '../x', sha: 'b10b' }, 'no-file'],
    ['over 1 MB', { type: 'file', encoding: 'none', content: '', sha: 'b10b' }, 'no-text'],
  ])('that is %s is invalid, and stays so', async (_, body, code) => {
    wire.on(FILE, [ok(body, { etag: '"1"' }), { status: 304 }]);
    const read = () => github.file(REPO, '.github/dstack.yml', 'main');
    expect(await read()).toMatchObject({ ok: false, reason: 'invalid', code });
    expect(await read()).toMatchObject({ ok: false, reason: 'invalid', code });
  });
});

describe('what was read before', () => {
  const etag = { etag: 'W/"1"' };

  test('is asked for with its tag, and answered from memory when nothing changed', async () => {
    wire.on(FILE, ({ headers }) =>
      headers['if-none-match'] === 'W/"1"' ? { status: 304 } : ok(file('one'), etag),
    );
    const read = () => github.file(REPO, '.github/dstack.yml', 'main');
    expect(await read()).toEqual({ ok: true, value: { text: 'one' } });
    expect(await read()).toEqual({ ok: true, value: { text: 'one' } });
    expect(wire.to(FILE).map(({ headers }) => headers['if-none-match'])).toEqual([
      undefined,
      'W/"1"',
    ]);
  });

  test('is forgotten when it changed', async () => {
    wire.on(FILE, [ok(file('one'), etag), ok(file('two'), { etag: 'W/"2"' }), { status: 304 }]);
    const read = () => github.file(REPO, '.github/dstack.yml', 'main');
    await read();
    expect(await read()).toEqual({ ok: true, value: { text: 'two' } });
    expect(await read()).toEqual({ ok: true, value: { text: 'two' } });
    expect(wire.to(FILE).at(-1)?.headers['if-none-match']).toBe('W/"2"');
  });

  test('is not mistaken for another read: another commit, page or repository', async () => {
    wire.on(FILE, ok(file('one'), etag));
    await github.file(REPO, '.github/dstack.yml', 'main');
    await github.file(REPO, '.github/dstack.yml', 'other');
    await github.file({ ...REPO, id: 32 }, '.github/dstack.yml', 'main');
    expect(wire.to(FILE).every(({ headers }) => headers['if-none-match'] === undefined)).toBe(true);
  });

  test('goes for a page of a list too, and for the page after it', async () => {
    const [first, second] = [
      { id: 1, name: 'a', busy: false },
      { id: 2, name: 'b', busy: false },
    ];
    wire.on(RUNNERS, ({ headers, query }) => {
      if (headers['if-none-match']) return { status: 304 };
      return query['page'] === '2'
        ? ok({ runners: [second] }, etag)
        : ok({ runners: [first] }, { ...etag, ...next(wire.url, 'page=2') });
    });
    const once = await github.runners(REPO);
    expect(await github.runners(REPO)).toEqual(once);
    expect(wire.to(RUNNERS)).toHaveLength(4);
  });
});

describe('runners', () => {
  test('are read from all pages, and one that is not understood is left out', async () => {
    const page = (ids: number[]) => ({
      total_count: 3,
      runners: ids.map((id) => ({
        id,
        name: `r${id}`,
        status: id === 1 ? 'online' : 'offline',
        busy: id === 2,
      })),
    });
    wire.on(RUNNERS, [ok(page([1, 2, 0]), next(wire.url, 'per_page=100&page=2')), ok(page([3]))]);
    expect(await github.runners(REPO)).toEqual({
      ok: true,
      value: [
        { id: 1, name: 'r1', isOnline: true, isBusy: false },
        { id: 2, name: 'r2', isOnline: false, isBusy: true },
        { id: 3, name: 'r3', isOnline: false, isBusy: false },
      ],
    });
    expect(wire.to(RUNNERS).map(({ query }) => query)).toEqual([
      { per_page: '100' },
      { per_page: '100', page: '2' },
    ]);
  });

  test('are asked for by name', async () => {
    wire.on(RUNNERS, ok({ runners: [] }));
    expect(await github.runners(REPO, 'r1')).toEqual({ ok: true, value: [] });
    expect(wire.to(RUNNERS)[0]?.query).toEqual({ name: 'r1', per_page: '100' });
  });

  test('a list that never ends is cut off at its limit', async () => {
    wire.on(RUNNERS, ok({ runners: [] }, next(wire.url, 'page=2')));
    expect(await github.runners(REPO)).toEqual({ ok: true, value: [] });
    expect(wire.to(RUNNERS)).toHaveLength(100);
  });

  test('are refused as a whole when a page is', async () => {
    wire.on(RUNNERS, [ok({ runners: [] }, next(wire.url, 'page=2')), { status: 502 }]);
    expect(await github.runners(REPO)).toMatchObject({ ok: false, reason: 'unreachable' });
  });
});

describe('the Actions runner', () => {
  const download = (architecture: string, fields: object = {}) => ({
    os: 'linux',
    architecture,
    filename: `actions-runner-linux-${architecture}-2.336.0.tar.gz`,
    download_url: `https://github.example/actions-runner-linux-${architecture}-2.336.0.tar.gz`,
    sha256_checksum: `sum-${architecture}`,
    ...fields,
  });
  const all = [download('x64', { os: 'osx' }), download('x64'), download('arm64')];

  test.each(['x64', 'arm64'] as const)('for %s is the one that GitHub offers', async (arch) => {
    wire.on(DOWNLOADS, ok(all));
    expect(await github.actionsRunner(REPO, arch)).toEqual({
      ok: true,
      value: { version: '2.336.0', url: download(arch).download_url, sha256: `sum-${arch}` },
    });
  });

  test('is read once an hour, also for another repository', async () => {
    wire.on(DOWNLOADS, ok(all, { etag: '"1"' }));
    await github.actionsRunner(REPO, 'x64');
    await github.actionsRunner({ ...REPO, id: 32, name: 'other' }, 'x64');
    wire.clock.pass(3_599_999);
    await github.actionsRunner(REPO, 'x64');
    expect(wire.to(DOWNLOADS)).toHaveLength(1);
    wire.clock.pass(1);
    wire.on(DOWNLOADS, { status: 304 });
    expect(await github.actionsRunner(REPO, 'x64')).toMatchObject({ value: { sha256: 'sum-x64' } });
    expect(await github.actionsRunner(REPO, 'arm64')).toMatchObject({
      value: { sha256: 'sum-arm64' },
    });
  });

  test.each([
    ['has no checksum', [download('x64', { sha256_checksum: undefined })], 'sha256_checksum'],
    ['is not offered for the machine', [download('arm')], 'linux x64'],
    ['has no version in its name', [download('x64', { filename: 'runner.zip' })], 'linux x64'],
  ])('is missing when it %s', async (_, downloads, told) => {
    wire.on(DOWNLOADS, ok(downloads));
    const message = expect.stringContaining(told);
    expect(await github.actionsRunner(REPO, 'x64')).toMatchObject({ reason: 'missing', message });
  });
});

describe('unfinished jobs', () => {
  const jobsOf = (run: number) => `GET ${PATH}/actions/runs/${run}/jobs`;
  const runs = (of: Readonly<Record<string, readonly number[]>>) =>
    wire.on(RUNS, ({ query }) =>
      ok({ workflow_runs: (of[query['status'] ?? ''] ?? []).map((id) => ({ id })) }),
    );

  test('are those of runs in every state but the last, each run and job once', async () => {
    runs({ pending: [1], waiting: [2], queued: [3], in_progress: [3, 4] });
    for (const run of [1, 2, 3, 4]) wire.on(jobsOf(run), ok({ jobs: [job(run * 10), job(99)] }));
    const reply = await github.unfinishedJobs(REPO);
    expect(reply.ok && reply.value.map(({ id }) => id)).toEqual([10, 99, 20, 30, 40]);
    expect(wire.to(jobsOf(3)).map(({ query }) => query)).toEqual([
      { filter: 'latest', per_page: '100' },
    ]);
  });

  test('of a large matrix are read from all its pages', async () => {
    runs({ queued: [1] });
    wire.on(jobsOf(1), [
      ok({ jobs: [job(1)] }, next(wire.url, 'page=2')),
      ok({ jobs: [job(2)] }, next(wire.url, 'page=3')),
      ok({ jobs: [job(3, 'in_progress')] }),
    ]);
    const reply = await github.unfinishedJobs(REPO);
    expect(reply).toMatchObject({
      ok: true,
      value: [{ id: 1 }, { id: 2 }, { id: 3, state: 'in_progress' }],
    });
  });

  test('are without those of the run that have ended', async () => {
    runs({ in_progress: [1] });
    wire.on(jobsOf(1), ok({ jobs: [job(1, 'completed'), job(2, 'waiting')] }));
    expect(await github.unfinishedJobs(REPO)).toMatchObject({ ok: true, value: [{ id: 2 }] });
  });

  test('of a run that was deleted meanwhile are none', async () => {
    runs({ queued: [1, 2] });
    wire.on(jobsOf(2), ok({ jobs: [job(20)] }));
    expect(await github.unfinishedJobs(REPO)).toMatchObject({ ok: true, value: [{ id: 20 }] });
  });

  test('are not known when one of the reads failed', async () => {
    runs({ queued: [1, 2] });
    wire.on(jobsOf(1), ok({ jobs: [job(10)] }));
    wire.on(jobsOf(2), { status: 502 });
    expect(await github.unfinishedJobs(REPO)).toMatchObject({ ok: false, reason: 'unreachable' });
  });
});

describe('repositories and installations', () => {
  test('one repository is found by its id, whatever its name is now', async () => {
    wire.on(REPOSITORIES, ok({ repositories: [repository(30), repository(31)] }));
    const value = {
      id: 31,
      owner: 'octo',
      ownerId: 5,
      name: 'r31',
      defaultBranch: 'main',
      isPrivate: true,
      installation: 7,
    };
    expect(await github.repository(7, 31)).toEqual({ ok: true, value });
  });

  test('one that is not among them is missing', async () => {
    wire.on(REPOSITORIES, ok({ repositories: [repository(30)] }));
    expect(await github.repository(7, 31)).toMatchObject({ ok: false, reason: 'missing' });
  });

  test('all repositories are read from all pages', async () => {
    wire.on(REPOSITORIES, [
      ok({ repositories: [repository(30)] }, next(wire.url, 'page=2')),
      ok({ repositories: [repository(31)] }),
    ]);
    expect(await github.repositories(7)).toMatchObject({
      ok: true,
      value: [{ id: 30 }, { id: 31 }],
    });
  });

  test('installations are read with their owners, from all pages', async () => {
    wire.on('GET /app/installations', [
      ok([{ id: 7, account: { id: 5 } }], next(wire.url, 'page=2')),
      ok([{ id: 8, account: { id: 6 }, suspended_at: '2026-11-24T11:00:00Z' }]),
    ]);
    const value = [
      { id: 7, ownerId: 5 },
      { id: 8, ownerId: 6 },
    ];
    expect(await github.installations()).toEqual({ ok: true, value });
  });
});

describe('a repository that was renamed', () => {
  test('is read under its old name all the same', async () => {
    const now = 'GET /repositories/31/contents/.github/dstack.yml';
    wire.on(FILE, { status: 301, headers: { location: `${wire.url}${now.slice(4)}` } });
    wire.on(now, ok(file('x')));
    expect(await github.file(REPO, '.github/dstack.yml', 'main')).toMatchObject({ ok: true });
    expect(wire.to(now)[0]?.headers.authorization).toBe('token token-1');
  });

  test('gets its runner under its old name all the same', async () => {
    const jit = 'actions/runners/generate-jitconfig';
    const location = `${wire.url}/repositories/31/${jit}`;
    wire.on(`POST ${PATH}/${jit}`, { status: 307, headers: { location } });
    const body = { runner: { id: 12 }, encoded_jit_config: 'e30=' };
    wire.on(`POST /repositories/31/${jit}`, { status: 201, body });
    expect(await github.register(REPO, { name: 'r1', labels: ['a'] })).toMatchObject({ ok: true });
  });
});

test('a registration asks for what GitHub needs to know, and gives what a machine needs', async () => {
  const route = `POST ${PATH}/actions/runners/generate-jitconfig`;
  wire.on(route, { status: 201, body: { runner: { id: 12 }, encoded_jit_config: 'e30=' } });
  const reply = await github.register(REPO, {
    name: 'r1',
    labels: ['self-hosted', 'dstack/cpu=4'],
  });
  expect(reply).toEqual({ ok: true, value: { runnerId: 12, jitConfig: 'e30=' } });
  expect(wire.to(route)[0]?.body).toEqual({
    name: 'r1',
    labels: ['self-hosted', 'dstack/cpu=4'],
    runner_group_id: 1,
    work_folder: '_work',
  });
});

test('a runner that is removed is gone', async () => {
  wire.on(`DELETE ${PATH}/actions/runners/12`, { status: 204 });
  expect(await github.removeRunner(REPO, 12)).toEqual({ ok: true, value: null });
});

test('every call says whose it is, and which version of the API it means', async () => {
  await github.runners(REPO);
  await github.installations();
  expect(wire.sent).toHaveLength(3);
  for (const { headers } of wire.sent) {
    expect(headers['user-agent']).toMatch(/^dstack-test /);
    expect(headers['x-github-api-version']).toBe('2022-11-28');
  }
});
