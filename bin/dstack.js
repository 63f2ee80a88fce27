#!/usr/bin/env node
import module from 'node:module';
import { assertNode } from './node-version.js';

assertNode();
// The AWS SDK takes half a second to load without it.
module.enableCompileCache?.();

const [command = 'help', ...args] = process.argv.slice(2);
if (command === 'serve') {
  const { serve } = await import('../src/main.ts');
  process.exitCode = await serve(args);
} else if (command === 'demo') {
  const { demo } = await import('../src/demo.ts');
  process.exitCode = await demo(args);
} else {
  const isHelp = command === 'help' || command === '--help' || command === '-h';
  const line = isHelp ? '' : `dstack: there is no command "${command}".\n\n`;
  (isHelp ? process.stdout : process.stderr).write(
    `${line}usage: dstack serve            the app, from environment variables\n` +
      '       dstack demo [--once]   the app on a sandbox GitHub and EC2; needs no account\n' +
      '       dstack help            this text\n',
  );
  process.exitCode = isHelp ? 0 : 2;
}
