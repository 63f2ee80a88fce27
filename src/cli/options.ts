import { EXIT, type Trouble } from './io.ts';

/** Options of every command, which the grammar does not know. */
export interface Options {
  readonly server?: string;
  readonly token?: string;
  readonly repos: readonly string[];
  readonly owner?: string;
  readonly isJson: boolean;
  /** Nothing is asked before machines are ended or files written. */
  readonly isYes: boolean;
}

/** Options that a word follows, as they are written. */
const WITH_WORD: Readonly<Partial<Record<string, string>>> = {
  '--server': '--server https://ADDRESS',
  '--token': '--token TOKEN',
  '--repo': '--repo OWNER/NAME',
  '--owner': '--owner LOGIN',
};

/** The program's own options may stand anywhere, as `--repo o/n` or `--repo=o/n`. */
export function takeOptions(
  argv: readonly string[],
): { readonly options: Options; readonly words: readonly string[] } | Trouble {
  const words: string[] = [];
  const taken: [name: string, value: string][] = [];
  const flags = new Set<string>();
  for (let at = 0; at < argv.length; at++) {
    const word = argv[at] ?? '';
    const [name = '', ...inline] = word.split('=');
    if (word === '--json' || word === '--yes') flags.add(word);
    else if (!Object.hasOwn(WITH_WORD, name)) words.push(word);
    else {
      const value = word.includes('=') ? inline.join('=') : argv[++at];
      if (!value || value.startsWith('--')) {
        const tries = `dstack … ${WITH_WORD[name]}`;
        return { exit: EXIT.usage, what: `${name} needs a value`, tries };
      }
      taken.push([name, value]);
    }
  }
  const last = (name: string) => taken.findLast(([one]) => one === name)?.[1];
  const [server, token, owner] = [last('--server'), last('--token'), last('--owner')];
  const options = {
    repos: taken.filter(([name]) => name === '--repo').map(([, value]) => value),
    isJson: flags.has('--json'),
    isYes: flags.has('--yes'),
    ...(server !== undefined && { server }),
    ...(token !== undefined && { token }),
    ...(owner !== undefined && { owner }),
  };
  return { options, words };
}
