import type { Accounts } from '../accounts/port.ts';
import type { Ec2, ImageFacts, SubnetFacts, TypeFacts } from '../ec2/port.ts';
import { createCache } from '../lib/cache.ts';
import type { Clock } from '../lib/clock.ts';
import type { Arch, Place, SpotHistory } from '../model/launch.ts';
import { done, type Reply } from '../model/reply.ts';
import type { Store } from '../store/port.ts';
import { type Ages, createAwsMemory, type Question } from './aws-memory.ts';

/** What AWS says of types, prices, quotas, images and networks, and what its spot machines did. */
export interface Catalogue {
  /** null: the region has no such type. */
  type(at: At, type: string): Promise<Reply<TypeFacts | null>>;
  /** $ an hour by zone; a zone without a price has no spot market for the type. */
  prices(at: At, type: string): Promise<Reply<ReadonlyMap<string, number>>>;
  /** Every type that the region offers. */
  typeNames(at: At): Promise<Reply<readonly string[]>>;
  /** $ an hour on demand; null: the price list has none. */
  onDemandPrice(at: At, type: string): Promise<Reply<number | null>>;
  /** The same without waiting: null also while it is being asked for, to be known another time. */
  onDemandPriceKnown(at: At, type: string): number | null;
  /** What a machine would cost now, on demand at most, without waiting; null: it is not known. */
  priceKnown(at: At, of: Pick<Place, 'zone' | 'type' | 'market'>): number | null;
  /** vCPUs, by the code of Service Quotas; null: AWS has no such quota. */
  vcpuQuota(at: At, code: string): Promise<Reply<number | null>>;
  /** The same without waiting: undefined while it is not known. */
  vcpuQuotaKnown(at: At, code: string): number | null | undefined;
  image(at: At, image: string, arch: Arch): Promise<Reply<ImageFacts>>;
  subnets(at: At, ids: readonly string[]): Promise<Reply<readonly SubnetFacts[]>>;
  securityGroup(at: At, vpc: string): Promise<Reply<string>>;
  /** What our own spot machines of a type did in a zone, by `zone type`. */
  spotHistory(at: At): Promise<ReadonlyMap<string, SpotHistory>>;
  /** EC2 refused something that we remembered as good: ask again. */
  forget(at: At): void;
  /** Asks anew, before it is due, for what is in use. */
  refresh(): Promise<void>;
}

/** One account's view of one region. */
export interface At {
  readonly account: string;
  readonly region: string;
}

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;

const ages = (freshMs: number, staleMs: number): Ages => ({ freshMs, staleMs });
const AGES = {
  type: ages(12 * HOUR_MS, 7 * DAY_MS),
  prices: ages(10 * MINUTE_MS, HOUR_MS),
  typeNames: ages(12 * HOUR_MS, 12 * HOUR_MS),
  onDemandPrice: ages(DAY_MS, 7 * DAY_MS),
  // Asked for by a person who may just have had it raised.
  vcpuQuota: ages(10 * MINUTE_MS, 10 * MINUTE_MS),
  image: ages(HOUR_MS, DAY_MS),
  subnets: ages(10 * MINUTE_MS, HOUR_MS),
  securityGroup: ages(12 * HOUR_MS, DAY_MS),
} as const;

/** Reclaims change with the season of the market: older ones say little. */
const HISTORY_MS = 14 * DAY_MS;
const HISTORY_AGE_MS = 10 * MINUTE_MS;
const MOST_ACCOUNTS = 1_000;

export interface CatalogueDeps {
  readonly accounts: Accounts;
  readonly clock: Clock;
  readonly store: Pick<Store, 'fact' | 'saveFact' | 'spotHistory'>;
}

export function createCatalogue(deps: CatalogueDeps): Catalogue {
  const memory = createAwsMemory(deps);
  const ec2 = ({ account, region }: At): Ec2 => deps.accounts.ec2(account, region);
  const prefixOf = ({ account, region }: At): string => `${account}|${region}|`;
  const question = <T>(
    of: { readonly kind: keyof typeof AGES; readonly at: At; readonly by?: readonly string[] },
    ask: (ec2: Ec2) => Promise<Reply<T>>,
  ): Question<T> => {
    const { kind, at, by = [] } = of;
    const key = `${prefixOf(at)}${[kind, ...by].join('|')}`;
    return { key, ages: AGES[kind], ask: () => ask(ec2(at)) };
  };
  const onDemand = (at: At, type: string) =>
    question({ kind: 'onDemandPrice', at, by: [type] }, (one) => one.onDemandPrice(type));
  const spot = (at: At, type: string) =>
    question({ kind: 'prices', at, by: [type] }, (one) => one.spotPrices([type]));
  const vcpuQuota = (at: At, code: string) =>
    question({ kind: 'vcpuQuota', at, by: [code] }, (one) => one.vcpuQuota(code));
  const recall = <T>(...asked: Parameters<typeof question<T>>) => memory.recall(question(...asked));

  return {
    type: (at, type) =>
      recall({ kind: 'type', at, by: [type] }, async (one) => {
        const reply = await one.types([type]);
        return reply.ok ? done(reply.value[0] ?? null) : reply;
      }),
    async prices(at, type) {
      const reply = await memory.recall(spot(at, type));
      return reply.ok ? done(new Map(reply.value.map((row) => [row.zone, row.priceUsd]))) : reply;
    },
    typeNames: (at) => recall({ kind: 'typeNames', at }, (one) => one.typeNames()),
    onDemandPrice: (at, type) => memory.recall(onDemand(at, type)),
    onDemandPriceKnown: (at, type) => memory.peek(onDemand(at, type)) ?? null,
    priceKnown(at, { zone, type, market }) {
      const prices = market === 'spot' ? memory.peek(spot(at, type)) : undefined;
      const its = prices?.find((row) => row.zone === zone)?.priceUsd;
      return its ?? memory.peek(onDemand(at, type)) ?? null;
    },
    vcpuQuota: (at, code) => memory.recall(vcpuQuota(at, code)),
    vcpuQuotaKnown: (at, code) => memory.peek(vcpuQuota(at, code)),
    image: (at, image, arch) =>
      recall({ kind: 'image', at, by: [image, arch] }, (one) => one.image(image, arch)),
    subnets: (at, ids) => recall({ kind: 'subnets', at, by: ids }, (one) => one.subnets(ids)),
    securityGroup: (at, vpc) =>
      recall({ kind: 'securityGroup', at, by: [vpc] }, (one) => one.securityGroup(vpc)),
    spotHistory: createHistory(deps),
    forget: (at) => memory.forget(prefixOf(at)),
    refresh: () => memory.refresh(),
  };
}

function createHistory({ store, clock }: CatalogueDeps): Catalogue['spotHistory'] {
  type Seen = ReadonlyMap<string, SpotHistory>;
  const known = createCache<Seen>(clock, MOST_ACCOUNTS);
  return async ({ account, region }) => {
    const key = `${account} ${region}`;
    const before = known.get(key, HISTORY_AGE_MS);
    if (before) return before;
    const now = clock.now();
    const records = await store.spotHistory(account, { since: now - HISTORY_MS, now });
    const its = records.filter((one) => one.region === region);
    const seen = new Map(
      its.map(({ zone, type, reclaims, ms }) => [
        `${zone} ${type}`,
        { reclaims, hours: ms / HOUR_MS },
      ]),
    );
    known.set(key, seen);
    return seen;
  };
}
