import { isDeepStrictEqual } from 'node:util';
import { isAlias, isMap, type Node, visit } from 'yaml';
import {
  type Rule,
  type RulesChange,
  type RulesFile,
  type RulesProblem,
  ruleId,
  type SpotPolicy,
} from '../model/rules.ts';
import { type Entry, setKey } from './edit-keys.ts';
import { addRule, blockRule, emptied, removeRules } from './edit-list.ts';
import { afterColon, isBare, type Layout, layoutOf, startOf } from './layout.ts';
import { type ParseOptions, parseRules } from './parse.ts';
import { MAX_BYTES } from './source.ts';
import {
  applySplices,
  eolOf,
  insertion,
  lineEnd,
  linesBelow,
  pastComments,
  type Splice,
} from './splice.ts';

export interface EditOptions extends ParseOptions {
  /** Of the JSON Schema: the first line of a new file tells editors of it. */
  readonly schemaUrl: string;
}

export type EditedRules =
  | {
      readonly ok: true;
      /** null: there was no file, and the change asks for none. */
      readonly text: string | null;
      readonly changed: boolean;
      /** The rule that was named, as it was and as it is. */
      readonly before?: Rule;
      readonly after?: Rule;
    }
  | { readonly ok: false; readonly problems: readonly RulesProblem[] };

/**
 * The file with one change, in place: only the lines that the change names are touched. The result
 * is read again and must mean the change and nothing else; a file where that cannot be had, or that
 * has errors, is not edited.
 */
export function editRules(
  text: string | null,
  change: RulesChange,
  options: EditOptions,
): EditedRules {
  const mark = text?.startsWith('\ufeff') ? '\ufeff' : '';
  const body = text?.slice(mark.length) ?? '';
  const layout = Buffer.byteLength(body) > MAX_BYTES ? undefined : layoutOf(body);
  const isFilled = layout === undefined || !isBare(layout);
  const parsed = parseRules(isFilled ? body : 'autoscale: {}', options);
  if (!parsed.ok) return { ok: false, problems: parsed.errors };
  const wanted = changed(parsed.rules, change);
  const named = namedRules(change, parsed.rules, wanted);
  const isCreated = text === null && change.kind === 'clear';
  if (isDeepStrictEqual(wanted, parsed.rules) && !isCreated) {
    return { ok: true, text, changed: false, ...named };
  }
  if (layout === undefined) return { ok: false, problems: [] };
  const splices = isFilled
    ? splicesFor(layout, { change, rules: parsed.rules })
    : splicesForBare(layout, { change, head: text === null ? headOf(options) : [] });
  const shared = sharedProblem(layout, splices);
  if (shared !== undefined) return { ok: false, problems: [shared] };
  const result = applySplices(body, splices);
  const read = parseRules(result, options);
  if (!read.ok && read.errors.every(({ kind }) => LIMITS.has(kind))) {
    return { ok: false, problems: read.errors };
  }
  if (!read.ok || !isDeepStrictEqual(read.rules, wanted)) {
    return { ok: false, problems: [unusual(layout)] };
  }
  return { ok: true, text: mark + result, changed: true, ...named };
}

/** What is wrong with a result where the change asks for too much: one rule more, a larger file. */
const LIMITS: ReadonlySet<RulesProblem['kind']> = new Set(['wrong-value', 'too-large'] as const);

/** What the file is to mean. */
function changed(file: RulesFile, change: RulesChange): RulesFile {
  if (change.kind === 'enabled') return { ...file, enabled: change.value };
  if (change.kind === 'clear') return { ...file, rules: [] };
  const { type, region, max, spotPolicy, maxPriceUsd } = change;
  const id = ruleId(type, region);
  if (max === 0) return { ...file, rules: file.rules.filter((rule) => rule.id !== id) };
  const given = {
    max,
    ...(spotPolicy !== undefined && { spotPolicy }),
    ...(maxPriceUsd !== undefined && { maxPriceUsd }),
  };
  if (file.rules.some((rule) => rule.id === id)) {
    const rules = file.rules.map((rule) => (rule.id === id ? { ...rule, ...given } : rule));
    return { ...file, rules };
  }
  const added: Rule = { ...NEW_RULE, id, type, region, image: file.image, ...given };
  return { ...file, rules: [...file.rules, added] };
}

/** What a rule has that does not name it: the defaults of the file's keys. */
const NEW_RULE = {
  spotPolicy: 'spot',
  maxPriceUsd: null,
  diskGb: null,
  subnets: [],
  securityGroups: [],
  labels: [],
} as const;

function namedRules(change: RulesChange, before: RulesFile, after: RulesFile) {
  if (change.kind !== 'allow') return {};
  const id = ruleId(change.type, change.region);
  const [was, is] = [before, after].map(({ rules }) => rules.find((rule) => rule.id === id));
  return { ...(was && { before: was }), ...(is && { after: is }) };
}

interface Asked {
  readonly change: RulesChange;
  /** The file's, one for each item of its list and in that order. */
  readonly rules: RulesFile;
}

function splicesFor(layout: Layout, { change, rules: file }: Asked): readonly Splice[] {
  const { text, keys, autoscale, list } = layout;
  if (change.kind === 'enabled') {
    if (keys === undefined) return [];
    const entry: Entry = { key: 'enabled', value: change.value };
    return setKey({ text, map: keys, parent: autoscale }, entry);
  }
  if (change.kind === 'clear') return removeRules(layout, () => true);
  const index = file.rules.findIndex(({ id }) => id === ruleId(change.type, change.region));
  if (change.max === 0) return removeRules(layout, (one) => one === index);
  const rule = file.rules[index];
  if (rule === undefined) return addRule(layout, entriesOf(change, file.region));
  const map = list?.items[index];
  if (!isMap<Node, Node | null>(map)) return [];
  return settings(change)
    .filter(({ field, value }) => rule[field] !== value)
    .flatMap((entry) => setKey({ text, map, after: 'max' }, entry));
}

type Allow = Extract<RulesChange, { kind: 'allow' }>;

interface Setting extends Entry {
  readonly field: 'max' | 'spotPolicy' | 'maxPriceUsd';
}

/** What the command gives, under the file's names and in the file's order. */
const settings = ({ max, spotPolicy, maxPriceUsd }: Allow): readonly Setting[] => [
  { field: 'max', key: 'max', value: max },
  ...(spotPolicy === undefined ? [] : [policy(spotPolicy)]),
  ...(maxPriceUsd === undefined ? [] : [price(maxPriceUsd)]),
];

const policy = (value: SpotPolicy): Setting => ({ field: 'spotPolicy', key: 'spot-policy', value });
const price = (value: number): Setting => ({ field: 'maxPriceUsd', key: 'max-price', value });

/** A new rule. The region is left out where the file's own default says it. */
function entriesOf(change: Allow, fileRegion: string | null): readonly Entry[] {
  const [max, ...others] = settings(change);
  return [
    { key: 'instance-type', value: change.type },
    ...(max ? [max] : []),
    ...(change.region === fileRegion ? [] : [{ key: 'region', value: change.region }]),
    ...others,
  ];
}

const headOf = ({ schemaUrl }: EditOptions): readonly string[] => [
  `# yaml-language-server: $schema=${schemaUrl}`,
  '# The EC2 instances that jobs of GitHub Actions may use.',
];

/** Fills a file without content, or `autoscale:` with nothing under it. */
function splicesForBare(
  layout: Layout,
  { change, head }: { change: RulesChange; head: readonly string[] },
): readonly Splice[] {
  const { text, autoscale } = layout;
  const below = linesFor(change);
  if (autoscale !== undefined) {
    const end = pastComments(text, lineEnd(text, afterColon(autoscale)), 0);
    return [...emptied(autoscale, ''), linesBelow(text, end, below)];
  }
  const eol = eolOf(text);
  const begin = text === '' || text.endsWith('\n') ? '' : eol;
  const lines = [...head, 'autoscale:', ...below];
  return [insertion(text.length, begin + lines.map((line) => line + eol).join(''))];
}

function linesFor(change: RulesChange): readonly string[] {
  if (change.kind === 'enabled') return [`  enabled: ${change.value}`];
  if (change.kind === 'clear') return ['  rules: []'];
  return ['  rules:', ...blockRule(entriesOf(change, null), '    ')];
}

/** Where an alias elsewhere stands for what would change or go: two things would change, not one. */
function sharedProblem(layout: Layout, splices: readonly Splice[]): RulesProblem | undefined {
  const touches = (at: number) => splices.some(({ start, end }) => start <= at && at < end);
  let problem: RulesProblem | undefined;
  visit(layout.document, {
    Alias: (_, alias) => {
      const target = alias.resolve(layout.document);
      if (!isAlias(alias) || target === undefined || !touches(startOf(target))) return undefined;
      if (touches(startOf(alias))) return undefined;
      const message =
        `what would change is also used here, as *${alias.source}; ` +
        'write the value out in both places, or edit the file by hand';
      problem = problemAt(layout.text, startOf(alias), message);
      return visit.BREAK;
    },
  });
  return problem;
}

const unusual = ({ text, autoscale }: Layout): RulesProblem => {
  const message = 'the file is laid out in a way that a command cannot edit; edit it by hand';
  return problemAt(text, autoscale ? startOf(autoscale.key) : 0, message);
};

function problemAt(text: string, at: number, message: string): RulesProblem {
  const before = text.slice(0, at).split('\n');
  const column = (before.at(-1)?.length ?? 0) + 1;
  return { kind: 'conflict', line: before.length, column, endColumn: column + 1, message };
}
