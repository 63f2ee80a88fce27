import { spawn, spawnSync } from 'node:child_process';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { systemClock } from '../../src/lib/clock.ts';
import { aFolder } from '../processes.ts';
import { type PeopleWorld, startPeopleWorld } from '../web/people-world.ts';

// What a person sees in a terminal, word for word and with its colours: ESC[1m is written <b>, ESC[31m
// <red>, and so on; <> ends any of them.

const BIN = fileURLToPath(new URL('../../bin/dstack.js', import.meta.url));
const COLUMNS = 200;
const STYLES: Readonly<Record<string, string>> = {
  '1': '<b>',
  '2': '<dim>',
  '31': '<red>',
  '32': '<green>',
  '33': '<yellow>',
  '22': '<>',
  '39': '<>',
};

const hasTerminal = spawnSync('script', ['--version']).status === 0;
if (!hasTerminal) {
  if (process.env['CI']) throw new Error('the program script is needed for a terminal');
  console.warn('SKIPPED: what a terminal shows. The program script (util-linux) gives one.');
}
const inTerminal = hasTerminal ? test : test.skip;

let world: PeopleWorld;
beforeAll(async () => {
  world = await startPeopleWorld();
});
afterAll(() => world.close());

const cwd = aFolder();

interface Session {
  readonly env?: Readonly<Record<string, string>>;
  /** Typed once the text is seen. */
  readonly types?: readonly [seen: string, line: string];
}

async function terminal(line: string, { env = {}, types }: Session = {}) {
  const all = {
    PATH: process.env['PATH'] ?? '',
    HOME: cwd,
    TERM: 'xterm-256color',
    DSTACK_SERVER: world.appUrl,
    GH_TOKEN: world.signIn('acme'),
    ...env,
  };
  const command = `stty cols ${COLUMNS}; ${process.execPath} ${BIN} ${line}`;
  const child = spawn('script', ['-qefc', command, '/dev/null'], { cwd, env: all });
  let seen = '';
  child.stdout.on('data', (part: Buffer) => {
    seen += part.toString();
    if (types && seen.includes(types[0])) {
      child.stdin.write(`${types[1]}\n`);
      types = undefined;
    }
  });
  const shown = text(child.stdout);
  const code = await new Promise<number | null>((resolve) => child.once('close', resolve));
  return { code, shown: readable(await shown) };
}

const ESC = String.fromCharCode(27);

/** As it stands on the screen in the end: a line that was cleared is not there. */
const readable = (raw: string): string =>
  raw
    .replaceAll('\r\n', '\n')
    .replace(new RegExp(`[^\\n]*\\r${ESC}\\[2K`, 'g'), '')
    .replace(new RegExp(`${ESC}\\[\\d*[GJ]`, 'g'), '')
    .replace(/[ \r]+\n/g, '\n')
    .replace(
      new RegExp(`${ESC}\\[(\\d+)m`, 'g'),
      (_, style: string) => STYLES[style] ?? `<${style}>`,
    )
    .replaceAll(world.appUrl, '<app>')
    .replaceAll(world.url, '<github>')
    .replace(/\b[0-9a-f]{40}\b/g, '<sha>')
    .replace(/\b[0-9a-f]{7}\b/g, '<sha7>')
    .replace(/i-[0-9a-f]+/g, '<id>')
    .replace(/\d+ of 5000 calls/, '<n> of 5000 calls');

inTerminal('dstack --help', async () => {
  const { code, shown } = await terminal('--help');
  expect(code).toBe(0);
  expect(shown).toBe(`\
usage: dstack COMMAND

commands:
  autoscale allow    Adds or replaces the rule of that type and region. --max 0 removes it.
  autoscale info     Shows the rules with price and use, waiting jobs with reasons, and the cost.
  autoscale clear    Removes all rules and ends all instances now.
  autoscale disable  Pauses autoscaling and ends all instances now. The rules stay.
  autoscale enable   Resumes autoscaling.
  autoscale explain  Says why a job waits, what ran it and what that cost, or whether one would start now.
  runners            Lists instances and their runners.
  aws info           Shows account, region and bucket; secrets are masked.
  aws configure      Asks for the credentials of your AWS account, checks them against AWS, and keeps them.
  aws clear          Forgets the credentials of your AWS account. Refuses while instances run.
  help               Shows all commands, or how to write one of them.

Options may stand anywhere. In a comment a line begins with /dstack.
dstack COMMAND --help shows how to write one.

of this program:
  dstack login             sign in to the app with GitHub; dstack logout forgets it
  dstack init              write a first rules file and a sample workflow for this repository
  dstack doctor            look what is wrong, where the app runs and from where you are
  dstack serve             the app, from environment variables
  dstack demo [--once]     the app on a sandbox GitHub and EC2; needs no account
  dstack aws policy        the IAM policy that the credentials need
  dstack aws teardown      delete the security group that dstack made, when you leave
  dstack --version         which version this is

options of commands that ask the app:
  --server URL             where it is (DSTACK_SERVER, PUBLIC_URL, else where you signed in)
  --repo OWNER/NAME        which repository; without it the git remote of this folder
  --owner LOGIN            an owner's AWS account instead; --repo then names whom it serves
  --token TOKEN            a token of GitHub (DSTACK_TOKEN, GH_TOKEN, dstack login, gh auth token)
  --json                   data instead of text
  --yes                    end machines, or write files, without asking

exit codes:
  0 done   1 refused or failed   2 not understood   4 not signed in   130 cancelled
`);
});

inTerminal('dstack autoscale allow --help', async () => {
  expect(await terminal('autoscale allow --help')).toEqual({
    code: 0,
    shown: `\
usage: dstack autoscale allow [-h] --max MAX [--region R] [--spot-policy P] [--max-price D] INSTANCE_TYPE

Adds or replaces the rule of that type and region. --max 0 removes it.

positional arguments:
  INSTANCE_TYPE    Any EC2 instance type, such as m5.xlarge

optional arguments:
  -h, --help       Show this help
  --max MAX        The maximum number of instances
  --region R       The AWS region; without it the rules file's, else the account's
  --spot-policy P  spot, on-demand or auto: spot, and on-demand when no spot capacity is left
  --max-price D    Dollars an hour; no instance starts above it

examples:
  dstack autoscale allow m5.xlarge --max 1
  dstack autoscale allow g5.xlarge --max 4 --region us-east-1 --spot-policy auto --max-price 0.6
  dstack autoscale allow m5.xlarge --max 0

common options: --repo OWNER/NAME, --server URL, --token TOKEN, --json; dstack --help says more
`,
  });
});

inTerminal('a typo', async () => {
  expect(await terminal('autoscale allw m5.xlarge --max 1')).toEqual({
    code: 2,
    shown: `\
<b><red>error:<><> There is no command "autoscale allw". Nearest: allow. Nothing was changed.
  dstack autoscale allw m5.xlarge --max 1
                   ^^^^
  try: dstack autoscale allow m5.xlarge --max 1
  try: dstack help autoscale
`,
  });
});

inTerminal('a change, in colours, and in none for who said NO_COLOR', async () => {
  const line = 'autoscale allow c5.xlarge --max 2 --repo acme/app';
  const { code, shown } = await terminal(line);
  expect(code).toBe(0);
  const [head, , table] = shown.split('\n');
  expect(head).toBe('<b>c5.xlarge: at most 2. Machines start when jobs ask for them.<>');
  expect(table).toMatch(/^<dim>TYPE +REGION +MARKET +PRICE NOW +AT MOST +IN USE \/ MAX +STATUS<>$/);
  expect(shown.trimEnd().split('\n').at(-1)).toBe('undo: dstack autoscale allow c5.xlarge --max 0');
  const plain = await terminal('runners --repo acme/app', { env: { NO_COLOR: '1' } });
  expect(plain).toEqual({ code: 0, shown: 'No machines run.\n' });
});

inTerminal(
  'a no to the end of machines changes nothing, a yes ends them',
  async () => {
    world.model.jobs.addRun(world.repo, {
      jobs: [{ name: 'test', labels: ['dstack'], durationMs: 3_600_000 }],
    });
    for (let tries = 0; tries < 400 && world.ec2.instances.size === 0; tries += 1) {
      await systemClock.sleep(50);
    }
    const before = world.model.repos.fileAt(world.repo, '.github/dstack.yml');
    const question = 'End 1 machine (0 busy) now? [y/N] ';
    const line = 'autoscale disable --repo acme/app';
    const no = await terminal(line, { types: [question, 'n'] });
    expect(no.code).toBe(130);
    expect(no.shown).toContain(`${question}n\n<b><red>error:<><> cancelled; nothing was changed\n`);
    expect(world.model.repos.fileAt(world.repo, '.github/dstack.yml')).toBe(before);
    const yes = await terminal(line, { types: [question, 'y'] });
    expect(yes.code).toBe(0);
    expect(yes.shown).toContain('Ended 1 machine; no job was interrupted.');
  },
  60_000,
);
