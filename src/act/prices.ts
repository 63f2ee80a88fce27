import type { Rule } from '../model/rules.ts';
import type { At, Catalogue } from './catalogue.ts';

/** $ an hour of one machine of a rule; null: AWS does not say. */
export interface Prices {
  /** What the next one would cost. */
  readonly nowUsd: number | null;
  /** What none is above: `max-price`, else the on-demand price, which spot does not exceed. */
  readonly atMostUsd: number | null;
}

export interface PriceAsk {
  readonly catalogue: Catalogue;
  readonly account: string;
  readonly rule: Rule;
}

/** What one machine of a rule costs an hour, now and at most. */
export async function pricesOf(ask: PriceAsk): Promise<Prices> {
  const { catalogue, account, rule } = ask;
  const at: At = { account, region: rule.region };
  const [spotUsd, listed] = await Promise.all([
    rule.spotPolicy === 'on-demand' ? null : cheapestSpot(ask, at),
    catalogue.onDemandPrice(at, rule.type),
  ]);
  const onDemandUsd = listed.ok ? listed.value : null;
  const nowUsd = rule.spotPolicy === 'spot' ? spotUsd : (spotUsd ?? onDemandUsd);
  return { nowUsd, atMostUsd: rule.maxPriceUsd ?? onDemandUsd };
}

/** In the zones of the rule's subnets; in any zone while AWS does not name them. */
async function cheapestSpot({ catalogue, rule }: PriceAsk, at: At): Promise<number | null> {
  const [prices, subnets] = await Promise.all([
    catalogue.prices(at, rule.type),
    catalogue.subnets(at, rule.subnets),
  ]);
  if (!prices.ok) return null;
  const zones = subnets.ok ? subnets.value.map(({ zone }) => zone) : [...prices.value.keys()];
  const usable = zones.flatMap((zone) => prices.value.get(zone) ?? []);
  return usable.length > 0 ? Math.min(...usable) : null;
}
