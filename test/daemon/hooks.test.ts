// The scripts that the Actions runner calls, run as it runs them.
import { spawnSync } from 'node:child_process';
import {
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { emptySpool, type Hooks, readStarted, writeHooks } from '../../src/daemon/hooks.ts';

let home = '';
beforeEach(() => {
  // A quote in the path is no way out of the script.
  home = mkdtempSync(join(tmpdir(), "dstack-hooks-o'-"));
});
afterEach(() => rmSync(home, { recursive: true, force: true }));

function call(hook: string, name: string, event: object | undefined) {
  const file = join(home, 'event.json');
  if (event) writeFileSync(file, JSON.stringify(event));
  const env = {
    PATH: process.env['PATH'],
    GITHUB_REPOSITORY: 'octo/hello',
    GITHUB_RUN_ID: '77',
    GITHUB_RUN_ATTEMPT: '1',
    GITHUB_JOB: 'build',
    GITHUB_EVENT_NAME: name,
    GITHUB_EVENT_PATH: file,
  };
  return spawnSync('/bin/bash', ['-e', hook], { env }).status;
}

const pull = (id: number | undefined) => ({
  repository: { id: 1 },
  pull_request: { head: { repo: id === undefined ? null : { id } } },
});

test.each([
  ['deny', 'pull_request', pull(2), 1],
  ['deny', 'pull_request_target', pull(2), 1],
  ['deny', 'pull_request', pull(undefined), 1],
  ['deny', 'pull_request', undefined, 1],
  ['deny', 'pull_request', pull(1), 0],
  ['deny', 'push', { repository: { id: 1 } }, 0],
  ['allow', 'pull_request', pull(2), 0],
] as const)('with forks %s, the event %s of %j ends with %i', async (forks, name, event, code) => {
  const hooks: Hooks = await writeHooks(home, forks);
  expect(call(hooks.started, name, event)).toBe(code);
  expect(await readStarted(hooks)).toEqual({
    repository: 'octo/hello',
    run: 77,
    attempt: 1,
    job: 'build',
    event: name,
  });
});

test('fail no job, and break no daemon, when the spool is no file any more', async () => {
  const hooks = await writeHooks(home, 'allow');
  rmSync(hooks.spool);
  mkdirSync(hooks.spool);
  expect(call(hooks.started, 'push', undefined)).toBe(0);
  expect(call(hooks.completed, 'push', undefined)).toBe(0);
  expect(await readStarted(hooks)).toBeUndefined();
});

test('a pipe in place of the spool holds nobody up, and is gone for the next job', async () => {
  const hooks = await writeHooks(home, 'allow');
  rmSync(hooks.spool);
  expect(spawnSync('mkfifo', [hooks.spool]).status).toBe(0);
  expect(await readStarted(hooks)).toBeUndefined();
  await emptySpool(hooks);
  expect(statSync(hooks.spool).mode & 0o777).toBe(0o666);
  expect(call(hooks.started, 'push', undefined)).toBe(0);
  expect(await readStarted(hooks)).toMatchObject({ run: 77 });
});

test('a link in place of the spool is not followed', async () => {
  const hooks = await writeHooks(home, 'allow');
  const other = join(home, 'other');
  writeFileSync(other, 'started\tocto/hello\t1\t1\tbuild\tpush\n');
  rmSync(hooks.spool);
  symlinkSync(other, hooks.spool);
  expect(await readStarted(hooks)).toBeUndefined();
  await emptySpool(hooks);
  expect(readFileSync(other, 'utf8')).not.toBe('');
});
