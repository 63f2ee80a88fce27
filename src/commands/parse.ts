import { nearest } from '../lib/nearest.ts';
import type { Command, CommandError, Door } from '../model/command.ts';
import { groupAlone, lookUp, type Mistake, type Read, shown, wrong } from './look-up.ts';
import { type Option, type Sorted, sortWords } from './options.ts';
import { printCommand } from './print.ts';
import { type CommandSpec, flagOf, type Parameter } from './spec.ts';
import { ALL_COMMANDS, COMMANDS } from './table.ts';
import { type Span, splitWords, type Word } from './words.ts';

export type ParsedCommand =
  | { readonly ok: true; readonly command: Command }
  | { readonly ok: false; readonly error: CommandError };

/** Far longer than any command; a comment may have 65,536 characters in one line. */
export const MAX_LINE = 1000;

/**
 * The line without `/dstack` or `dstack`. A door that is named must be open for the command. Names of
 * commands that the door runs by itself are not parsed here, but may be what was meant.
 */
export function parseCommand(
  line: string,
  door?: Door,
  others: readonly string[] = [],
): ParsedCommand {
  const read = readLine(line, { door, others });
  if (read.ok) return { ok: true, command: read.command };
  return { ok: false, error: errorOf(line, read.mistake, others) };
}

function errorOf(line: string, mistake: Mistake, others: readonly string[]): CommandError {
  const { what, at, spec, nearest: meant, fix = meant } = mistake;
  const fixed = fix === undefined ? undefined : line.slice(0, at[0]) + fix + line.slice(at[1]);
  const retried = fixed === undefined ? undefined : readLine(fixed, { others });
  const isOther = others.some((name) => fixed?.replace(/^help /, '') === name);
  const topic = mistake.topic ?? (spec === COMMANDS.help ? undefined : spec?.name);
  const sample = mistake.example ?? (spec ?? COMMANDS.help).examples[0];
  return {
    what,
    line: line.slice(0, MAX_LINE),
    at,
    ...(meant !== undefined && { nearest: meant }),
    example: retried?.ok ? printCommand(retried.command) : (isOther && fixed) || sample,
    ...(topic !== undefined && { topic }),
    nothingChanged: spec?.changes ?? true,
  };
}

interface At {
  readonly door?: Door | undefined;
  readonly others: readonly string[];
}

function readLine(line: string, { door, others }: At): Read<{ command: Command }> {
  if (line.length > MAX_LINE) {
    const at: Span = [MAX_LINE - 1, MAX_LINE];
    return wrong({ what: `A command has at most ${MAX_LINE} characters.`, at });
  }
  const split = splitWords(line);
  if (!split.ok) return wrong({ what: 'A quote begins here and does not end.', at: split.at });
  const sorted = sortWords(split.words);
  if (sorted.options.some(({ name }) => name === 'help')) {
    return readHelp(sorted.positionals, others);
  }
  const read = lookUp(sorted.positionals, others);
  if (!read.ok) return read;
  const { found } = read;
  if (found.kind === 'none') {
    const [stray] = sorted.options;
    return stray === undefined ? readHelp([], others) : wrong(strayOption(stray));
  }
  if (found.kind === 'group') return wrong(groupAlone(found.group, found.at, others));
  const { spec, rest } = found;
  if (spec === COMMANDS.help) return readHelp(rest, others);
  if (door !== undefined && !spec.doors.includes(door)) {
    const what = `"${spec.name}" is a command of the CLI only.`;
    return wrong({ what, at: [0, line.length], spec, example: `help ${spec.name}` });
  }
  return fill(spec, { positionals: rest, options: sorted.options, end: line.length });
}

/** What help is asked about; of words that go on after a command's name, the name. */
function readHelp(words: readonly Word[], others: readonly string[]): Read<{ command: Command }> {
  const read = lookUp(words, others);
  if (!read.ok) return wrong({ ...read.mistake, spec: COMMANDS.help });
  const { found } = read;
  if (found.kind === 'none') return { ok: true, command: { name: 'help' } };
  const topic = found.kind === 'group' ? found.group : found.spec.name;
  return { ok: true, command: { name: 'help', topic } };
}

interface Given extends Sorted {
  /** Of the line: where what is missing would stand. */
  readonly end: number;
}

function fill(spec: CommandSpec, given: Given): Read<{ command: Command }> {
  const foreign = findForeign(spec, given);
  if (foreign !== undefined) return wrong({ ...foreign, spec });
  const values: [field: string, value: unknown][] = [];
  for (const [field, parameter] of Object.entries(spec.parameters)) {
    const read = readValue(parameter, given);
    if (!read.ok) return wrong({ ...read.mistake, spec });
    if (read.value !== undefined) values.push([field, read.value]);
  }
  const extra = findExtra(spec, given);
  if (extra !== undefined) return wrong({ ...extra, spec });
  // The type of the table holds that a command's parameters are the fields of its data.
  return { ok: true, command: { name: spec.name, ...Object.fromEntries(values) } as Command };
}

/** An option of no command or of another one, or one that is given twice. */
function findForeign(spec: CommandSpec, { options }: Given): Mistake | undefined {
  const flags = Object.values(spec.parameters).flatMap((one) => flagOf(one) ?? []);
  const foreign = options.find(({ name }) => !flags.includes(name));
  if (foreign !== undefined) return unknownOption(spec, foreign, nearest(foreign.written, flags));
  const twice = options.find(({ name }, i) => options.findIndex((one) => one.name === name) < i);
  return twice && { what: `${twice.written} is given twice.`, at: twice.at };
}

function findExtra({ parameters }: CommandSpec, { positionals }: Given): Mistake | undefined {
  const places = Object.values(parameters).filter((one) => flagOf(one) === undefined).length;
  const extra = positionals[places];
  return extra && { what: `"${shown(extra.text)}" is one word too many.`, at: extra.at, fix: '' };
}

/** An option where no command is. */
function strayOption({ name, written, at }: Option): Mistake {
  const isKnown = ALL_COMMANDS.some(({ parameters }) =>
    Object.values(parameters).some((one) => flagOf(one) === name),
  );
  if (isKnown) return { what: `${written} needs a command before it.`, at };
  const meant = nearest(written, ['help']) && '--help';
  return { what: `There is no option ${shown(written)}.`, at, nearest: meant };
}

function unknownOption(spec: CommandSpec, option: Option, meant: string | undefined): Mistake {
  const { written, isInline, value, at } = option;
  const what = `"${spec.name}" has no option ${shown(written)}.`;
  if (meant === undefined) return { what, at };
  const flag = `--${meant}`;
  return { what, at, nearest: flag, fix: isInline ? `${flag}=${value?.text}` : flag };
}

function readValue(parameter: Parameter<unknown>, given: Given): Read<{ value: unknown }> {
  const { value, isRequired, form } = parameter;
  const flag = flagOf(parameter);
  const option = given.options.find(({ name }) => name === flag);
  if (option !== undefined && form === `--${flag}`) {
    if (!option.isInline) return { ok: true, value: value.of(option.written) };
    return wrong({ what: `${option.written} takes no value.`, at: option.at, fix: `--${flag}` });
  }
  const word = flag === undefined ? given.positionals[0] : option?.value;
  if (word === undefined) {
    const isMissing = isRequired || option !== undefined;
    return isMissing ? wrong(missing(parameter, option, given)) : { ok: true, value: undefined };
  }
  const read = value.of(word.text);
  if (read !== undefined) return { ok: true, value: read };
  const name = flag === undefined ? '' : `--${flag}: `;
  const what = `${name}${shown(word.text) || '""'} is not ${value.accepts}.`;
  const meant = value.nearest?.(word.text);
  // The line to try keeps all else that was written.
  const fix = meant ?? value.sample;
  return wrong({ what, at: word.at, nearest: meant, ...(fix !== undefined && { fix }) });
}

function missing(
  parameter: Parameter<unknown>,
  option: Option | undefined,
  { end }: Given,
): Mistake {
  const { form, value } = parameter;
  const { sample } = value;
  if (option !== undefined) {
    const { written, at } = option;
    const what = `${written} needs a value: ${value.accepts}.`;
    return { what, at, ...(sample !== undefined && { fix: `--${flagOf(parameter)} ${sample}` }) };
  }
  const flag = flagOf(parameter);
  const fix = flag === undefined ? ` ${sample}` : ` --${flag} ${sample}`;
  const what = `${form} is missing: ${value.accepts}.`;
  return { what, at: [end, end], ...(sample !== undefined && { fix }) };
}
