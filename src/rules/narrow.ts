import type { RuleId } from '../model/ids.ts';
import type { Rule, RulesFile, RulesProblem } from '../model/rules.ts';
import { ruleId } from '../model/rules.ts';
import type { AutoscaleMapping, RuleMapping } from './keys.ts';
import type { Source, Span } from './source.ts';

/** What a repository's own file leaves of its owner's: never more, whatever it says. */
export interface OwnRules {
  readonly enabled: boolean;
  readonly forks: RulesFile['forks'];
  readonly maxDurationMs: number;
  /** $ a month for this repository; null: as much as the owner's. */
  readonly budgetUsd: number | null;
  readonly rules: ReadonlyMap<RuleId, Pick<Rule, 'max' | 'maxPriceUsd'>>;
}

export function narrow(owner: RulesFile, own: RulesFile): OwnRules {
  const rules = new Map<RuleId, Pick<Rule, 'max' | 'maxPriceUsd'>>();
  for (const rule of own.rules) {
    const theirs = owner.rules.find(({ id }) => id === rule.id);
    if (!theirs) continue;
    const max = Math.min(rule.max, theirs.max);
    rules.set(rule.id, { max, maxPriceUsd: least(rule.maxPriceUsd, theirs.maxPriceUsd) });
  }
  return {
    enabled: own.enabled && owner.enabled,
    forks: own.forks === 'allow' && owner.forks === 'allow' ? 'allow' : 'deny',
    maxDurationMs: Math.min(own.maxDurationMs, owner.maxDurationMs),
    budgetUsd: own.budgetUsd,
    rules,
  };
}

const least = (a: number | null, b: number | null): number | null =>
  a === null ? b : b === null ? a : Math.min(a, b);

/** Only numbers may differ from the owner's file, and only downwards. */
const OWNERS_KEYS = ['image', 'reuse', 'retry', 'on-exhausted', 'exhausted-after'] as const;
const OWNERS_RULE_KEYS = [
  'spot-policy',
  'disk',
  'subnets',
  'security-groups',
  'labels',
  'image',
] as const;

interface Context {
  readonly source: Pick<Source, 'place'>;
  readonly owner: RulesFile;
  readonly region: string | undefined;
}

/** Where a repository's file says more than its owner's allows, and what applies instead. */
export function beyondOwner(
  autoscale: AutoscaleMapping,
  context: Context,
): readonly RulesProblem[] {
  const { source, owner } = context;
  const { values, start } = autoscale;
  const problems: RulesProblem[] = [];
  const say = (span: Span | undefined, message: string): void => {
    const place = source.place(span ?? start);
    problems.push({ kind: 'beyond-owner', ...place, message });
  };
  if (!owner.enabled && autoscale.at('enabled') && values.enabled) {
    say(autoscale.at('enabled'), "the owner's file has disabled autoscaling; that applies");
  }
  if (values.forks === 'allow' && owner.forks === 'deny') {
    say(autoscale.at('forks'), "the owner's file denies forks; deny applies");
  }
  if (values['max-duration'] > owner.maxDurationMs && autoscale.at('max-duration')) {
    say(autoscale.at('max-duration'), "max-duration is more than the owner's; the owner's applies");
  }
  if (owner.budgetUsd !== null && (values.budget ?? 0) > owner.budgetUsd) {
    const text = `budget ${values.budget} is more than the owner's ${owner.budgetUsd}, which applies`;
    say(autoscale.at('budget'), text);
  }
  for (const key of OWNERS_KEYS) {
    if (autoscale.at(key)) say(autoscale.at(key), theirs(key));
  }
  for (const rule of values.rules) sayOfRule(rule, { ...context, say, file: values });
  return problems;
}

const theirs = (key: string): string =>
  `${key} is the owner's to say, in the .github repository; what its file says applies`;

function sayOfRule(
  rule: RuleMapping,
  of: Context & {
    readonly file: { readonly region: string | null };
    say(span: Span | undefined, message: string): void;
  },
): void {
  const { values } = rule;
  const type = values['instance-type'];
  const region = values.region ?? of.file.region ?? of.region;
  const its =
    region === undefined ? undefined : of.owner.rules.find(({ id }) => id === ruleId(type, region));
  if (!its) {
    const text = `the owner's file allows no ${type} in ${region ?? 'this region'}, so this rule allows none`;
    of.say(rule.at('instance-type') ?? rule.start, text);
    return;
  }
  if (values.max > its.max) {
    of.say(rule.at('max'), `max ${values.max} is more than the owner's ${its.max}, which applies`);
  }
  const price = values['max-price'];
  if (price !== null && its.maxPriceUsd !== null && price > its.maxPriceUsd) {
    const text = `max-price ${price} is more than the owner's ${its.maxPriceUsd}, which applies`;
    of.say(rule.at('max-price'), text);
  }
  for (const key of OWNERS_RULE_KEYS) {
    if (rule.at(key)) of.say(rule.at(key), theirs(key));
  }
}
