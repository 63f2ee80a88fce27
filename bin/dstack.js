#!/usr/bin/env node
import { existsSync } from 'node:fs';
import module from 'node:module';
import { assertNode } from './node-version.js';

assertNode();
// The AWS SDK takes half a second to load without it.
module.enableCompileCache?.();

// A clone runs its source as it is. Node does not do that below node_modules, so what is published
// holds the same files as JavaScript in build/ (scripts/pack.mjs).
const isClone = existsSync(new URL('../src/main.ts', import.meta.url));
const source = (name) => import(isClone ? `../src/${name}.ts` : `../build/${name}.js`);

const [command = 'help', ...args] = process.argv.slice(2);
const isHelp = args.includes('-h') || args.includes('--help');
if (command === 'serve' && !isHelp) {
  const { serve } = await source('main');
  // What is closed is closed; a call to GitHub that is tried again must not keep the process.
  process.exit(await serve(args));
} else if (command === 'demo') {
  const { demo } = await source('demo');
  process.exitCode = await demo(args);
} else {
  endWithPipe();
  const [{ systemClock }, { processIo }] = await Promise.all([
    source('lib/clock'),
    import('./process-io.js'),
  ]);
  const io = processIo(systemClock, source);
  if (command === 'doctor' && !isHelp) {
    const { doctor } = await source('doctor');
    process.exitCode = await doctor(args, io);
  } else {
    const { run } = await source('cli/main');
    process.exitCode = await run([command, ...args], io);
  }
}

/** Whoever reads our output may stop in the middle of it, as `head` does. */
function endWithPipe() {
  process.stdout.on('error', (error) => {
    if (error.code !== 'EPIPE') throw error;
    process.stderr.write(
      'error: the output was closed before its end; read all of it, or use --json\n',
    );
    process.exit(1);
  });
  process.stderr.on('error', () => process.exit(1));
}
