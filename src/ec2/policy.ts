// What an account's credentials must allow, from one list of the calls that this folder makes. Printed
// for people who set an account up; a test compares the list with the calls themselves.

/** What a call touches decides how narrow its permission can be. */
type Kind = 'look' | 'image' | 'launch' | 'end' | 'group' | 'ungroup' | 'spot-role' | 'bucket';

/** Every call that is made with an account's credentials. */
export const CALLS: Readonly<Record<string, Kind>> = {
  'ec2:CreateSecurityGroup': 'group',
  'ec2:DeleteSecurityGroup': 'ungroup',
  'ec2:DescribeImages': 'look',
  'ec2:DescribeInstanceTypeOfferings': 'look',
  'ec2:DescribeInstanceTypes': 'look',
  'ec2:DescribeInstances': 'look',
  'ec2:DescribeRegions': 'look',
  'ec2:DescribeSecurityGroups': 'look',
  'ec2:DescribeSpotPriceHistory': 'look',
  'ec2:DescribeSubnets': 'look',
  'ec2:RunInstances': 'launch',
  'ec2:TerminateInstances': 'end',
  'iam:GetRole': 'spot-role',
  'pricing:GetProducts': 'look',
  's3:PutObject': 'bucket',
  'servicequotas:GetAWSDefaultServiceQuota': 'look',
  'servicequotas:GetServiceQuota': 'look',
  'ssm:GetParameter': 'image',
};

export interface PolicyAsk {
  /** `*`: every region. */
  readonly region: string;
  /** The twelve digits. */
  readonly account: string;
  /** Rules may also launch on demand, which costs two or three times as much. */
  readonly onDemand?: boolean;
  /** For artifacts; without one, nothing is allowed there. */
  readonly bucket?: string;
}

interface Statement {
  readonly Sid: string;
  readonly Effect: 'Allow';
  readonly Action: readonly string[];
  readonly Resource: string | readonly string[];
  readonly Condition?: Readonly<
    Record<string, Readonly<Record<string, string | readonly string[]>>>
  >;
}

export interface Policy {
  readonly Version: '2012-10-17';
  readonly Statement: readonly Statement[];
}

/** The least that works. Tags bind it to our own machines: a stolen key ends no other. */
export function policyFor(ask: PolicyAsk): Policy {
  const kinds = Object.keys(STATEMENTS) as Kind[];
  const Statement = kinds.flatMap((kind) => STATEMENTS[kind](ask, actionsOf(kind)));
  return { Version: '2012-10-17', Statement };
}

const actionsOf = (kind: Kind): readonly string[] =>
  Object.keys(CALLS).filter((action) => CALLS[action] === kind);

type Write = (ask: PolicyAsk, Action: readonly string[]) => readonly Statement[];

const STATEMENTS: Readonly<Record<Kind, Write>> = {
  // None of these can be narrowed to a resource.
  look: (_, Action) => [{ Sid: 'Look', Effect: 'Allow', Action, Resource: '*' }],
  image: ({ region }, Action) => [
    {
      Sid: 'Images',
      Effect: 'Allow',
      Action,
      Resource: `arn:${partition(region)}:ssm:${region}::parameter/aws/service/*`,
    },
  ],
  launch,
  end: (ask, Action) => [
    {
      Sid: 'End',
      Effect: 'Allow',
      Action,
      Resource: own(ask, 'instance'),
      Condition: { Null: { 'aws:ResourceTag/dstack:app': 'false' } },
    },
  ],
  group: (ask, Action) => [
    {
      Sid: 'OneGroup',
      Effect: 'Allow',
      Action,
      Resource: ['security-group', 'vpc'].map((kind) => own(ask, kind)),
    },
  ],
  ungroup: (ask, Action) => [
    {
      Sid: 'Teardown',
      Effect: 'Allow',
      Action,
      Resource: own(ask, 'security-group'),
      Condition: { Null: { 'aws:ResourceTag/dstack:app': 'false' } },
    },
  ],
  'spot-role': ({ region, account }, Action) => [
    {
      Sid: 'SpotRole',
      Effect: 'Allow',
      Action,
      Resource: `arn:${partition(region)}:iam::${account}:role/aws-service-role/spot.amazonaws.com/*`,
    },
  ],
  bucket: ({ region, bucket }, Action) =>
    bucket === undefined
      ? []
      : [
          {
            Sid: 'Bucket',
            Effect: 'Allow',
            Action,
            Resource: `arn:${partition(region)}:s3:::${bucket}/*`,
          },
        ],
};

/** A launch is checked against everything that it touches; a condition holds where its key exists. */
function launch(ask: PolicyAsk, Action: readonly string[]): readonly Statement[] {
  const { region, onDemand = false } = ask;
  const touched = [
    'network-interface',
    'security-group',
    'spot-instances-request',
    'subnet',
    'volume',
  ];
  const market: Record<string, string> = onDemand ? {} : { 'ec2:InstanceMarketType': 'spot' };
  return [
    {
      Sid: 'LaunchWith',
      Effect: 'Allow',
      Action,
      Resource: [
        // Images and their snapshots may be anybody's.
        ...['image', 'snapshot'].map((kind) => `arn:${partition(region)}:ec2:${region}::${kind}/*`),
        ...touched.map((kind) => own(ask, kind)),
      ],
    },
    {
      Sid: 'Launch',
      Effect: 'Allow',
      Action,
      Resource: own(ask, 'instance'),
      Condition: {
        Null: { 'aws:RequestTag/dstack:app': 'false' },
        StringEquals: { 'ec2:MetadataHttpTokens': 'required', ...market },
      },
    },
    {
      // Part of the launch. What lives already gets no tag, or the tag would make it ours to end.
      Sid: 'TagAtBirth',
      Effect: 'Allow',
      Action: ['ec2:CreateTags'],
      Resource: own(ask, '*'),
      Condition: { StringEquals: { 'ec2:CreateAction': ['RunInstances', 'CreateSecurityGroup'] } },
    },
  ];
}

const own = ({ region, account }: PolicyAsk, kind: string): string =>
  `arn:${partition(region)}:ec2:${region}:${account}:${kind}/*`;

function partition(region: string): string {
  if (region.startsWith('cn-')) return 'aws-cn';
  if (region.startsWith('us-gov-')) return 'aws-us-gov';
  return region.startsWith('eusc-') ? 'aws-eusc' : 'aws';
}
