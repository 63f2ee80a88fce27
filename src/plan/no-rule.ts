import type { RuleId } from '../model/ids.ts';
import type { Reason } from '../model/job.ts';
import type { Need, Range } from '../model/needs.ts';
import type { RuleView } from '../model/world.ts';
import type { JobClass } from './demand.ts';
import type { Facts } from './facts.ts';
import { askedOf, type Part } from './label-sets.ts';
import { quoted, reason } from './reasons.ts';

// What to tell of a job that no rule can ever serve: which of its labels asks for too much, and what
// there is instead.

/** The first label that looks like a requirement and is none; a rule may still have it as a name. */
export function badLabel(facts: Facts, { labels }: JobClass): Reason | null {
  for (const label of labels) {
    for (const [part, { need, rules }] of partsIn(facts, label)) {
      if (need.kind !== 'bad' || rules.size > 0) continue;
      const whose = part === label.toLowerCase() ? '' : `${quoted(part)}: `;
      const how =
        need.meant === null ? `write ${need.write}` : `did you mean ${quoted(need.meant)}?`;
      return reason('bad-label', `${quoted(label)} cannot be read: ${whose}${how}`);
    }
  }
  return null;
}

/** The first label that no rule has, or else the first that none has together with those before. */
export function noRule(facts: Facts, { labels }: JobClass): Reason {
  if (facts.rules.size === 0) {
    return reason('no-rule', 'There are no rules; nothing starts until one allows a machine');
  }
  const all = [...facts.rules.keys()];
  let able = all;
  for (const label of labels) {
    for (const [part, { need, rules }] of partsIn(facts, label)) {
      const still = able.filter((id) => rules.has(id));
      if (still.length === 0) {
        const isAlone = rules.size === 0;
        const among = viewsOf(facts, isAlone ? all : able);
        return reason('no-rule', unmet({ label, part, need, isAlone }, among));
      }
      able = still;
    }
  }
  return reason(
    'no-rule',
    labels.length === 0
      ? 'The job has no labels; nothing starts for it'
      : 'The job asks for a spot and for an on-demand machine, and none is both',
  );
}

function partsIn(facts: Facts, label: string): readonly (readonly [string, Part])[] {
  const { parts } = askedOf(facts.readLabels([label]));
  return parts.map((part) => [part, facts.readPart(part)]);
}

const viewsOf = (facts: Facts, ids: readonly RuleId[]): readonly RuleView[] =>
  ids.flatMap((id) => facts.rules.get(id)?.rule ?? []);

interface Unmet {
  readonly label: string;
  readonly part: string;
  readonly need: Need;
  /** No rule has it; else none has it together with what comes before it. */
  readonly isAlone: boolean;
}

/** `rules` are those that have all that comes before, and not this. */
function unmet({ label, part, need, isAlone }: Unmet, rules: readonly RuleView[]): string {
  const lack = lackOf(need, rules);
  const which = isAlone ? '' : ' with the labels before it';
  const asked = part === label.toLowerCase() ? label : part;
  if (lack !== null) return `No rule${which} has ${quoted(asked)}: ${lack}`;
  const what = isAlone ? 'has the label' : 'has, with those before it, the label';
  return `No rule ${what} ${quoted(label)}; nothing starts until one does`;
}

/** What there is instead, where that says more than the label itself. */
function lackOf(need: Need, rules: readonly RuleView[]): string | null {
  switch (need.kind) {
    case 'cpu':
      return farthest(need, rules, ({ machine }) => machine?.vcpus ?? null);
    case 'memory':
      return farthest(need, rules, ({ machine }) => machine && machine.memoryMib / 1024);
    case 'disk':
      return farthest(need, rules, ({ diskGb }) => diskGb);
    case 'gpu':
      return `there is ${listed(rules.map(gpusOf), 'no GPU')}`;
    case 'arch':
      return `the machines are ${listed(rules.map(({ arch }) => arch))}`;
    case 'type':
      return `there is ${listed(rules.map(({ type }) => type))}`;
    case 'region':
      return `the rules are in ${listed(rules.map(({ region }) => region))}`;
    case 'image':
      return `there is ${listed(rules.map(({ image }) => image))}`;
    case 'market':
      return `spot-policy is ${listed(rules.flatMap(({ markets }) => markets))}`;
    default:
      return null;
  }
}

const UNIT: Readonly<Record<Range['kind'], string>> = { cpu: 'cpu', memory: 'GB', disk: 'GB' };

/** `the largest has 16 cpu (m5.4xlarge)`; the smallest, where all have too much. */
function farthest(
  { kind, least, most }: Range,
  rules: readonly RuleView[],
  amountOf: (rule: RuleView) => number | null,
): string | null {
  const amounts = rules
    .map((rule) => ({ type: rule.type, amount: amountOf(rule) ?? Number.NaN }))
    .filter(({ amount }) => !Number.isNaN(amount))
    .sort((a, b) => a.amount - b.amount);
  const below = amounts.findLast(({ amount }) => amount < least);
  const above = amounts.find(({ amount }) => amount > most);
  const tell = (name: string, its: { type: string; amount: number }): string =>
    `the ${name} has ${its.amount} ${UNIT[kind]} (${its.type})`;
  if (below && above) return `${tell('next smaller', below)}, ${tell('next larger', above)}`;
  if (below) return tell('largest', below);
  return above ? tell('smallest', above) : null;
}

const gpusOf = ({ type, machine }: RuleView): string | null =>
  machine?.gpus ? `${machine.gpus.name}:${machine.gpus.count} (${type})` : null;

const MAX_LISTED = 3;

function listed(words: readonly (string | null)[], none = 'nothing'): string {
  const all = [...new Set(words)].filter((word) => word !== null).sort();
  if (all.length === 0) return none;
  const more = all.length > MAX_LISTED ? ` and ${all.length - MAX_LISTED} more` : '';
  return `${all.slice(0, MAX_LISTED).join(', ')}${more}`;
}
