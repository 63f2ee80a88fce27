// rules: the file .github/dstack.yml: its keys, its schema, its parser. Act, web and cli call it.
// It promises that any text at all gets an answer, at once: a file with every default applied, or
// one problem for each mistake, with its place in the text and what was meant.

import { isMap, type Node } from 'yaml';
import { nearest } from '../lib/nearest.ts';
import type { RuleId } from '../model/ids.ts';
import {
  type Rule,
  type RulesFile,
  type RulesPlace,
  type RulesProblem,
  ruleId,
} from '../model/rules.ts';
import { checkSense } from './check.ts';
import { type AutoscaleMapping, file, type RuleMapping } from './keys.ts';
import { beyondOwner } from './narrow.ts';
import { openSource, type Source, scalarOf, spanOf } from './source.ts';

export interface ParseOptions {
  /** Where rules are that name no region, in a file that names none. */
  readonly defaultRegion?: string;
  /** Whose file it is; when it is not known, the keys of all are accepted. */
  readonly of?: 'repository' | 'owner' | 'person';
  /** The owner's file, where it lets a repository's own only narrow it. */
  readonly within?: RulesFile;
}

export type ParsedRules =
  | {
      readonly ok: true;
      readonly rules: RulesFile;
      readonly warnings: readonly RulesProblem[];
      /** What goes beyond the owner's file, and so does not apply. */
      readonly beyond: readonly RulesProblem[];
      /** Where each rule names its type. */
      readonly places: ReadonlyMap<RuleId, RulesPlace>;
    }
  | { readonly ok: false; readonly errors: readonly RulesProblem[] };

export function parseRules(text: string, options: ParseOptions = {}): ParsedRules {
  // A byte order mark is not a column of the first line.
  const source = openSource(text.replace(/^\ufeff/, ''));
  const autoscale = source.problems.length === 0 ? readAutoscale(source) : undefined;
  const places = new Map<RuleId, RulesPlace>();
  const rules = autoscale && rulesFileOf(autoscale, { source, options, places });
  if (rules === undefined || source.problems.length > 0) {
    return { ok: false, errors: inOrder(source.problems) };
  }
  const { within: owner, defaultRegion: region } = options;
  const beyond = autoscale && owner ? beyondOwner(autoscale, { source, owner, region }) : [];
  return { ok: true, rules, warnings: inOrder(source.warnings), beyond: inOrder(beyond), places };
}

function readAutoscale(source: Source): AutoscaleMapping | undefined {
  const { root } = source;
  if (root === undefined) {
    source.report('missing-key', [0, 0], 'the file is empty; it needs the key "autoscale"');
    return undefined;
  }
  const keys = isMap<Node>(root) ? root.items.map(({ key }) => key) : [];
  const [first] = keys;
  // Begun with what belongs under it: one mistake, not one for each key.
  if (first !== undefined && !keys.some(isAutoscale)) {
    const message = 'the key "autoscale" is missing; write "autoscale:" first and indent the rest';
    source.report('missing-key', spanOf(first), message);
    return undefined;
  }
  return file.read(root, 'the file', source)?.values.autoscale;
}

const isAutoscale = (key: Node): boolean =>
  nearest(String(scalarOf(key)), ['autoscale']) !== undefined;

interface Context {
  readonly source: Source;
  readonly options: ParseOptions;
  readonly places: Map<RuleId, RulesPlace>;
}

function rulesFileOf(autoscale: AutoscaleMapping, context: Context): RulesFile {
  const { values } = autoscale;
  checkSense(autoscale, { source: context.source, of: context.options.of });
  return {
    enabled: values.enabled,
    region: values.region,
    image: values.image,
    forks: values.forks,
    reuse: values.reuse,
    maxDurationMs: values['max-duration'],
    retry: values.retry,
    onExhausted: values['on-exhausted'],
    exhaustedAfterMs: values['exhausted-after'],
    budgetUsd: values.budget,
    runnerGroup: values['runner-group'],
    ownRules: values['own-rules'],
    rules: rulesOf(autoscale, context),
  };
}

function rulesOf(autoscale: AutoscaleMapping, context: Context): readonly Rule[] {
  const { source, options, places } = context;
  const region = autoscale.values.region ?? options.defaultRegion;
  // A region that was refused and reported is neither missing nor the default.
  let isRegionReported = autoscale.at('region') !== undefined;
  const rules = new Map<string, Rule>();
  for (const written of autoscale.values.rules) {
    const at = written.at('instance-type') ?? written.start;
    const itsRegion = written.values.region ?? region;
    if (written.at('region') !== undefined && written.values.region === null) continue;
    if (itsRegion === undefined) {
      if (!isRegionReported) {
        const message = 'no region: write the key "region" here, or under autoscale for all rules';
        source.report('missing-key', at, message);
        isRegionReported = true;
      }
      continue;
    }
    const rule = ruleOf(written, { region: itsRegion, image: autoscale.values.image });
    if (rules.has(rule.id)) {
      const message = `a second rule for ${rule.type} in ${rule.region}; keep one, with one max`;
      source.report('duplicate-rule', at, message);
    } else {
      rules.set(rule.id, rule);
      places.set(rule.id, source.place(at));
    }
  }
  return [...rules.values()];
}

function ruleOf({ values }: RuleMapping, defaults: { region: string; image: string }): Rule {
  const type = values['instance-type'];
  return {
    id: ruleId(type, defaults.region),
    type,
    region: defaults.region,
    max: values.max,
    spotPolicy: values['spot-policy'],
    maxPriceUsd: values['max-price'],
    diskGb: values.disk,
    subnets: values.subnets,
    securityGroups: values['security-groups'],
    labels: values.labels,
    image: values.image ?? defaults.image,
  };
}

const inOrder = (problems: readonly RulesProblem[]): readonly RulesProblem[] =>
  problems.toSorted((a, b) => a.line - b.line || a.column - b.column);
