import type { Instant } from '../lib/clock.ts';
import type {
  InstanceId,
  InstanceKey,
  LaunchId,
  RepoId,
  RuleId,
  RunId,
  RunnerId,
  ScopeId,
} from './ids.ts';
import type { Reason } from './job.ts';

export const MARKETS = ['spot', 'on-demand'] as const;
export type Market = (typeof MARKETS)[number];
export type Arch = 'x64' | 'arm64';

/** What an instance type has, as far as jobs ask for it. */
export interface Machine {
  readonly vcpus: number;
  readonly memoryMib: number;
  /** AWS's name, such as `A10G`; null: none. */
  readonly gpus: { readonly name: string; readonly count: number } | null;
}

/** Where and how to launch: everything in it is in the client token, so a change is a new launch. */
export interface Place {
  readonly region: string;
  readonly zone: string;
  readonly subnet: string;
  readonly type: string;
  readonly market: Market;
}

/** What was seen of spot machines of one type in one zone. */
export interface SpotHistory {
  readonly reclaims: number;
  /** That they ran for, together. */
  readonly hours: number;
}

/** A quota without room. */
export interface Full {
  readonly reason: Reason;
  /** There will be as machines of ours end. */
  readonly isOurs: boolean;
}

/** A rule made concrete. `priceUsd` is an hour's, null when AWS was not heard yet. */
export interface Offer extends Place {
  readonly rule: RuleId;
  readonly arch: Arch;
  readonly priceUsd: number | null;
  /** Left alone until then, because EC2 said so; 0: never refused. */
  readonly exhaustedUntil: Instant;
  /** EC2's code. */
  readonly exhaustedWhy: string;
  /** When it was refused first, with no success since. */
  readonly exhaustedSince: Instant;
  /** Its quota has no room for one more; left out: it has. */
  readonly full?: Full;
  /** Repositories whose own file has no use for it, and why; left out: none has. */
  readonly unfit?: Readonly<Record<RepoId, Reason>>;
  /** Taken only while all others of the rule are exhausted. */
  readonly isFallback: boolean;
  readonly seen: SpotHistory;
}

/** RunInstances, whole: sending it again sends the same bytes. */
export interface LaunchRequest extends Place {
  readonly clientToken: string;
  readonly count: number;
  readonly maxPriceUsd: number | null;
  readonly imageId: string;
  readonly rootDevice: string;
  readonly diskGb: number;
  readonly securityGroups: readonly string[];
  readonly tags: Readonly<Record<string, string>>;
  /** Plain text; the adapter encodes it. */
  readonly userData: string;
}

/**
 * unknown: written down, perhaps sent, not answered; its instances count as live.
 * launched, failed: EC2 said so. cancelled: no longer wanted, and EC2 shows nothing of it.
 */
export type LaunchOutcome = 'unknown' | 'launched' | 'failed' | 'cancelled';

export interface Launch extends Place {
  readonly id: LaunchId;
  readonly scope: ScopeId;
  readonly repo: RepoId;
  /** Which account's credentials launch it; `default` is the app's own chain. */
  readonly account: string;
  readonly rule: RuleId;
  /** At organization level in this group; null: for its repository alone. */
  readonly runnerGroup: string | null;
  readonly count: number;
  readonly priceUsd: number | null;
  readonly reason: string;
  readonly createdAt: Instant;
  readonly outcome: LaunchOutcome;
  /** EC2's code when it failed, else ''. */
  readonly code: string;
  /** Calls sent so far, and when the next may be sent. */
  readonly tries: number;
  readonly retryAt: Instant;
  /** null once the outcome is known. */
  readonly request: LaunchRequest | null;
}

export type InstanceState = 'requested' | 'pending' | 'online' | 'busy' | 'ending' | 'gone';

/** What EC2 says; `unknown` before it says anything. */
export type Ec2State = 'unknown' | 'pending' | 'running' | 'shutting-down' | 'terminated';

export interface Instance {
  readonly key: InstanceKey;
  readonly launch: LaunchId;
  readonly scope: ScopeId;
  readonly repo: RepoId;
  readonly account: string;
  readonly rule: RuleId;
  /** Where its runner registers; see Launch. */
  readonly runnerGroup: string | null;
  readonly region: string;
  readonly zone: string;
  readonly type: string;
  readonly market: Market;
  readonly priceUsd: number | null;
  /** Of its root disk; null: not known, as of one that was adopted. */
  readonly diskGb: number | null;
  /** EC2's id and the owner's AWS account number, once EC2 answered. */
  readonly id: InstanceId | null;
  readonly ownerAccount: string | null;
  readonly state: InstanceState;
  readonly ec2: Ec2State;
  /** Why it is ending or gone; '' while it lives. */
  readonly reason: string;
  /** EC2's own word for why it ended, `Server.SpotInstanceTermination: …`; '' before it says so. */
  readonly ec2Reason: string;
  /** When we heard that EC2 took it back by itself. */
  readonly reclaimedAt: Instant | null;
  readonly runnerId: RunnerId | null;
  readonly runnerName: string | null;
  /** The labels that its runner registered with; empty before. */
  readonly labels: readonly string[];
  readonly createdAt: Instant;
  /** When EC2 answered the launch. */
  readonly launchedAt: Instant | null;
  readonly registeredAt: Instant | null;
  readonly onlineAt: Instant | null;
  readonly startedAt: Instant | null;
  readonly finishedAt: Instant | null;
  /** The workflow run of the job that its runner has or had, as GitHub says; null before it does. */
  readonly lastRun: RunId | null;
  /** When the machine itself said that its job had ended: what came before was not cut. */
  readonly saidDoneAt: Instant | null;
  /** When EC2 will take it back, what it will do then, and when the machine told us of that notice. */
  readonly noticeAt: Instant | null;
  readonly noticeAction: string | null;
  readonly noticedAt: Instant | null;
  /** When EC2 advised to move away from it. */
  readonly advisedAt: Instant | null;
  /** When we last asked EC2 to end it. */
  readonly endAskedAt: Instant | null;
  readonly goneAt: Instant | null;
}
