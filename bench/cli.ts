import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { median, rounded } from './lib/figures.ts';

// How long `dstack --help` takes, beside a Node that does nothing: who types it waits for both. The two
// take turns, so that a busy machine slows both alike.

const BIN = fileURLToPath(new URL('../bin/dstack.js', import.meta.url));
const ROUNDS = 21;
/** The first run fills Node's compile cache. */
const WARM_UP = 2;

function timed(args: readonly string[]): number {
  const began = performance.now();
  const { status } = spawnSync(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  if (status !== 0) throw new Error(`node ${args.join(' ')} ended with ${status}`);
  return performance.now() - began;
}

export async function bench() {
  const [bare, help]: [number[], number[]] = [[], []];
  for (let round = -WARM_UP; round < ROUNDS; round += 1) {
    const [bareMs, helpMs] = [timed(['-e', '0']), timed([BIN, '--help'])];
    if (round < 0) continue;
    bare.push(bareMs);
    help.push(helpMs);
  }
  const ratios = help.map((ms, at) => ms / (bare[at] ?? Number.NaN));
  const figures = {
    ratioToNode: rounded(median(ratios)),
    helpMs: rounded(median(help)),
    nodeMs: rounded(median(bare)),
  };
  const targets = { ratioToNode: 3 };
  return { bench: 'cli' as const, holds: figures.ratioToNode <= 3, figures, targets };
}
