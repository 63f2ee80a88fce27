import type { Instant } from '../../lib/clock.ts';
import type { Lease } from '../port.ts';
import type { State } from './state.ts';

/** A lease that has run out still holds until another one takes it: then the fence has grown. */
export function isHeld(state: State, { name, holder, fence }: Lease): boolean {
  const held = state.leases.get(name);
  return held?.holder === holder && held.fence === fence;
}

export function lease(
  state: State,
  ask: {
    readonly name: string;
    readonly holder: string;
    readonly now: Instant;
    readonly ttlMs: number;
  },
): Lease | null {
  const { name, holder, now, ttlMs } = ask;
  const held = state.leases.get(name);
  const isOurs = held?.holder === holder;
  if (held && !isOurs && held.until > now) return null;
  const before = held?.fence ?? 0;
  const next = { name, holder, fence: isOurs ? before : before + 1, until: now + ttlMs };
  state.leases.set(name, next);
  return next;
}

/** The row stays, so that the fence goes on growing. */
export function release(state: State, held: Lease): void {
  if (isHeld(state, held)) state.leases.set(held.name, { ...held, holder: '', until: 0 });
}
