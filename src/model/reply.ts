import type { Instant } from '../lib/clock.ts';

/** Why a call to GitHub or AWS gave no value; one word for one way to go on. */
export type Refusal =
  | 'missing'
  | 'denied'
  | 'busy'
  | 'conflict'
  | 'invalid'
  | 'throttled'
  | 'unreachable';

export interface Refused {
  readonly ok: false;
  readonly reason: Refusal;
  /** HTTP status or AWS code, as a person would quote it in a ticket. */
  readonly code: string;
  readonly message: string;
  /** Not before then, where the other side said so. */
  readonly retryAt?: Instant;
}

/** The expected outcomes of an outside call are values. */
export type Reply<T> = { readonly ok: true; readonly value: T } | Refused;

export const done = <T>(value: T): Reply<T> => ({ ok: true, value });
