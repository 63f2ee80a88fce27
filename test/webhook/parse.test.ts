import { expect, test } from '@jest/globals';
import { parseEvent } from '../../src/webhook/parse.ts';
import { installationEvent, jobEvent, pushEvent, repository } from './payloads.ts';

const parse = (name: string, payload: object) => parseEvent(name, payload, 'dstack');
const jobOf = (payload: object) => {
  const parsed = parse('workflow_job', payload);
  return parsed.ok && parsed.event.kind === 'job' ? parsed.event.job : parsed;
};

test.each([
  ['queued', 'queued', 'queued'],
  ['queued', 'waiting', 'waiting'],
  ['waiting', 'waiting', 'waiting'],
  ['in_progress', 'queued', 'in_progress'],
  ['in_progress', 'in_progress', 'in_progress'],
  ['completed', 'completed', 'completed'],
])('reads action %s with status %s as %s', (action, status, state) => {
  expect(jobOf(jobEvent(action, { status }))).toMatchObject({ state });
});

test.each([
  ['null', { runner_id: null, runner_name: null }],
  ['0 and empty', { runner_id: 0, runner_name: '' }],
])('takes runner fields that are %s for no runner', (_, fields) => {
  expect(jobOf(jobEvent('completed', fields))).toMatchObject({ runnerId: null, runnerName: null });
});

test('keeps ids above 2^32 as they are', () => {
  expect(jobOf(jobEvent('queued'))).toMatchObject({
    id: 100_520_616_165,
    run: 26_900_000_001,
    repo: 5_000_000_010,
  });
});

test('notes that a job names an environment', () => {
  expect(jobOf(jobEvent('waiting', {}, { deployment: { id: 5 } }))).toMatchObject({
    hasEnvironment: true,
  });
  expect(jobOf(jobEvent('queued'))).toMatchObject({ hasEnvironment: false });
});

test.each([
  ['no labels', []],
  ["GitHub's own machines", ['ubuntu-latest']],
  ['a label that only begins alike', ['dstackish', 'self-hosted']],
])('passes over a job with %s', (_, labels) => {
  expect(jobOf(jobEvent('queued', { labels }))).toEqual({ ok: false, why: 'ignored' });
});

test.each([['dstack'], ['DSTACK'], ['dstack/cpu=4']])(
  'takes a job with the label %s for ours',
  (label) => {
    expect(jobOf(jobEvent('queued', { labels: ['self-hosted', label] }))).toMatchObject({
      labels: ['self-hosted', label],
    });
  },
);

test.each([
  ['a job without id', 'workflow_job', jobEvent('queued', { id: undefined })],
  ['an id that is text', 'workflow_job', jobEvent('queued', { id: '12' })],
  ['labels that are no list', 'workflow_job', jobEvent('queued', { labels: 'dstack' })],
  ['no installation', 'workflow_job', jobEvent('queued', {}, { installation: undefined })],
  ['no repository', 'push', pushEvent({ repository: null })],
  ['no ref', 'push', pushEvent({ ref: undefined })],
  ['no account', 'installation', { action: 'created', installation: { id: 1 } }],
  [
    'repositories that are no list',
    'installation_repositories',
    installationEvent('removed', { repositories_removed: {} }),
  ],
])('calls a payload with %s malformed', (_, name, payload) => {
  expect(parse(name, payload)).toEqual({ ok: false, why: 'malformed' });
});

test.each([
  ['an event that we did not ask for', 'star', { action: 'created' }],
  ['an action that is new', 'workflow_job', jobEvent('paused')],
  ['a push to another branch', 'push', pushEvent({ ref: 'refs/heads/topic' })],
  ['a tag', 'push', pushEvent({ ref: 'refs/tags/main' })],
  ['a repository that was starred', 'repository', { action: 'publicized', repository }],
  ['accepted permissions', 'installation', installationEvent('new_permissions_accepted')],
])('passes over %s', (_, name, payload) => {
  expect(parse(name, payload)).toEqual({ ok: false, why: 'ignored' });
});

test('reads the commit that a push names, and none where the branch was deleted', () => {
  expect(parse('push', pushEvent())).toMatchObject({
    event: { kind: 'push', branch: 'main', commit: 'beef000000000000000000000000000000000000' },
  });
  const gone = pushEvent({ deleted: true, after: '0'.repeat(40) });
  expect(parse('push', gone)).toMatchObject({ event: { commit: null } });
});

test.each([
  ['created', 'added'],
  ['unsuspend', 'added'],
  ['deleted', 'removed'],
  ['suspend', 'removed'],
])('reads an installation that was %s as %s, for all its repositories', (action, meant) => {
  expect(parse('installation', installationEvent(action))).toMatchObject({
    event: { kind: 'installation', action: meant, repos: null, ownerId: 77 },
  });
});

test('reads which repositories were taken from an installation', () => {
  const payload = installationEvent('removed', { repositories_removed: [{ id: 5 }, { id: 6 }] });
  expect(parse('installation_repositories', payload)).toMatchObject({
    event: { action: 'removed', repos: [5, 6] },
  });
});

const head = (more: object = {}) => ({ sha: 'f00d', repo: { id: repository.id }, ...more });
const pullEvent = (action: string, pull: object = {}) => ({
  action,
  repository,
  installation: { id: 9 },
  pull_request: { number: 3, head: head(), base: { ref: 'main' }, merged: false, ...pull },
});

test.each(['opened', 'synchronize', 'reopened'])(
  'reads the head of a pull request %s',
  (action) => {
    expect(parse('pull_request', pullEvent(action))).toMatchObject({
      event: { kind: 'proposal', number: 3, sha: 'f00d', isFork: false },
    });
  },
);

test.each([
  ['of another repository', { id: 5 }],
  ['that is gone', null],
])('takes a head %s for a fork', (_, repo) => {
  const payload = pullEvent('opened', { head: head({ repo }) });
  expect(parse('pull_request', payload)).toMatchObject({ event: { isFork: true } });
});

test('passes over a pull request to another branch, unless it is closed', () => {
  const base = { ref: 'release' };
  const ignored = { ok: false, why: 'ignored' };
  expect(parse('pull_request', pullEvent('opened', { base }))).toEqual(ignored);
  expect(parse('pull_request', pullEvent('labeled'))).toEqual(ignored);
  expect(parse('pull_request', pullEvent('closed', { base }))).toMatchObject({
    event: { kind: 'pull', isMerged: false },
  });
});

test.each(['renamed', 'transferred', 'deleted', 'edited'])('reads a repository %s', (action) => {
  const payload = { action, repository, installation: { id: 9 } };
  expect(parse('repository', payload)).toMatchObject({
    event: { kind: 'repository', action, repo: { id: 5_000_000_010, owner: 'octo' } },
  });
});
