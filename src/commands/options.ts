import { parseArgs } from 'node:util';
import { flagOf, takesWord } from './spec.ts';
import { ALL_COMMANDS } from './table.ts';
import type { Span, Word } from './words.ts';

export interface Option {
  /** `max` */
  readonly name: string;
  /** `--max` */
  readonly written: string;
  /** The word that goes with it; undefined where none follows. */
  readonly value: Word | undefined;
  /** `--max=4` */
  readonly isInline: boolean;
  readonly at: Span;
}

export interface Sorted {
  readonly positionals: readonly Word[];
  readonly options: readonly Option[];
}

type Flag = readonly [name: string, as: { type: 'string' | 'boolean'; short?: string }];

/** The options of all commands, which may stand before it is known whose they are. */
const FLAGS: readonly Flag[] = [
  ...ALL_COMMANDS.flatMap(({ parameters }) => Object.values(parameters)).flatMap(
    (parameter): readonly Flag[] => {
      const flag = flagOf(parameter);
      const type = takesWord(parameter) ? 'string' : 'boolean';
      return flag === undefined ? [] : [[flag, { type }]];
    },
  ),
  ['help', { type: 'boolean', short: 'h' }],
];

/** Tells options from other words, wherever they stand. */
export function sortWords(words: readonly Word[]): Sorted {
  const args = words.map(({ text }) => text.replace(/^-[^=]*/, (flag) => flag.toLowerCase()));
  const { tokens } = parseArgs({
    args,
    options: Object.fromEntries(FLAGS),
    strict: false,
    allowPositionals: true,
    tokens: true,
  });
  const positionals: Word[] = [];
  const options: Option[] = [];
  for (const token of tokens) {
    const word = words[token.index];
    if (word === undefined || token.kind === 'option-terminator') continue;
    if (token.kind === 'positional') positionals.push(word);
    else {
      const { name, rawName } = token;
      const isLong = rawName.startsWith('--') || name === 'help';
      // `-max`, with one dash, comes as -m, -a and -x: the word is what was written.
      const written = isLong ? rawName : (args[token.index] ?? '');
      const isInline = token.inlineValue === true;
      const value = isInline
        ? inline(word, token.value)
        : next(words[token.index + 1], token.value);
      options.push({ name, written, value, isInline, at: word.at });
    }
  }
  return { positionals, options };
}

/** The value is the end of the word, unless quotes stand around it. */
const inline = ({ at: [start, end] }: Word, text = ''): Word => ({
  text,
  at: [Math.max(start, end - text.length), end],
});

/** The word that the option took, unless it is an option itself. */
const next = (word: Word | undefined, taken: string | undefined): Word | undefined =>
  taken === undefined || /^--?[a-z]/i.test(taken) ? undefined : word;
