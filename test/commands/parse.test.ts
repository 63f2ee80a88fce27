import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { MAX_LINE, parseCommand } from '../../src/commands/parse.ts';
import { printCommand } from '../../src/commands/print.ts';
import { ALL_COMMANDS } from '../../src/commands/table.ts';
import { joinWords, splitWords } from '../../src/commands/words.ts';
import type { Command } from '../../src/model/command.ts';
import { aCommand, commandOf, errorOf } from './commands.ts';

const four: Command = { name: 'autoscale allow', type: 'm5.xlarge', max: 4 };

describe('a command', () => {
  test('that is printed is read as the same command', () => {
    fc.assert(fc.property(aCommand, (one) => expect(commandOf(printCommand(one))).toEqual(one)));
  });

  test.each(ALL_COMMANDS.flatMap(({ examples }) => examples))('is printed as it is: %s', (line) => {
    expect(printCommand(commandOf(line))).toBe(line);
  });

  test.each<[line: string, command: Command]>([
    ['autoscale allow m5.xlarge --max 4', four],
    ['autoscale allow --max=4 m5.xlarge', four],
    ['--max 4 autoscale allow m5.xlarge', four],
    ['Autoscale ALLOW M5.XLarge --MAX 4', four],
    ['autoscale allow m5.xlarge —max 4', four],
    ['autoscale allow m5.xlarge –max=4', four],
    ['autoscale allow m5.xlarge −−max 4', four],
    ['autoscale allow “m5.xlarge” --max=‘4’', four],
    ['  autoscale\tallow\u00a0m5.xlarge  --max  4  ', four],
    [
      'autoscale allow g5.xlarge --max 0 --region EU‑west‑1 --spot-policy On-Demand --max-price 0.60',
      {
        ...{ name: 'autoscale allow', type: 'g5.xlarge', max: 0, region: 'eu-west-1' },
        ...{ spotPolicy: 'on-demand', maxPriceUsd: 0.6 },
      },
    ],
    ['autoscale explain 91', { name: 'autoscale explain', job: 91 }],
    [
      'autoscale explain --runs-on "self-hosted, dstack  CPU=4"',
      { name: 'autoscale explain', runsOn: ['self-hosted', 'dstack', 'CPU=4'] },
    ],
    [
      'autoscale explain https://github.com/o/r/actions/runs/7/job/91?pr=3',
      { name: 'autoscale explain', job: 91 },
    ],
    ['aws clear --force', { name: 'aws clear', force: true }],
    ['', { name: 'help' }],
    ['-h', { name: 'help' }],
    ['help', { name: 'help' }],
    ['help Autoscale', { name: 'help', topic: 'autoscale' }],
    ['autoscale --help', { name: 'help', topic: 'autoscale' }],
    ['autoscale allow --help', { name: 'help', topic: 'autoscale allow' }],
    ['autoscale allow m5.xlarge –h', { name: 'help', topic: 'autoscale allow' }],
    ['help autoscale allow', { name: 'help', topic: 'autoscale allow' }],
  ])('may be written as %j', (line, command) => {
    expect(commandOf(line)).toEqual(command);
  });
});

describe('a line that is no command', () => {
  const fine = 'autoscale allow m5.xlarge --max 1';

  test.each<
    [line: string, what: string, spot: string, nearest: string | undefined, example: string]
  >([
    ['alow m5.xlarge --max 1', 'There is no command "alow".', 'alow', 'autoscale allow', fine],
    [
      'autoscale alow m5.xlarge --max 1',
      'There is no command "autoscale alow".',
      'alow',
      'allow',
      fine,
    ],
    ['autoscal info', 'There is no command "autoscal".', 'autoscal', 'autoscale', 'autoscale info'],
    ['deploy', 'There is no command "deploy".', 'deploy', undefined, 'help'],
    ['--foo', 'There is no option --foo.', '--foo', undefined, 'help'],
    ['--hlep', 'There is no option --hlep.', '--hlep', '--help', 'help'],
    ['--max 3', '--max needs a command before it.', '--max', undefined, 'help'],
    [
      'autoscale',
      '"autoscale" needs one of allow, info, clear, disable, enable, explain.',
      'autoscale',
      undefined,
      'help',
    ],
    ['help alow', 'There is no command "alow".', 'alow', 'autoscale allow', 'help autoscale allow'],
    [
      'autoscale allow m5.xlrge --max 1',
      'm5.xlrge is not an EC2 instance type.',
      'm5.xlrge',
      'm5.xlarge',
      fine,
    ],
    ['autoscale allow m5 --max 1', 'm5 is not an EC2 instance type.', 'm5', undefined, fine],
    [
      'autoscale allow m5.xlarge',
      '--max MAX is missing: a whole number from 0 to 1000.',
      '',
      undefined,
      fine,
    ],
    [
      'autoscale allow --max 1',
      'INSTANCE_TYPE is missing: an EC2 instance type.',
      '',
      undefined,
      fine,
    ],
    [
      'autoscale allow m5.xlarge --max',
      '--max needs a value: a whole number from 0 to 1000.',
      '--max',
      undefined,
      fine,
    ],
    [
      'autoscale allow m5.xlarge --max --region eu-west-1',
      '--max needs a value: a whole number from 0 to 1000.',
      '--max',
      undefined,
      `${fine} --region eu-west-1`,
    ],
    [
      'autoscale allow m5.xlarge --mxa=1',
      '"autoscale allow" has no option --mxa.',
      '--mxa=1',
      '--max',
      fine,
    ],
    [
      'autoscale info --max 1',
      '"autoscale info" has no option --max.',
      '--max',
      undefined,
      'autoscale info',
    ],
    [
      'autoscale allow m5.xlarge --max 1 --max 2',
      '--max is given twice.',
      '--max',
      undefined,
      fine,
    ],
    ['autoscale info now', '"now" is one word too many.', 'now', undefined, 'autoscale info'],
    [
      'autoscale allow m5.xlarge --max 1 --spot-policy sopt',
      '--spot-policy: sopt is not spot or on-demand or auto.',
      'sopt',
      'spot',
      `${fine} --spot-policy spot`,
    ],
    ...['-1', '1e9', '١', '4.5', '1001'].map((max): [string, string, string, undefined, string] => [
      `autoscale allow g5.xlarge --max ${max} --region us-east-1`,
      `--max: ${max} is not a whole number from 0 to 1000.`,
      max,
      undefined,
      'autoscale allow g5.xlarge --max 1 --region us-east-1',
    ]),
    [
      'autoscale allow g5.xlarge --max 2 --max-price free',
      '--max-price: free is not a number of dollars above 0 and up to 1000000, such as 0.60.',
      'free',
      undefined,
      'autoscale allow g5.xlarge --max 2 --max-price 0.6',
    ],
    [
      'autoscale allow m5.xlarge --max 1 --region Mars',
      '--region: Mars is not an AWS region such as eu-west-1.',
      'Mars',
      undefined,
      fine,
    ],
    [
      'aws clear --force=yes',
      '--force takes no value.',
      '--force=yes',
      undefined,
      'aws clear --force',
    ],
    ['runners "now', 'A quote begins here and does not end.', '"now', undefined, 'help'],
  ])('%j says what, where and what instead', (line, what, spot, nearest, example) => {
    const error = errorOf(line);
    expect({ ...error, at: line.slice(...error.at) }).toMatchObject({
      what,
      line,
      at: spot,
      example,
    });
    expect(error.nearest).toBe(nearest);
  });

  test.each([
    '-1',
    '+3',
    '1.0',
    '1e9',
    '1e2',
    '0x1',
    '01',
    '1001',
    '99999999',
    '١',
    '１',
    '1,000',
    '∞',
  ])('is not read with a maximum of %s', (max) => {
    const line = `autoscale allow m5.xlarge --max ${max}`;
    const { what, at } = errorOf(line);
    expect(what).toBe(`--max: ${max} is not a whole number from 0 to 1000.`);
    expect(line.slice(...at)).toBe(max);
  });

  test.each(['0', '-1', '1e3', '.5', '1000001', '0.1234567', '$1'])(
    'is not read with a price of %s',
    (price) => {
      expect(errorOf(`autoscale allow m5.xlarge --max 1 --max-price ${price}`).what).toMatch(
        /^--max-price: .* is not a number of dollars above 0/,
      );
    },
  );

  test('has changed nothing where the command would change something, or is not known', () => {
    expect(errorOf('autoscale clear all').nothingChanged).toBe(true);
    expect(errorOf('autoscale cler').nothingChanged).toBe(true);
    expect(errorOf('autoscale info all').nothingChanged).toBe(false);
  });

  test('is one at a door that is closed to it', () => {
    expect(commandOf('aws configure')).toEqual({ name: 'aws configure' });
    expect(errorOf('aws configure', 'comment')).toMatchObject({
      what: '"aws configure" is a command of the CLI only.',
      example: 'help aws configure',
    });
    expect(parseCommand('aws configure', 'cli').ok).toBe(true);
    expect(parseCommand('aws configure --help', 'comment').ok).toBe(true);
  });

  test.each([
    ['logn', 'There is no command "logn".', 'login', 'login'],
    ['help logn', 'There is no command "logn".', 'login', 'help login'],
    ['aws polcy', 'There is no command "aws polcy".', 'policy', 'aws policy'],
    ['polcy', 'There is no command "polcy".', 'aws policy', 'aws policy'],
    ['aws', '"aws" needs one of info, configure, clear, policy.', undefined, 'help'],
  ])('%j may be meant for a command that the door has alone', (line, what, nearest, example) => {
    const error = errorOf(line, 'cli', ['login', 'aws policy']);
    expect(error).toMatchObject({ what, example });
    expect(error.nearest).toBe(nearest);
  });

  test('is one that is too long, and is cut', () => {
    const error = errorOf('autoscale info '.repeat(5000));
    expect(error).toMatchObject({ what: 'A command has at most 1000 characters.' });
    expect(error.line).toHaveLength(MAX_LINE);
  });
});

describe('any line', () => {
  const aPiece = fc.constantFrom(
    ...[
      'autoscale',
      'allow',
      'aws',
      'help',
      'info',
      'm5.xlarge',
      '--max',
      '--max=',
      '--',
      '-',
      '—',
    ],
    ...[
      ' ',
      ' ',
      ' ',
      '=',
      '"',
      "'",
      '“',
      '1',
      '-1',
      '-h',
      '--help',
      '--__proto__',
      '\0',
      '\ud800',
    ],
  );
  const aLine = fc.oneof(
    fc.array(aPiece, { maxLength: 20 }).map((pieces) => pieces.join('')),
    fc.string({ unit: 'binary', maxLength: 200 }),
  );

  test('is a command or an error whose spot is in the line and whose example works', () => {
    fc.assert(
      fc.property(aLine, (line) => {
        const parsed = parseCommand(line);
        if (parsed.ok)
          return expect(commandOf(printCommand(parsed.command))).toEqual(parsed.command);
        const { at, example } = parsed.error;
        expect(at[0]).toBeGreaterThanOrEqual(0);
        expect(at[1]).toBeGreaterThanOrEqual(at[0]);
        expect(at[1]).toBeLessThanOrEqual(line.length);
        commandOf(example);
      }),
      { numRuns: 2000 },
    );
  });

  test('that is joined from words is parted into them', () => {
    const aWord = fc
      .string({ unit: fc.constantFrom('a', '=', '.', ' ', "'", '1') })
      .filter(Boolean);
    fc.assert(
      fc.property(fc.array(aWord), (words) => {
        const split = splitWords(joinWords(words));
        expect(split.ok && split.words.map(({ text }) => text)).toEqual(words);
      }),
    );
  });
});
