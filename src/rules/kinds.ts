import { isMap, isScalar, isSeq, type Node } from 'yaml';
import { nearest } from '../lib/nearest.ts';
import { type Source, scalarOf, spanOf } from './source.ts';

/** A JSON Schema, draft 2020-12, as far as the kinds below write it. */
export type JsonSchema = Readonly<Record<string, unknown>>;

/** A kind of value: how to read it from YAML, and the JSON Schema that says the same. */
export interface Kind<T> {
  readonly schema: JsonSchema;
  /** undefined when the value is refused; the reason has then been reported. */
  read(node: Node, name: string, source: Source): T | undefined;
}

interface ScalarKind<T> {
  /** Ends the sentence "write …". */
  readonly accepts: string;
  readonly schema: JsonSchema;
  /** undefined when the value is not one of this kind. */
  of(value: unknown): T | undefined;
  /** The allowed words, for a guess at what was meant. */
  readonly words?: readonly string[];
}

export function scalar<T>({ accepts, schema, of, words = [] }: ScalarKind<T>): Kind<T> {
  return {
    schema,
    read(node, name, source) {
      const value = isScalar(node) ? of(node.value) : undefined;
      if (value !== undefined) return value;
      const meant = nearest(String(scalarOf(node) ?? ''), words);
      const guess = meant === undefined ? '' : `did you mean ${meant}? `;
      refuse({ node, name, expected: `${guess}write ${accepts}` }, source);
      return undefined;
    },
  };
}

interface ListKind<T> {
  readonly of: Kind<T>;
  readonly max: number;
  /** How messages name an item; the list's own name if not given. */
  readonly item?: string;
}

/** At most `max` items; nothing at all, as after commenting every item out, is none. */
export function list<T>({ of, max, item: itemName }: ListKind<T>): Kind<readonly T[]> {
  return {
    schema: { type: ['array', 'null'], items: of.schema, maxItems: max },
    read(node, name, source) {
      if (isScalar(node) && node.value === null) return [];
      if (!isSeq<Node>(node)) {
        refuse({ node, name, expected: 'write a list, each item after "- "' }, source);
        return undefined;
      }
      const excess = node.items[max];
      if (excess !== undefined) {
        const message = `${name}: ${node.items.length} items; write at most ${max}`;
        source.report('wrong-value', spanOf(excess), message);
        return undefined;
      }
      return node.items
        .map((item) => follow(of, item, { name: itemName ?? name, source }))
        .filter((value) => value !== undefined);
    },
  };
}

/** Reads what a node is, or what its alias stands for. */
export function follow<T>(
  kind: Kind<T>,
  node: Node,
  { name, source }: { name: string; source: Source },
): T | undefined {
  const target = source.follow(node);
  return target === undefined ? undefined : kind.read(target, name, source);
}

/** Says what was found in place of what is accepted. */
export function refuse(
  { node, name, expected }: { node: Node; name: string; expected: string },
  source: Source,
): void {
  source.report('wrong-value', spanOf(node), `${name}: ${found(node, source)}; ${expected}`);
}

function found(node: Node, source: Source): string {
  if (isMap(node)) return 'a mapping is not accepted';
  if (isSeq(node)) return 'a list is not accepted';
  const text = source.shown(node);
  return text === '' ? 'there is no value' : `${text} is not accepted`;
}
