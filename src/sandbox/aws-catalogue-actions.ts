import { isoOf } from '../lib/instant.ts';
import type { Arch } from '../model/launch.ts';
import {
  defaultVpc,
  IMAGES,
  imageId,
  REGION_NAMES,
  subnetRows,
  type TypeRow,
  typeRows,
  zonesWith,
} from './aws-catalogue.ts';
import { type Form, filterRows, listOf } from './aws-form.ts';
import type { Xml, XmlFields } from './aws-xml.ts';
import { type Answer, accept, refuse } from './ec2-launch.ts';
import type { Ec2Model } from './ec2-model.ts';

export interface ActionCall {
  readonly model: Ec2Model;
  readonly region: string;
  readonly form: Form;
  readonly now: number;
}

export type Action = (call: ActionCall) => Answer<XmlFields>;

export const CATALOGUE_ACTIONS: Readonly<Record<string, Action>> = {
  DescribeInstanceTypes: look('DescribeInstanceTypes', describeTypes),
  DescribeInstanceTypeOfferings: look('DescribeInstanceTypeOfferings', describeOfferings),
  DescribeSpotPriceHistory: look('DescribeSpotPriceHistory', describePrices),
  DescribeImages: look('DescribeImages', describeImages),
  DescribeSubnets: look('DescribeSubnets', describeSubnets),
  DescribeRegions: look('DescribeRegions', describeRegions),
  DescribeVpcs: look('DescribeVpcs', describeVpcs),
  DescribeSecurityGroups: look('DescribeSecurityGroups', describeGroups),
};

/** A question to the catalogue: counted and limited like any call, then answered from tables. */
function look(name: string, answer: Action): Action {
  return (call) => call.model.enter(call.region, name) ?? answer(call);
}

export const archXml = (arch: Arch): string => (arch === 'x64' ? 'x86_64' : 'arm64');

/** The rows of these ids, or EC2's refusal for the first that it does not have; for no ids, all. */
function named<T extends { readonly id: string }>(
  rows: readonly T[],
  ids: readonly string[],
  code: string,
): Answer<readonly T[]> {
  const missing = ids.find((id) => !rows.some((row) => row.id === id));
  if (missing !== undefined) return refuse(code, `'${missing}' does not exist`);
  return accept(ids.length === 0 ? rows : rows.filter(({ id }) => ids.includes(id)));
}

const offered = (region: string): readonly TypeRow[] =>
  typeRows().filter((row) => zonesWith(row, region).length > 0);

function describeTypes({ region, form }: ActionCall): Answer<XmlFields> {
  const types = offered(region).map((row) => ({ ...row, id: row.type }));
  const all = named(types, listOf(form, 'InstanceType'), 'InvalidInstanceType');
  if (!all.ok) return all;
  const rows = filterRows(form, all.value, {
    'instance-type': ({ type }) => type,
    'processor-info.supported-architecture': ({ arch }) => archXml(arch),
  });
  return rows.ok ? accept({ instanceTypeSet: rows.value.map(typeXml) }) : rows;
}

const typeXml = (row: TypeRow): XmlFields => ({
  instanceType: row.type,
  currentGeneration: true,
  supportedUsageClasses: row.hasSpot ? ['on-demand', 'spot'] : ['on-demand'],
  processorInfo: { supportedArchitectures: [archXml(row.arch)] },
  vCpuInfo: { defaultVCpus: row.vcpus },
  memoryInfo: { sizeInMiB: row.memoryMib },
  gpuInfo: row.gpu === null ? undefined : { gpus: [{ name: row.gpu, count: 1 }] },
});

function describeOfferings({ region, form }: ActionCall): Answer<XmlFields> {
  const isByZone = form.get('LocationType') === 'availability-zone';
  const places = offered(region).flatMap(({ type, ...row }) =>
    (isByZone ? zonesWith({ type, ...row }, region) : [region]).map((place) => ({ type, place })),
  );
  const rows = filterRows(form, places, {
    'instance-type': ({ type }) => type,
    location: ({ place }) => place,
  });
  if (!rows.ok) return rows;
  const locationType = isByZone ? 'availability-zone' : 'region';
  return accept({
    instanceTypeOfferingSet: rows.value.map(({ type, place }) => ({
      instanceType: type,
      locationType,
      location: place,
    })),
  });
}

/** The price of now alone, which is what a start time of now asks for. */
function describePrices({ model, region, form, now }: ActionCall): Answer<XmlFields> {
  const names = listOf(form, 'InstanceType');
  const places = offered(region)
    .filter(({ type, hasSpot }) => hasSpot && (names.length === 0 || names.includes(type)))
    .flatMap((row) => zonesWith(row, region).map((zone) => ({ type: row.type, zone })));
  const rows = filterRows(form, places, {
    'instance-type': ({ type }) => type,
    'availability-zone': ({ zone }) => zone,
    'product-description': () => 'Linux/UNIX',
  });
  if (!rows.ok) return rows;
  return accept({
    spotPriceHistorySet: rows.value.map(({ type, zone }) => ({
      instanceType: type,
      productDescription: 'Linux/UNIX',
      spotPrice: model.spotPriceUsd(type, zone).toFixed(6),
      timestamp: isoOf(now),
      availabilityZone: zone,
    })),
    nextToken: '',
  });
}

function describeImages({ region, form }: ActionCall): Answer<XmlFields> {
  const all = IMAGES.map((row) => ({ ...row, id: imageId(row, region) }));
  const images = named(all, listOf(form, 'ImageId'), 'InvalidAMIID.NotFound');
  return images.ok ? accept({ imagesSet: images.value.map(imageXml) }) : images;
}

const imageXml = ({ id, ...row }: (typeof IMAGES)[number] & { readonly id: string }): Xml => ({
  imageId: id,
  imageState: 'available',
  imageOwnerId: row.owner,
  name: row.name,
  architecture: archXml(row.arch),
  rootDeviceType: 'ebs',
  rootDeviceName: row.rootDevice,
  blockDeviceMapping: [{ deviceName: row.rootDevice, ebs: { volumeSize: row.sizeGb } }],
});

function describeSubnets({ region, form }: ActionCall): Answer<XmlFields> {
  const all = named(subnetRows(region), listOf(form, 'SubnetId'), 'InvalidSubnetID.NotFound');
  if (!all.ok) return all;
  const rows = filterRows(form, all.value, {
    'default-for-az': () => 'true',
    'availability-zone': ({ zone }) => zone,
    'vpc-id': ({ vpc }) => vpc,
    'subnet-id': ({ id }) => id,
  });
  if (!rows.ok) return rows;
  return accept({
    subnetSet: rows.value.map(({ id, zone, vpc }) => ({
      subnetId: id,
      state: 'available',
      vpcId: vpc,
      availabilityZone: zone,
      defaultForAz: true,
      mapPublicIpOnLaunch: true,
      availableIpAddressCount: 4_091,
    })),
  });
}

/** All of ours are enabled. */
function describeRegions({ form }: ActionCall): Answer<XmlFields> {
  const rows = REGION_NAMES.map((id) => ({ id }));
  const all = named(rows, listOf(form, 'RegionName'), 'InvalidParameterValue');
  if (!all.ok) return all;
  const regionInfo = all.value.map(({ id }) => ({
    regionName: id,
    regionEndpoint: `ec2.${id}.amazonaws.com`,
    optInStatus: 'opt-in-not-required',
  }));
  return accept({ regionInfo });
}

function describeVpcs({ region, form }: ActionCall): Answer<XmlFields> {
  const rows = filterRows(form, [defaultVpc(region)], {
    'is-default': () => 'true',
    isDefault: () => 'true',
    'vpc-id': (vpc) => vpc,
  });
  if (!rows.ok) return rows;
  const vpcSet = rows.value.map((vpcId) => ({ vpcId, state: 'available', isDefault: true }));
  return accept({ vpcSet });
}

function describeGroups({ model, region, form }: ActionCall): Answer<XmlFields> {
  const all = named(model.groups(region), listOf(form, 'GroupId'), 'InvalidGroup.NotFound');
  if (!all.ok) return all;
  const rows = filterRows(form, all.value, {
    'group-name': ({ name }) => name,
    'group-id': ({ id }) => id,
    'vpc-id': ({ vpc }) => vpc,
  });
  if (!rows.ok) return rows;
  return accept({
    securityGroupInfo: rows.value.map(({ id, name, description, vpc }) => ({
      ownerId: model.account,
      groupId: id,
      groupName: name,
      groupDescription: description,
      vpcId: vpc,
      ipPermissions: [],
    })),
  });
}
