#!/usr/bin/env node
import module from 'node:module';
import { assertNode } from './node-version.js';

assertNode();
// The AWS SDK takes half a second to load without it.
module.enableCompileCache?.();

const [command = 'help', ...args] = process.argv.slice(2);
if (command === 'serve') {
  const { serve } = await import('../src/main.ts');
  // What is closed is closed; a call to GitHub that is tried again must not keep the process.
  process.exit(await serve(args));
} else if (command === 'demo') {
  const { demo } = await import('../src/demo.ts');
  process.exitCode = await demo(args);
} else {
  const { run } = await import('../src/cli/main.ts');
  const { processIo } = await import('./process-io.js');
  process.exitCode = await run([command, ...args], processIo());
}
