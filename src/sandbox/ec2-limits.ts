import type { Instant } from '../lib/clock.ts';

/** A token bucket: `size` at once, then `perSecond`. */
export interface Limit {
  readonly size: number;
  readonly perSecond: number;
}

/** For each account, region and action: https://docs.aws.amazon.com/ec2/latest/devguide/ec2-api-throttling.html */
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

function limitOf(action: string): Limit {
  if (action === 'DescribeInstances all') return DESCRIBE_ALL;
  return LIMITS[action] ?? (action.startsWith('Describe') ? DESCRIBE : MUTATE);
}

export interface Buckets {
  /** Takes all of them, or none and answers false. */
  take(region: string, action: string, count?: number): boolean;
}

export function createBuckets(now: () => Instant): Buckets {
  const buckets = new Map<string, { tokens: number; at: Instant }>();
  return {
    take(region, action, count = 1) {
      const { size, perSecond } = limitOf(action);
      const key = `${region} ${action}`;
      const last = buckets.get(key) ?? { tokens: size, at: now() };
      const refilled = last.tokens + ((now() - last.at) / 1000) * perSecond;
      const tokens = Math.min(size, refilled);
      const isEnough = tokens >= count;
      buckets.set(key, { tokens: isEnough ? tokens - count : tokens, at: now() });
      return isEnough;
    },
  };
}
