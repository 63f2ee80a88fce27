import type { Market } from '../model/launch.ts';
import {
  type ImageRow,
  imageById,
  type SubnetRow,
  subnetRows,
  type TypeRow,
  typeRow,
  zonesWith,
} from './aws-catalogue.ts';

/** EC2's refusal; `status` is the HTTP status that it comes with. */
export interface Ec2Refusal {
  readonly ok: false;
  readonly code: string;
  readonly message: string;
  readonly status: number;
}

export type Answer<T> = { readonly ok: true; readonly value: T } | Ec2Refusal;

export const accept = <T>(value: T): Answer<T> => ({ ok: true, value });

export const refuse = (code: string, message: string, status = 400): Ec2Refusal => ({
  ok: false,
  code,
  message,
  status,
});

/** RunInstances, parsed; what the model does not need is only in `bytes`. */
export interface RunCall {
  readonly clientToken: string;
  /** All of the call but the token: what the token is bound to. */
  readonly bytes: string;
  readonly type: string;
  readonly imageId: string;
  readonly minCount: number;
  readonly maxCount: number;
  /** '' for either: EC2 chooses. */
  readonly subnet: string;
  readonly zone: string;
  readonly market: Market;
  readonly maxPriceUsd: number | null;
  readonly diskGb: number | null;
  readonly endsByPowerOff: boolean;
  readonly securityGroups: readonly string[];
  readonly tags: Readonly<Record<string, string>>;
  /** Decoded. */
  readonly userData: string;
  readonly isDryRun?: boolean;
}

/** A call whose every name was found. */
export interface CheckedRun {
  readonly type: TypeRow;
  readonly image: ImageRow;
  readonly subnet: SubnetRow;
}

const USER_DATA_LIMIT = 16_384;
const TOKEN_LIMIT = 64;

/** Shape first, then names, as a person would mend them; capacity and quota are the model's. */
export function checkRun(
  call: RunCall,
  region: string,
  hasGroup: (id: string) => boolean,
): Answer<CheckedRun> {
  if (!(call.minCount >= 1 && call.maxCount >= call.minCount)) {
    return refuse('InvalidParameterValue', 'MinCount must be from 1 to MaxCount');
  }
  if (call.clientToken.length > TOKEN_LIMIT) {
    return refuse('InvalidParameterValue', 'ClientToken is longer than 64 characters');
  }
  if (Buffer.byteLength(call.userData) > USER_DATA_LIMIT) {
    return refuse('InvalidUserData.Malformed', 'User data is limited to 16384 bytes');
  }
  const type = typeRow(call.type);
  if (!type) {
    return refuse('InvalidParameterValue', `Invalid value '${call.type}' for InstanceType.`);
  }
  const image = imageById(call.imageId, region);
  if (!image) {
    return refuse('InvalidAMIID.NotFound', `The image id '[${call.imageId}]' does not exist`);
  }
  if (image.arch !== type.arch) {
    return refuse(
      'InvalidParameterCombination',
      `The architecture of '${call.type}' does not match that of the specified AMI`,
    );
  }
  if (call.diskGb !== null && call.diskGb < image.sizeGb) {
    return refuse(
      'InvalidBlockDeviceMapping',
      `Volume of size ${call.diskGb}GB is smaller than snapshot, expect size >= ${image.sizeGb}GB`,
    );
  }
  const group = call.securityGroups.find((id) => !hasGroup(id));
  if (group) return refuse('InvalidGroup.NotFound', `The security group '${group}' does not exist`);
  return checkPlace(call, region, { type, image });
}

function checkPlace(
  call: RunCall,
  region: string,
  found: Omit<CheckedRun, 'subnet'>,
): Answer<CheckedRun> {
  const zones = zonesWith(found.type, region);
  const subnet = subnetRows(region).find(({ id, zone }) => {
    if (call.subnet) return id === call.subnet;
    return call.zone ? zone === call.zone : zones.includes(zone);
  });
  if (!subnet) {
    if (!call.subnet && !call.zone) return refuse('Unsupported', notOffered(call.type, region));
    return call.subnet
      ? refuse('InvalidSubnetID.NotFound', `The subnet ID '${call.subnet}' does not exist`)
      : refuse('InvalidParameterValue', `Invalid availability zone: [${call.zone}]`);
  }
  if (!zones.includes(subnet.zone))
    return refuse('Unsupported', notOffered(call.type, subnet.zone));
  if (call.market === 'spot' && !found.type.hasSpot) {
    return refuse('InvalidParameterValue', `Spot is not supported for '${call.type}'`);
  }
  return accept({ ...found, subnet });
}

const notOffered = (type: string, where: string): string =>
  `Your requested instance type (${type}) is not supported in your requested Availability Zone (${where}).`;
