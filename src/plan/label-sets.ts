import type { RuleId } from '../model/ids.ts';
import { baseLabels, type Capability, isFree, partsOf, unmet } from '../model/labels.ts';
import type { RuleView } from '../model/world.ts';

/** The labels of a job or of a runner, read once for each distinct list. */
export interface LabelSet {
  readonly key: string;
  /** Lower-cased, in their order. */
  readonly labels: readonly string[];
  /** Those that ask nothing of the machine: `run=…`, `retry=…`. */
  readonly free: readonly string[];
  /** The `run=…` among the parts: the runs that a runner is kept for. */
  readonly runs: readonly string[];
  readonly plain: readonly string[];
  readonly plainKey: string;
  /** What is asked of the machine, one part each; equal for jobs that any rule treats alike. */
  readonly parts: readonly string[];
  readonly partsKey: string;
}

interface Label {
  readonly lower: string;
  readonly isFree: boolean;
  readonly parts: readonly string[];
  readonly runs: readonly string[];
}

/** Reads lists of labels; what it has read before it answers from memory. */
export function createLabelReader(ours: string): (labels: readonly string[]) => LabelSet {
  const sets = new Map<string, LabelSet>();
  const labelsRead = new Map<string, Label>();
  const read = (text: string): Label => {
    const known = labelsRead.get(text);
    if (known !== undefined) return known;
    const lower = text.toLowerCase();
    const parts = partsOf(lower, ours.toLowerCase());
    const asked = parts.filter((part) => !isFree(part));
    const runs = parts.filter((part) => part.startsWith('run='));
    const label = { lower, isFree: asked.length < parts.length, parts: asked, runs };
    labelsRead.set(text, label);
    return label;
  };
  return (texts) => {
    const key = texts.join('\n');
    const known = sets.get(key);
    if (known !== undefined) return known;
    const labels = texts.map(read);
    const plain = labels.filter((label) => !label.isFree).map((label) => label.lower);
    // No labels match nothing; and no rule has the empty part.
    const asked = labels.length === 0 ? [''] : labels.flatMap((label) => label.parts);
    const parts = [...new Set(asked)].sort();
    const set = {
      key: key.toLowerCase(),
      labels: labels.map((label) => label.lower),
      free: labels.filter((label) => label.isFree).map((label) => label.lower),
      runs: labels.flatMap((label) => label.runs),
      plain,
      plainKey: plain.join('\n'),
      parts,
      partsKey: parts.join('\n'),
    };
    sets.set(key, set);
    return set;
  };
}

/** Before EC2 has said what a type is, its rule is taken to have either architecture. */
const EITHER_ARCH = ['x64', 'arm64', 'arch=x64', 'arch=arm64'];

export function capabilityOf(rule: RuleView, ours: string): Capability {
  const { type, arch } = rule;
  const base = baseLabels({ ours, type, arch: arch ?? 'x64', labels: rule.labels });
  const labels = arch === null ? [...base, ...EITHER_ARCH] : base;
  return {
    type,
    arch: arch ?? 'x64',
    labels: new Set(labels.map((label) => label.toLowerCase())),
  };
}

/** Which rules have a part, asked once for each distinct part. */
export function createPartTable(
  rules: readonly RuleView[],
  ours: string,
): (part: string) => ReadonlySet<RuleId> {
  const able = rules.map((rule) => ({ id: rule.id, capability: capabilityOf(rule, ours) }));
  const table = new Map<string, ReadonlySet<RuleId>>();
  return (part) => {
    const known = table.get(part);
    if (known !== undefined) return known;
    const needs = { labels: [part], type: null, arch: null };
    const having = able.filter(({ capability }) => unmet(needs, capability, ours) === undefined);
    const ids = new Set(having.map(({ id }) => id));
    table.set(part, ids);
    return ids;
  };
}

/** Finds those whose labels include all of the given ones, by way of the rarest of these. */
export interface SupersetIndex<T> {
  add(labels: readonly string[], value: T): void;
  find(labels: readonly string[]): readonly T[];
}

export function createSupersetIndex<T>(): SupersetIndex<T> {
  type Entry = { readonly labels: ReadonlySet<string>; readonly value: T };
  const byLabel = new Map<string, Entry[]>();
  return {
    add(labels, value) {
      const entry = { labels: new Set(labels), value };
      for (const label of entry.labels) {
        const entries = byLabel.get(label);
        if (entries === undefined) byLabel.set(label, [entry]);
        else entries.push(entry);
      }
    },
    find(labels) {
      let rarest: readonly Entry[] | undefined;
      for (const label of labels) {
        const entries = byLabel.get(label);
        if (entries === undefined) return [];
        if (rarest === undefined || entries.length < rarest.length) rarest = entries;
      }
      // No labels at all match nothing: GitHub shows none for some jobs that never ran.
      if (rarest === undefined) return [];
      return rarest
        .filter((entry) => labels.every((label) => entry.labels.has(label)))
        .map((entry) => entry.value);
    },
  };
}
