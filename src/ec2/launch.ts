import { RunInstancesCommand, type RunInstancesCommandInput } from '@aws-sdk/client-ec2';
import type { LaunchRequest } from '../model/launch.ts';
import type { Calls } from './calls.ts';
import { launchFailure } from './errors.ts';
import type { LaunchAnswer } from './port.ts';

/** Sends a launch once. A lost answer is `unknown`, and the same bytes may be sent again. */
export async function launch(calls: Calls, request: LaunchRequest): Promise<LaunchAnswer> {
  const command = new RunInstancesCommand(runInstancesInput(request));
  try {
    const answer = await calls.once((ec2, options) => ec2.send(command, options));
    const instances = (answer.Instances ?? []).flatMap(({ InstanceId: id }) => id ?? []);
    const ownerAccount = answer.OwnerId ?? '';
    if (instances.length > 0 && ownerAccount !== '') return { ok: true, ownerAccount, instances };
    return { ok: false, failure: 'unknown', code: 'EmptyAnswer', message: 'EC2 names no instance' };
  } catch (error) {
    return launchFailure(error);
  }
}

/** The form of RunInstances, from the request alone: the same request is the same bytes. */
export function runInstancesInput(request: LaunchRequest): RunInstancesCommandInput {
  const Tags = Object.entries(request.tags).map(([Key, Value]) => ({ Key, Value }));
  return {
    ClientToken: request.clientToken,
    // As many as there is room for; what is missing is launched by a later tick, somewhere else.
    MinCount: 1,
    MaxCount: request.count,
    ImageId: request.imageId,
    InstanceType: instanceType(request.type),
    // The subnet fixes the zone and says whether a machine gets a public address: on for the default
    // VPC's, off where someone made a private subnet with a way out of its own.
    SubnetId: request.subnet,
    SecurityGroupIds: [...request.securityGroups],
    UserData: Buffer.from(request.userData).toString('base64'),
    // The default is `stop`, and a stopped on-demand machine's disk is paid for ever.
    InstanceInitiatedShutdownBehavior: 'terminate',
    // Hop limit 1: containers on a bridge network do not reach the machine's identity.
    MetadataOptions: {
      HttpEndpoint: 'enabled',
      HttpTokens: 'required',
      HttpPutResponseHopLimit: 1,
    },
    BlockDeviceMappings: [
      {
        DeviceName: request.rootDevice,
        Ebs: {
          VolumeType: 'gp3',
          VolumeSize: request.diskGb,
          Encrypted: true,
          DeleteOnTermination: true,
        },
      },
    ],
    TagSpecifications: [
      { ResourceType: 'instance', Tags },
      { ResourceType: 'volume', Tags },
    ],
    ...(request.market === 'spot' && { InstanceMarketOptions: spotOptions(request.maxPriceUsd) }),
    // Burstable machines would otherwise buy CPU credits without a limit.
    ...(/^t\d/.test(request.type) && { CreditSpecification: { CpuCredits: 'standard' } }),
  };
}

/** Without a maximum EC2 takes the on-demand price, and a low one only makes interruptions likely. */
function spotOptions(
  maxPriceUsd: number | null,
): RunInstancesCommandInput['InstanceMarketOptions'] {
  return {
    MarketType: 'spot',
    SpotOptions: {
      SpotInstanceType: 'one-time',
      InstanceInterruptionBehavior: 'terminate',
      ...(maxPriceUsd !== null && { MaxPrice: String(maxPriceUsd) }),
    },
  };
}

/** The SDK lists the types of its day; EC2 is asked what there is. */
function instanceType(type: string): NonNullable<RunInstancesCommandInput['InstanceType']> {
  return type as NonNullable<RunInstancesCommandInput['InstanceType']>;
}
