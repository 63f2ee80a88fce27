import type { Instant } from '../lib/clock.ts';

const MINUTE_MS = 60_000;
const POINTS = { read: 1, write: 5 };

/** GitHub's secondary limit: so many points in any minute, for each endpoint and installation. */
export interface Points {
  /** Takes a call's points; where they are spent, none are taken, and it says when to come back. */
  take(key: string, isWrite: boolean): Instant | undefined;
}

/** https://docs.github.com/rest/using-the-rest-api/rate-limits-for-the-rest-api */
export function createPoints(of: {
  readonly now: () => Instant;
  readonly perMinute: () => number;
}): Points {
  const spent = new Map<string, { readonly at: Instant; readonly points: number }[]>();
  return {
    take(key, isWrite) {
      const now = of.now();
      const points = isWrite ? POINTS.write : POINTS.read;
      const calls = spent.get(key) ?? [];
      spent.set(key, calls);
      while (calls[0] !== undefined && calls[0].at + MINUTE_MS <= now) calls.shift();
      const used = calls.reduce((sum, call) => sum + call.points, 0);
      if (used + points > of.perMinute()) return (calls[0]?.at ?? now) + MINUTE_MS;
      calls.push({ at: now, points });
      return undefined;
    },
  };
}
