/** A piece of a text and what stands there instead. */
export interface Splice {
  readonly start: number;
  readonly end: number;
  readonly text: string;
}

/** Everything outside of the pieces stays as it is, byte for byte. */
export function applySplices(text: string, splices: readonly Splice[]): string {
  const inOrder = splices.toSorted((a, b) => b.start - a.start || b.end - a.end);
  return inOrder.reduce((rest, { start, end, text: piece }) => {
    return rest.slice(0, start) + piece + rest.slice(end);
  }, text);
}

export const insertion = (at: number, text: string): Splice => ({ start: at, end: at, text });

export const deletion = (start: number, end: number): Splice => ({ start, end, text: '' });

/** The line ending of the first line; a text of one line gets the common one. */
export const eolOf = (text: string): string => /\r?\n/.exec(text)?.[0] ?? '\n';

export const lineStart = (text: string, at: number): number => text.lastIndexOf('\n', at - 1) + 1;

export const columnOf = (text: string, at: number): number => at - lineStart(text, at);

/** Where the line's own ending begins, or the end of the text. */
export function lineEnd(text: string, at: number): number {
  const newline = text.indexOf('\n', at);
  if (newline === -1) return text.length;
  return text[newline - 1] === '\r' && newline > at ? newline - 1 : newline;
}

/** Whole lines below the one that ends there; they have its ending, and the last line may have none. */
export const linesBelow = (text: string, end: number, lines: readonly string[]): Splice =>
  insertion(end, lines.map((line) => eolOf(text) + line).join(''));

/** The end of the last comment line that follows and is further to the right than that column. */
export function pastComments(text: string, end: number, column: number): number {
  const comment = /\r?\n( *)#[^\r\n]*/y;
  let past = end;
  for (;;) {
    comment.lastIndex = past;
    const found = comment.exec(text);
    if (found === null || (found[1]?.length ?? 0) <= column) return past;
    past = comment.lastIndex;
  }
}

/** Without the spaces and tabs before it. */
export function backOverSpaces(text: string, at: number): number {
  let start = at;
  while (start > 0 && /[ \t]/.test(text[start - 1] ?? '')) start--;
  return start;
}

export function overSpaces(text: string, at: number): number {
  let end = at;
  while (/[ \t]/.test(text[end] ?? '')) end++;
  return end;
}
