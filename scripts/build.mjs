// Bundles what runs elsewhere than in this repository. The results are committed, because a machine
// fetches them as they are; with --check nothing is written, and a committed file that differs from
// its source is an error.
import { readFile, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const root = fileURLToPath(new URL('..', import.meta.url));
const { version } = JSON.parse(await readFile(`${root}package.json`, 'utf8'));

/**
 * Node's built-in modules stay outside; everything else is inside, so that one file is the whole
 * program.
 */
const COMMON = {
  absWorkingDir: root,
  bundle: true,
  write: false,
  platform: 'node',
  format: 'esm',
  // Prefer what can be cut down to the functions in use: 35 kB instead of 165.
  mainFields: ['module', 'main'],
  minify: true,
  legalComments: 'none',
  logLevel: 'warning',
  // Its entry for Node is CommonJS, which cannot be cut down, and asks for modules as it runs.
  alias: { yaml: `${root}node_modules/yaml/browser/index.js` },
  banner: { js: '#!/usr/bin/env node' },
  define: { DSTACK_VERSION: JSON.stringify(version) },
};

const BUNDLES = [
  // Node 20 is the oldest that an image may bring along.
  { from: 'src/daemon/main.ts', to: 'dist/dstack-runner.mjs', target: 'node20' },
  // What GitHub's runner starts for `using: node24`.
  { from: 'action/src/main.ts', to: 'action/dist/action.mjs', target: 'node24' },
];

const isCheck = process.argv.includes('--check');
let stale = 0;
for (const { from, to, target } of BUNDLES) {
  const { outputFiles } = await build({ ...COMMON, entryPoints: [from], outfile: to, target });
  const [{ contents }] = outputFiles;
  const committed = await readFile(root + to).catch(() => undefined);
  const isSame = committed?.equals(contents) ?? false;
  if (!isSame && isCheck) {
    stale++;
    console.error(`${to} is not what ${from} gives: run "npm run build" and commit it`);
  } else if (!isSame) {
    await writeFile(root + to, contents, { mode: 0o755 });
  }
  if (!isCheck) console.log(`${to} ${contents.length} bytes`);
}
process.exit(stale ? 1 : 0);
