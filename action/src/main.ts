import { appendFileSync, readFileSync } from 'node:fs';
import * as http from 'node:http';
import { systemClock } from '../../src/lib/clock.ts';
import { systemRandom } from '../../src/lib/random.ts';
import { run } from './run.ts';
import { createRunner } from './runner.ts';

// The composition root: the process that GitHub's runner starts, and its real network and files.

// HTTPS_PROXY and NO_PROXY; an older Node of a runner knows them only from its own environment.
http.setGlobalProxyFromEnv?.();

function read(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}

process.exitCode = await run({
  env: process.env,
  request: fetch,
  clock: systemClock,
  read,
  runner: createRunner({
    write: (text) => void process.stdout.write(text),
    append: appendFileSync,
    env: process.env,
    random: systemRandom,
  }),
});
