import type { Instant } from '../lib/clock.ts';
import type {
  InstanceId,
  InstanceKey,
  JobId,
  LaunchId,
  RepoId,
  RuleId,
  RunId,
  ScopeId,
} from './ids.ts';
import type { Reason } from './job.ts';
import type { Arch, InstanceState, Machine, Market, Offer } from './launch.ts';
import type { RerunOutcome, RunAttempt } from './rerun.ts';

// The plan's whole input and output, as plain JSON: a saved world is a test.

/** Durations that the promises are written in; all in milliseconds. */
export interface Limits {
  /** R: how often the healings run; grace times are multiples of it. */
  readonly resyncMs: number;
  readonly registerTimeoutMs: number;
  readonly maxDurationMs: number;
  /** GitHub registers about this many runners a minute for us. */
  readonly registrationsPerMinute: number;
  /** How often a job is run again by itself after EC2 took its machine. */
  readonly mostReruns: number;
}

export interface JobView {
  readonly id: JobId;
  readonly repo: RepoId;
  readonly run: RunId;
  readonly labels: readonly string[];
  readonly queuedAt: Instant;
  /** Not handed out by GitHub: no demand before this time. */
  readonly asideUntil?: Instant;
  /** It runs again after EC2 took its machine: on demand, where a rule allows both markets. */
  readonly isAgain?: true;
}

/** A job of ours whose machine EC2 took back, or is about to. */
export interface LostJob {
  readonly id: JobId;
  readonly name: string;
  readonly labels: readonly string[];
  /** When it is or was cut: from then on it wants another machine. */
  readonly cutAt: Instant;
  /** It has ended at GitHub. */
  readonly isOver: boolean;
  /** EC2's own word: it took the machine back, and with it the job. null: it has not said why the machine ended. */
  readonly isInterrupted: boolean | null;
  /** EC2 took the machine back, but the job ended later, by a cancellation. */
  readonly wasStopped: boolean;
  /** null: not known, and so far nothing hangs on it. */
  readonly hasEnvironment: boolean | null;
  /** How often it was run again already. */
  readonly reruns: number;
}

/** An attempt of a workflow run with such jobs. */
export interface LostRun extends RunAttempt {
  readonly outcome: RerunOutcome | null;
  readonly jobs: readonly LostJob[];
  /** What GitHub says of the run; null: it was not read now. */
  readonly read: RunRead | null;
}

export interface RunRead {
  readonly attempt: number;
  readonly isComplete: boolean;
  readonly conclusion: string | null;
  /** To run again what failed in it is to run all of these again. */
  readonly failed: readonly FailedJob[];
}

/** A job that ended badly or was cancelled, ours or not. */
export interface FailedJob {
  readonly id: JobId;
  readonly name: string;
  readonly labels: readonly string[];
  readonly conclusion: string | null;
  readonly completedAt: Instant | null;
  /** As far as a webhook or the workflow's file tells; in doubt it has one. */
  readonly hasEnvironment: boolean;
}

export interface InstanceView {
  readonly key: InstanceKey;
  readonly launch: LaunchId;
  readonly repo: RepoId;
  readonly rule: RuleId;
  /** So that equal offers spread over zones. */
  readonly zone: string;
  readonly market: Market;
  readonly state: Exclude<InstanceState, 'gone'>;
  /** EC2 has given its id. */
  readonly isKnown: boolean;
  readonly createdAt: Instant;
  readonly launchedAt: Instant | null;
  readonly registeredAt: Instant | null;
  readonly onlineAt: Instant | null;
  readonly startedAt: Instant | null;
  readonly finishedAt: Instant | null;
  readonly noticeAt: Instant | null;
  readonly endAskedAt: Instant | null;
  /** What its runner registered with; empty before. */
  readonly labels: readonly string[];
  readonly reason: string;
  /** It has just finished a job of this run, and takes another of the same one until then. */
  readonly keeps?: { readonly run: RunId; readonly until: Instant };
  /** EC2 advised to move away from it: it ends as soon as it is idle. */
  readonly isAdvised?: boolean;
  /** In a runner group: it takes jobs of any repository here, whichever it was launched for. */
  readonly isShared?: true;
  /** It says that it has a job, and GitHub has not said which: one of the queued ones is taken. */
  readonly hasUntoldJob?: boolean;
}

/** A launch whose outcome is not known; its instances are among the instances, as `requested`. */
export interface LaunchView {
  readonly id: LaunchId;
  readonly repo: RepoId;
  readonly rule: RuleId;
  readonly count: number;
  readonly tries: number;
  readonly retryAt: Instant;
  readonly createdAt: Instant;
  /** As of an instance. */
  readonly isShared?: true;
}

/** What became of a machine of a rule, or of the wish for one. */
export interface PastMachine {
  readonly id: InstanceId | null;
  readonly createdAt: Instant;
  readonly launchedAt: Instant | null;
  readonly zone: string;
  readonly hasRegistered: boolean;
  /** It asked to register, and it was not its fault that it could not. */
  readonly hasKnocked?: true;
  readonly endAskedAt: Instant | null;
  readonly goneAt: Instant | null;
  /** EC2's word for its end, or ours. */
  readonly reason: string;
  /** EC2's code, where it was not launched at all; else ''. */
  readonly refusal: string;
}

export interface RuleView {
  readonly id: RuleId;
  readonly type: string;
  readonly region: string;
  readonly max: number;
  readonly maxPriceUsd: number | null;
  readonly labels: readonly string[];
  /** null: EC2 has not said yet what this type is. */
  readonly arch: Arch | null;
  /** null: the same. */
  readonly machine: Machine | null;
  /** What its machines may be launched as. */
  readonly markets: readonly Market[];
  /** null: the image's size is not known yet. */
  readonly diskGb: number | null;
  readonly image: string;
  /** The newest first; since the last push or command at most. */
  readonly history: readonly PastMachine[];
  /** Why nothing can be launched by it now (credentials, image, network, first look), or null. */
  readonly blocked: Reason | null;
}

/** What a repository may have of its owner's rules, by its own file. */
export interface OwnView {
  /** false: `disable`d for this repository alone. */
  readonly enabled: boolean;
  /** Its own maximum by rule; a rule that is not among them is not for it. */
  readonly maxima: Readonly<Record<RuleId, number>>;
  readonly maxDurationMs: number;
}

export type Closed = Readonly<Record<RuleId, Reason>>;

export interface RepoView {
  readonly id: RepoId;
  /** GitHub was heard or read within 2 R: without that nothing is launched or ended on a guess. */
  readonly isFresh: boolean;
  readonly isRemoved: boolean;
  /** Jobs of strangers, from forks of a public repository, get machines too; left out: none do. */
  readonly hasStrangers?: true;
  /** Left out: it may have all that the rules allow. */
  readonly own?: OwnView;
  /** Why a rule launches nothing more for it, though there is room; left out: none is. */
  readonly closed?: Closed;
}

export interface World {
  readonly scope: ScopeId;
  /** Since when machines can reach the app; left out: for long. */
  readonly reachableSince?: Instant;
  readonly limits: Limits;
  /** The label that makes a job ours. */
  readonly label: string;
  readonly repos: readonly RepoView[];
  /** false: `disable`d. null: the rules file was not read yet, or the last read failed. */
  readonly enabled: boolean | null;
  /** Why there are no rules to go by, where that needs saying. */
  readonly rulesReason: Reason | null;
  /** A run whose job waited for so long while all offers were out is cancelled; null: it waits. */
  readonly cancelAfterMs: number | null;
  readonly rules: readonly RuleView[];
  readonly offers: readonly Offer[];
  /** Queued ones only, oldest first. */
  readonly jobs: readonly JobView[];
  /** All that are not gone. */
  readonly instances: readonly InstanceView[];
  /** Those with an unknown outcome. */
  readonly launches: readonly LaunchView[];
  /** Not settled ones, the oldest first. */
  readonly lost: readonly LostRun[];
}

export type Action =
  /** Nothing was to be had for too long, and the rules want its run ended then. */
  | {
      readonly kind: 'cancel';
      readonly repo: RepoId;
      readonly run: RunId;
      readonly reason: string;
    }
  | {
      readonly kind: 'launch';
      readonly repo: RepoId;
      readonly offer: Offer;
      readonly count: number;
      readonly reason: string;
    }
  /** Send the same bytes again. */
  | { readonly kind: 'retry'; readonly launch: LaunchId; readonly reason: string }
  /** No longer wanted: find out by the tag what became of it, and let it go. */
  | { readonly kind: 'settle'; readonly launch: LaunchId; readonly reason: string }
  | {
      readonly kind: 'end';
      readonly instances: readonly InstanceKey[];
      /** true: only while GitHub agrees that it has no job, by deleting the runner first. */
      readonly onlyIdle: boolean;
      /** Not one that has registered meanwhile. */
      readonly onlyUnregistered?: true;
      readonly reason: string;
    }
  | RerunAction;

/** What becomes of an attempt whose jobs lost their machine. */
export interface RerunAction extends RunAttempt {
  readonly kind: 'rerun';
  /** failed: all that failed runs again. job: that one. none: a person has to decide. */
  readonly what: 'failed' | 'job' | 'none';
  readonly job: JobId | null;
  /** Names of those that lost their machine. */
  readonly names: readonly string[];
  /** '' where nobody needs to read of it. */
  readonly reason: string;
}

export interface Wait {
  readonly job: JobId;
  readonly reason: Reason;
}

export interface Plan {
  readonly actions: readonly Action[];
  readonly waits: readonly Wait[];
  /** Jobs that an idle runner waited for in vain: read them at GitHub. */
  readonly doubted: readonly JobId[];
}
