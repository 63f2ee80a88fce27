import {
  type Document,
  isCollection,
  isMap,
  isPair,
  isScalar,
  isSeq,
  type Node,
  type Pair,
  Scalar,
  type YAMLMap,
  type YAMLSeq,
} from 'yaml';
import { parseYaml, scalarOf } from './source.ts';
import { columnOf, lineEnd } from './splice.ts';

export type YamlPair = Pair<Node, Node | null>;
export type YamlMap = YAMLMap<Node, Node | null>;

/** The file as it is laid out: what an edit in place needs to know of it. */
export interface Layout {
  readonly text: string;
  readonly document: Document;
  /** Without content, or only with comments. */
  readonly isEmpty: boolean;
  readonly autoscale: YamlPair | undefined;
  readonly keys: YamlMap | undefined;
  readonly rules: YamlPair | undefined;
  readonly list: YAMLSeq<Node> | undefined;
}

export function layoutOf(text: string): Layout {
  const document = parseYaml(text, { tokens: true });
  const root: unknown = document.contents;
  const isEmpty = root === null || (isScalar(root) && isAbsent(root));
  const autoscale = isMap<Node, Node | null>(root) ? pairOf(root, 'autoscale') : undefined;
  const keys = isMap<Node, Node | null>(autoscale?.value) ? autoscale.value : undefined;
  const rules = keys && pairOf(keys, 'rules');
  const list = isSeq<Node>(rules?.value) ? rules.value : undefined;
  return { text, document, isEmpty, autoscale, keys, rules, list };
}

/** `key:` with nothing after it, `~` or `null`. */
export const isNull = (node: Node | null | undefined): boolean =>
  isScalar(node) && node.value === null;

const isAbsent = (node: Node): boolean => isNull(node) && startOf(node) === (node.range?.[1] ?? 0);

/** Nothing is written, or `autoscale:` with nothing under it: a file to fill. */
export const isBare = ({ document, isEmpty, autoscale }: Layout): boolean =>
  document.errors.length + document.warnings.length === 0 &&
  (isEmpty ||
    (isMap(document.contents) && document.contents.items.length === 1 && isNull(autoscale?.value)));

export const pairOf = (map: YamlMap, name: string): YamlPair | undefined =>
  map.items.find(({ key }) => scalarOf(key) === name);

export const startOf = (node: Node): number => node.range?.[0] ?? 0;

export const isFlow = (node: Node): boolean => isCollection(node) && node.flow === true;

/** The offset after the node's last sign: not after the comments that YAML counts to a list. */
export function endOf(node: Node): number {
  const last: unknown = isCollection(node) && !isFlow(node) ? node.items.at(-1) : undefined;
  if (isPair<Node, Node | null>(last)) return endOf(last.value ?? last.key);
  return last === undefined || last === null ? (node.range?.[1] ?? 0) : endOf(last as Node);
}

/** Where the node's last line ends. A text after `|` has its line endings within. */
export function lastLineEnd(text: string, node: Node): number {
  let end = endOf(node);
  while (end > 0 && /[\r\n]/.test(text[end - 1] ?? '')) end--;
  return lineEnd(text, end);
}

/** Of an item of a block list. */
export function dashOf(list: YAMLSeq<Node>, index: number): number {
  const token = list.srcToken;
  const start = token?.type === 'block-seq' ? token.items[index]?.start : undefined;
  return start?.find(({ type }) => type === 'seq-item-ind')?.offset ?? 0;
}

/** Of a flow list: the comma before each item, and one after the last item where there is one. */
export function commasOf(list: YAMLSeq<Node>): readonly (number | undefined)[] {
  const token = list.srcToken;
  const items = token?.type === 'flow-collection' ? token.items : [];
  return items.map(({ start }) => start.find(({ type }) => type === 'comma')?.offset);
}

/** After the colon, and after the anchor that may follow it: where a value begins. */
export function afterColon({ srcToken, key }: YamlPair): number {
  const marks = (srcToken?.sep ?? []).filter(
    ({ type }) => type === 'map-value-ind' || type === 'anchor' || type === 'tag',
  );
  const last = marks.at(-1);
  return last === undefined ? endOf(key) : last.offset + last.source.length;
}

/** Spaces up to where the key stands. */
export const indentOf = (text: string, { key }: YamlPair): string =>
  ' '.repeat(columnOf(text, startOf(key)));

/** The quotes that a scalar is written in. */
export function quoteOf(node: Node | null | undefined): string {
  if (!isScalar(node)) return '';
  if (node.type === Scalar.QUOTE_DOUBLE) return '"';
  return node.type === Scalar.QUOTE_SINGLE ? "'" : '';
}
