import { describe, expect, test } from '@jest/globals';
import { commandsTable, helpMarkdown, helpText } from '../../src/commands/help-text.ts';
import { errorMarkdown, errorText, leftOutMarkdown } from '../../src/commands/render-error.ts';
import { ALL_COMMANDS } from '../../src/commands/table.ts';
import { errorOf } from './commands.ts';

describe('an error', () => {
  test('says in a comment what, where, what was meant, and a line that works', () => {
    expect(errorMarkdown(errorOf('autoscale allow m5.xlrge --max 4'))).toBe(
      `**m5.xlrge is not an EC2 instance type.** Nearest: \`m5.xlarge\`. Nothing was changed.

    /dstack autoscale allow m5.xlrge --max 4
                            ^^^^^^^^
Try \`/dstack autoscale allow m5.xlarge --max 4\` or \`/dstack help autoscale allow\`.`,
    );
  });

  test('says the same in a terminal', () => {
    expect(errorText(errorOf('autoscale allow m5.xlrge --max 4'))).toBe(
      `error: m5.xlrge is not an EC2 instance type. Nearest: m5.xlarge. Nothing was changed.
  dstack autoscale allow m5.xlrge --max 4
                         ^^^^^^^^
  try: dstack autoscale allow m5.xlarge --max 4
  try: dstack help autoscale allow
`,
    );
  });

  test('quotes the line so that it does nothing', () => {
    const error = errorOf('autoscale allow @org/team#1`<b>**|$(rm) --max \u202e1');
    expect(errorMarkdown(error)).toBe(
      `**@\u200borg/team#\u200b1\\\`\\<b\\>\\*\\*\\|\\$(rm) is not an EC2 instance type.** Nothing was changed.

    /dstack autoscale allow @org/team#1\`<b>**|$(rm) --max �1
                            ^^^^^^^^^^^^^^^^^^^^^^^
Try \`/dstack autoscale allow m5.xlarge --max 1\` or \`/dstack help autoscale allow\`.`,
    );
    expect(errorText(errorOf('\u001b[2Jrunners'))).not.toContain('\u001b');
  });

  test('shows what is around the spot of a long line', () => {
    const markdown = errorMarkdown(errorOf(`autoscale allow m5.large ${'--max '.repeat(100)}`));
    for (const line of markdown.split('\n')) expect(line.length).toBeLessThan(140);
    expect(markdown).toContain('**\\--max is given twice.**');
  });

  test('says in one line how many commands were not run', () => {
    expect(leftOutMarkdown(0)).toBeUndefined();
    expect(leftOutMarkdown(1)).toBe('**1 more command was not run.** A comment may hold 20.');
    expect(leftOutMarkdown(980)).toBe('**980 more commands were not run.** A comment may hold 20.');
  });
});

describe('help', () => {
  test('of a command has the form that people know', () => {
    expect(helpText('autoscale allow')).toBe(`\
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
`);
  });

  test('of all has a line for each command', () => {
    for (const { name } of ALL_COMMANDS)
      expect(helpText()).toMatch(new RegExp(`^  ${name}  `, 'm'));
  });

  test('of a group has its commands only', () => {
    const lines = helpText('aws').split('\n');
    expect(
      lines.filter((line) => /^ {2}\w/.test(line)).map((line) => line.slice(2, 15).trim()),
    ).toEqual([...['aws info', 'aws configure', 'aws clear']]);
  });

  test('says what is of the CLI only, except to who is there', () => {
    expect(helpText('aws info')).toContain('It is a command of the CLI only.');
    expect(helpText('aws')).toContain('(CLI only)');
    expect(helpText('aws info', 'cli')).not.toContain('CLI only');
    expect(helpText('aws', 'cli')).not.toContain('CLI only');
  });

  test('is a block of code in a comment', () => {
    expect(helpMarkdown('runners')).toMatch(/^```text\nusage: dstack runners \[-h\]\n[^`]*\n```$/);
  });

  test('is a table in the docs, with a row for each command', () => {
    const rows = commandsTable().split('\n');
    expect(rows).toHaveLength(ALL_COMMANDS.length + 2);
    expect(rows[2]).toBe(
      '| `autoscale allow --max MAX [--region R] [--spot-policy P] [--max-price D] INSTANCE_TYPE` ' +
        '| Adds or replaces the rule of that type and region. --max 0 removes it. | write |',
    );
  });
});
