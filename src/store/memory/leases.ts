import { type LeaseAsk, leaseAfter, released } from '../merge/lease.ts';
import type { Lease } from '../port.ts';
import type { State } from './state.ts';

export function isHeld(state: State, { name, holder, fence }: Lease): boolean {
  const held = state.leases.get(name);
  return held?.holder === holder && held.fence === fence;
}

export function lease(state: State, ask: LeaseAsk): Lease | null {
  const next = leaseAfter(state.leases.get(ask.name), ask);
  if (next) state.leases.set(ask.name, next);
  return next;
}

export function release(state: State, lease: Lease): void {
  if (isHeld(state, lease)) state.leases.set(lease.name, { ...lease, ...released });
}
