// Before `npm pack`: the source as JavaScript in build/, file for file. A clone runs its source as it
// is, but Node strips no types below node_modules.
import { spawnSync } from 'node:child_process';
import { copyFileSync, readdirSync, rmSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
rmSync(`${root}build`, { recursive: true, force: true });
const tsc = `${root}node_modules/typescript/bin/tsc`;
const { status } = spawnSync(process.execPath, [tsc, '-p', 'tsconfig.build.json'], {
  cwd: root,
  stdio: 'inherit',
});
if (status !== 0) process.exit(status ?? 1);
// What is read as text, and is JavaScript already.
for (const file of readdirSync(`${root}src`, { recursive: true })) {
  if (file.endsWith('.mjs')) copyFileSync(`${root}src/${file}`, `${root}build/${file}`);
}
