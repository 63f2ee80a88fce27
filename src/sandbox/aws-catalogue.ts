import { createHash } from 'node:crypto';
import type { Arch } from '../model/launch.ts';

// What the sandbox's AWS offers: regions, types, images. Facts are those of the real types, the zones
// that lack a type are chosen so that each way of not being offered occurs.

export const SANDBOX_ACCOUNT = '123456789012';

/** Linux quotas are counted in vCPUs, one for each class and market. */
export type QuotaClass = 'standard' | 'g' | 'hpc';

export interface TypeRow {
  readonly type: string;
  readonly arch: Arch;
  readonly vcpus: number;
  readonly memoryMib: number;
  /** $ an hour, Linux, us-east-1. */
  readonly onDemandUsd: number;
  readonly quota: QuotaClass;
  readonly hasSpot: boolean;
  readonly gpu: string | null;
  /** Zones of our regions that do not have it. */
  readonly lackedBy: readonly string[];
}

export interface ImageRow {
  readonly name: string;
  readonly arch: Arch;
  /** The public SSM parameter that holds its id. */
  readonly parameter: string;
  readonly rootDevice: string;
  readonly sizeGb: number;
  readonly owner: string;
}

/** How much dearer than us-east-1 a region is, about. */
const REGIONS: Readonly<Record<string, { readonly zones: string; readonly dearer: number }>> = {
  'us-east-1': { zones: 'abcdef', dearer: 1 },
  'us-west-2': { zones: 'abcd', dearer: 1 },
  'eu-west-1': { zones: 'abc', dearer: 1.115 },
  'eu-central-1': { zones: 'abc', dearer: 1.2 },
};

export const REGION_NAMES: readonly string[] = Object.keys(REGIONS);

export const zonesOf = (region: string): readonly string[] =>
  [...(REGIONS[region]?.zones ?? '')].map((letter) => `${region}${letter}`);

export const regionOf = (zone: string): string => zone.replace(/[a-z]$/, '');

const TYPES: readonly TypeRow[] = [
  row('t3.medium', 2, 4, 0.0416),
  row('t3.large', 2, 8, 0.0832),
  row('m5.large', 2, 8, 0.096),
  row('m5.xlarge', 4, 16, 0.192),
  row('m5.2xlarge', 8, 32, 0.384),
  row('m5.4xlarge', 16, 64, 0.768),
  row('m6i.large', 2, 8, 0.096, { lackedBy: ['us-east-1e'] }),
  row('m6i.xlarge', 4, 16, 0.192, { lackedBy: ['us-east-1e'] }),
  row('m7i-flex.large', 2, 8, 0.09576, { lackedBy: ['us-east-1e', 'us-west-2d'] }),
  row('m7i.xlarge', 4, 16, 0.2016, { lackedBy: ['us-east-1e', 'us-west-2d'] }),
  row('m7i.2xlarge', 8, 32, 0.4032, { lackedBy: ['us-east-1e', 'us-west-2d'] }),
  row('c5.xlarge', 4, 8, 0.17),
  row('c6a.xlarge', 4, 8, 0.153, { lackedBy: ['us-east-1e'] }),
  row('c6i.xlarge', 4, 8, 0.17, { lackedBy: ['us-east-1e'] }),
  row('c7i.xlarge', 4, 8, 0.1785, { lackedBy: ['us-east-1e', 'us-west-2d'] }),
  row('c7i.2xlarge', 8, 16, 0.357, { lackedBy: ['us-east-1e', 'us-west-2d'] }),
  row('c7g.xlarge', 4, 8, 0.145, { arch: 'arm64', lackedBy: ['us-east-1e', 'us-west-2d'] }),
  row('m7g.large', 2, 8, 0.0816, { arch: 'arm64', lackedBy: ['us-east-1e', 'us-west-2d'] }),
  row('m7g.xlarge', 4, 16, 0.1632, { arch: 'arm64', lackedBy: ['us-east-1e', 'us-west-2d'] }),
  row('r6i.large', 2, 16, 0.126, { lackedBy: ['us-east-1e'] }),
  row('g4dn.xlarge', 4, 16, 0.526, { quota: 'g', gpu: 'T4', lackedBy: ['us-east-1e'] }),
  row('g5.xlarge', 4, 16, 1.006, {
    quota: 'g',
    gpu: 'A10G',
    lackedBy: ['us-east-1e', 'us-west-2d', 'eu-central-1c'],
  }),
  row('hpc7g.4xlarge', 16, 128, 1.683, {
    arch: 'arm64',
    quota: 'hpc',
    hasSpot: false,
    lackedBy: ['us-west-2', 'eu-west-1', 'eu-central-1'].flatMap(zonesOf),
  }),
];

function row(
  ...[type, vcpus, memoryGib, onDemandUsd, more]: readonly [
    type: string,
    vcpus: number,
    memoryGib: number,
    onDemandUsd: number,
    more?: Partial<TypeRow>,
  ]
): TypeRow {
  const plain = { arch: 'x64', quota: 'standard', hasSpot: true, gpu: null, lackedBy: [] } as const;
  return { type, vcpus, memoryMib: memoryGib * 1024, onDemandUsd, ...plain, ...more };
}

export const typeRows = (): readonly TypeRow[] => TYPES;

export const typeRow = (type: string): TypeRow | undefined =>
  TYPES.find((candidate) => candidate.type === type);

/** Zones of the region that have the type, sorted. */
export const zonesWith = (type: TypeRow, region: string): readonly string[] =>
  zonesOf(region).filter((zone) => !type.lackedBy.includes(zone));

export const onDemandUsd = (type: TypeRow, region: string): number =>
  round(type.onDemandUsd * (REGIONS[region]?.dearer ?? 1));

/** 30 to 60 % of the on-demand price; `drawn` is in [0, 1). */
export const spotUsd = (type: TypeRow, zone: string, drawn: number): number =>
  round(onDemandUsd(type, regionOf(zone)) * (0.3 + 0.3 * drawn));

/** AWS gives prices with at most six decimals. */
const round = (usd: number): number => Math.round(usd * 1e6) / 1e6;

const CANONICAL = '099720109477';
const AMAZON = '137112412989';
const UBUNTU = '/aws/service/canonical/ubuntu/server/24.04/stable/current';
const AL2023 = '/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default';
const DEEP_LEARNING = '/aws/service/deeplearning/ami';

export const IMAGES: readonly ImageRow[] = (['x64', 'arm64'] as const).flatMap((arch) => [
  {
    name: 'ubuntu-24.04',
    arch,
    parameter: `${UBUNTU}/${arch === 'x64' ? 'amd64' : 'arm64'}/hvm/ebs-gp3/ami-id`,
    rootDevice: '/dev/sda1',
    sizeGb: 8,
    owner: CANONICAL,
  },
  {
    name: 'al2023',
    arch,
    parameter: `${AL2023}-${arch === 'x64' ? 'x86_64' : 'arm64'}`,
    rootDevice: '/dev/xvda',
    sizeGb: 8,
    owner: AMAZON,
  },
  {
    name: 'ubuntu-24.04-gpu',
    arch,
    parameter: `${DEEP_LEARNING}/${arch === 'x64' ? 'x86_64' : 'arm64'}/base-oss-nvidia-driver-gpu-ubuntu-24.04/latest/ami-id`,
    rootDevice: '/dev/sda1',
    sizeGb: 75,
    owner: AMAZON,
  },
]);

/** The name of the rules file, or `ssm:` and the parameter's path. */
export const imageRow = (image: string, arch: Arch): ImageRow | undefined =>
  image.startsWith('ssm:')
    ? IMAGES.find((row) => row.parameter === image.slice(4))
    : IMAGES.find((row) => row.name === image && row.arch === arch);

export const imageId = (image: ImageRow, region: string): string =>
  `ami-0${hex(`${region} ${image.parameter}`, 16)}`;

export const imageById = (id: string, region: string): ImageRow | undefined =>
  IMAGES.find((row) => imageId(row, region) === id);

export interface SubnetRow {
  readonly id: string;
  readonly zone: string;
  readonly vpc: string;
}

export const defaultVpc = (region: string): string => `vpc-0${hex(`vpc ${region}`, 16)}`;

/** The default VPC has one default subnet in each zone. */
export const subnetRows = (region: string): readonly SubnetRow[] =>
  zonesOf(region).map((zone) => ({
    id: `subnet-0${hex(`subnet ${zone}`, 16)}`,
    zone,
    vpc: defaultVpc(region),
  }));

const hex = (text: string, digits: number): string =>
  createHash('sha256').update(text).digest('hex').slice(0, digits);
