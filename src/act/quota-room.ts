import type { Instant } from '../lib/clock.ts';
import { type Full, MARKETS, type Market, type Offer } from '../model/launch.ts';
import { quotaOf, quotaUrl } from '../model/quota.ts';
import type { RuleView } from '../model/world.ts';
import type { LiveCount } from '../store/capacity.ts';
import type { Catalogue } from './catalogue.ts';
import type { Offered } from './offers.ts';

// EC2's quotas of running vCPUs, before EC2 has to refuse: what there is, less what lives of ours in any
// scope of the account. What others run in it, only EC2's refusal tells.

export interface QuotaAsk {
  readonly catalogue: Catalogue;
  readonly account: string;
  readonly live: readonly LiveCount[];
  /** By then it is looked at again. */
  readonly until: Instant;
}

/** What EC2 says of a launch for which there is no room. */
const REFUSALS: Readonly<Record<Market, string>> = {
  spot: 'MaxSpotInstanceCountExceeded',
  'on-demand': 'VcpuLimitExceeded',
};

/** Leaves those offers alone whose quota has no room for one more. */
export async function withRoom(
  ask: QuotaAsk,
  offered: readonly Offered[],
): Promise<readonly Offered[]> {
  const used = await usedVcpus(ask);
  return offered.map(({ rule, offers }) => {
    const full = new Map(MARKETS.map((market) => [market, fullOf(ask, used, { rule, market })]));
    return { rule, offers: offers.map((offer) => leave(offer, full.get(offer.market), ask.until)) };
  });
}

function leave(offer: Offer, full: Full | undefined, until: Instant): Offer {
  if (full === undefined) return offer;
  return {
    ...offer,
    full,
    exhaustedUntil: Math.max(offer.exhaustedUntil, until),
    exhaustedWhy: REFUSALS[offer.market],
  };
}

const keyOf = (region: string, code: string): string => `${region} ${code}`;

async function usedVcpus({ catalogue, account, live }: QuotaAsk) {
  const used = new Map<string, number>();
  for (const { region, type, market, count } of live) {
    const quota = quotaOf(type, market);
    if (!quota) continue;
    const facts = await catalogue.type({ account, region }, type);
    const vcpus = facts.ok ? (facts.value?.vcpus ?? 0) : 0;
    const key = keyOf(region, quota.code);
    used.set(key, (used.get(key) ?? 0) + count * vcpus);
  }
  return used;
}

/** undefined: there is room, or nobody knows. */
function fullOf(
  { catalogue, account }: QuotaAsk,
  used: ReadonlyMap<string, number>,
  { rule, market }: { readonly rule: RuleView; readonly market: Market },
): Full | undefined {
  const { type, region, machine } = rule;
  const quota = quotaOf(type, market);
  if (!quota || !machine) return undefined;
  const { code, name } = quota;
  const most = catalogue.vcpuQuotaKnown({ account, region }, code) ?? Number.POSITIVE_INFINITY;
  const inUse = used.get(keyOf(region, code)) ?? 0;
  if (inUse + machine.vcpus <= most) return undefined;
  const text = `One ${type} needs ${machine.vcpus} vCPUs; the ${market} quota ${code} (${name}) of ${region} is ${most}, and ${inUse} are in use: ${quotaUrl(region, code)}`;
  return { reason: { code: 'quota', text }, isOurs: machine.vcpus <= most };
}
