// npm run check: everything that must hold before a commit; the tests last, so that their closing
// line is the last one.
import { spawnSync } from 'node:child_process';

const node = process.execPath;
const SIMULATE = ['--disable-warning=ExperimentalWarning', 'scripts/simulate.mjs'];
const STEPS = [
  ['format and lint', 'node_modules/.bin/biome', ['check', '--error-on-warnings', '.']],
  ['types', 'node_modules/.bin/tsc', []],
  ['bundles up to date', node, ['scripts/build.mjs', '--check']],
  ['docs up to date', node, ['scripts/docs.mjs', '--check']],
  // Seeds that nobody had before; those that ever failed are played by the tests.
  ['simulation', node, [...SIMULATE, '--for', '60s']],
  ['tests', node, ['scripts/test.mjs']],
];

for (const [what, command, args] of STEPS) {
  const began = Date.now();
  const { status } = spawnSync(command, args, { stdio: 'inherit' });
  if (status !== 0) {
    console.error(`check: ${what} failed`);
    process.exit(1);
  }
  if (what !== 'tests') console.log(`${what}: ${((Date.now() - began) / 1000).toFixed(1)} s`);
}
