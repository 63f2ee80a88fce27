import { Bug } from '../lib/assert.ts';
import type { Refusal, Refused } from '../model/reply.ts';
import type { LaunchAnswer, LaunchFailure } from './port.ts';

// One table of AWS's error codes: what each means for a launch, and what to tell the people who wait.
// Matched on codes only: AWS rewords its messages. Sources: EC2's error codes page, Karpenter's and
// ParallelCluster's sets of codes that another place may not have.

interface Meaning {
  readonly failure: LaunchFailure;
  /** Ends a sentence of the kind "job 91 waits: …". */
  readonly tell: string;
}

const mean =
  (failure: LaunchFailure) =>
  (code: string, tell: string): readonly [string, Meaning] => [code, { failure, tell }];
const capacity = mean('capacity');
const price = mean('price');
const quota = mean('quota');
const denied = mean('denied');
const invalid = mean('invalid');
const throttled = mean('throttled');
const unknown = mean('unknown');

const ROOM = 'EC2 has no free machine of this type in this zone';
const SLOW = 'AWS asks for fewer calls in this account and region';
const FAULT = 'AWS had a fault; what became of the call is being found out';
const LATE = 'AWS did not answer in time; what became of the call is being found out';
const KEYS = "AWS does not accept the account's credentials: configure them again";
const DISK = "the account's quota for EBS volumes is used up: raise it in Service Quotas";

/** Every code that we have a word for; the others go by their HTTP status. */
export const MEANINGS: ReadonlyMap<string, Meaning> = new Map([
  // Comes with HTTP 500, which the SDK would retry in place: see the launch client's maxAttempts.
  capacity('InsufficientInstanceCapacity', ROOM),
  capacity('InsufficientHostCapacity', ROOM),
  capacity('InsufficientCapacityOnHost', ROOM),
  capacity('UnfulfillableCapacity', ROOM),
  capacity('ReservationCapacityExceeded', ROOM),
  capacity('Unsupported', 'EC2 does not offer this type in this zone'),
  capacity('InsufficientFreeAddressesInSubnet', "the zone's subnet has no free address"),

  price('SpotMaxPriceTooLow', "the spot price is above the rule's max-price"),

  quota(
    'MaxSpotInstanceCountExceeded',
    "the account's vCPU quota for spot machines of this family is used up: raise it in Service Quotas",
  ),
  quota(
    'VcpuLimitExceeded',
    "the account's vCPU quota for on-demand machines of this family is used up: raise it in Service Quotas",
  ),
  quota(
    'InstanceLimitExceeded',
    "the account's quota for this instance type is used up: raise it in Service Quotas",
  ),
  quota('VolumeLimitExceeded', DISK),
  quota('MaxIOPSLimitExceeded', DISK),
  // Heals without anyone, in minutes to hours: waited for like a quota.
  quota('PendingVerification', 'AWS is still verifying the account for this region'),

  denied('UnauthorizedOperation', "the account's policy does not allow this call"),
  denied('AccessDenied', "the account's policy does not allow this call"),
  denied('AccessDeniedException', "the account's policy does not allow this call"),
  denied(
    'AuthFailure.ServiceLinkedRoleCreationNotPermitted',
    'the account lacks the role for spot: aws iam create-service-linked-role --aws-service-name spot.amazonaws.com',
  ),
  denied('AuthFailure', KEYS),
  denied('InvalidClientTokenId', KEYS),
  denied('UnrecognizedClientException', KEYS),
  denied('ExpiredToken', KEYS),
  denied('ExpiredTokenException', KEYS),
  denied('SignatureDoesNotMatch', KEYS),
  denied('CredentialsProviderError', 'the app finds no AWS credentials where it runs'),
  // Ours: the account's credentials were refused before anything was sent.
  denied('CredentialsRefused', 'nothing was asked of AWS'),
  denied('RequestExpired', 'the clock where the app runs is wrong by minutes'),
  denied('OptInRequired', 'the account has not opted in to this region or image'),
  denied('Blocked', 'AWS has blocked the account'),

  invalid('InvalidParameterValue', 'EC2 refuses a value of the rule'),
  invalid('InvalidInstanceType', 'the region has no such instance type'),
  invalid('InvalidParameterCombination', 'EC2 refuses this type with this image'),
  invalid('InvalidBlockDeviceMapping', "the disk is smaller than the image's"),
  invalid('InvalidAMIID.NotFound', 'the image is not there for this account and region'),
  invalid('InvalidAMIID.Malformed', 'the image id is not one'),
  invalid('InvalidAMIID.Unavailable', 'the image is not available'),
  invalid('InvalidSubnetID.NotFound', 'the subnet does not exist'),
  invalid('InvalidGroup.NotFound', 'the security group does not exist in that VPC'),
  invalid('InvalidUserData.Malformed', 'the start script is longer than EC2 takes'),

  throttled('RequestLimitExceeded', SLOW),
  throttled('EC2ThrottledException', SLOW),
  throttled('Throttling', SLOW),
  throttled('ThrottlingException', SLOW),
  throttled('RequestThrottled', SLOW),
  throttled('TooManyRequestsException', SLOW),

  unknown('InternalError', FAULT),
  unknown('InternalFailure', FAULT),
  unknown('ServiceUnavailable', FAULT),
  unknown('Unavailable', FAULT),
  unknown('TimeoutError', LATE),
  unknown('AbortError', LATE),
  // Something was launched under this token, by other bytes than these: its tag tells what.
  unknown('IdempotentParameterMismatch', 'an earlier call for this launch is being found out'),
]);

/** How the same trouble reads where nothing was to be launched. */
const REFUSALS: Readonly<Record<LaunchFailure, Refusal>> = {
  capacity: 'busy',
  price: 'invalid',
  quota: 'busy',
  denied: 'denied',
  invalid: 'invalid',
  throttled: 'throttled',
  unknown: 'unreachable',
};

/** AWS's messages can carry an encoded blob of kilobytes. */
const MESSAGE_MAX = 200;
/** It names the account in every ARN, and our sentences are read in public repositories. */
const ACCOUNT_ID = /\b\d{12}\b/g;

interface Trouble {
  readonly code: string;
  readonly message: string;
  /** undefined: no answer, or none that could be read. */
  readonly status: number | undefined;
}

export function launchFailure(error: unknown): LaunchAnswer & { readonly ok: false } {
  const trouble = troubleOf(error);
  const failure = failureOf(trouble);
  return { ok: false, failure, code: trouble.code, message: sentence(trouble, failure) };
}

export function refusal(error: unknown): Refused {
  const trouble = troubleOf(error);
  const failure = failureOf(trouble);
  const { code } = trouble;
  const reason = code.endsWith('NotFound') ? 'missing' : REFUSALS[failure];
  return { ok: false, reason, code, message: sentence(trouble, failure) };
}

function failureOf({ code, status }: Trouble): LaunchFailure {
  const known = MEANINGS.get(code);
  if (known) return known.failure;
  if (status === undefined || status < 400 || status >= 500) return 'unknown';
  if (status === 401 || status === 403) return 'denied';
  return status === 429 ? 'throttled' : 'invalid';
}

/** Ours where AWS's words say no more; with AWS's where they name the parameter or the missing right. */
function sentence({ code, message }: Trouble, failure: LaunchFailure): string {
  const tell = MEANINGS.get(code)?.tell;
  const theirs = message.replace(ACCOUNT_ID, '…').slice(0, MESSAGE_MAX);
  if (tell === undefined) return theirs;
  return failure === 'invalid' || failure === 'denied' ? `${tell} (${theirs})` : tell;
}

interface SdkError {
  readonly name: string;
  readonly message: string;
  /** A socket's: `ECONNRESET`. */
  readonly code: string;
  readonly $metadata: { readonly httpStatusCode?: number };
}

/** The border to whatever the SDK throws: a service's exception, a socket's error, an abort. */
function troubleOf(error: unknown): Trouble {
  if (error instanceof Bug) throw error;
  const { $metadata, code, name = '', message = '' } = error as Partial<SdkError>;
  const status = $metadata?.httpStatusCode;
  const word = status === undefined ? (code ?? name) : name;
  // Some answers of EC2 spell out whose fault it was: `Client.VolumeLimitExceeded`.
  return { code: word.replace(/^(?:Client|Server)\./, ''), message, status };
}
