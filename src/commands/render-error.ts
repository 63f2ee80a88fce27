import { code, neutralize, visible } from '../lib/markdown.ts';
import type { CommandError } from '../model/command.ts';
import { MAX_COMMANDS } from './find.ts';

/** Of the line, around the spot: as much as a terminal or a comment shows without folding. */
const MAX_WIDTH = 100;
/** Of the line, before the spot. */
const MAX_BEFORE = 60;

/** As a section of a reply: what, where, the nearest word, a line that works. */
export function errorMarkdown(error: CommandError): string {
  const { what, nearest } = error;
  const head = [
    `**${neutralize(what)}**`,
    ...(nearest === undefined ? [] : [`Nearest: ${code(nearest)}.`]),
    ...(error.nothingChanged ? ['Nothing was changed.'] : []),
  ];
  const lines = triesOf(error).map((line) => code(`/dstack ${line}`));
  const [line, mark] = excerpt(error, '/dstack ');
  return [head.join(' '), '', `    ${line}`, `    ${mark}`, `Try ${lines.join(' or ')}.`].join(
    '\n',
  );
}

/** For a terminal's standard error. */
export function errorText(error: CommandError): string {
  const { what, nearest } = error;
  const meant = nearest === undefined ? [] : [`Nearest: ${visible(nearest)}.`];
  const changed = error.nothingChanged ? ['Nothing was changed.'] : [];
  return [
    `error: ${[visible(what), ...meant, ...changed].join(' ')}`,
    ...excerpt(error, 'dstack ').map((line) => `  ${line}`),
    ...triesOf(error).map((line) => `  try: dstack ${line}`),
    '',
  ].join('\n');
}

/** A line that works, and one that says more. */
const triesOf = ({ example, topic }: CommandError): readonly string[] => [
  ...new Set([example, topic === undefined ? 'help' : `help ${topic}`]),
];

/** The line and a mark under its spot; what is far from the spot is left out. */
function excerpt({ line, at }: CommandError, program: string): readonly [string, string] {
  const from = at[0] > MAX_BEFORE ? at[0] - MAX_BEFORE : 0;
  const before = `${from > 0 ? '…' : program}${visible(line.slice(from, at[0]))}`;
  const room = MAX_WIDTH - MAX_BEFORE;
  const rest = visible(line.slice(at[0]));
  const after = rest.length > room ? `${rest.slice(0, room)}…` : rest;
  const width = Math.max(1, Math.min(at[1] - at[0], room));
  return [`${before}${after}`, `${' '.repeat(before.length)}${'^'.repeat(width)}`];
}

/** The one line that answers what nobody runs; undefined where nothing was left out. */
export const leftOutMarkdown = (count: number): string | undefined =>
  count === 0
    ? undefined
    : `**${count} more ${count === 1 ? 'command was' : 'commands were'} not run.** ` +
      `A comment may hold ${MAX_COMMANDS}.`;
