import type { RuleId } from '../model/ids.ts';
import { capabilityOf, isFree, meets, partsOf } from '../model/labels.ts';
import { type Need, needOf } from '../model/needs.ts';
import type { RuleView } from '../model/world.ts';

export interface Label {
  readonly lower: string;
  /** It has a `run=…` or `retry=…`: these ask nothing of the machine, and runners register them. */
  readonly isFree: boolean;
  /** What it asks of the machine. */
  readonly parts: readonly string[];
  /** The runs that a runner with it is kept for: `run=…`. */
  readonly runs: readonly string[];
}

/** A list of labels without the free ones: one object for all equal lists. */
export interface PlainSet {
  readonly labels: readonly string[];
  readonly key: string;
  readonly asked: Asked;
}

/** What is asked of the machine; equal keys are served by the same rules. */
export interface Asked {
  readonly parts: readonly string[];
  readonly key: string;
}

export interface LabelSet {
  readonly plain: PlainSet;
  readonly free: readonly Label[];
}

const NONE: readonly never[] = [];
const MAY_BE_FREE = /run=|retry=/i;

function readLabel(text: string, ours: string): Label {
  const lower = text.toLowerCase();
  const all = partsOf(lower, ours);
  const parts = all.filter((part) => !isFree(part));
  const runs = all.filter((part) => part.startsWith('run='));
  return { lower, isFree: parts.length < all.length, parts, runs };
}

function askedFor(some: readonly string[]): Asked {
  const parts = [...new Set(some)].sort();
  return { parts, key: parts.join('\n') };
}

/** A list of labels so far, and the lists that go on from it. */
interface Branch {
  readonly labels: readonly Label[];
  readonly longer: Map<string, Branch>;
  set: LabelSet | undefined;
}

/**
 * Reads lists of labels; a list is looked up label by label in a tree, which is cheaper than to make
 * one string of it. Free labels stay out of the tree, since there may be one for each job.
 */
export function createLabelReader(ours: string): (labels: readonly string[]) => LabelSet {
  const mine = ours.toLowerCase();
  const root: Branch = { labels: [], longer: new Map(), set: undefined };
  return (texts) => {
    let branch = root;
    let free: Label[] | undefined;
    for (const text of texts) {
      // Mostly tells at a glance that a label is not free.
      const label =
        text.includes('=') && MAY_BE_FREE.test(text) ? readLabel(text, mine) : undefined;
      if (label?.isFree) {
        free ??= [];
        free.push(label);
        continue;
      }
      let next = branch.longer.get(text);
      if (next === undefined) {
        const labels = [...branch.labels, label ?? readLabel(text, mine)];
        next = { labels, longer: new Map(), set: undefined };
        branch.longer.set(text, next);
      }
      branch = next;
    }
    branch.set ??= { plain: plainSet(branch.labels), free: NONE };
    return free === undefined ? branch.set : { plain: branch.set.plain, free };
  };
}

function plainSet(labels: readonly Label[]): PlainSet {
  const lower = labels.map((label) => label.lower);
  // No labels match nothing; and no rule has the empty part.
  const parts = labels.length === 0 ? [''] : labels.flatMap((label) => label.parts);
  return { labels: lower, key: lower.join('\n'), asked: askedFor(parts) };
}

/** What a list asks for. Free labels ask for nothing, but for those joined with others. */
export function askedOf({ plain, free }: LabelSet): Asked {
  if (free.length === 0) return plain.asked;
  const joined = free.flatMap((label) => label.parts);
  if (joined.length === 0 && plain.labels.length > 0) return plain.asked;
  return askedFor(plain.labels.length === 0 ? joined : [...plain.asked.parts, ...joined]);
}

export const freeLabels = ({ free }: LabelSet): readonly string[] =>
  free.length === 0 ? NONE : free.map((label) => label.lower);

/** A part of a label: what it asks for, and which rules have that. */
export interface Part {
  readonly need: Need;
  readonly rules: ReadonlySet<RuleId>;
}

/** Reads parts of labels, each distinct one once. */
export function createPartTable(rules: readonly RuleView[], ours: string): (part: string) => Part {
  const able = rules.map((rule) => capabilityOf(rule, ours));
  const table = new Map<string, Part>();
  return (text) => {
    const known = table.get(text);
    if (known !== undefined) return known;
    const need = needOf(text);
    const having = able.filter((capability) => meets(capability, text, need));
    const part = { need, rules: new Set(having.map(({ rule }) => rule.id)) };
    table.set(text, part);
    return part;
  };
}

/** Finds those whose labels include all of the given ones, by way of the rarest of these. */
export interface SupersetIndex<T> {
  add(labels: readonly string[], value: T): void;
  find(labels: readonly string[]): readonly T[];
  /** Some value has this label. */
  has(label: string): boolean;
}

export function createSupersetIndex<T>(): SupersetIndex<T> {
  type Entry = { readonly labels: ReadonlySet<string>; readonly value: T };
  const byLabel = new Map<string, Entry[]>();
  return {
    has: (label) => byLabel.has(label),
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
