import { helpText } from '../commands/help-text.ts';
import { parseCommand } from '../commands/parse.ts';
import { errorText } from '../commands/render-error.ts';
import { joinWords } from '../commands/words.ts';
import type { Command } from '../model/command.ts';
import { addedHelp, OWN_COMMANDS, ownName, pageOf } from './help.ts';
import { EXIT, type Io, isTrouble, paintError, tell } from './io.ts';
import { type Options, takeOptions } from './options.ts';

// cli: dstack on the command line: the same grammar as everywhere, sent to the app. Called by
// bin/dstack.js. It loads no SDK, and of its own files only what the command needs: help is quick.

/** Answers the exit code; the process is the caller's. */
export async function run(argv: readonly string[], io: Io): Promise<number> {
  const taken = takeOptions(argv);
  if (isTrouble(taken)) return tell(io, taken);
  const { options, words } = taken;
  if (words[0] === '--version' || words[0] === '-V') {
    const { ownVersion } = await import('../lib/version.ts');
    io.stdout.write(`${ownVersion()}\n`);
    return EXIT.done;
  }
  const isHelp = words.some((word) => word === '-h' || word === '--help');
  const own = await runOwn(io, { words, options, isHelp });
  if (own !== undefined) return own;
  const line = joinWords(words);
  const parsed = parseCommand(line, 'cli', OWN_COMMANDS);
  if (!parsed.ok) {
    io.stderr.write(paintError(io, errorText(parsed.error)));
    return EXIT.usage;
  }
  const { command } = parsed;
  if (command.name === 'help') {
    io.stdout.write(`${helpText(command.topic, 'cli')}${addedHelp(command.topic)}`);
    return EXIT.done;
  }
  if (command.name.startsWith('aws ')) return runAws(io, command, options);
  const { runCommand } = await import('./command.ts');
  return runCommand(io, { command, line, options });
}

interface Own {
  readonly words: readonly string[];
  readonly options: Options;
  readonly isHelp: boolean;
}

/** Commands of this program, which no other door has; undefined: it is none of them. */
async function runOwn(io: Io, { words, options, isHelp }: Own): Promise<number | undefined> {
  const isAsked = words[0] === 'help';
  const name = ownName(isAsked ? words.slice(1) : words);
  if (name === undefined) return undefined;
  if (isHelp || isAsked) {
    io.stdout.write(pageOf(name));
    return EXIT.done;
  }
  const rest = words.slice(name.split(' ').length);
  if (name === 'aws policy') return (await import('./aws-policy.ts')).awsPolicy(io, rest);
  if (name === 'aws teardown') {
    return (await import('./aws-teardown.ts')).awsTeardown(io, rest, options);
  }
  if (rest.length > 0) {
    const what = `dstack ${name} takes no "${rest[0]}"`;
    return tell(io, { exit: EXIT.usage, what, tries: `dstack ${name} --help` });
  }
  switch (name) {
    case 'login':
      return (await import('./login.ts')).login(io, options);
    case 'logout':
      return (await import('./login.ts')).logout(io, options);
    case 'init':
      return (await import('./init.ts')).init(io, options);
    default: {
      // What starts or looks at the app is told from the rest by the first word alone.
      const what = `${name} has to be the first word`;
      return tell(io, { exit: EXIT.usage, what, tries: `dstack ${name} --help` });
    }
  }
}

async function runAws(io: Io, command: Command, options: Options): Promise<number> {
  const { isJson } = options;
  const { placeOf } = await import('./place.ts');
  const place = await placeOf(io, options);
  if (isTrouble(place)) return tell(io, place);
  if (command.name === 'aws configure') {
    const { awsConfigure } = await import('./aws-configure.ts');
    return awsConfigure(io, place, { asked: command, isJson });
  }
  const { awsClear, awsInfo } = await import('./aws.ts');
  if (command.name !== 'aws clear') return awsInfo(io, place, isJson);
  return awsClear(io, place, { isForced: command.force === true, isJson });
}
