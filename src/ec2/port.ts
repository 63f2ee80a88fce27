import type { LaunchFailure } from '../model/aws-codes.ts';
import type { InstanceId, LaunchId } from '../model/ids.ts';
import type { Arch, Ec2State, LaunchRequest, Machine } from '../model/launch.ts';
import type { Reply } from '../model/reply.ts';
import type { Sighting } from '../store/port.ts';

// ec2: the few calls we make, in one account and region. Called by act; the sandbox keeps the same
// promises, held by one contract suite (test/ec2/contract.ts).

export type LaunchAnswer =
  | {
      readonly ok: true;
      readonly ownerAccount: string;
      readonly instances: readonly InstanceId[];
    }
  | {
      readonly ok: false;
      readonly failure: LaunchFailure;
      /** EC2's code, `InsufficientInstanceCapacity`. */
      readonly code: string;
      readonly message: string;
    };

export interface TypeFacts extends Machine {
  readonly type: string;
  readonly arch: Arch;
  readonly hasSpot: boolean;
  /** Zones of the region that offer it, sorted. */
  readonly zones: readonly string[];
}

export interface ImageFacts {
  readonly id: string;
  readonly arch: Arch;
  readonly rootDevice: string;
  readonly sizeGb: number;
}

export interface SubnetFacts {
  readonly id: string;
  readonly zone: string;
  readonly vpc: string;
}

export interface Ended {
  readonly id: InstanceId;
  /** `unknown`: EC2 does not know the id (yet, or any more). */
  readonly ec2: Ec2State;
}

export interface Ec2 {
  /** One call, no retries: the SDK would retry a lack of capacity, which is HTTP 500, in place. */
  launch(request: LaunchRequest): Promise<LaunchAnswer>;
  /** All instances with our app's tag, those just terminated included; every page. */
  list(app: string): Promise<Reply<readonly Sighting[]>>;
  listLaunch(launch: LaunchId): Promise<Reply<readonly Sighting[]>>;
  /** In batches; falls back to single calls, so that one bad id spoils nothing. */
  terminate(ids: readonly InstanceId[]): Promise<Reply<readonly Ended[]>>;
  /** Types that exist in the region; an unknown one is left out. */
  types(types: readonly string[]): Promise<Reply<readonly TypeFacts[]>>;
  /** Spot, Linux, $ an hour; `missing` where AWS has none is a row less. */
  spotPrices(
    types: readonly string[],
  ): Promise<
    Reply<readonly { readonly type: string; readonly zone: string; readonly priceUsd: number }[]>
  >;
  /** Every type that the region offers, sorted. */
  typeNames(): Promise<Reply<readonly string[]>>;
  /** Linux on shared hardware, $ an hour; null: the price list has no such row. */
  onDemandPrice(type: string): Promise<Reply<number | null>>;
  /** What the account may use of a quota at once, by its code; null: AWS has no such quota here. */
  vcpuQuota(code: string): Promise<Reply<number | null>>;
  /** `ubuntu-24.04`, `ami-…`, `ssm:/path`; see the rules file. */
  image(image: string, arch: Arch): Promise<Reply<ImageFacts>>;
  /** The given ones; for none, the default VPC's. Sorted by zone. */
  subnets(ids: readonly string[]): Promise<Reply<readonly SubnetFacts[]>>;
  /** Our group without ingress in that VPC, made once. */
  securityGroup(vpc: string): Promise<Reply<string>>;
  /** Deletes our groups of the region; answers their ids. */
  removeGroups(): Promise<Reply<readonly string[]>>;
}

/** What is tried with credentials, in one account and region, before they are kept. */
export interface Trial {
  /** `missing`: AWS has no such region. */
  regionState(): Promise<Reply<'enabled' | 'disabled'>>;
  /** Whether EC2 would take the launch; nothing is launched. */
  dryRun(request: LaunchRequest): Promise<Reply<null>>;
  /** Whether the account has the role that EC2 needs for spot machines. */
  hasSpotRole(): Promise<Reply<boolean>>;
  /** Writes a mark into a bucket, which must be that account's. */
  writeTo(of: { readonly bucket: string; readonly awsAccount: string }): Promise<Reply<null>>;
}

/** A proof as it comes from a machine: the signed parts of an STS GetCallerIdentity request. */
export interface Proof {
  readonly authorization: string;
  readonly date: string;
  readonly securityToken: string;
  readonly audience: string;
}

/** Whom STS sees behind a proof. `denied`: no valid signature, or for another audience. */
export interface Sts {
  callerOf(proof: Proof, region: string): Promise<Reply<{ readonly arn: string }>>;
}
