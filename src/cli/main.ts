import { helpText } from '../commands/help-text.ts';
import { parseCommand } from '../commands/parse.ts';
import { errorText } from '../commands/render-error.ts';
import { joinWords } from '../commands/words.ts';
import { systemClock } from '../lib/clock.ts';
import type { Command } from '../model/command.ts';
import { awsClear, awsInfo } from './aws.ts';
import { awsConfigure } from './aws-configure.ts';
import { awsPolicy } from './aws-policy.ts';
import { EXIT, type Io, isTrouble, type Trouble, tell } from './io.ts';
import { type Options, placeOf } from './place.ts';

// cli: dstack on the command line: the same grammar as everywhere, sent to the app. Called by
// bin/dstack.js. It holds no credentials and loads no SDK: what is typed goes to the app, which
// checks it and keeps it.

/** Answers the exit code; the process is the caller's. */
export async function run(argv: readonly string[], io: Io): Promise<number> {
  const taken = takeOptions(argv);
  if (isTrouble(taken)) return tell(io, taken);
  const { options, words } = taken;
  const isHelp = words.some((word) => word === '-h' || word === '--help');
  if (words[0] === 'aws' && words[1] === 'policy') return awsPolicy(io, words.slice(2), isHelp);
  const parsed = parseCommand(joinWords(words), 'cli');
  if (!parsed.ok) {
    io.stderr.write(errorText(parsed.error));
    return EXIT.usage;
  }
  const { command } = parsed;
  if (command.name === 'help') {
    io.stdout.write(helpText(command.topic));
    if (command.topic === undefined) io.stdout.write(MORE_HELP);
    if (command.topic === 'aws') io.stdout.write(POLICY_HELP);
    return EXIT.done;
  }
  return command.name.startsWith('aws ') ? runAws(io, command, options) : notYet(io, command);
}

const POLICY_HELP = `
of this program:
  dstack aws policy        the IAM policy that the credentials need
`;

const MORE_HELP = `
of this program:
  dstack serve             the app, from environment variables
  dstack demo [--once]     the app on a sandbox GitHub and EC2; needs no account
  dstack aws policy        the IAM policy that the credentials need

options of commands that ask the app:
  --server URL             where it is (DSTACK_SERVER, PUBLIC_URL)
  --repo OWNER/NAME        which repository; without it the git remote of this folder
  --owner LOGIN            an owner's account instead; --repo then names whom it serves
  --token TOKEN            a user token of the GitHub App (DSTACK_TOKEN, GH_TOKEN)
  --json                   data instead of text
`;

async function runAws(io: Io, command: Command, options: Options): Promise<number> {
  const place = await placeOf(io, options);
  if (isTrouble(place)) return tell(io, place);
  switch (command.name) {
    case 'aws configure':
      return awsConfigure(io, place, command);
    case 'aws clear': {
      const isForced = command.force === true;
      return awsClear(io, place, { isForced, sleep: (ms) => systemClock.sleep(ms) });
    }
    default:
      return awsInfo(io, place, options.isJson);
  }
}

const notYet = (io: Io, { name }: Command): number =>
  tell(io, {
    exit: EXIT.failed,
    what: `"${name}" is not served from the command line yet`,
    tries: `a comment that begins with /dstack ${name}`,
  });

const WITH_WORD = ['--server', '--token', '--repo', '--owner'];

/** The program's own options may stand anywhere, as `--repo o/n` or `--repo=o/n`. */
function takeOptions(
  argv: readonly string[],
): { readonly options: Options; readonly words: readonly string[] } | Trouble {
  const words: string[] = [];
  const taken: [name: string, value: string][] = [];
  let isJson = false;
  for (let at = 0; at < argv.length; at++) {
    const word = argv[at] ?? '';
    const [name = '', ...inline] = word.split('=');
    if (word === '--json') isJson = true;
    else if (!WITH_WORD.includes(name)) words.push(word);
    else {
      const value = word.includes('=') ? inline.join('=') : argv[++at];
      if (!value || value.startsWith('--')) {
        return { exit: EXIT.usage, what: `${name} needs a value` };
      }
      taken.push([name, value]);
    }
  }
  const last = (name: string) => taken.findLast(([one]) => one === name)?.[1];
  const [server, token, owner] = [last('--server'), last('--token'), last('--owner')];
  const options = {
    repos: taken.filter(([name]) => name === '--repo').map(([, value]) => value),
    isJson,
    ...(server !== undefined && { server }),
    ...(token !== undefined && { token }),
    ...(owner !== undefined && { owner }),
  };
  return { options, words };
}
