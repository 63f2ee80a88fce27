// What one job leaves in the runner's folder for the next one on the same machine.
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { clearAway, readHidden } from '../../src/daemon/clear-away.ts';

let folder = '';
const write = (name: string, text: string) => writeFileSync(join(folder, name), text);
const read = (name: string) => readFileSync(join(folder, name), 'utf8');

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'dstack-runner-'));
  write('run.sh', 'run');
  write('.dstack-sha256', 'sum');
  write('.env', 'LANG=de_DE\n');
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const clear = (hidden: ReadonlyMap<string, Buffer>) =>
  clearAway({ folder, user: undefined, hidden });

test('the work, the logs and the configuration of a job are gone after it', async () => {
  const hidden = await readHidden(folder);
  for (const name of ['_work', '_diag']) {
    mkdirSync(join(folder, name));
    write(`${name}/left`, 'by the first job');
  }
  for (const name of ['.runner', '.runner_migrated', '.credentials', '.path']) write(name, 'first');
  expect(await clear(hidden)).toBe(true);
  expect(readdirSync(folder).sort()).toEqual(['.dstack-sha256', '.env', 'run.sh']);
});

test('what the image brought is again as it was', async () => {
  const hidden = await readHidden(folder);
  write('.env', 'LD_PRELOAD=/tmp/mine.so\n');
  rmSync(join(folder, '.dstack-sha256'));
  expect(await clear(hidden)).toBe(true);
  expect([read('.env'), read('.dstack-sha256')]).toEqual(['LANG=de_DE\n', 'sum']);
});

test('nothing is written through a link that a job left', async () => {
  const hidden = await readHidden(folder);
  const other = join(folder, 'other');
  rmSync(join(folder, '.env'));
  symlinkSync(other, join(folder, '.env'));
  expect(await clear(hidden)).toBe(true);
  expect(existsSync(other)).toBe(false);
});

test('a machine whose folder cannot be made good takes no further job', async () => {
  const hidden = await readHidden(folder);
  rmSync(join(folder, '.env'));
  mkdirSync(join(folder, '.env'));
  expect(await clear(hidden)).toBe(false);
});
