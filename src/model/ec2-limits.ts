/** A token bucket: `size` at once, then `perSecond`. */
export interface Limit {
  readonly size: number;
  readonly perSecond: number;
}

/** What EC2 takes of an account in a region: https://docs.aws.amazon.com/ec2/latest/devguide/ec2-api-throttling.html */
const LIMITS: Readonly<Record<string, Limit>> = {
  RunInstances: { size: 5, perSecond: 2 },
  'RunInstances resources': { size: 1000, perSecond: 2 },
  TerminateInstances: { size: 100, perSecond: 5 },
  'TerminateInstances resources': { size: 1000, perSecond: 20 },
  CreateTags: { size: 100, perSecond: 10 },
};
const DESCRIBE: Limit = { size: 100, perSecond: 20 };
/** A DescribeInstances that names neither filter nor page. */
const DESCRIBE_ALL: Limit = { size: 50, perSecond: 10 };
const MUTATE: Limit = { size: 50, perSecond: 5 };

export function limitOf(action: string): Limit {
  if (action === 'DescribeInstances all') return DESCRIBE_ALL;
  return LIMITS[action] ?? (action.startsWith('Describe') ? DESCRIBE : MUTATE);
}
