import type { Instant } from '../lib/clock.ts';
import { limitOf } from '../model/ec2-limits.ts';

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
