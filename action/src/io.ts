import type { Clock } from '../../src/lib/clock.ts';
import type { Runner } from './runner.ts';

/** What the step touches, handed in. */
export interface Io {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** `fetch`. */
  readonly request: typeof globalThis.fetch;
  readonly clock: Clock;
  readonly runner: Runner;
  /** undefined: there is no such file. */
  readonly read: (path: string) => string | undefined;
}

/** One thing that went wrong, and what to do about it. */
export interface Trouble {
  readonly what: string;
  /** The app does not answer now: another time it may. */
  readonly isOutage: boolean;
}

export const isTrouble = (value: object): value is Trouble => 'isOutage' in value;
