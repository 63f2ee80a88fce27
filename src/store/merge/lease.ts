import type { Instant } from '../../lib/clock.ts';
import type { Lease } from '../port.ts';

export interface LeaseAsk {
  readonly name: string;
  readonly holder: string;
  readonly now: Instant;
  readonly ttlMs: number;
}

/**
 * null: another one holds it. A new holder gets a new fence; the same one keeps it even after its
 * time, if nobody took the lease meanwhile, since nobody else can have decided anything.
 */
export function leaseAfter(held: Lease | undefined, ask: LeaseAsk): Lease | null {
  const { name, holder, now, ttlMs } = ask;
  const isOurs = held?.holder === holder;
  if (held && !isOurs && held.until > now) return null;
  // Every tick asks; a lease that has most of its time left is not worth a write.
  if (held && isOurs && held.until - now > ttlMs / 2) return held;
  const before = held?.fence ?? 0;
  return { name, holder, fence: isOurs ? before : before + 1, until: now + ttlMs };
}

/** The row of a released lease stays, so that the fence goes on growing. */
export const released = { holder: '', until: 0 } as const;
