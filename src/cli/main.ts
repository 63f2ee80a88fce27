import { helpText } from '../commands/help-text.ts';
import { parseCommand } from '../commands/parse.ts';
import { errorText } from '../commands/render-error.ts';
import { joinWords } from '../commands/words.ts';
import type { Command } from '../model/command.ts';
import { MORE_HELP, POLICY_HELP, pageOf, TEARDOWN_HELP } from './help.ts';
import { EXIT, type Io, isTrouble, paintError, tell } from './io.ts';
import { type Options, takeOptions } from './options.ts';

// cli: dstack on the command line: the same grammar as everywhere, sent to the app. Called by
// bin/dstack.js. It loads no SDK, and of its own files only what the command needs: help is quick.

/** Answers the exit code; the process is the caller's. */
export async function run(argv: readonly string[], io: Io): Promise<number> {
  const taken = takeOptions(argv);
  if (isTrouble(taken)) return tell(io, taken);
  const { options, words } = taken;
  const isHelp = words.some((word) => word === '-h' || word === '--help');
  const own = await runOwn(io, { words, options, isHelp });
  if (own !== undefined) return own;
  const line = joinWords(words);
  const parsed = parseCommand(line, 'cli');
  if (!parsed.ok) {
    io.stderr.write(paintError(io, errorText(parsed.error)));
    return EXIT.usage;
  }
  const { command } = parsed;
  if (command.name === 'help') {
    io.stdout.write(helpText(command.topic));
    if (command.topic === undefined) io.stdout.write(MORE_HELP);
    if (command.topic === 'aws') io.stdout.write(POLICY_HELP);
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
  const [first = '', second, ...rest] = words;
  if (first === 'aws' && second === 'policy') {
    const { awsPolicy } = await import('./aws-policy.ts');
    return awsPolicy(io, rest, isHelp);
  }
  if (first === 'aws' && second === 'teardown') {
    if (isHelp || rest.some((word) => !REGION_WORD.test(word))) {
      (isHelp ? io.stdout : io.stderr).write(TEARDOWN_HELP);
      return isHelp ? EXIT.done : EXIT.usage;
    }
    const { placeOf } = await import('./place.ts');
    const place = await placeOf(io, options);
    if (isTrouble(place)) return tell(io, place);
    return (await import('./aws.ts')).awsTeardown(io, place, rest[0]?.slice('--region='.length));
  }
  const topic = first === 'help' && words.length === 2 ? (second ?? '') : first;
  const page = pageOf(topic);
  if (page === undefined) return undefined;
  if (isHelp || first === 'help') {
    io.stdout.write(page);
    return EXIT.done;
  }
  if (words.length > 1) {
    const what = `dstack ${first} takes no "${words[1]}"`;
    return tell(io, { exit: EXIT.usage, what, tries: `dstack ${first} --help` });
  }
  switch (first) {
    case 'login':
      return (await import('./login.ts')).login(io, options);
    case 'logout':
      return (await import('./login.ts')).logout(io, options);
    case 'init':
      return (await import('./init.ts')).init(io, options);
    default:
      return undefined;
  const { isJson } = options;
  }
}

const REGION_WORD = /^--region=[a-z0-9-]+$/;

async function runAws(io: Io, command: Command, options: Options): Promise<number> {
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
