import {
  type InstanceTypeInfo,
  paginateDescribeInstanceTypeOfferings,
  paginateDescribeInstanceTypes,
  paginateDescribeSpotPriceHistory,
  type SpotPrice,
} from '@aws-sdk/client-ec2';
import type { Arch } from '../model/launch.ts';
import { done, type Reply } from '../model/reply.ts';
import { allOf, type Calls } from './calls.ts';
import type { TypeFacts } from './port.ts';

export interface PriceRow {
  readonly type: string;
  readonly zone: string;
  readonly priceUsd: number;
}

/** What the types are and where they are offered. By filter: a name alone would fail the whole call. */
export async function types(
  calls: Calls,
  names: readonly string[],
): Promise<Reply<readonly TypeFacts[]>> {
  if (names.length === 0) return done([]);
  const Filters = [{ Name: 'instance-type', Values: [...names] }];
  const [infos, offerings] = await Promise.all([
    calls.ask((client, options) =>
      allOf(
        paginateDescribeInstanceTypes({ client }, { Filters }, options),
        (page) => page.InstanceTypes,
      ),
    ),
    calls.ask((client, options) =>
      allOf(
        paginateDescribeInstanceTypeOfferings(
          { client },
          { LocationType: 'availability-zone', Filters },
          options,
        ),
        (page) => page.InstanceTypeOfferings,
      ),
    ),
  ]);
  if (!infos.ok) return infos;
  if (!offerings.ok) return offerings;
  const zonesOf = (type: string): string[] =>
    offerings.value
      .flatMap(({ InstanceType, Location }) => (InstanceType === type ? (Location ?? []) : []))
      .sort();
  return done(infos.value.flatMap((info) => typeFacts(info, zonesOf) ?? []));
}

/** A thousand names or so: asked for when a name is not known, to say which ones are like it. */
export async function typeNames(calls: Calls): Promise<Reply<readonly string[]>> {
  const offerings = await calls.ask((client, options) =>
    allOf(
      paginateDescribeInstanceTypeOfferings({ client }, { LocationType: 'region' }, options),
      (page) => page.InstanceTypeOfferings,
    ),
  );
  if (!offerings.ok) return offerings;
  return done(offerings.value.flatMap(({ InstanceType }) => InstanceType ?? []).sort());
}

/** undefined for what cannot run our Linux machines, such as a Mac. */
function typeFacts(
  info: InstanceTypeInfo,
  zonesOf: (type: string) => readonly string[],
): TypeFacts | undefined {
  const { InstanceType: type, VCpuInfo, MemoryInfo, ProcessorInfo } = info;
  const arch = (ProcessorInfo?.SupportedArchitectures ?? [])
    .map(archOf)
    .find((one) => one !== undefined);
  const vcpus = VCpuInfo?.DefaultVCpus;
  const memoryMib = MemoryInfo?.SizeInMiB;
  if (type === undefined || arch === undefined || vcpus === undefined || memoryMib === undefined) {
    return undefined;
  }
  const hasSpot = (info.SupportedUsageClasses ?? []).includes('spot');
  return { type, arch, vcpus, memoryMib, gpus: gpusOf(info), hasSpot, zones: zonesOf(type) };
}

/** All of one kind: no type has several. */
function gpusOf({ GpuInfo }: InstanceTypeInfo): TypeFacts['gpus'] {
  const { Name: name, Count: count } = GpuInfo?.Gpus?.[0] ?? {};
  return name === undefined || count === undefined ? null : { name, count };
}

export function archOf(name: string | undefined): Arch | undefined {
  if (name === 'x86_64') return 'x64';
  return name === 'arm64' ? 'arm64' : undefined;
}

/** A time of now as the start gives the last price of each type and zone, and nothing older. */
export async function spotPrices(
  calls: Calls,
  names: readonly string[],
): Promise<Reply<readonly PriceRow[]>> {
  if (names.length === 0) return done([]);
  const answer = await calls.ask((client, options) =>
    allOf(
      paginateDescribeSpotPriceHistory(
        { client },
        {
          StartTime: new Date(),
          ProductDescriptions: ['Linux/UNIX'],
          Filters: [{ Name: 'instance-type', Values: [...names] }],
        },
        options,
      ),
      (page) => page.SpotPriceHistory,
    ),
  );
  return answer.ok ? done(newest(answer.value)) : answer;
}

/** One row for each type and zone: a change of price within the call's second gives two. */
function newest(history: readonly SpotPrice[]): PriceRow[] {
  const rows = new Map<string, PriceRow>();
  const byAge = [...history].sort(
    (a, b) => (a.Timestamp?.getTime() ?? 0) - (b.Timestamp?.getTime() ?? 0),
  );
  for (const { InstanceType: type, AvailabilityZone: zone, SpotPrice } of byAge) {
    const priceUsd = Number(SpotPrice);
    if (type === undefined || zone === undefined || !(priceUsd > 0)) continue;
    rows.set(`${type} ${zone}`, { type, zone, priceUsd });
  }
  return [...rows.values()];
}
