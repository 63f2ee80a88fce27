// npm test: finds or installs moto (an AWS to test against), runs jest, and closes with one line,
// "N passed, N failed", which jest's own summary does not end with. Arguments go to jest.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { assertNode } from '../bin/node-version.js';
import { motoServer } from './moto.mjs';

assertNode();

const ROOT = fileURLToPath(new URL('..', import.meta.url));

const moto = await motoServer();
const hasTmux = spawnSync('tmux', ['-V']).status === 0;
const results = runJest();
if (!moto) say('SKIPPED: all tests against moto. MOTO_SERVER may name a moto_server of version 5.');
if (!hasTmux) say('SKIPPED: the tutorial in a terminal, which needs tmux (apt-get install tmux).');
const missing = [moto, hasTmux].filter((one) => !one).length;
const failed = results.failed + (process.env.CI === 'true' ? missing : 0);
const skipped = results.skipped > 0 ? `, ${results.skipped} skipped` : '';
process.exitCode = results.ok && failed === 0 ? 0 : 1;
process.stdout.write(`${results.passed} passed, ${failed} failed${skipped}\n`);

function runJest() {
  const folder = mkdtempSync(join(tmpdir(), 'dstack-test-'));
  const file = join(folder, 'results.json');
  const { MOTO_SERVER: _, ...env } = process.env;
  const { status } = spawnSync(
    process.execPath,
    [
      ...['--experimental-vm-modules', '--disable-warning=ExperimentalWarning'],
      join(ROOT, 'node_modules', 'jest', 'bin', 'jest.js'),
      ...['--forceExit', '--json', '--outputFile', file, ...process.argv.slice(2)],
    ],
    // jest's report goes to stderr, so that stdout is the closing line; --json writes to the file.
    {
      cwd: ROOT,
      stdio: ['inherit', 'ignore', 'inherit'],
      env: { ...env, ...(moto && { MOTO_SERVER: moto }) },
    },
  );
  const json = existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) : {};
  rmSync(folder, { recursive: true });
  const passed = json.numPassedTests ?? 0;
  // A file that does not even load has no failed test to count.
  const failed = (json.numFailedTests ?? 0) + (json.numRuntimeErrorTestSuites ?? 0);
  const skipped = (json.numPendingTests ?? 0) + (json.numTodoTests ?? 0);
  return { passed, failed, skipped, ok: status === 0 && passed > 0 };
}

function say(line) {
  process.stderr.write(`${line}\n`);
}
