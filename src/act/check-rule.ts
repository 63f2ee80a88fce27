import type { Rule } from '../model/rules.ts';
import type { Catalogue } from './catalogue.ts';

export interface RuleCheck {
  readonly problems: readonly { code: string; text: string; nearest?: string }[];
  /** What could not be checked, in sentences. */
  readonly unchecked: readonly string[];
}

/** What of a rule AWS or the account cannot do, before it is allowed. */
export async function checkRule(of: {
  readonly catalogue: Catalogue;
  readonly account: string;
  readonly rule: Rule;
}): Promise<RuleCheck> {
  const { catalogue, account, rule } = of;
  const type = await catalogue.type({ account, region: rule.region }, rule.type);
  if (!type.ok) return { problems: [], unchecked: [`AWS did not answer about ${rule.type}.`] };
  if (type.value) return { problems: [], unchecked: [] };
  const text = `${rule.type} is no instance type of ${rule.region}.`;
  return { problems: [{ code: 'no-type', text }], unchecked: [] };
}
