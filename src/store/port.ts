import type { Instant } from '../lib/clock.ts';
import type { Bill, Within } from '../model/cost.ts';
import type { Delivery } from '../model/event.ts';
import type {
  InstallationId,
  InstanceId,
  InstanceKey,
  JobId,
  LaunchId,
  RepoId,
  RuleId,
  ScopeId,
} from '../model/ids.ts';
import type { Job, JobReport, Reason } from '../model/job.ts';
import type {
  Ec2State,
  Instance,
  InstanceState,
  Launch,
  LaunchRequest,
  Place,
} from '../model/launch.ts';
import type { Repo, RepoFacts } from '../model/repo.ts';
import type { Rerun, RerunOutcome } from '../model/rerun.ts';
import type { CapacityStore } from './capacity.ts';

export type { Exhausted, MachineOfRule, SpotRecord } from './capacity.ts';

// store: what we know, as rows. One call is one transaction, and no outside call happens inside one.
// Called by the webhook listener, the gateway, act and reconcile; memory, SQLite and PostgreSQL keep
// the same promises, held by one contract suite (test/store/contract.ts). Every list is ordered.

/** The right to decide for one scope or region; `fence` grows with every new holder. */
export interface Lease {
  readonly name: string;
  readonly holder: string;
  readonly fence: number;
  readonly until: Instant;
}

/** The rules file of a scope as last read. `text` is the last good one, with the commit it came from. */
export interface RulesRecord {
  readonly scope: ScopeId;
  readonly text: string | null;
  readonly commit: string | null;
  /** Errors of a newer file that is not in force, as the parser gave them, as JSON; null: none. */
  readonly errors: string | null;
  readonly readAt: Instant;
  /** A push names a commit that was not read yet. */
  readonly wantedCommit: string | null;
}

/** All rows of one scope that a tick needs: unfinished jobs, instances not gone, unknown launches. */
export interface ScopeRows {
  readonly scope: ScopeId;
  /** Those that its rules govern. */
  readonly repos: readonly Repo[];
  /** The file of the scope itself. */
  readonly rules: RulesRecord | null;
  /** The owner's `.github` repository; null: none that we know, or not ours any more. */
  readonly home: Repo | null;
  /** The file in it; the same as `rules` where the scope is the owner's. */
  readonly ownerRules: RulesRecord | null;
  /** The files of the scope's repositories themselves, by their `repo-…`. */
  readonly own: ReadonlyMap<ScopeId, RulesRecord>;
  readonly jobs: readonly Job[];
  readonly instances: readonly Instance[];
  readonly launches: readonly Launch[];
}

/** A launch to write down; the transaction counts what is live for the rule and cuts it to `max`. */
export interface Intent extends Place {
  readonly id: LaunchId;
  readonly scope: ScopeId;
  readonly repo: RepoId;
  readonly account: string;
  readonly rule: RuleId;
  readonly runnerGroup: string | null;
  readonly max: number;
  /** Of this repository alone, where its own file says less; null: the same. */
  readonly repoMax: number | null;
  readonly priceUsd: number | null;
  readonly reason: string;
  readonly request: LaunchRequest;
  /** Its turn in line; left out: now. */
  readonly sendAt?: Instant;
}

/** EC2's answer to a launch, or what the tag showed. */
export type Settlement =
  | {
      readonly outcome: 'launched';
      readonly ownerAccount: string;
      /** In EC2's order; fewer than asked for means: the rest is not coming. */
      readonly instances: readonly InstanceId[];
    }
  | {
      readonly outcome: 'failed' | 'cancelled';
      readonly code: string;
      readonly reason: string;
      /**
       * It frees places, so it must be the last word: who has lost the lease while it was told may
       * have been followed by another, who sent the same bytes again and was not refused.
       */
      readonly lease: Lease;
    };

/** One instance as EC2 lists it. */
export interface Sighting {
  readonly id: InstanceId;
  readonly ownerAccount: string;
  readonly ec2: Ec2State;
  /** EC2's own word for why it ended, `Server.SpotInstanceTermination: …`; '' while it lives. */
  readonly ec2Reason: string;
  readonly launchedAt: Instant;
  readonly zone: string;
  readonly type: string;
  readonly market: 'spot' | 'on-demand';
  readonly launch: LaunchId | null;
  readonly scope: ScopeId | null;
  /** null: it is in the scope's name. */
  readonly repo: RepoId | null;
  readonly rule: RuleId | null;
  readonly runnerGroup: string | null;
}

/** A whole listing of our instances in one account and region. */
export interface Listing {
  readonly account: string;
  readonly region: string;
  /** When it was asked for: what is younger than `missingGraceMs` then may not be listed yet. */
  readonly askedAt: Instant;
  readonly missingGraceMs: number;
  readonly instances: readonly Sighting[];
}

/** What may be set on an instance; a key left out stays as it is. What is gone stays gone. */
export type InstancePatch = Partial<
  Pick<
    Instance,
    | 'reason'
    | 'runnerId'
    | 'runnerName'
    | 'labels'
    | 'registeredAt'
    | 'onlineAt'
    | 'startedAt'
    | 'finishedAt'
    | 'saidDoneAt'
    | 'lastRun'
    | 'noticeAt'
    | 'noticeAction'
    | 'noticedAt'
    | 'advisedAt'
    | 'endAskedAt'
  >
> & {
  /** Only EC2's word makes an instance gone: `settle`, `observe` and `sighted` do that. */
  readonly state?: Exclude<InstanceState, 'gone'>;
};

/** A machine that EC2 took back, or that has a notice, and the jobs of ours that it had. */
export interface Reclaimed {
  readonly instance: Instance;
  /** By id. */
  readonly jobs: readonly Job[];
}

/** How a machine registered: kept until it is online, so that the same question gets the same answer. */
export interface Registration {
  readonly instance: InstanceId;
  readonly request: string;
  /** Encrypted by the caller. */
  readonly answer: string;
}

export interface Fact {
  readonly value: string;
  readonly at: Instant;
}

export interface Store extends CapacityStore {
  /** Writes deliveries down, all or none; answers for each whether it is new. */
  receive(batch: readonly Delivery[]): Promise<readonly boolean[]>;
  /** Written down and not applied yet, in the order of arrival. */
  unapplied(limit: number): Promise<readonly Delivery[]>;
  /**
   * Moves jobs forward, notes repositories and wanted rules, marks the batch as applied. Answers the
   * scopes in which something is new; that a known repository was heard of again is not.
   */
  apply(batch: readonly Delivery[], now: Instant): Promise<readonly ScopeId[]>;
  /** What a read at GitHub said of jobs; forward only. Answers the scopes that changed. */
  report(jobs: readonly JobReport[], now: Instant): Promise<readonly ScopeId[]>;
  /** Notes repositories as read at GitHub now, which proves that they are there. */
  noteRepos(repos: readonly RepoFacts[], now: Instant): Promise<void>;
  /** A successful read of this repository: it is fresh. */
  heard(repo: RepoId, now: Instant): Promise<void>;
  removeRepo(repo: RepoId, now: Instant): Promise<void>;

  /** null: somebody else holds it. The same holder renews under the same fence. */
  lease(ask: {
    readonly name: string;
    readonly holder: string;
    readonly now: Instant;
    readonly ttlMs: number;
  }): Promise<Lease | null>;
  release(lease: Lease): Promise<void>;

  /** Scopes with queued jobs, instances not gone, unknown launches, open re-runs or rules to read. */
  scopesWithWork(): Promise<readonly ScopeId[]>;
  /** Scopes that had a job since then, or have work now. */
  scopesActiveSince(since: Instant): Promise<readonly ScopeId[]>;
  scopeRows(scope: ScopeId): Promise<ScopeRows>;
  /** Repositories of the scope that had a job since then, or have one that is not over. */
  reposActiveSince(scope: ScopeId, since: Instant): Promise<readonly Repo[]>;
  /** The file of a repository or of an owner as last read, whoever it governs. */
  rules(scope: ScopeId): Promise<RulesRecord | null>;
  repo(id: RepoId): Promise<Repo | null>;
  reposOf(installation: InstallationId): Promise<readonly Repo[]>;
  /** Those that were removed until then, the last first. */
  removedUntil(until: Instant, limit: number): Promise<readonly Repo[]>;

  // Fenced: false when the lease is no longer ours, or the row no longer as the change needs it; then
  // nothing was written. A lease that ran out still holds until another holder takes it.
  /** `wantedCommit`: the one this answers. It is cleared; another that a push named meanwhile stays. */
  saveRules(lease: Lease, rules: RulesRecord): Promise<boolean>;
  /**
   * Puts a repository under the rules of another scope with all rows of it, and what lives of it
   * counts there from then on; of one that is there already, what was left behind follows. False where any
   * rule would then have more than its maximum, or the repository is in a third scope. What is not in
   * `maxima` may not be there at all.
   */
  moveRepo(
    lease: Lease,
    move: {
      readonly repo: RepoId;
      readonly to: ScopeId;
      readonly maxima: ReadonlyMap<RuleId, number>;
    },
  ): Promise<boolean>;
  /** Only of queued and waiting jobs; `reasonAt` stays while code and text stay. */
  saveReasons(
    lease: Lease,
    reasons: readonly { readonly job: JobId; readonly reason: Reason | null }[],
    now: Instant,
  ): Promise<boolean>;
  /**
   * Locks the rules, counts what is live, writes launches and their instances, each cut to what its
   * rule, and its repository by it, has left; left out when that is nothing. A launch that is written already is answered as
   * it is.
   */
  intend(lease: Lease, intents: readonly Intent[], now: Instant): Promise<readonly Launch[]>;
  /**
   * Compare and set: only from one of these states, with a lease only while it holds, and where
   * `isUnregistered` only while nobody has registered it.
   */
  changeInstance(change: {
    readonly key: InstanceKey;
    readonly from: readonly InstanceState[];
    readonly patch: InstancePatch;
    readonly lease?: Lease;
    readonly isUnregistered?: true;
  }): Promise<boolean>;
  /** Only while it is queued. */
  setAside(lease: Lease, job: JobId, until: Instant, forMs: number): Promise<boolean>;
  /**
   * Only while the row of that attempt has the outcome `from`; null: while there is none. So an attempt
   * is run again once, whoever else decides.
   */
  saveRerun(lease: Lease, rerun: Rerun, from: RerunOutcome | null): Promise<boolean>;
  /** Two reads, apart, said queued while our runner is gone: from in_progress back to queued. */
  requeue(lease: Lease, job: JobId, now: Instant): Promise<boolean>;

  // Facts from EC2: true whoever holds the lease, and idempotent but for `sent`, which counts.
  sent(launch: LaunchId, retryAt: Instant): Promise<void>;
  /** Only while the outcome is unknown; that nothing was launched, only while the lease holds. */
  settle(launch: LaunchId, settlement: Settlement, now: Instant): Promise<void>;
  /**
   * Merges a listing: adopts what is tagged ours, and what EC2 says is gone is gone. It leaves the
   * outcome of a launch that it sees unknown: `settle` follows. Answers the scopes that changed.
   */
  observe(listing: Listing): Promise<{
    readonly changed: readonly ScopeId[];
    /** Tagged ours, but of no scope that we know: to be ended. */
    readonly strangers: readonly InstanceId[];
  }>;
  /** EC2's word on one instance: from shutting-down on, its place is free. */
  sighted(instance: InstanceId, ec2: Ec2State, reason: string, now: Instant): Promise<void>;

  launch(id: LaunchId): Promise<Launch | null>;
  instanceById(id: InstanceId): Promise<Instance | null>;
  /** Accounts and regions in which something of ours lives or may live. */
  livingRegions(): Promise<readonly { readonly account: string; readonly region: string }[]>;

  registration(instance: InstanceId): Promise<Registration | null>;
  saveRegistration(registration: Registration): Promise<void>;
  dropRegistration(instance: InstanceId): Promise<void>;
  /** Remembers ids from one source, a machine or an issuer of tokens; answers whether each is new. */
  noteEvents(
    source: InstanceId | 'oidc',
    ids: readonly string[],
    now: Instant,
  ): Promise<readonly boolean[]>;

  /** Those of them that are known, by id. */
  jobs(ids: readonly JobId[]): Promise<readonly Job[]>;
  /** Those that live or were gone since then, in the order of their keys. */
  reclaimed(scope: ScopeId, since: Instant): Promise<readonly Reclaimed[]>;
  /** Those that are not settled or were written since then, by run and attempt. */
  reruns(scope: ScopeId, since: Instant): Promise<readonly Rerun[]>;

  /**
   * Instances that are gone without a finished job and whose runner may still be registered, of
   * repositories that we can still read. The newest first: one that cannot be removed is in no way.
   */
  orphanRunners(limit: number): Promise<readonly Instance[]>;

  /** A small cache with ages, and what must outlive a restart; values are JSON. */
  fact(key: string): Promise<Fact | null>;
  /** Several at once, by their keys; those that are not there are left out. */
  facts(keys: readonly string[]): Promise<ReadonlyMap<string, Fact>>;
  saveFact(key: string, value: string, now: Instant): Promise<void>;
  /** Compare and set: only while its value is `from`; null: while there is none. */
  swapFact(
    key: string,
    change: { readonly from: string | null; readonly to: string },
    now: Instant,
  ): Promise<boolean>;

  /** The newest first, for the first page and for explanations. */
  recentJobs(limit: number): Promise<readonly Job[]>;
  recentInstances(limit: number): Promise<readonly Instance[]>;
  /** Of a scope's machines that were not gone before; by repository, price (null first), disk, place. */
  bills(scope: ScopeId, within: Within): Promise<readonly Bill[]>;
  /** How many jobs began since then on machines of a scope; of one repository, or of all (null). */
  jobsRun(of: {
    readonly scope: ScopeId;
    readonly repo: RepoId | null;
    readonly since: Instant;
  }): Promise<number>;
  /** Deletes what is over and older: completed jobs, gone instances, settled launches, deliveries. */
  prune(before: Instant): Promise<void>;
  close(): Promise<void>;
}
