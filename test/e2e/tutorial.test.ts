import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { expect, test } from '@jest/globals';

// docs/tutorial.md is the transcript: every command of it, typed into a terminal, shows what it says.

const SCRIPT = fileURLToPath(new URL('../../scripts/tutorial.mjs', import.meta.url));
const MOST_MS = 240_000;
const hasTmux = spawnSync('tmux', ['-V']).status === 0;

if (!hasTmux) {
  test.skip('needs tmux', () => {});
} else {
  test(
    'the tutorial shows what a terminal shows, from its first line to its last',
    () => {
      const options = ['--disable-warning=ExperimentalWarning', SCRIPT];
      const how = { encoding: 'utf8', timeout: MOST_MS } as const;
      const { status, stdout, stderr } = spawnSync(process.execPath, options, how);
      expect(stderr).toBe('');
      expect([status, stdout]).toEqual([
        0,
        expect.stringMatching(/^1\d blocks replayed, 0 differ/),
      ]);
    },
    MOST_MS,
  );
}
