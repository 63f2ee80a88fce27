import { shorten, visible } from '../lib/markdown.ts';
import { nearest } from '../lib/nearest.ts';
import type { CommandGroup, HelpTopic } from '../model/command.ts';
import type { CommandSpec } from './spec.ts';
import { ALL_COMMANDS, GROUPS } from './table.ts';
import type { Span, Word } from './words.ts';

/** What is wrong with a line, before it is known what would be right. */
export interface Mistake {
  readonly what: string;
  readonly at: Span;
  /** The word that was probably meant there. */
  readonly nearest?: string | undefined;
  /** What, in place of the spot, would make the line right; the nearest word if not given. */
  readonly fix?: string;
  /** A line that works, where the command's first example would not. */
  readonly example?: string;
  readonly spec?: CommandSpec;
  readonly topic?: HelpTopic;
}

export type Read<T> =
  | ({ readonly ok: true } & T)
  | { readonly ok: false; readonly mistake: Mistake };

export const wrong = (mistake: Mistake) => ({ ok: false, mistake }) as const;

const MAX_SHOWN = 60;

/** A word of the line inside a sentence of ours. */
export const shown = (text: string): string => shorten(visible(text), MAX_SHOWN);

/** What the words begin with; `none` where there is not one word. */
export type Found =
  | { readonly kind: 'none' }
  | { readonly kind: 'group'; readonly group: CommandGroup; readonly at: Span }
  | { readonly kind: 'command'; readonly spec: CommandSpec; readonly rest: readonly Word[] };

export function lookUp(words: readonly Word[], others: readonly string[]): Read<{ found: Found }> {
  const [first, second] = words;
  if (first === undefined) return { ok: true, found: { kind: 'none' } };
  const [word, next] = [first.text.toLowerCase(), second?.text.toLowerCase()];
  const group = GROUPS.find((name) => name === word);
  if (group !== undefined && second === undefined) {
    return { ok: true, found: { kind: 'group', group, at: first.at } };
  }
  const name = group === undefined ? word : `${word} ${next}`;
  const spec = ALL_COMMANDS.find((one) => one.name === name);
  if (spec !== undefined) {
    const rest = words.slice(name.split(' ').length);
    return { ok: true, found: { kind: 'command', spec, rest } };
  }
  return wrong(
    group && second ? unknownSecond(group, second, others) : unknownFirst(first, others),
  );
}

function unknownFirst({ text, at }: Word, others: readonly string[]): Mistake {
  const all = [...ALL_COMMANDS.map(({ name }) => name), ...others];
  const names = all.map((name) => name.split(' '));
  const second = nearest(
    text,
    names.flatMap(([, word]) => word ?? []),
  );
  const meant =
    nearest(
      text,
      names.map(([word = '']) => word),
    ) ?? all.find((name) => second && name.endsWith(` ${second}`));
  return { what: `There is no command "${shown(text)}".`, at, nearest: meant };
}

const wordsOf = (group: CommandGroup, others: readonly string[]): readonly string[] =>
  [...ALL_COMMANDS.map(({ name }) => name), ...others]
    .filter((name) => name.startsWith(`${group} `))
    .map((name) => name.slice(group.length + 1));

function unknownSecond(
  group: CommandGroup,
  { text, at }: Word,
  others: readonly string[],
): Mistake {
  const what = `There is no command "${group} ${shown(text)}".`;
  return { what, at, nearest: nearest(text, wordsOf(group, others)), topic: group };
}

export const groupAlone = (group: CommandGroup, at: Span, others: readonly string[]): Mistake => ({
  what: `"${group}" needs one of ${wordsOf(group, others).join(', ')}.`,
  at,
  topic: group,
});
