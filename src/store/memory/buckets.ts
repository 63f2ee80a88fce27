import type { Instant } from '../../lib/clock.ts';
import type { Line, Want } from '../capacity.ts';
import { emptied, lineMs as msOf, reserved } from '../merge/bucket.ts';
import type { State } from './state.ts';

export function reserve(state: State, wants: readonly Want[], line: Line): Instant | null {
  const { at, rows } = reserved(state.buckets, wants, line);
  for (const row of rows) state.buckets.set(row.key, row);
  return at;
}

export const lineMs = (state: State, wants: readonly Want[], now: Instant): number =>
  msOf(state.buckets, wants, now);

export function emptyBucket(state: State, of: Omit<Want, 'count'>, now: Instant): void {
  state.buckets.set(of.key, emptied(state.buckets.get(of.key), of, now));
}
