import type { Instant } from './clock.ts';

// Date for the rest of the project: text to time and back, without asking what time it is.

/** An ISO time with its zone, as GitHub and AWS write it; undefined for anything else. */
export function instantOf(value: unknown): Instant | undefined {
  if (typeof value !== 'string' || !ISO.test(value)) return undefined;
  const at = Date.parse(value);
  return Number.isNaN(at) ? undefined : at;
}

/** Without a zone, Date.parse would take this machine's. */
const ISO = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,9})?(?:Z|[+-]\d\d:\d\d)$/;

export const isoOf = (at: Instant): string => new Date(at).toISOString();

/** The first moment of the month, UTC. */
export function monthStart(at: Instant): Instant {
  const date = new Date(at);
  return Date.UTC(date.getUTCFullYear(), date.getUTCMonth());
}

export function nextMonthStart(at: Instant): Instant {
  const date = new Date(at);
  return Date.UTC(date.getUTCFullYear(), date.getUTCMonth() + 1);
}
