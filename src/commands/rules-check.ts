import type { CheckRun } from '../github/port.ts';
import { codeInCell, neutralize, shorten } from '../lib/markdown.ts';
import type { RuleId } from '../model/ids.ts';
import type { Rule, RulesFile, RulesPlace, RulesProblem } from '../model/rules.ts';
import { usd } from './reply-rules.ts';

type Annotation = CheckRun['annotations'][number];

/** What a commit's check run says of its rules file. */
export interface RulesVerdict {
  readonly conclusion: 'success' | 'failure';
  readonly title: string;
  readonly summary: string;
  readonly annotations: readonly Annotation[];
}

/** $ an hour of one machine; null: AWS does not say. */
export interface PricedRule {
  readonly rule: Rule;
  readonly nowUsd: number | null;
  readonly atMostUsd: number | null;
}

/** A file with prices; `file` null: there is none. */
export interface RulesSide {
  readonly file: RulesFile | null;
  readonly rules: readonly PricedRule[];
}

/** Something to mend about a line of a file that is valid. */
export interface RulesNote extends RulesPlace {
  readonly path: string;
  readonly message: string;
}

export interface RulesPreview {
  readonly path: string;
  readonly before: RulesSide;
  readonly after: RulesSide;
  /** `merge`: a pull request proposes it; `now`: it is on the default branch. */
  readonly holds: 'merge' | 'now';
  /** null: AWS was asked; else why not. */
  readonly withoutAws: string | null;
  /** Machines of a rule, and those of them that run a job. */
  readonly inUse: ReadonlyMap<RuleId, { readonly all: number; readonly busy: number }>;
  readonly warnings: readonly RulesNote[];
  /** What goes beyond the owner's rules, and what applies instead; `after` is what applies. */
  readonly beyond: readonly RulesNote[];
  /** What could not be checked, and what else to know; a sentence each. */
  readonly remarks: readonly string[];
}

const MOST_TITLE = 140;
const MOST_ROWS = 50;
/** What a month has, as clouds count. */
const MONTH_HOURS = 730;

/** One annotation for each mistake, and what stays in force. */
export function refusedVerdict(of: {
  readonly path: string;
  readonly errors: readonly RulesProblem[];
  readonly holds: RulesPreview['holds'];
  /** The commit of the rules in force; null: there are none, or it is not known. */
  readonly inForce: string | null;
}): RulesVerdict {
  const { path, errors, inForce } = of;
  const [first] = errors;
  const rules = inForce === null ? 'the rules so far' : `rules of ${inForce.slice(0, 7)}`;
  const more = errors.length > 1 ? ` (and ${errors.length - 1} more)` : '';
  const stays = `; ${rules} stay in force`;
  const head = `line ${first?.line ?? 1}: ${first?.message ?? 'the file cannot be read'}`;
  const when = of.holds === 'merge' ? 'Merged like this, ' : '';
  const count = errors.length === 1 ? 'One mistake' : `${errors.length} mistakes`;
  const lines = errors.map(({ line, column, message }) => {
    return `- line ${line}, column ${column}: ${neutralize(message)}`;
  });
  const sentence = `${count} in \`${path}\`. ${when}${rules} stay in force.`;
  return {
    conclusion: 'failure',
    title: `${shorten(head, MOST_TITLE - more.length - stays.length)}${more}${stays}`,
    summary: [sentence, '', ...lines].join('\n'),
    annotations: errors.map((error) => annotation({ ...error, path }, 'failure')),
  };
}

/** What changes, what would end, and what it costs at most: before it holds, or as it does. */
export function previewVerdict(preview: RulesPreview): RulesVerdict {
  const { after, warnings, remarks, beyond } = preview;
  const [first] = beyond;
  const parts = [
    costSentence(preview),
    listOf("Beyond the owner's rules, so it does not apply", beyond.map(noteLine)),
    rulesTable(preview),
    settingsList(preview),
    endingList(preview),
    listOf('Warnings', warnings.map(noteLine)),
    listOf('Notes', remarks.map(neutralize)),
  ];
  return {
    conclusion: first ? 'failure' : 'success',
    title: shorten(
      first ? `line ${first.line}: ${first.message}` : `${countOf(after)} · ${titleEnd(preview)}`,
      MOST_TITLE,
    ),
    summary: parts.filter((part) => part !== '').join('\n\n'),
    annotations: [
      ...beyond.map((note) => annotation(note, 'failure')),
      ...warnings.map((note) => annotation(note, 'warning')),
    ],
  };
}

const annotation = (note: RulesNote, level: 'warning' | 'failure'): Annotation => {
  const { path, line, column, endColumn, message } = note;
  return { path, line, column, endColumn, level, message };
};

const isOn = ({ file }: RulesSide): boolean => file?.enabled ?? true;

function countOf({ rules }: RulesSide): string {
  if (rules.length === 0) return 'no rules';
  return rules.length === 1 ? '1 rule' : `${rules.length} rules`;
}

function titleEnd({ after, withoutAws }: RulesPreview): string {
  if (after.rules.length === 0) return 'no machine may be launched';
  if (!isOn(after)) return 'autoscaling is off';
  if (withoutAws !== null) return 'checked without AWS';
  const most = ceilingUsd(after);
  return most === null ? 'AWS does not say what they cost' : `at most ${usd(most)}/h`;
}

/** All machines that may run at once, at the highest price that each can have. */
function ceilingUsd(side: RulesSide): number | null {
  if (!isOn(side)) return 0;
  return side.rules.reduce<number | null>(
    (sum, { rule, atMostUsd }) =>
      rule.max === 0 || sum === null ? sum : atMostUsd === null ? null : sum + rule.max * atMostUsd,
    0,
  );
}

function costSentence({ before, after, withoutAws }: RulesPreview): string {
  if (withoutAws !== null) return `Checked without AWS: ${neutralize(withoutAws)}`;
  const money = (side: RulesSide) => {
    const most = ceilingUsd(side);
    return most === null ? 'unknown' : `${usd(most)}/hour (${usd(most * MONTH_HOURS)}/month)`;
  };
  return `At most, with all machines running: ${money(before)} → **${money(after)}**.`;
}

function rulesTable(preview: RulesPreview): string {
  const before = new Map(preview.before.rules.map((one) => [one.rule.id, one]));
  const after = new Map(preview.after.rules.map((one) => [one.rule.id, one]));
  const ids = [...new Set([...before.keys(), ...after.keys()])];
  if (ids.length === 0) return '';
  const rows = ids.slice(0, MOST_ROWS).map((id) => {
    const [old, now] = [before.get(id), after.get(id)];
    const { type, region } = (now ?? old)?.rule ?? { type: id, region: '' };
    const prices = [now?.nowUsd, now?.atMostUsd].map(hourly);
    return `| ${[type, region, sideCell(old), sideCell(now), ...prices].join(' | ')} |`;
  });
  const more = ids.length > MOST_ROWS ? [`\nand ${ids.length - MOST_ROWS} more rules`] : [];
  const head = [
    '| Type | Region | Before | After | Price now | At most |',
    '|---|---|---|---|--:|--:|',
  ];
  return [...head, ...rows, ...more].join('\n');
}

const hourly = (value: number | null | undefined): string =>
  value === undefined ? '' : value === null ? '?' : `${usd(value)}/h`;

function sideCell(of: PricedRule | undefined): string {
  if (of === undefined) return '–';
  const { max, spotPolicy, maxPriceUsd } = of.rule;
  return `${max} ${spotPolicy}${maxPriceUsd === null ? '' : `, ${usd(maxPriceUsd)}/h at most`}`;
}

type Setting = Exclude<keyof RulesFile, 'rules'>;
/** As the file names them. */
const SETTINGS: Readonly<Record<Setting, string>> = {
  enabled: 'enabled',
  region: 'region',
  image: 'image',
  forks: 'forks',
  reuse: 'reuse',
  maxDurationMs: 'max-duration (ms)',
  retry: 'retry',
  onExhausted: 'on-exhausted',
  exhaustedAfterMs: 'exhausted-after (ms)',
  budgetUsd: 'budget',
  runnerGroup: 'runner-group',
  ownRules: 'own-rules',
};

function settingsList({ before, after }: RulesPreview): string {
  const [old, now] = [before.file, after.file];
  if (old === null || now === null) return '';
  const shown = (value: unknown) => codeInCell(shorten(String(value ?? 'none'), 80));
  const changed = (Object.keys(SETTINGS) as Setting[]).filter((key) => old[key] !== now[key]);
  return listOf(
    'Settings',
    changed.map((key) => `${SETTINGS[key]}: ${shown(old[key])} → ${shown(now[key])}`),
  );
}

/** Of each rule, the machines that are more than it allows. */
function endingList(preview: RulesPreview): string {
  const { after, before, inUse, holds } = preview;
  const max = new Map(after.rules.map(({ rule }) => [rule.id, isOn(after) ? rule.max : 0]));
  const ids = new Set([...before.rules, ...after.rules].map(({ rule }) => rule.id));
  const lines = [...ids].flatMap((id) => {
    const { all, busy } = inUse.get(id) ?? { all: 0, busy: 0 };
    const surplus = all - (max.get(id) ?? 0);
    return surplus > 0 ? [`${id}: ${surplus} of ${all} machines, ${busy} of them busy now`] : [];
  });
  return listOf(holds === 'merge' ? 'What ends at merge' : 'What ends', lines);
}

const noteLine = ({ path, line, message }: RulesNote): string =>
  `${neutralize(path)}, line ${line}: ${neutralize(message)}`;

function listOf(title: string, lines: readonly string[]): string {
  if (lines.length === 0) return '';
  const more = lines.length > MOST_ROWS ? [`- and ${lines.length - MOST_ROWS} more`] : [];
  return [
    `**${title}**`,
    '',
    ...lines.slice(0, MOST_ROWS).map((line) => `- ${line}`),
    ...more,
  ].join('\n');
}
