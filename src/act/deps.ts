import type { Accounts } from '../accounts/port.ts';
import type { GitHub } from '../github/port.ts';
import type { Clock, Instant } from '../lib/clock.ts';
import type { Keys } from '../lib/keys.ts';
import type { Log } from '../lib/log.ts';
import type { Random } from '../lib/random.ts';
import type { Lease, Store } from '../store/port.ts';
import type { Meters } from './calls.ts';
import type { Catalogue } from './catalogue.ts';
import type { JudgeFork } from './forks.ts';

// act: what the plan wants done, one idempotent file for each kind of action, and the looks that a
// plan needs. Called by reconcile and app; no retries here: the next tick is the retry.

/** What of the settings acting needs. */
export interface ActSettings {
  /** `<GitHub host>/<App id>`: the tag that makes an instance ours. */
  readonly app: string;
  readonly label: string;
  /** `https://github.com`: where links to jobs and files go. */
  readonly htmlUrl: string;
  /** null: machines could not reach us, so nothing is launched. */
  readonly publicUrl: string | null;
  readonly defaultRegion: string | null;
  readonly resyncMs: number;
  readonly registerTimeoutMs: number;
  readonly daemonSha256: string;
}

export interface ActDeps {
  readonly store: Store;
  readonly github: GitHub;
  readonly accounts: Accounts;
  readonly catalogue: Catalogue;
  readonly clock: Clock;
  /** When this process began: who called before may have had no answer. */
  readonly startedAt: Instant;
  readonly random: Random;
  readonly log: Log;
  readonly keys: Keys;
  readonly judgeFork: JudgeFork;
  /** Left out: nobody counts the calls. */
  readonly meters?: Meters;
  readonly settings: ActSettings;
}

/** The longest that one outside call takes before its client gives up. */
export const LONGEST_CALL_MS = 12_000;
export const LEASE_MS = 45_000;

/**
 * No database can fence a call to EC2 that is already on its way, so none is sent unless the lease
 * outlives the call's own timeout.
 */
export const leaseCovers = (lease: Lease, now: number): boolean =>
  now + LONGEST_CALL_MS < lease.until;
