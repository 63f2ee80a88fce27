import type { Ec2, Trial } from '../ec2/port.ts';
import type { LaunchRequest } from '../model/launch.ts';
import type { Refused } from '../model/reply.ts';
import type { Check } from './port.ts';

// What is looked at before credentials are kept: one line for each thing, and what mends it. A thing
// that AWS would not let us look at is no failure: the line says so.

export interface CheckDeps {
  readonly ec2: Pick<Ec2, 'image' | 'subnets' | 'vcpuQuota'>;
  readonly trial: Trial;
}

export interface CheckInput {
  readonly awsAccount: string;
  /** Of the caller. */
  readonly arn: string;
  readonly region: string;
  readonly bucket: string | null;
  /** The tags that a launch would carry. */
  readonly tags: LaunchRequest['tags'];
}

export const POLICY_FIX = 'dstack aws policy prints the least policy that works; attach it';
const SPOT_ROLE_FIX =
  'aws iam create-service-linked-role --aws-service-name spot.amazonaws.com, once for the account';
/** Of standard machines (A, C, D, H, I, M, R, T, Z), counted in vCPUs. */
const SPOT_QUOTA = 'L-34B43A08';
const TRY_TYPE = 'm5.large';
/** Newest first; the one that rules take when they name none comes first. */
const TRY_IMAGES = ['ubuntu-24.04', 'al2023'];
const TRY_DISK_GB = 30;

/** All of them, also after a failure: people mend everything in one go. */
export async function checkAccount(deps: CheckDeps, input: CheckInput): Promise<readonly Check[]> {
  const { awsAccount, arn, bucket } = input;
  const identity: Check = { name: 'identity', ok: true, text: `AWS account ${awsAccount}, ${arn}` };
  const region = await checkRegion(deps, input);
  // In a region that is closed every other answer would be about that.
  if (!region.ok) return [identity, region];
  const rest = await Promise.all([
    checkLaunch(deps, input),
    checkSpotRole(deps),
    checkQuota(deps, input),
    ...(bucket === null ? [] : [checkBucket(deps, { bucket, awsAccount })]),
  ]);
  return [identity, region, ...rest];
}

const unseen = (name: Check['name'], { code, message }: Refused): Check => ({
  name,
  ok: true,
  text: `could not be looked at (${code}: ${message})`,
});

async function checkRegion({ trial }: CheckDeps, { region }: CheckInput): Promise<Check> {
  const name = 'region';
  const state = await trial.regionState();
  if (state.ok && state.value === 'enabled')
    return { name, ok: true, text: `${region} is enabled` };
  if (state.ok) {
    const fix = `aws account enable-region --region-name ${region}, which takes minutes; or choose another`;
    return { name, ok: false, text: `${region} is not enabled for this account`, fix };
  }
  if (state.code === 'NoSuchRegion' || state.code === 'InvalidParameterValue') {
    const fix = 'write a region as AWS does, such as eu-west-1';
    return { name, ok: false, text: `AWS has no region ${region}`, fix };
  }
  return unseen(name, state);
}

async function checkLaunch({ ec2, trial }: CheckDeps, input: CheckInput): Promise<Check> {
  const name = 'launch';
  const subnets = await ec2.subnets([]);
  if (!subnets.ok && subnets.reason === 'missing') {
    const text = 'not tried: the region has no default VPC; rules must name subnets';
    return { name, ok: true, text };
  }
  if (!subnets.ok) return refused(name, subnets);
  const image = await anImage(ec2);
  if (!image.ok) return refused(name, image);
  const [subnet] = subnets.value;
  const answer = await trial.dryRun({
    clientToken: `check-${input.awsAccount}`,
    count: 1,
    region: input.region,
    zone: subnet?.zone ?? '',
    subnet: subnet?.id ?? '',
    type: TRY_TYPE,
    market: 'spot',
    maxPriceUsd: null,
    imageId: image.value.id,
    rootDevice: image.value.rootDevice,
    diskGb: Math.max(TRY_DISK_GB, image.value.sizeGb),
    securityGroups: [],
    tags: input.tags,
    userData: '#!/bin/sh\n',
  });
  if (!answer.ok) return refused(name, answer);
  return { name, ok: true, text: `a spot ${TRY_TYPE} may be launched (dry run)` };
}

function refused(name: Check['name'], answer: Refused): Check {
  const { reason, code, message } = answer;
  // A quota or a moment without room is no fault of the credentials.
  if (reason !== 'denied' && reason !== 'invalid' && reason !== 'missing') {
    return unseen(name, answer);
  }
  const fix = reason === 'denied' ? { fix: POLICY_FIX } : {};
  return { name, ok: false, text: `${code}: ${message}`, ...fix };
}

async function anImage(ec2: CheckDeps['ec2']) {
  let answer = await ec2.image(TRY_IMAGES[0] ?? '', 'x64');
  for (const image of TRY_IMAGES.slice(1)) {
    if (answer.ok || answer.reason === 'denied') break;
    answer = await ec2.image(image, 'x64');
  }
  return answer;
}

async function checkSpotRole({ trial }: CheckDeps): Promise<Check> {
  const name = 'spot role';
  const has = await trial.hasSpotRole();
  if (!has.ok) return unseen(name, has);
  if (has.value) return { name, ok: true, text: 'the role for spot machines is there' };
  return { name, ok: false, text: 'the account lacks the role for spot', fix: SPOT_ROLE_FIX };
}

async function checkQuota({ ec2 }: CheckDeps, { region }: CheckInput): Promise<Check> {
  const name = 'quota';
  const quota = await ec2.vcpuQuota(SPOT_QUOTA);
  if (!quota.ok) return unseen(name, quota);
  if (quota.value === null)
    return { name, ok: true, text: `AWS names no quota ${SPOT_QUOTA} here` };
  const text = `${quota.value} vCPUs of standard spot machines in ${region} (${SPOT_QUOTA})`;
  if (quota.value > 0) return { name, ok: true, text };
  const link = `https://${region}.console.aws.amazon.com/servicequotas/home/services/ec2/quotas/${SPOT_QUOTA}`;
  return { name, ok: false, text, fix: `ask for more at ${link}` };
}

async function checkBucket(
  { trial }: CheckDeps,
  of: { readonly bucket: string; readonly awsAccount: string },
): Promise<Check> {
  const name = 'bucket';
  const answer = await trial.writeTo(of);
  if (answer.ok) return { name, ok: true, text: `${of.bucket} can be written to` };
  if (answer.reason === 'throttled' || answer.reason === 'unreachable') return unseen(name, answer);
  return {
    name,
    ok: false,
    text: `${of.bucket} cannot be written to (${answer.code})`,
    fix: `name a bucket of account ${of.awsAccount} on which these credentials have s3:PutObject, or leave it out`,
  };
}
