import type { Instant } from './clock.ts';

/** The time in a Date header; undefined for anything else. */
export function httpDateOf(value: string | null | undefined): Instant | undefined {
  const at = Date.parse(value ?? '');
  return Number.isNaN(at) ? undefined : at;
}
