import type { PricedRule } from '../commands/rules-check.ts';
import type { RuleId } from '../model/ids.ts';
import type { Rule } from '../model/rules.ts';
import type { Catalogue } from './catalogue.ts';
import { checkRule, type RuleProblem } from './check-rule.ts';
import { pricesOf } from './prices.ts';

export interface SightAsk {
  readonly catalogue: Catalogue;
  /** null: AWS is not asked. */
  readonly account: string | null;
}

/** Rules of a file that AWS is asked about; more than these are seldom, and each costs calls. */
const MOST_ASKED = 50;
const AT_ONCE = 10;

export async function priceRules(
  { catalogue, account }: SightAsk,
  rules: readonly Rule[],
): Promise<readonly PricedRule[]> {
  const unknown = (rule: Rule) => ({ rule, nowUsd: null, atMostUsd: rule.maxPriceUsd });
  if (account === null) return rules.map(unknown);
  const asked = await inTurns(rules.slice(0, MOST_ASKED), async (rule) => {
    return { rule, ...(await pricesOf({ catalogue, account, rule })) };
  });
  return [...asked, ...rules.slice(MOST_ASKED).map(unknown)];
}

/** What AWS or the account cannot do, and what could not be asked. */
export async function judgeRules(
  { catalogue, account }: SightAsk,
  rules: readonly Rule[],
): Promise<{
  readonly problems: readonly { readonly rule: RuleId; readonly text: string }[];
  readonly remarks: readonly string[];
}> {
  if (account === null) return { problems: [], remarks: [] };
  const checks = await inTurns(rules.slice(0, MOST_ASKED), async (rule) => {
    const check = await checkRule({ catalogue, account, rule });
    return { rule: rule.id, ...check };
  });
  const left = rules.length - MOST_ASKED;
  const remarks = checks.flatMap(({ unchecked }) => unchecked);
  return {
    problems: checks.flatMap(({ rule, problems }) =>
      problems.map((problem) => ({ rule, text: textOf(problem) })),
    ),
    remarks: left > 0 ? [...remarks, `${left} further rules were not checked with AWS.`] : remarks,
  };
}

function textOf({ text, nearest, url }: RuleProblem): string {
  const meant = nearest ? [`Real ones: ${nearest.join(', ')}.`] : [];
  return [text, ...meant, ...(url === undefined ? [] : [url])].join(' ');
}

/** In order, some at a time. */
export async function inTurns<T, R>(
  items: readonly T[],
  each: (item: T) => Promise<R>,
): Promise<readonly R[]> {
  const results: R[] = [];
  for (let from = 0; from < items.length; from += AT_ONCE) {
    results.push(...(await Promise.all(items.slice(from, from + AT_ONCE).map(each))));
  }
  return results;
}
