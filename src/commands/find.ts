/** A line of a comment that begins with `/dstack`. */
export interface FoundCommand {
  /** In the comment, from 1. */
  readonly line: number;
  /** What follows `/dstack`. */
  readonly text: string;
}

export interface FoundCommands {
  readonly commands: readonly FoundCommand[];
  /** How many more there were, which nobody runs. */
  readonly leftOut: number;
}

/** One reply has a section for each; more in one comment are a mistake or an attack. */
export const MAX_COMMANDS = 20;

const COMMAND = /^ {0,3}\/dstack(?:\s+([\s\S]*))?$/i;
/** Also in a list, where a fence stands after the item's mark or below it. */
const FENCE = /^[ \t]*(?:(?:[-*+]|[0-9]{1,9}[.)])[ \t]+)*(`{3,}|~{3,})([\s\S]*)/;
const COMMENT = /^ {0,3}<!--/;
const RAW_HTML = /^ {0,3}<(pre|code|script|style|textarea|blockquote)(?=[\s>]|$)/i;

/**
 * The commands of a comment: lines of the writer's own text. Not those that Markdown shows as code,
 * or does not show at all; a quoted line begins with `>`, and so is none. A line right below a
 * quote is the writer's answer, although Markdown draws it as part of the quote.
 */
export function findCommands(comment: string): FoundCommands {
  const lines = comment.split(/\r\n|\n|\r/);
  const found: FoundCommand[] = [];
  let isEnd: EndsBlock | undefined;
  let paragraph: string[] = [];
  let first = 0;
  const endParagraph = () => {
    found.push(...commandsOf(paragraph, first + 1));
    paragraph = [];
  };
  for (const [index, line] of lines.entries()) {
    if (isEnd !== undefined) {
      if (isEnd(line)) isEnd = undefined;
      continue;
    }
    isEnd = endOfBlock(line);
    if (isEnd === undefined && line.trim() !== '') {
      if (paragraph.length === 0) first = index;
      paragraph.push(line);
    } else endParagraph();
  }
  endParagraph();
  return {
    commands: found.slice(0, MAX_COMMANDS),
    leftOut: Math.max(0, found.length - MAX_COMMANDS),
  };
}

type EndsBlock = (line: string) => boolean;

/** What ends the block that begins in this line; undefined where none begins or it ends at once. */
function endOfBlock(line: string): EndsBlock | undefined {
  const [, fence, info = ''] = FENCE.exec(line) ?? [];
  if (fence !== undefined && !(fence.startsWith('`') && info.includes('`'))) {
    return (later) => {
      const [, mark = '', rest = ''] = FENCE.exec(later) ?? [];
      return mark.startsWith(fence) && rest.trim() === '';
    };
  }
  const tag = RAW_HTML.exec(line)?.[1];
  const close = tag === undefined ? '-->' : `</${tag.toLowerCase()}>`;
  const isEnd = (later: string) => later.toLowerCase().includes(close);
  const begins = tag !== undefined || COMMENT.test(line);
  return begins && !isEnd(line) ? isEnd : undefined;
}

/** A code span or an HTML comment may begin in one line of a paragraph and end in another. */
function commandsOf(lines: readonly string[], first: number): readonly FoundCommand[] {
  if (!lines.some((line) => COMMAND.test(line))) return [];
  const hidden = hiddenSpans(lines.join('\n'));
  let start = 0;
  let span = 0;
  return lines.flatMap((line, i) => {
    const at = start;
    start += line.length + 1;
    while (span < hidden.length && (hidden[span]?.[1] ?? 0) <= at) span++;
    if ((hidden[span]?.[0] ?? at) < at) return [];
    const command = COMMAND.exec(line);
    return command === null ? [] : [{ line: first + i, text: (command[1] ?? '').trim() }];
  });
}

/** Code spans and HTML comments that end in this text, in order. */
function hiddenSpans(text: string): readonly (readonly [number, number])[] {
  const marks = [...text.matchAll(/`+|<!--|-->/g)];
  // The last place of each mark: from beyond it, none of that kind can end.
  const last = new Map(marks.map((mark) => [mark[0], mark.index]));
  const spans: [number, number][] = [];
  for (let i = 0; i < marks.length; i++) {
    const [mark, start] = [marks[i]?.[0] ?? '', marks[i]?.index ?? 0];
    const close = mark === '<!--' ? '-->' : mark;
    if (mark === '-->' || (last.get(close) ?? 0) <= start) continue;
    while (i + 1 < marks.length && marks[i + 1]?.[0] !== close) i++;
    i++;
    spans.push([start, (marks[i]?.index ?? 0) + close.length]);
  }
  return spans;
}
