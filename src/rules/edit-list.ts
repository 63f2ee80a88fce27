import { isMap, type Node, type YAMLSeq } from 'yaml';
import { appendKey, type Entry, written } from './edit-keys.ts';
import {
  afterColon,
  commasOf,
  dashOf,
  endOf,
  indentOf,
  isFlow,
  isNull,
  type Layout,
  lastLineEnd,
  quoteOf,
  startOf,
  type YamlPair,
} from './layout.ts';
import {
  backOverSpaces,
  columnOf,
  deletion,
  insertion,
  lineEnd,
  lineStart,
  linesBelow,
  overSpaces,
  pastComments,
  type Splice,
} from './splice.ts';

type Entries = readonly Entry[];

/** `{instance-type: m5.xlarge, max: 1}` */
const flowRule = (entries: Entries, quote = ''): string =>
  `{${entries.map((entry) => written(entry, quote)).join(', ')}}`;

/** An item of a block list, its dash at that indentation. */
export const blockRule = (entries: Entries, indent: string, quote = ''): readonly string[] =>
  entries.map((entry, i) => `${indent}${i === 0 ? '- ' : '  '}${written(entry, quote)}`);

/** Adds a rule as the last one, laid out as its neighbours are. */
export function addRule(layout: Layout, entries: Entries): readonly Splice[] {
  const { text, keys, rules, list } = layout;
  if (keys === undefined) return [];
  if (rules === undefined) return addList(layout, entries);
  const last = list?.items.at(-1);
  if (list !== undefined && last !== undefined) {
    return [isFlow(list) ? inFlow(last, entries) : inBlock(text, list, entries)];
  }
  const isPlain = list === undefined ? isNull(rules.value) : isEmptyBrackets(text, list);
  if (isPlain && !isFlow(keys)) return fillList(layout, rules, entries);
  if (list !== undefined) return [insertion(startOf(list) + 1, flowRule(entries))];
  // `rules:` with nothing after it, in a flow mapping.
  return isNull(rules.value) ? emptied(rules, ` [${flowRule(entries)}]`) : [];
}

const quotesOf = (item: Node): string =>
  quoteOf(isMap<Node>(item) ? item.items[0]?.key : undefined);

const inFlow = (last: Node, entries: Entries): Splice =>
  insertion(endOf(last), `, ${flowRule(entries, quotesOf(last))}`);

function inBlock(text: string, list: YAMLSeq<Node>, entries: Entries): Splice {
  const index = list.items.length - 1;
  const last = list.items[index] ?? list;
  const column = columnOf(text, dashOf(list, index));
  const indent = ' '.repeat(column);
  const quote = quotesOf(last);
  const lines = isFlow(last)
    ? [`${indent}- ${flowRule(entries, quote)}`]
    : blockRule(entries, indent, quote);
  return linesBelow(text, pastComments(text, lastLineEnd(text, last), column), lines);
}

function addList({ text, keys, autoscale }: Layout, entries: Entries): readonly Splice[] {
  const first = keys?.items[0];
  if (keys === undefined || autoscale === undefined) return [];
  const indent = first === undefined ? '' : indentOf(text, first);
  const step = indent.slice(indentOf(text, autoscale).length) || '  ';
  return appendKey(
    { text, map: keys },
    {
      flow: `rules: [${flowRule(entries)}]`,
      block: [`${indent}rules:`, ...blockRule(entries, indent + step)],
    },
  );
}

const isEmptyBrackets = (text: string, list: YAMLSeq<Node>): boolean =>
  /^\[[ \t]*\]$/.test(text.slice(startOf(list), endOf(list)));

/** `rules:` or `rules: []`: the items go below. */
function fillList({ text, autoscale }: Layout, rules: YamlPair, entries: Entries) {
  const indent = indentOf(text, rules);
  const step = autoscale ? indent.slice(indentOf(text, autoscale).length) || '  ' : '  ';
  const end = pastComments(text, lineEnd(text, afterColon(rules)), indent.length);
  return [...emptied(rules, ''), linesBelow(text, end, blockRule(entries, indent + step))];
}

/** Another value in place of `[]`, `~` or nothing; a comment behind it stays. */
export function emptied(pair: YamlPair, value: string): readonly Splice[] {
  const after = afterColon(pair);
  // Where nothing is written, YAML finds its nothing behind the comment.
  const isWritten = pair.value !== null && endOf(pair.value) > startOf(pair.value);
  const end = isWritten && pair.value !== null ? endOf(pair.value) : after;
  return after === end && value === '' ? [] : [{ start: after, end, text: value }];
}

/** Takes rules out; an empty list is left where no rule stays. */
export function removeRules(layout: Layout, isRemoved: (index: number) => boolean) {
  const { text, list, rules } = layout;
  if (list === undefined || rules === undefined) return [];
  const indices = [...list.items.keys()].filter(isRemoved);
  if (isFlow(list)) return indices.flatMap((index) => fromFlow(text, list, index, isRemoved));
  const lines = indices.map((index) => fromBlock(text, list, index));
  const isAll = indices.length === list.items.length;
  return isAll ? [insertion(afterColon(rules), ' []'), ...lines] : lines;
}

/** The item's lines, from the one with its dash; comments above and below stay. */
function fromBlock(text: string, list: YAMLSeq<Node>, index: number): Splice {
  const start = lineStart(text, dashOf(list, index));
  const end = lastLineEnd(text, list.items[index] ?? list);
  const newline = /\r?\n/y;
  newline.lastIndex = end;
  return deletion(start, newline.test(text) ? newline.lastIndex : end);
}

function fromFlow(
  text: string,
  list: YAMLSeq<Node>,
  index: number,
  isRemoved: (index: number) => boolean,
): readonly Splice[] {
  const item = list.items[index];
  if (item === undefined) return [];
  const commas = commasOf(list);
  const [before, after] = [commas[index], commas[index + 1]];
  if (after !== undefined) {
    const end = overSpaces(text, after + 1);
    return endOf(item) === after
      ? [deletion(startOf(item), end)]
      : [deletion(startOf(item), endOf(item)), deletion(after, end)];
  }
  const start = backOverSpaces(text, startOf(item));
  if (before === undefined || isRemoved(index - 1)) return [deletion(startOf(item), endOf(item))];
  return [deletion(before, before + 1), deletion(Math.max(start, before + 1), endOf(item))];
}
