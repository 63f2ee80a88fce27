import type { Rule } from '../model/rules.ts';
import type { Catalogue } from './catalogue.ts';

export interface Prices {
  /** The cheapest of the rule's zones now; null: AWS does not say. */
  readonly nowUsd: number | null;
  readonly atMostUsd: number | null;
}

/** What one machine of a rule costs an hour, now and at most. */
export async function pricesOf(of: {
  readonly catalogue: Catalogue;
  readonly account: string;
  readonly rule: Rule;
}): Promise<Prices> {
  const { catalogue, account, rule } = of;
  const prices = await catalogue.prices({ account, region: rule.region }, rule.type);
  const all = prices.ok ? [...prices.value.values()] : [];
  return { nowUsd: all.length > 0 ? Math.min(...all) : null, atMostUsd: rule.maxPriceUsd };
}
