// Text of other people inside our Markdown: it may not mention, link, close a block or draw.

/** Control signs, and those that hide or reorder text: a line shows what it holds. */
const INVISIBLE = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/gu;

/** One line in which nothing is hidden; signs keep their places, so a mark below still fits. */
export const visible = (text: string): string =>
  text.replace(/\s/g, ' ').replace(INVISIBLE, (sign) => '�'.repeat(sign.length));

/** At most so many UTF-16 units, the last of them an ellipsis where something was cut. */
export const shorten = (text: string, max: number): string =>
  text.length > max ? `${text.slice(0, max - 1)}…` : text;

/** Nobody sees it, and GitHub finds no name, number or address across it. */
const BREAK = '\u200b';

/**
 * Plain text that reads as it was written and does nothing: no markup, no HTML, no mention, no
 * link. Not by escapes alone, because GitHub looks for names after it has read the escapes.
 */
export const neutralize = (text: string): string =>
  visible(text)
    .replace(/[\\`*_{}[\]<>&~|$]/g, '\\$&')
    .replace(/^([ ]*)([#+=-])/, '$1\\$2')
    .replace(/^([ ]*[0-9]+)([.)])/, '$1\\$2')
    .replace(/[@#]/g, `$&${BREAK}`)
    .replace(/\b(https?|ftp|mailto|xmpp)(:)/gi, `$1${BREAK}$2`)
    .replace(/\b(www)(\.)/gi, `$1${BREAK}$2`)
    .replace(/\b(GH)(-)/gi, `$1${BREAK}$2`);

/** A code span: copied from it, the text is what was written. */
export function code(text: string): string {
  const line = visible(text);
  const longest = Math.max(0, ...(line.match(/`+/g) ?? []).map((run) => run.length));
  const fence = '`'.repeat(longest + 1);
  // A space at both ends is not part of the span; it parts ticks of the text from ours.
  const needsSpace = /^`|`$|^ .* $/.test(line) || line.trim() === '';
  const inner = needsSpace ? ` ${line} ` : line;
  return `${fence}${inner}${fence}`;
}

/** A code span in a cell of a table, where a bar would end the cell. */
export const codeInCell = (text: string): string => code(text).replaceAll('|', '\\|');
