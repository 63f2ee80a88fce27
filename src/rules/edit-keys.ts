import {
  afterColon,
  endOf,
  indentOf,
  isFlow,
  lastLineEnd,
  pairOf,
  quoteOf,
  startOf,
  type YamlMap,
  type YamlPair,
} from './layout.ts';
import { insertion, lineEnd, linesBelow, type Splice } from './splice.ts';

/** A key and its value, as YAML that needs no quotes. */
export interface Entry {
  readonly key: string;
  readonly value: string | number | boolean;
}

/** In quotes where its neighbours are. */
export const written = ({ key, value }: Entry, quote = ''): string =>
  `${quote}${key}${quote}: ${typeof value === 'string' ? quote + value + quote : value}`;

interface Place {
  readonly text: string;
  readonly map: YamlMap;
  /** A key that is not there yet follows this one; the first one of the mapping if not given. */
  readonly after?: string;
  /** Whose value the mapping is. */
  readonly parent?: YamlPair | undefined;
}

/** Gives a key of the mapping a value, in the line where it is or in one of its own. */
export function setKey(place: Place, entry: Entry): readonly Splice[] {
  const { text, map, after, parent } = place;
  const pair = pairOf(map, entry.key);
  if (pair !== undefined) return replaceValue(text, pair, entry);
  const neighbour = after === undefined ? map.items[0] : pairOf(map, after);
  const piece = written(entry, quoteOf(neighbour?.key));
  if (isFlow(map)) return [inFlow(map, after === undefined ? undefined : neighbour, piece)];
  if (neighbour === undefined) return [];
  const line = indentOf(text, neighbour) + piece;
  if (after === undefined) {
    return parent ? [linesBelow(text, lineEnd(text, afterColon(parent)), [line])] : [];
  }
  return [linesBelow(text, lastLineEnd(text, neighbour.value ?? neighbour.key), [line])];
}

function replaceValue(text: string, { value }: YamlPair, entry: Entry): readonly Splice[] {
  if (value === null) return [];
  const [start, end] = [startOf(value), value.range?.[1] ?? 0];
  // A text after `|` ends with its line.
  const newline = /(?:\r?\n)+$/.exec(text.slice(start, end))?.[0] ?? '';
  const quote = typeof entry.value === 'string' ? quoteOf(value) : '';
  return [{ start, end, text: `${quote}${entry.value}${quote}${newline}` }];
}

/** Behind the neighbour; without one as the first key. */
function inFlow(map: YamlMap, neighbour: YamlPair | undefined, piece: string): Splice {
  if (neighbour !== undefined) {
    return insertion(endOf(neighbour.value ?? neighbour.key), `, ${piece}`);
  }
  const comma = map.items.length > 0 ? ', ' : '';
  return insertion(startOf(map) + 1, `${piece}${comma}`);
}

/** Adds a key to the mapping, as its last one. */
export function appendKey({ text, map }: Place, lines: { flow: string; block: readonly string[] }) {
  const last = map.items.at(-1);
  if (isFlow(map)) return [inFlow(map, last, lines.flow)];
  if (last === undefined) return [];
  const end = lastLineEnd(text, last.value ?? last.key);
  return [linesBelow(text, end, lines.block)];
}
