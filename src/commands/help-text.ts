import type { Door, HelpTopic } from '../model/command.ts';
import { type CommandSpec, flagOf, type Parameter } from './spec.ts';
import { ALL_COMMANDS, commandsIn, GROUPS } from './table.ts';

/** `dstack autoscale allow [-h] --max MAX [--region R] INSTANCE_TYPE` */
export function usageOf({ name, parameters }: CommandSpec): string {
  const all = Object.values(parameters);
  const options = all.filter((one) => flagOf(one) !== undefined);
  const positionals = all.filter((one) => flagOf(one) === undefined);
  const written = ({ form, isRequired }: Parameter<unknown>) => (isRequired ? form : `[${form}]`);
  return ['dstack', name, '[-h]', ...[...options, ...positionals].map(written)].join(' ');
}

/** What `--help` prints, in the form of the first command lines that people learn. */
export function helpText(topic?: HelpTopic, door?: Door): string {
  const group = GROUPS.find((name) => name === topic);
  if (group !== undefined)
    return overview({ usage: `dstack ${group} COMMAND`, commands: commandsIn(group), door });
  const spec = ALL_COMMANDS.find(({ name }) => name === topic);
  return spec === undefined
    ? overview({ usage: 'dstack COMMAND', commands: ALL_COMMANDS, door })
    : page(spec, door);
}

/** The same as a section of a reply. */
export const helpMarkdown = (topic?: HelpTopic): string =>
  ['```text', helpText(topic).trimEnd(), '```'].join('\n');

function page(spec: CommandSpec, door: Door | undefined): string {
  const rows = Object.values(spec.parameters).map((one) => [one.form, one.help, one] as const);
  const positionals = rows.filter(([, , one]) => flagOf(one) === undefined);
  const options = rows.filter(([, , one]) => flagOf(one) !== undefined);
  const showHelp = ['-h, --help', 'Show this help'] as const;
  const width = widthOf([showHelp, ...rows]);
  return paragraphs([
    [`usage: ${usageOf(spec)}`],
    [spec.summary, ...(isElsewhere(spec, door) ? ['It is a command of the CLI only.'] : [])],
    positionals.length === 0 ? [] : ['positional arguments:', ...columns(positionals, width)],
    ['optional arguments:', ...columns([showHelp, ...options], width)],
    ['examples:', ...spec.examples.map((example) => `  dstack ${example}`)],
  ]);
}

interface Overview {
  readonly usage: string;
  readonly commands: readonly CommandSpec[];
  readonly door: Door | undefined;
}

function overview({ usage, commands, door }: Overview): string {
  const rows = commands.map((spec) => [spec.name, noteOf(spec, door)] as const);
  return paragraphs([
    [`usage: ${usage}`],
    ['commands:', ...columns(rows, widthOf(rows))],
    [
      'Options may stand anywhere. In a comment a line begins with /dstack.',
      `${usage.replace(/COMMAND$/, 'COMMAND --help')} shows how to write one.`,
    ],
  ]);
}

/** Of the CLI only, which is no news to who is there. */
const isElsewhere = ({ doors }: CommandSpec, door: Door | undefined): boolean =>
  door !== 'cli' && doors.every((one) => one === 'cli');

const noteOf = (spec: CommandSpec, door?: Door): string =>
  isElsewhere(spec, door) ? `${spec.summary} (CLI only)` : spec.summary;

type Row = readonly [left: string, right: string, ...rest: readonly unknown[]];

const widthOf = (rows: readonly Row[]): number =>
  Math.max(...rows.map(([left]) => left.length)) + 2;

const columns = (rows: readonly Row[], width: number): readonly string[] =>
  rows.map(([left, right]) => `  ${left.padEnd(width)}${right}`);

const paragraphs = (parts: readonly (readonly string[])[]): string =>
  parts
    .filter((lines) => lines.length > 0)
    .map((lines) => `${lines.join('\n')}\n`)
    .join('\n');

/** For the README and the reference: what is written between two marks there. */
export const commandsTable = (): string =>
  [
    '| command | does | needs |',
    '|---|---|---|',
    ...ALL_COMMANDS.map((spec) => {
      const usage = usageOf(spec).replace(' [-h]', '').replace('dstack ', '');
      return `| \`${usage}\` | ${noteOf(spec).replaceAll('|', '\\|')} | ${spec.needs} |`;
    }),
  ].join('\n');
