// One table of AWS's error codes: what each means for a launch, which offers it is about, for how long
// those are left alone, and what to tell the people who wait. Matched on codes only: AWS rewords its
// messages. Sources: EC2's error codes page, Karpenter's and ParallelCluster's sets of codes that
// another place may not have.

/**
 * capacity, price: these offers are exhausted, the next may do · quota: the account's vCPUs or disks
 * denied, invalid: nothing will launch until a person mends it · throttled: nothing was launched, later
 * unknown: no answer, or a server error: perhaps launched
 */
export type LaunchFailure =
  | 'capacity'
  | 'price'
  | 'quota'
  | 'denied'
  | 'invalid'
  | 'throttled'
  | 'unknown';

/**
 * Which offers of the account a refusal is about, beside the one that was asked for.
 * place: type, zone and market · zone: type and zone · subnet: all in it · type: of the region and market
 * family: all types of the quota · market: of the region · region, account: all · rule: it alone, in its
 * scope: what a rules file says is no other scope's trouble
 */
export type Reach =
  | 'place'
  | 'zone'
  | 'subnet'
  | 'type'
  | 'family'
  | 'market'
  | 'region'
  | 'account'
  | 'rule';

/** How long they are left alone at first, and at most, doubling from refusal to refusal. */
export type LeaveMs = readonly [first: number, most: number];

export interface Meaning {
  readonly failure: LaunchFailure;
  /** null: nothing is left alone; the same launch is sent again, or found out. */
  readonly leave: { readonly reach: Reach; readonly ms: LeaveMs } | null;
  /** Ends a sentence of the kind "m5.large in eu-west-1: …". */
  readonly tell: string;
}

const MINUTE_MS = 60_000;
const SOON: LeaveMs = [3 * MINUTE_MS, 30 * MINUTE_MS];
/** A machine of ours that ends makes room in it. */
const QUOTA: LeaveMs = [2 * MINUTE_MS, 10 * MINUTE_MS];
/** What a person has to mend, and may have mended. */
const MENDED: LeaveMs = [5 * MINUTE_MS, 30 * MINUTE_MS];
/** Somebody has to change the account, and all scopes that use it would ask in vain. */
const ACCOUNT: LeaveMs = [15 * MINUTE_MS, 30 * MINUTE_MS];
const HOURS: LeaveMs = [6 * 60 * MINUTE_MS, 6 * 60 * MINUTE_MS];

type Row = readonly [code: string, meaning: Meaning];
type Make = (code: string, tell: string) => Row;

const mean =
  (failure: LaunchFailure, reach: Reach, ms: LeaveMs): Make =>
  (code, tell) => [code, { failure, leave: { reach, ms }, tell }];
const meanLater =
  (failure: 'throttled' | 'unknown'): Make =>
  (code, tell) => [code, { failure, leave: null, tell }];

const capacity = mean('capacity', 'place', SOON);
const tooCheap = mean('price', 'rule', SOON);
const quota = mean('quota', 'family', QUOTA);
const disks = mean('quota', 'region', QUOTA);
const denied = mean('denied', 'account', ACCOUNT);
/** A policy may name regions, and allow spot machines only. */
const forbidden = mean('denied', 'market', ACCOUNT);
const invalid = mean('invalid', 'rule', MENDED);
const throttled = meanLater('throttled');
const unknown = meanLater('unknown');

const ROOM = 'EC2 has no free machine of this type';
const SLOW = 'AWS asks for fewer calls in this account and region';
const FAULT = 'AWS had a fault; what became of the call is being found out';
const LATE = 'AWS did not answer; what became of the call is being found out';
const KEYS = "AWS does not accept the account's credentials";
const POLICY = "the account's policy does not allow the launch";
const DISK = "the account's quota for EBS volumes is used up";
const FLEETS = "the account's quota for spot requests is used up";
const TEMPLATE = 'the launch template is gone';

/** Our own word for an answer with fewer machines than were asked for. */
export const FEWER = 'FewerThanAsked';
/** Ours as well: where EC2 takes machines back, it has none to give. */
export const TAKEN_BACK = 'MachineTakenBack';

/** Every code that we have a word for; the others go by their HTTP status. */
export const MEANINGS: ReadonlyMap<string, Meaning> = new Map([
  // Comes with HTTP 500, which the SDK would retry in place: see the launch client's maxAttempts.
  capacity('InsufficientInstanceCapacity', ROOM),
  capacity('UnfulfillableCapacity', ROOM),
  capacity('ReservationCapacityExceeded', ROOM),
  capacity(FEWER, 'EC2 gave fewer machines than were asked for'),
  capacity(TAKEN_BACK, 'EC2 has just taken a machine back'),
  // A host is short of room for the type in either market.
  mean('capacity', 'zone', SOON)('InsufficientHostCapacity', ROOM),
  mean('capacity', 'zone', SOON)('InsufficientCapacityOnHost', ROOM),
  mean('capacity', 'zone', HOURS)('Unsupported', 'EC2 does not offer this type in this zone'),
  mean('capacity', 'subnet', SOON)('InsufficientFreeAddressesInSubnet', 'no address is free there'),

  // By the rule's own max-price: other scopes may pay more.
  tooCheap('SpotMaxPriceTooLow', "the spot price is above the rule's max-price"),

  quota('MaxSpotInstanceCountExceeded', "the account's spot vCPU quota is used up"),
  quota('VcpuLimitExceeded', "the account's on-demand vCPU quota is used up"),
  mean('quota', 'type', QUOTA)('InstanceLimitExceeded', "the account's quota of them is used up"),
  mean('quota', 'region', QUOTA)('ResourceLimitExceeded', "a quota of the account's is used up"),
  mean('quota', 'market', QUOTA)('MaxFleetCountExceeded', FLEETS),
  mean('quota', 'market', QUOTA)('MaxSpotFleetRequestCountExceeded', FLEETS),
  mean('quota', 'market', QUOTA)('TargetCapacityLimitExceededException', FLEETS),
  disks('VolumeLimitExceeded', DISK),
  disks('MaxIOPSLimitExceeded', DISK),
  // Heals without anyone, in minutes to hours: waited for like a quota.
  mean('quota', 'region', [5 * MINUTE_MS, 60 * MINUTE_MS])(
    'PendingVerification',
    'AWS is still verifying the account for this region',
  ),

  forbidden('UnauthorizedOperation', POLICY),
  forbidden('AccessDenied', POLICY),
  forbidden('AccessDeniedException', POLICY),
  mean(
    'denied',
    'market',
    SOON,
  )(
    'AuthFailure.ServiceLinkedRoleCreationNotPermitted',
    'the account lacks the role for spot, see docs/aws.md',
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
  mean('denied', 'region', ACCOUNT)('OptInRequired', 'the region or image is not opted in to'),
  denied('Blocked', 'AWS has blocked the account'),

  invalid('InvalidParameterValue', 'EC2 refuses a value of the rule'),
  invalid('InvalidParameter', 'EC2 refuses how the values of the rule fit together'),
  invalid('InvalidInstanceType', 'the region has no such instance type'),
  invalid('InvalidParameterCombination', 'EC2 refuses this type with this image'),
  invalid('InvalidBlockDeviceMapping', "the disk is smaller than the image's"),
  invalid('InvalidAMIID.NotFound', 'the image is not there for this account and region'),
  invalid('InvalidAMIID.Malformed', 'the image id is not one'),
  invalid('InvalidAMIID.Unavailable', 'the image is not available'),
  invalid('InvalidSnapshot.NotFound', "the image's disk is gone"),
  invalid('InvalidSubnetID.NotFound', 'the subnet does not exist'),
  invalid('InvalidGroup.NotFound', 'the security group does not exist in that VPC'),
  invalid('InvalidUserData.Malformed', 'the start script is longer than EC2 takes'),
  invalid('InvalidLaunchTemplateName.NotFoundException', TEMPLATE),
  invalid('InvalidLaunchTemplateId.NotFound', TEMPLATE),

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

/** What a code means that the table has no word for, by what its HTTP status says. */
const UNNAMED: Readonly<Record<LaunchFailure, Make>> = {
  capacity,
  price: tooCheap,
  quota,
  denied: forbidden,
  invalid,
  throttled,
  unknown,
};

export const meaningOf = (code: string, failure: LaunchFailure): Meaning =>
  MEANINGS.get(code) ?? UNNAMED[failure](code, `EC2 says ${code}`)[1];
