import type { SubnetFacts, TypeFacts } from '../ec2/port.ts';
import { DEFAULT_DISK_GB } from '../model/cost.ts';
import type { Reason } from '../model/job.ts';
import { type Arch, MARKETS, type Market, type Offer } from '../model/launch.ts';
import { covers } from '../model/marks.ts';
import { done, type Reply } from '../model/reply.ts';
import type { Rule } from '../model/rules.ts';
import type { RuleView } from '../model/world.ts';
import type { Exhausted } from '../store/port.ts';
import type { At, Catalogue } from './catalogue.ts';
import {
  awsReason,
  capOf,
  isAbsent,
  noImage,
  noPrice,
  noSpot,
  noSubnets,
  noType,
  noZone,
  otherArch,
  priceRefused,
} from './rule-reasons.ts';

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
  /** Where all spot offers are exhausted, a spot rule may launch on demand. */
  readonly hasFallback: boolean;
  /** A machine whose price is not known would cost nothing by it. */
  readonly hasBudget: boolean;
}

/** Makes a rule concrete: where its type is offered, in which of its subnets, at what price now. */
export async function offersOf(ask: OfferAsk): Promise<Offered> {
  const { catalogue, rule, account } = ask;
  const at: At = { account, region: rule.region };
  // Together, since right after a start nothing is remembered and each question takes a second.
  const [type, subnets, prices, history] = await Promise.all([
    catalogue.type(at, rule.type),
    catalogue.subnets(at, rule.subnets),
    rule.spotPolicy === 'on-demand' ? done(NO_PRICES) : catalogue.prices(at, rule.type),
    catalogue.spotHistory(at),
  ]);
  if (!type.ok) return blocked(rule, NOTHING_KNOWN, awsReason(rule, type));
  if (!type.value) return blocked(rule, NOTHING_KNOWN, noType(rule));
  const { arch, zones } = type.value;
  const known = { type: type.value, diskGb: null };
  const image = await catalogue.image(at, rule.image, arch);
  if (!image.ok) {
    const why = isAbsent(image) ? noImage(rule, image) : awsReason(rule, image);
    return blocked(rule, known, why);
  }
  if (image.value.arch !== arch) {
    return blocked(rule, known, otherArch(rule, { image: image.value.arch, type: arch }));
  }
  const all = { ...known, diskGb: diskGbOf(rule, image.value.sizeGb) };
  if (!subnets.ok) {
    const why = isAbsent(subnets) ? noSubnets(rule) : awsReason(rule, subnets);
    return blocked(rule, all, why);
  }
  const usable = subnets.value.filter((subnet) => zones.includes(subnet.zone));
  if (usable.length === 0) return blocked(rule, all, noZone(rule));
  if (!prices.ok) return blocked(rule, all, awsReason(rule, prices));
  const spot = usable.flatMap((subnet) => {
    const priceUsd = prices.value.get(subnet.zone);
    if (priceUsd === undefined) return [];
    const seen = history.get(`${subnet.zone} ${rule.type}`) ?? NOTHING_SEEN;
    return { ...offerOf(ask, { subnet, market: 'spot', arch, priceUsd }), seen };
  });
  const view = viewOf(rule, all, null);
  if (rule.spotPolicy === 'spot' && (spot.length === 0 || !ask.hasFallback)) {
    return spot.length > 0 ? { rule: view, offers: spot } : blocked(rule, all, noSpot(rule));
  }
  const price = await priceOnDemand(ask, at, spot.length > 0);
  const cap = capOf({ ...rule, hasBudget: ask.hasBudget });
  const priceUsd = price.ok ? price.value : null;
  // What may be above the rule's price, or cost more than is left, is no offer.
  const isOut = priceUsd === null && cap !== null;
  if (isOut && spot.length === 0) {
    return blocked(rule, all, price.ok ? noPrice(rule, cap) : priceRefused(rule, cap, price));
  }
  const onDemand = (isOut ? [] : usable).map((subnet) =>
    offerOf(ask, { subnet, market: 'on-demand', arch, priceUsd }),
  );
  return { rule: view, offers: [...spot, ...onDemand] };
}

const NOTHING_SEEN = { reclaims: 0, hours: 0 } as const;
const NO_PRICES: ReadonlyMap<string, number> = new Map();

/** A spot machine does not wait for the price list: what is known of it will do. */
async function priceOnDemand(
  { catalogue, rule }: OfferAsk,
  at: At,
  hasSpot: boolean,
): Promise<Reply<number | null>> {
  if (hasSpot) return done(catalogue.onDemandPriceKnown(at, rule.type));
  return catalogue.onDemandPrice(at, rule.type);
}

function offerOf(
  { rule, exhausted }: OfferAsk,
  made: { subnet: SubnetFacts; market: Market; arch: Arch; priceUsd: number | null },
): Offer {
  const { subnet, market, arch, priceUsd } = made;
  const { region, type } = rule;
  const place = { region, zone: subnet.zone, subnet: subnet.id, type, market };
  const mark = exhausted
    .filter((one) => covers(one, place))
    .reduce<Exhausted | undefined>(
      (a, b) => (a === undefined || b.until > a.until ? b : a),
      undefined,
    );
  return {
    rule: rule.id,
    ...place,
    arch,
    priceUsd,
    exhaustedUntil: mark?.until ?? 0,
    exhaustedWhy: mark?.why ?? '',
    exhaustedSince: mark?.since ?? 0,
    isFallback: market === 'on-demand' && rule.spotPolicy === 'spot',
    seen: NOTHING_SEEN,
  };
}

/** No disk is smaller than the image on it. */
export const diskGbOf = ({ diskGb }: Pick<Rule, 'diskGb'>, imageGb: number): number =>
  Math.max(diskGb ?? DEFAULT_DISK_GB, imageGb);

/** What AWS has said of a rule's type and image so far. */
interface Known {
  readonly type: TypeFacts | null;
  readonly diskGb: number | null;
}

export const NOTHING_KNOWN: Known = { type: null, diskGb: null };

export const viewOf = (rule: Rule, { type, diskGb }: Known, why: Reason | null): RuleView => ({
  id: rule.id,
  type: rule.type,
  region: rule.region,
  max: rule.max,
  maxPriceUsd: rule.maxPriceUsd,
  labels: rule.labels,
  arch: type?.arch ?? null,
  machine: type && { vcpus: type.vcpus, memoryMib: type.memoryMib, gpus: type.gpus },
  markets: rule.spotPolicy === 'auto' ? MARKETS : [rule.spotPolicy],
  diskGb,
  image: rule.image,
  history: [],
  blocked: why,
});

const blocked = (rule: Rule, known: Known, why: Reason): Offered => ({
  rule: viewOf(rule, known, why),
  offers: [],
});
