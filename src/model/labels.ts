import type { RunId } from './ids.ts';
import type { Arch } from './launch.ts';
import { type Need, needOf } from './needs.ts';
import type { RuleView } from './world.ts';

/** What the machines of a rule have: what AWS and the rules file say, and labels of their own. */
export interface Capability {
  readonly rule: RuleView;
  /** Lower-cased. */
  readonly labels: ReadonlySet<string>;
}

/** A part of a label, and what it asks for. */
export interface Asked {
  /** As it is spelled. */
  readonly label: string;
  /** Lower-cased. */
  readonly part: string;
  readonly need: Need;
}

/** Labels that ask nothing of the machine: a runner registers them verbatim. */
const FREE = /^(?:run=.|retry=\d{1,2}$)/;

export const isFree = (part: string): boolean => FREE.test(part);

/** `retry=0`, alone or as a part: the job is never run again by itself. */
export const isNeverAgain = (labels: readonly string[], ours: string): boolean =>
  labels.some((label) => partsOf(label.toLowerCase(), ours.toLowerCase()).includes('retry=0'));

/** The run that a job or a runner with these labels belongs to, `run=${{ github.run_id }}`; null: none. */
export function runOf(labels: readonly string[]): RunId | null {
  for (const label of labels) {
    const [, run] = /(?:^|\/)run=([1-9]\d{0,15})(?:\/|$)/i.exec(label) ?? [];
    if (run !== undefined) return Number(run);
  }
  return null;
}

/** What one lower-cased label asks for: `dstack/cpu=4/gpu=1` asks for two things. */
export const partsOf = (label: string, ours: string): readonly string[] =>
  label.startsWith(`${ours}/`) ? label.slice(ours.length + 1).split('/') : [label];

/** A job is ours when a label is `dstack` or starts with `dstack/`; no labels match nothing. */
export function isOurs(labels: readonly string[], ours: string): boolean {
  const mine = ours.toLowerCase();
  return labels.some((label) => {
    const lower = label.toLowerCase();
    return lower === mine || lower.startsWith(`${mine}/`);
  });
}

/** The labels that every runner of a rule has. */
export function baseLabels(rule: {
  readonly ours: string;
  readonly type: string;
  readonly arch: Arch;
  readonly labels: readonly string[];
}): readonly string[] {
  return [...new Set(['self-hosted', 'linux', rule.arch, rule.ours, rule.type, ...rule.labels])];
}

/** What a list of labels asks for, part by part, in its order. */
export const needsOf = (labels: readonly string[], ours: string): readonly Asked[] =>
  labels.flatMap((label) =>
    partsOf(label.toLowerCase(), ours.toLowerCase()).map((part) => {
      return { label, part, need: needOf(part) };
    }),
  );

/** The first of them that the machines of a rule do not have; undefined when they have all. */
export const unmet = (asked: readonly Asked[], able: Capability): Asked | undefined =>
  asked.find(({ part, need }) => !meets(able, part, need));

export function capabilityOf(rule: RuleView, ours: string): Capability {
  const labels = ['self-hosted', 'linux', ours, rule.type, ...rule.labels];
  return { rule, labels: new Set(labels.map((label) => label.toLowerCase())) };
}

/**
 * Whether the machines of a rule have what a part of a label asks for: that very label, or what it
 * means. What AWS has not told yet is taken to be as the job wants it, and judged once it is known.
 */
export function meets({ rule, labels }: Capability, part: string, need: Need): boolean {
  if (labels.has(part) || isFree(part)) return true;
  const { arch, machine, diskGb } = rule;
  switch (need.kind) {
    case 'type':
      return need.value === rule.type;
    case 'region':
      return need.value === rule.region;
    case 'image':
      return need.value === rule.image.toLowerCase();
    case 'arch':
      return arch === null || need.arch === arch;
    case 'cpu':
      return isWithin(need, machine?.vcpus ?? null);
    case 'memory':
      return isWithin(need, machine && machine.memoryMib / 1024);
    case 'disk':
      return isWithin(need, diskGb);
    case 'gpu':
      return machine === null || hasGpus(need, machine.gpus);
    case 'market':
      return need.market === null || rule.markets.includes(need.market);
    default:
      return false;
  }
}

const isWithin = (
  { least, most }: { readonly least: number; readonly most: number },
  amount: number | null,
): boolean => amount === null || (least <= amount && amount <= most);

/** AWS writes `Radeon Pro V520`; a label has no spaces. */
const plainName = (name: string): string => name.toLowerCase().replace(/[^a-z0-9]/g, '');

const hasGpus = (
  { name, count }: { readonly name: string | null; readonly count: number },
  gpus: { readonly name: string; readonly count: number } | null,
): boolean =>
  gpus !== null &&
  gpus.count >= count &&
  (name === null || plainName(name) === plainName(gpus.name));
