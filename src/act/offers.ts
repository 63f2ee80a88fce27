import type { SubnetFacts } from '../ec2/port.ts';
import type { Reason } from '../model/job.ts';
import type { Arch, Market, Offer } from '../model/launch.ts';
import type { Refused } from '../model/reply.ts';
import type { Rule, SpotPolicy } from '../model/rules.ts';
import type { RuleView } from '../model/world.ts';
import type { Exhausted } from '../store/port.ts';
import type { At, Catalogue } from './catalogue.ts';

/** A rule as the plan sees it, and what it can be made of. */
export interface Offered {
  readonly rule: RuleView;
  readonly offers: readonly Offer[];
}

export interface OfferAsk {
  readonly catalogue: Catalogue;
  readonly account: string;
  readonly rule: Rule;
  readonly exhausted: readonly Exhausted[];
}

const MARKETS: Readonly<Record<SpotPolicy, readonly Market[]>> = {
  spot: ['spot'],
  'on-demand': ['on-demand'],
  auto: ['spot', 'on-demand'],
};

/** Makes a rule concrete: where its type is offered, in which of its subnets, at what price now. */
export async function offersOf(ask: OfferAsk): Promise<Offered> {
  const { catalogue, rule, account } = ask;
  const at: At = { account, region: rule.region };
  const type = await catalogue.type(at, rule.type);
  if (!type.ok) return blocked(rule, null, awsReason(rule, type));
  if (!type.value) return blocked(rule, null, noType(rule));
  const { arch, zones } = type.value;
  const image = await catalogue.image(at, rule.image, arch);
  if (!image.ok) return blocked(rule, arch, imageReason(rule, image));
  const subnets = await catalogue.subnets(at, rule.subnets);
  if (!subnets.ok) return blocked(rule, arch, awsReason(rule, subnets));
  const usable = subnets.value.filter((subnet) => zones.includes(subnet.zone));
  if (usable.length === 0) return blocked(rule, arch, networkReason(rule, subnets.value));
  const prices = await catalogue.prices(at, rule.type);
  if (!prices.ok) return blocked(rule, arch, awsReason(rule, prices));
  const offers = MARKETS[rule.spotPolicy].flatMap((market) =>
    usable
      .filter((subnet) => market === 'on-demand' || prices.value.has(subnet.zone))
      .map((subnet) => {
        const price = market === 'spot' ? (prices.value.get(subnet.zone) ?? null) : null;
        return offerOf(ask, { subnet, market, arch, priceUsd: price });
      }),
  );
  if (offers.length === 0) return blocked(rule, arch, noSpot(rule));
  return { rule: viewOf(rule, arch, null), offers };
}

function offerOf(
  { rule, exhausted }: OfferAsk,
  made: { subnet: SubnetFacts; market: Market; arch: Arch; priceUsd: number | null },
): Offer {
  const { subnet, market, arch, priceUsd } = made;
  const mark = exhausted.find(
    (one) =>
      one.region === rule.region &&
      one.zone === subnet.zone &&
      one.type === rule.type &&
      one.market === market,
  );
  return {
    rule: rule.id,
    region: rule.region,
    zone: subnet.zone,
    subnet: subnet.id,
    type: rule.type,
    market,
    arch,
    priceUsd,
    exhaustedUntil: mark?.until ?? 0,
    exhaustedWhy: mark?.why ?? '',
  };
}

export const viewOf = (rule: Rule, arch: Arch | null, why: Reason | null): RuleView => ({
  id: rule.id,
  type: rule.type,
  region: rule.region,
  max: rule.max,
  maxPriceUsd: rule.maxPriceUsd,
  labels: rule.labels,
  arch,
  blocked: why,
});

const blocked = (rule: Rule, arch: Arch | null, why: Reason): Offered => ({
  rule: viewOf(rule, arch, why),
  offers: [],
});

const noType = ({ type, region }: Rule): Reason => ({
  code: 'no-type',
  text: `${type} is no instance type of ${region}; nothing will change until the rule does.`,
});

const noSpot = ({ type, region }: Rule): Reason => ({
  code: 'no-spot',
  text: `${type} has no spot market in ${region}; \`spot-policy: on-demand\` would allow it.`,
});

function networkReason({ type, region }: Rule, subnets: readonly SubnetFacts[]): Reason {
  const text =
    subnets.length === 0
      ? `${region} has no default VPC; name subnets under \`subnets\` in the rule for ${type}.`
      : `None of the subnets is in a zone of ${region} that offers ${type}; see \`subnets\`.`;
  return { code: 'network', text };
}

const imageReason = (rule: Rule, refused: Refused): Reason =>
  refused.reason === 'missing' || refused.reason === 'invalid'
    ? { code: 'image', text: `Image ${rule.image} is not in ${rule.region} (${refused.code}).` }
    : awsReason(rule, refused);

/** Credentials and permissions are a person's to mend; all else passes. */
export function awsReason({ type, region }: Rule, { reason, code }: Refused): Reason {
  return reason === 'denied'
    ? { code: 'iam', text: `AWS refuses to answer about ${type} in ${region}: ${code}.` }
    : { code: 'aws-slow', text: `AWS does not answer about ${type} in ${region}: ${code}.` };
}
