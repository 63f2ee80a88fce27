import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';

const ROOT = join(import.meta.dirname, '..');

function run(script: string, ...args: readonly string[]) {
  const file = join(ROOT, 'scripts', script);
  const { status, stdout, stderr } = spawnSync(process.execPath, [file, ...args], {
    encoding: 'utf8',
    // The options of the tests are none of theirs.
    env: { ...process.env, NODE_OPTIONS: '' },
  });
  return { status, stdout, stderr };
}

describe('what a person runs', () => {
  test.each([
    ['simulate.mjs', [], '--seeds A..B'],
    ['crash.mjs', [], '--kills N'],
    ['bench.mjs', [], 'economy'],
    ['bench.mjs', ['economy'], '--market-seed N'],
    ['bench.mjs', ['burst'], 'It takes none.'],
  ])('%s %j says what it takes', (script, args, option) => {
    const { status, stdout } = run(script, ...args, '--help');
    expect(stdout).toMatch(/^usage: npm run /);
    expect(stdout).toContain(option);
    expect(status).toBe(0);
  });

  test.each([
    ['simulate.mjs', ['--seed', 'x'], 'simulate: --seed: x', '--seeds A..B'],
    ['crash.mjs', ['--kills', '-1'], 'crash: ', '--kills N'],
    ['bench.mjs', ['economy', '--reuse', 'x'], 'economy: --reuse x', '--market-seed N'],
    ['bench.mjs', ['nope'], 'no benchmark is called "nope"', 'reaction'],
  ])('%s %j is refused, and what would be right is said', (script, args, what, option) => {
    const { status, stderr } = run(script, ...args);
    expect(stderr).toContain(what);
    expect(stderr).toContain(option);
    expect(status).toBe(2);
  });
});
