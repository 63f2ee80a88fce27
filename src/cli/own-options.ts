import { parseArgs } from 'node:util';
import { nearest } from '../lib/nearest.ts';
import { EXIT, type Trouble } from './io.ts';

/** By name: what a value has to be, and null where none follows. */
export type Known = Readonly<Record<string, Accepts | null>>;

interface Accepts {
  /** Ends the sentence "… needs …". */
  readonly accepts: string;
  /** undefined: the word is not one. */
  of(word: string): unknown;
}

/** What was given, by name; an option without a value is ''. */
export type Given = Readonly<Partial<Record<string, string>>>;

/** The options of a command that only this program has, or which word is wrong. */
export function ownOptions(
  command: string,
  words: readonly string[],
  known: Known,
): { readonly given: Given } | Trouble {
  const wrong = (what: string): Trouble => ({
    exit: EXIT.usage,
    what,
    tries: `dstack ${command} --help`,
  });
  const given: Record<string, string> = {};
  for (const token of tokensOf(words, known)) {
    if (token.kind === 'option-terminator') continue;
    if (token.kind === 'positional') return wrong(`dstack ${command} takes no "${token.value}"`);
    const { name, rawName, value = '' } = token;
    const option = Object.hasOwn(known, name) ? known[name] : undefined;
    if (option === undefined) return wrong(unknown(command, rawName, known));
    if (option === null && value !== '') return wrong(`${rawName} takes no value`);
    if (option !== null && option.of(value) === undefined) {
      return wrong(`${rawName} needs ${option.accepts}${value === '' ? '' : `, not "${value}"`}`);
    }
    given[name] = value;
  }
  return { given };
}

function tokensOf(words: readonly string[], known: Known) {
  const options = Object.fromEntries(
    Object.entries(known).map(([name, one]) => {
      const type = one === null ? ('boolean' as const) : ('string' as const);
      return [name, { type }];
    }),
  );
  const how = { strict: false, allowPositionals: true, tokens: true } as const;
  return parseArgs({ args: [...words], options, ...how }).tokens;
}

function unknown(command: string, written: string, known: Known): string {
  const meant = nearest(written, Object.keys(known));
  const what = `dstack ${command} has no option ${written}`;
  return meant === undefined ? what : `${what}. Nearest: --${meant}`;
}
