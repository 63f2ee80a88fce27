import type { Instant } from '../lib/clock.ts';
import type { Limit } from '../model/ec2-limits.ts';
import type { RuleId, ScopeId } from '../model/ids.ts';
import type { Instance, Market } from '../model/launch.ts';
import type { MarkPlace, MarkTimes } from '../model/marks.ts';

// The part of the store's port that is about what EC2 has, and what it did with our machines.

/** What EC2 is out of, for all scopes that use the account; see model/marks.ts. */
export interface Exhausted extends MarkPlace, MarkTimes {
  readonly account: string;
  /** EC2's code. */
  readonly why: string;
}

/** A machine, with EC2's code where its launch was refused; else ''. */
export interface MachineOfRule extends Instance {
  readonly code: string;
}

/** What became of the spot machines of a type in a zone. */
export interface SpotRecord {
  readonly region: string;
  readonly zone: string;
  readonly type: string;
  /** How many EC2 took back. */
  readonly reclaims: number;
  /** That they ran for, together. */
  readonly ms: number;
}

/** How many machines of a type live in an account, whatever scope they are of. */
export interface LiveCount {
  readonly region: string;
  readonly type: string;
  readonly market: Market;
  readonly count: number;
}

/** Tokens of one bucket, such as `RunInstances` of an account in a region. */
export interface Want {
  readonly key: string;
  readonly limit: Limit;
  readonly count: number;
}

export interface Line {
  readonly now: Instant;
  /** How long the call may wait for its turn; 0: now or never. */
  readonly mostMs: number;
}

export interface CapacityStore {
  /**
   * Takes a call's tokens, of all buckets or of none, for all processes that share the store. Answers
   * when it may go out, which is its turn among those that wait; null: that is too late.
   */
  reserve(wants: readonly Want[], line: Line): Promise<Instant | null>;
  /** How long a call that came now would wait; nothing is taken. */
  lineMs(wants: readonly Want[], now: Instant): Promise<number>;
  /** The other side says that nothing is left in it. */
  emptyBucket(bucket: Omit<Want, 'count'>, now: Instant): Promise<void>;

  /** The newest first. */
  machinesOfRule(ask: {
    readonly scope: ScopeId;
    readonly rule: RuleId;
    readonly since: Instant;
    readonly limit: number;
  }): Promise<readonly MachineOfRule[]>;
  /** Of spot machines that were launched since then. */
  spotHistory(
    account: string,
    of: { readonly since: Instant; readonly now: Instant },
  ): Promise<readonly SpotRecord[]>;

  /** By region, type and market. */
  liveIn(account: string): Promise<readonly LiveCount[]>;
  exhausted(account: string): Promise<readonly Exhausted[]>;
  exhaust(mark: Exhausted): Promise<void>;
  clearExhausted(account: string, place: MarkPlace): Promise<void>;
}
