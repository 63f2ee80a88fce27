import { nearest } from '../lib/nearest.ts';
import { AWS_REGION, INSTANCE_TYPE } from '../lib/units.ts';
import type { Arch, Market } from './launch.ts';

// The one parser of what a `runs-on` label asks of a machine. The plan calls it once for each
// distinct part of a label; a part that looks like a requirement is never taken for a mere name.

/** Both ends included; memory and disks in GB, as AWS counts them: 2^30 bytes. */
export interface Range {
  readonly kind: 'cpu' | 'memory' | 'disk';
  readonly least: number;
  readonly most: number;
}

/** What one part of a label asks for. All text is lower case. */
export type Need =
  | { readonly kind: 'label' }
  | { readonly kind: 'type' | 'region' | 'image'; readonly value: string }
  | { readonly kind: 'arch'; readonly arch: Arch }
  | Range
  /** At least so many; a null name: of any kind. */
  | { readonly kind: 'gpu'; readonly name: string | null; readonly count: number }
  /** null: `auto`, either. */
  | { readonly kind: 'market'; readonly market: Market | null }
  /** It looks like a requirement and is none. `meant`: what is one; `write`: how, in Markdown. */
  | { readonly kind: 'bad'; readonly meant: string | null; readonly write: string };

interface Key {
  readonly of: (value: string) => Need | undefined;
  readonly write: string;
  /** All values that there are, for a guess at what was meant. */
  readonly words?: readonly string[];
}

const GPU = /^(?:([1-9]\d?)|([a-z][a-z0-9-]*)(?::([1-9]\d?))?)$/;
const IMAGE = /^(?:ami-[0-9a-f]+|ssm:\/.+|[a-z0-9][a-z0-9.-]*)$/;

const textKey = (kind: 'type' | 'region' | 'image', pattern: RegExp, write: string): Key => ({
  of: (value) => (pattern.test(value) ? { kind, value } : undefined),
  write,
});

const amountKey = (kind: Range['kind'], unit: string, write: string): Key => ({
  of(value) {
    const range = new RegExp(`^([1-9]\\d{0,4})(?:${unit})?(?:\\.\\.([1-9]\\d{0,4})(?:${unit})?)?$`);
    const [all, least, most = Number.POSITIVE_INFINITY] = range.exec(value) ?? [];
    if (all === undefined || Number(least) > Number(most)) return undefined;
    return { kind, least: Number(least), most: Number(most) };
  },
  write,
});

/** These ask nothing of the machine, so only a bad one is ever read here. */
const freeKey = (write: string): Key => ({ of: () => undefined, write });

const KEYS: ReadonlyMap<string, Key> = new Map([
  ['type', textKey('type', new RegExp(INSTANCE_TYPE), '`type=m5.large`')],
  ['cpu', amountKey('cpu', '', '`cpu=4` or `cpu=4..8`')],
  ['memory', amountKey('memory', 'gb', '`memory=16GB` or `memory=16GB..64GB`')],
  ['gpu', { of: gpuOf, write: '`gpu=1`, `gpu=A10G` or `gpu=A10G:2`' }],
  ['disk', amountKey('disk', 'gb', '`disk=100GB`')],
  ['arch', { of: archOf, write: '`arch=x64` or `arch=arm64`', words: ['x64', 'arm64'] }],
  ['region', textKey('region', new RegExp(AWS_REGION), '`region=eu-west-1`')],
  [
    'spot',
    {
      of: marketOf,
      write: '`spot=spot`, `spot=on-demand` or `spot=auto`',
      words: ['spot', 'on-demand', 'auto'],
    },
  ],
  ['image', textKey('image', IMAGE, '`image=ubuntu-24.04`, or `image=ssm:/…` on its own')],
  ['run', freeKey('`run=` and the id of the run')],
  ['retry', freeKey('`retry=0`')],
]);

export const LABEL_KEYS: readonly string[] = [...KEYS.keys()];

/** Other words for the keys, too far from them to be typos. */
const SAME: ReadonlyMap<string, string> = new Map([
  ['mem', 'memory'],
  ['ram', 'memory'],
  ['cores', 'cpu'],
  ['instance-type', 'type'],
  ['spot-policy', 'spot'],
]);

/** Reads one lower-cased part of a label. */
export function needOf(part: string): Need {
  if (part === 'x64' || part === 'arm64') return { kind: 'arch', arch: part };
  const at = part.indexOf('=');
  if (at < 0) return { kind: 'label' };
  const name = part.slice(0, at);
  const value = part.slice(at + 1);
  const known = KEYS.has(name) ? name : (SAME.get(name) ?? nearest(name, LABEL_KEYS));
  const key = known === undefined ? undefined : KEYS.get(known);
  // Somebody else's `team=blue`: a name like any other.
  if (key === undefined) return { kind: 'label' };
  const need = key.of(value);
  if (need !== undefined && known === name) return need;
  const meant = need === undefined ? nearest(value, key.words ?? []) : value;
  return {
    kind: 'bad',
    meant: meant === undefined ? null : `${known}=${meant}`,
    write: key.write,
  };
}

function gpuOf(value: string): Need | undefined {
  const [all, count, name = null, ofName = '1'] = GPU.exec(value) ?? [];
  if (all === undefined) return undefined;
  return { kind: 'gpu', name, count: Number(count ?? ofName) };
}

function archOf(value: string): Need | undefined {
  return value === 'x64' || value === 'arm64' ? { kind: 'arch', arch: value } : undefined;
}

function marketOf(value: string): Need | undefined {
  if (value === 'auto') return { kind: 'market', market: null };
  return value === 'spot' || value === 'on-demand' ? { kind: 'market', market: value } : undefined;
}
