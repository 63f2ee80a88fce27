import { isMap, type Node } from 'yaml';
import { nearest } from '../lib/nearest.ts';
import { follow, type JsonSchema, type Kind, refuse } from './kinds.ts';
import { type Source, type Span, scalarOf, spanOf } from './source.ts';

/** One key of a mapping: its kind, what it means, and the value it has when it is not written. */
export interface Key<T> {
  readonly kind: Kind<unknown>;
  readonly schema: JsonSchema;
  /** undefined: the key must be written. */
  readonly fallback: T | undefined;
}

type Keys = Readonly<Record<string, Key<unknown>>>;
type Values<K extends Keys> = { readonly [N in keyof K]: K[N] extends Key<infer T> ? T : never };

/** A mapping as it was read: values with defaults, and where each key's value stands. */
export interface Mapping<K extends Keys> {
  readonly values: Values<K>;
  /** The span of the value; undefined when the key is not written. */
  at(name: keyof K & string): Span | undefined;
  /** The span of the first key: of the mapping as a whole. */
  readonly start: Span;
}

interface MappingKind<K extends Keys> {
  readonly keys: K;
  /** Keys of other mappings, and where they belong. */
  readonly elsewhere: { readonly keys: readonly string[]; readonly place: string };
}

export function mapping<const K extends Keys>(kind: MappingKind<K>): Kind<Mapping<K>> {
  const { keys } = kind;
  const names = Object.keys(keys);
  const required = names.filter((name) => keys[name]?.fallback === undefined);
  return {
    schema: {
      type: 'object',
      properties: Object.fromEntries(names.map((name) => [name, keys[name]?.schema])),
      additionalProperties: false,
      ...(required.length > 0 && { required }),
    },
    read(node, name, source) {
      if (!isMap<Node, Node | null>(node)) {
        refuse({ node, name, expected: `write keys under it, such as "${names[0]}:"` }, source);
        return undefined;
      }
      const written = new Map<string, { readonly value: unknown; readonly at: Span }>();
      const meant = new Set<string>();
      for (const pair of node.items) {
        // Past the limit of problems nothing is learnt, and each further key costs a guess.
        if (source.isFull()) return undefined;
        const key = String(scalarOf(pair.key));
        const known = Object.hasOwn(keys, key) ? keys[key] : undefined;
        if (known === undefined) {
          meant.add(reportUnknown({ kind, key, name, at: spanOf(pair.key) }, source) ?? '');
        } else if (written.has(key)) {
          const message = `"${key}" is written twice in ${name}`;
          source.report('duplicate-key', spanOf(pair.key), message);
        } else {
          const value = readValue({ ...pair, kind: known.kind, name: key }, source);
          written.set(key, { value, at: spanOf(pair.value ?? pair.key) });
        }
      }
      const start = spanOf(node.items[0]?.key ?? node);
      const missing = required.filter((key) => !written.has(key));
      for (const key of missing.filter((key) => !meant.has(key))) {
        source.report('missing-key', start, `${name} needs the key "${key}"`);
      }
      const entries = names.map((key) => [key, written.get(key)?.value ?? keys[key]?.fallback]);
      // A refused value has been reported; its default stands in, so that the rest is checked too.
      if (entries.some(([, value]) => value === undefined)) return undefined;
      const values = Object.fromEntries(entries) as Values<K>;
      return { values, start, at: (key) => written.get(key)?.at };
    },
  };
}

function readValue(
  pair: { key: Node; value: Node | null; kind: Kind<unknown>; name: string },
  source: Source,
): unknown {
  const { key, value, kind, name } = pair;
  if (value !== null) return follow(kind, value, { name, source });
  // `{max}` and `? max`: a key without a colon.
  source.report('wrong-value', spanOf(key), `${name}: there is no value`);
  return undefined;
}

/** Reports the key and returns the one that was probably meant. */
function reportUnknown<K extends Keys>(
  { kind, key, name, at }: { kind: MappingKind<K>; key: string; name: string; at: Span },
  source: Source,
): string | undefined {
  const { keys, elsewhere } = kind;
  const names = Object.keys(keys);
  const meant = elsewhere.keys.includes(key) ? undefined : nearest(key, names);
  const say = (help: string) => {
    const shown = key.length > 40 ? `${key.slice(0, 39)}…` : key;
    source.report('unknown-key', at, `unknown key "${shown}" in ${name}; ${help}`);
  };
  if (elsewhere.keys.includes(key)) say(`it belongs ${elsewhere.place}`);
  else if (meant !== undefined) say(`did you mean "${meant}"?`);
  else say(`known are ${names.join(', ')}`);
  return meant;
}
