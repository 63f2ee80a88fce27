import { describe, expect, test } from '@jest/globals';
import { parseJobReport, parseRepoFacts } from '../../src/model/github-json.ts';

const job = (fields: object = {}) => ({
  id: 100_520_616_165,
  run_id: 9_007_199_254_740_991,
  run_attempt: 2,
  head_sha: 'f00d',
  status: 'in_progress',
  conclusion: null,
  created_at: '2026-11-24T10:00:00Z',
  started_at: '2026-11-24T10:00:07Z',
  completed_at: null,
  name: 'build / test (1, a)',
  workflow_name: 'CI',
  labels: ['self-hosted', 'dstack/cpu=4'],
  runner_id: 7,
  runner_name: 'i-0abc',
  something_new: { of: 'tomorrow' },
  ...fields,
});

const repository = (fields: object = {}) => ({
  id: 4_294_967_297,
  name: 'hello',
  owner: { login: 'octo', id: 5, type: 'Organization' },
  default_branch: 'main',
  private: true,
  created_at: 1_600_000_000,
  ...fields,
});

const QUEUED_AT = Date.UTC(2026, 10, 24, 10);

describe('a job', () => {
  test('is read whole, and what is new in it is passed over', () => {
    expect(parseJobReport(job(), { repo: 3 })).toEqual({
      id: 100_520_616_165,
      repo: 3,
      run: 9_007_199_254_740_991,
      attempt: 2,
      name: 'build / test (1, a)',
      workflow: 'CI',
      sha: 'f00d',
      labels: ['self-hosted', 'dstack/cpu=4'],
      state: 'in_progress',
      conclusion: null,
      runnerId: 7,
      runnerName: 'i-0abc',
      queuedAt: QUEUED_AT,
      startedAt: QUEUED_AT + 7000,
      completedAt: null,
      hasEnvironment: null,
    });
  });

  test.each([
    ['queued', undefined, 'queued'],
    ['in_progress', undefined, 'in_progress'],
    ['completed', undefined, 'completed'],
    ['waiting', undefined, 'waiting'],
    ['pending', undefined, 'waiting'],
    ['requested', undefined, 'waiting'],
    ['queued', 'queued', 'queued'],
    ['waiting', 'queued', 'waiting'],
    ['queued', 'waiting', 'waiting'],
    ['queued', 'in_progress', 'in_progress'],
    ['tomorrow', 'completed', 'completed'],
  ] as const)('with status %s and action %s is %s', (status, state, expected) => {
    const context = state === undefined ? { repo: 1 } : { repo: 1, state };
    expect(parseJobReport(job({ status }), context)?.state).toBe(expected);
  });

  test.each([
    [null, null],
    [0, ''],
    [undefined, undefined],
  ])('has no runner when its fields are %j and %j', (runner_id, runner_name) => {
    const report = parseJobReport(job({ status: 'queued', runner_id, runner_name }), { repo: 1 });
    expect(report).toMatchObject({ runnerId: null, runnerName: null, startedAt: null });
  });

  test('that was cancelled before it ran has ended and never started', () => {
    const ended = { status: 'completed', conclusion: 'cancelled', runner_id: 0, labels: [] };
    const at = '2026-11-24T11:00:00Z';
    const report = parseJobReport(job({ ...ended, started_at: at, completed_at: at }), { repo: 1 });
    expect(report).toMatchObject({ startedAt: null, completedAt: Date.UTC(2026, 10, 24, 11) });
  });

  test('is at its first attempt and of a nameless workflow when nothing else is said', () => {
    const report = parseJobReport(job({ run_attempt: undefined, workflow_name: null }), {
      repo: 1,
    });
    expect(report).toMatchObject({ attempt: 1, workflow: '' });
  });

  test('takes the environment from whoever knows', () => {
    const report = parseJobReport(job(), { repo: 1, hasEnvironment: true });
    expect(report?.hasEnvironment).toBe(true);
  });

  test.each([
    ['no id', { id: undefined }],
    ['an id that is text', { id: '1' }],
    ['an id beyond 2^53', { id: 2 ** 53 }],
    ['the id 0', { id: 0 }],
    ['no run', { run_id: null }],
    ['no name', { name: undefined }],
    ['no commit', { head_sha: '' }],
    ['no labels', { labels: null }],
    ['a label that is no text', { labels: ['a', 1] }],
    ['an unknown status', { status: 'tomorrow' }],
    ['no creation time', { created_at: null }],
    ['a time without a zone', { created_at: '2026-11-24T10:00:00' }],
  ])('with %s is not read', (_, fields) => {
    expect(parseJobReport(job(fields), { repo: 1 })).toBeUndefined();
  });
});

describe('a repository', () => {
  test.each([
    ['User', 'User'],
    ['Organization', 'Organization'],
    ['Bot', undefined],
  ])('of an owner of the type %s', (type, ownerType) => {
    const owner = { id: 5, login: 'octo', type };
    expect(parseRepoFacts(repository({ owner }), 77)?.ownerType).toBe(ownerType);
  });

  test('is read whole', () => {
    expect(parseRepoFacts(repository(), 77)).toEqual({
      id: 4_294_967_297,
      owner: 'octo',
      ownerId: 5,
      ownerType: 'Organization',
      name: 'hello',
      defaultBranch: 'main',
      isPrivate: true,
      installation: 77,
    });
  });

  test.each([
    ['no id', { id: undefined }],
    ['no owner', { owner: undefined }],
    ['an owner without an id', { owner: { login: 'octo' } }],
    ['no name', { name: '' }],
    ['no default branch', { default_branch: undefined }],
    ['no word on its privacy', { private: undefined }],
  ])('with %s is not read', (_, fields) => {
    expect(parseRepoFacts(repository(fields), 77)).toBeUndefined();
  });
});

test.each([[null], ['text'], [7], [[]], [{}], [undefined]])('%j is neither', (value) => {
  expect(parseJobReport(value, { repo: 1 })).toBeUndefined();
  expect(parseRepoFacts(value, 1)).toBeUndefined();
});
