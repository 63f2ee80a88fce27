import { describe, expect, test } from '@jest/globals';
import { aFolder, runDstack } from '../processes.ts';

const cwd = aFolder();

describe('the command line knows its own commands', () => {
  test.each([
    ['logn', 'login'],
    ['docter', 'doctor'],
    ['inti', 'init'],
    ['aws polcy', 'aws policy'],
    ['aws teardwn', 'aws teardown'],
    ['help dmo', 'help demo'],
  ])('takes %s for a typo', async (line, meant) => {
    const { code, stderr } = await runDstack(line.split(' '), { cwd });
    expect([code, stderr]).toEqual([2, expect.stringContaining(`  try: dstack ${meant}\n`)]);
  });

  test.each(['aws policy', 'aws teardown', 'demo', 'doctor', 'init', 'login', 'logout', 'serve'])(
    'help %s says how to write it',
    async (name) => {
      const { code, stdout } = await runDstack(['help', ...name.split(' ')], { cwd });
      expect([code, stdout]).toEqual([0, expect.stringMatching(`^usage: dstack ${name} `)]);
      expect(await runDstack([...name.split(' '), '--help'], { cwd })).toMatchObject({ stdout });
    },
  );

  test.each([
    ['autoscale clear', ['--yes', '--repo', '--server', '--json']],
    ['autoscale disable', ['--yes', '--repo', '--server', '--json']],
    ['runners', ['--repo', '--server', '--json']],
    ['aws info', ['--owner', '--repo', '--server', '--json']],
    ['aws configure', ['--owner', '--repo', '--server', '--json']],
    ['aws clear', ['--owner', '--repo', '--server', '--json']],
    ['aws teardown', ['--owner', '--repo', '--server', '--json']],
    ['doctor', ['--repo', '--server', '--json']],
  ])('%s --help names the options that are not of its grammar', async (line, options) => {
    const { stdout } = await runDstack([...line.split(' '), '--help'], { cwd });
    for (const option of options) expect(stdout).toContain(option);
    expect(stdout).not.toContain('CLI only');
  });
});
