/** Offsets into the line; the end is the offset after the last character. */
export type Span = readonly [start: number, end: number];

export interface Word {
  readonly text: string;
  readonly at: Span;
}

export type Words =
  | { readonly ok: true; readonly words: readonly Word[] }
  /** Where a quote begins that does not end. */
  | { readonly ok: false; readonly at: Span };

/** Hyphens, dashes and the minus sign; phones write two hyphens as one of them. */
const DASH = '‐‑‒–—―−﹘﹣-';
const BEGINS_WITH_DASH = new RegExp(`^[${DASH}]+(?=\\p{L})`, 'u');

/** One sign for another, so that every place stays where it is. */
const repair = (line: string): string =>
  line
    .replace(new RegExp(`[${DASH}]`, 'g'), '-')
    .replace(/[“”„‟«»＂]/g, '"')
    .replace(/[‘’‚‛＇]/g, "'");

/** The words of a line as a shell parts them, with the dashes and quotes that were meant. */
export function splitWords(line: string): Words {
  const words: Word[] = [];
  for (const match of repair(line).matchAll(/(?:"[^"]*"|'[^']*'|[^\s"'])+|["']/g)) {
    const [part] = match;
    const at: Span = [match.index, match.index + part.length];
    if (part === '"' || part === "'") return { ok: false, at: [match.index, line.length] };
    const text = part.replace(/"([^"]*)"|'([^']*)'/g, '$1$2');
    const dashes = BEGINS_WITH_DASH.exec(line.slice(...at))?.[0];
    words.push({ at, text: dashes === undefined ? text : withTwoDashes(text) });
  }
  return { ok: true, words };
}

function withTwoDashes(text: string): string {
  const name = text.replace(/^-+/, '');
  return name.toLowerCase() === 'h' ? '-h' : `--${name}`;
}

/** A line that is parted into these words again: what the CLI makes of its arguments. */
export const joinWords = (words: readonly string[]): string => words.map(quoted).join(' ');

function quoted(word: string): string {
  if (/^[^\s"'“”„‟«»＂‘’‚‛＇]+$/.test(word)) return word;
  return /["“”„‟«»＂]/.test(word) ? `'${word.replace(/['‘’‚‛＇]/g, '')}'` : `"${word}"`;
}
