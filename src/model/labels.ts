import type { Arch } from './launch.ts';

/** What a job's `runs-on` asks for, read once for each distinct set of labels. */
export interface Needs {
  /** Lower-cased, as GitHub compares them; in the job's order. */
  readonly labels: readonly string[];
  readonly type: string | null;
  readonly arch: Arch | null;
}

/** What the runners of a rule can have: the labels that all of them have, and the machine. */
export interface Capability {
  readonly type: string;
  readonly arch: Arch;
  /** Lower-cased. */
  readonly labels: ReadonlySet<string>;
}

/** Labels that ask nothing of the machine: a runner registers them verbatim. */
const FREE = /^(?:run|retry)=/;
const TYPE = /^[a-z][a-z0-9-]*\.[a-z0-9-]+$/;

export const isFree = (part: string): boolean => FREE.test(part);

/** What one lower-cased label asks for: `dstack/cpu=4/gpu` asks for two things. */
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

export function needsOf(labels: readonly string[], ours: string): Needs {
  const lower = labels.map((label) => label.toLowerCase());
  let type: string | null = null;
  let arch: Arch | null = null;
  for (const label of lower) {
    for (const part of partsOf(label, ours.toLowerCase())) {
      const value = part.replace(/^(?:type|arch)=/, '');
      if (value === 'x64' || value === 'arm64') arch = value;
      else if (TYPE.test(value)) type = value;
    }
  }
  return { labels: lower, type, arch };
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

/** The first label that a machine of the rule cannot have; undefined when it serves the job. */
export function unmet(needs: Needs, able: Capability, ours: string): string | undefined {
  return needs.labels.find((label) =>
    partsOf(label, ours.toLowerCase()).some((part) => {
      if (able.labels.has(part) || isFree(part)) return false;
      return part !== `type=${able.type}` && part !== `arch=${able.arch}`;
    }),
  );
}
