import type { Accounts } from '../accounts/port.ts';
import type { Ec2, ImageFacts, SubnetFacts, TypeFacts } from '../ec2/port.ts';
import { createCache } from '../lib/cache.ts';
import type { Clock, Instant } from '../lib/clock.ts';
import type { Arch } from '../model/launch.ts';
import type { Refused, Reply } from '../model/reply.ts';

/**
 * What AWS says of types, prices, images and networks, remembered with ages: between a webhook and
 * its launch nothing is asked once the memory is warm. A refusal is remembered shortly, so that a
 * sick account is not asked at every tick.
 */
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
  /** vCPUs, by the code of Service Quotas; null: AWS has no such quota. */
  vcpuQuota(at: At, code: string): Promise<Reply<number | null>>;
  image(at: At, image: string, arch: Arch): Promise<Reply<ImageFacts>>;
  subnets(at: At, ids: readonly string[]): Promise<Reply<readonly SubnetFacts[]>>;
  securityGroup(at: At, vpc: string): Promise<Reply<string>>;
  /** EC2 refused something that we remembered as good: ask again. */
  forget(at: At): void;
  /** Asks anew for what is in use and more than half way to too old. */
  refresh(): Promise<void>;
}

/** One account's view of one region. */
export interface At {
  readonly account: string;
  readonly region: string;
}

const MINUTE_MS = 60_000;
const MAX_AGE_MS = {
  type: 12 * 60 * MINUTE_MS,
  prices: 10 * MINUTE_MS,
  typeNames: 12 * 60 * MINUTE_MS,
  onDemandPrice: 24 * 60 * MINUTE_MS,
  vcpuQuota: 10 * MINUTE_MS,
  image: 60 * MINUTE_MS,
  subnets: 10 * MINUTE_MS,
  securityGroup: 12 * 60 * MINUTE_MS,
} as const;
type Kind = keyof typeof MAX_AGE_MS;

const REFUSAL_AGE_MS = 15_000;
const MOST_ENTRIES = 5_000;

interface Known {
  readonly kind: Kind;
  readonly ask: () => Promise<Reply<unknown>>;
  readonly value: unknown;
}

export function createCatalogue(deps: { accounts: Accounts; clock: Clock }): Catalogue {
  const known = createCache<Known>(deps.clock, MOST_ENTRIES);
  const refusals = createCache<Refused>(deps.clock, MOST_ENTRIES);
  const usedAt = new Map<string, Instant>();
  const underWay = new Map<string, Promise<Reply<unknown>>>();

  /** One question at a time for each key; the answer is kept by kind. */
  function ask(key: string, kind: Kind, call: () => Promise<Reply<unknown>>) {
    const running = underWay.get(key);
    if (running) return running;
    const work = call()
      .then((reply) => {
        if (reply.ok) known.set(key, { kind, ask: call, value: reply.value });
        else refusals.set(key, reply);
        return reply;
      })
      .finally(() => underWay.delete(key));
    underWay.set(key, work);
    return work;
  }

  async function recall<T>(
    what: { key: string; kind: Kind },
    call: () => Promise<Reply<T>>,
  ): Promise<Reply<T>> {
    const { key, kind } = what;
    usedAt.set(key, deps.clock.now());
    const entry = known.get(key, MAX_AGE_MS[kind]);
    // The key names the kind and its arguments, so what is under it has the type that `call` gives.
    if (entry) return { ok: true, value: entry.value as T };
    const refusal = refusals.get(key, REFUSAL_AGE_MS);
    if (refusal) return refusal;
    return (await ask(key, kind, call)) as Reply<T>;
  }

  const ec2 = ({ account, region }: At): Ec2 => deps.accounts.ec2(account, region);
  const keyOf = (kind: Kind, at: At, ...rest: readonly string[]) => ({
    key: [at.account, at.region, kind, ...rest].join('|'),
    kind,
  });
  const onDemandPrice = (at: At, type: string) =>
    recall(keyOf('onDemandPrice', at, type), () => ec2(at).onDemandPrice(type));

  return {
    type: (at, type) =>
      recall(keyOf('type', at, type), async () => {
        const reply = await ec2(at).types([type]);
        return reply.ok ? { ok: true, value: reply.value[0] ?? null } : reply;
      }),
    prices: (at, type) =>
      recall(keyOf('prices', at, type), async () => {
        const reply = await ec2(at).spotPrices([type]);
        if (!reply.ok) return reply;
        return { ok: true, value: new Map(reply.value.map((row) => [row.zone, row.priceUsd])) };
      }),
    typeNames: (at) => recall(keyOf('typeNames', at), () => ec2(at).typeNames()),
    onDemandPrice,
    onDemandPriceKnown(at, type) {
      const { key, kind } = keyOf('onDemandPrice', at, type);
      const entry = known.get(key, MAX_AGE_MS[kind]);
      // A bug in it is for whoever waits for the same question.
      onDemandPrice(at, type).catch(() => undefined);
      return entry ? (entry.value as number | null) : null;
    },
    vcpuQuota: (at, code) => recall(keyOf('vcpuQuota', at, code), () => ec2(at).vcpuQuota(code)),
    image: (at, image, arch) =>
      recall(keyOf('image', at, image, arch), () => ec2(at).image(image, arch)),
    subnets: (at, ids) => recall(keyOf('subnets', at, ...ids), () => ec2(at).subnets(ids)),
    securityGroup: (at, vpc) =>
      recall(keyOf('securityGroup', at, vpc), () => ec2(at).securityGroup(vpc)),
    forget(at) {
      for (const key of known.olderThan(0)) {
        if (key.startsWith(`${at.account}|${at.region}|`)) known.delete(key);
      }
    },
    async refresh() {
      for (const kind of Object.keys(MAX_AGE_MS) as Kind[]) {
        for (const key of known.olderThan(MAX_AGE_MS[kind] / 2)) {
          const entry = known.get(key, Number.POSITIVE_INFINITY);
          if (entry?.kind !== kind) continue;
          const isUsed = deps.clock.now() - (usedAt.get(key) ?? 0) < MAX_AGE_MS[kind];
          if (isUsed) await ask(key, kind, entry.ask);
          else {
            known.delete(key);
            usedAt.delete(key);
          }
        }
      }
    },
  };
}
