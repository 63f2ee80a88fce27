import type { Instant } from '../../src/lib/clock.ts';
import {
  type LaunchId,
  type RepoId,
  type RuleId,
  repoScope,
  type ScopeId,
} from '../../src/model/ids.ts';
import type { Launch, LaunchRequest } from '../../src/model/launch.ts';
import type { Ec2Instance } from '../../src/sandbox/ec2-instance.ts';
import type { Ec2Model, Ec2Watch } from '../../src/sandbox/ec2-model.ts';
import type { GitHubModel } from '../../src/sandbox/github.ts';
import type { Job, Repo, Runner } from '../../src/sandbox/github-state.ts';
import type { Kernel } from '../../src/sandbox/kernel.ts';
import type { Intent, Lease } from '../../src/store/port.ts';
import { createOwnFiles, type Move } from './own-files.ts';
import { type Maxima, scopesOf } from './owners.ts';
import { isBarred } from './population.ts';
import type { Scenario } from './scenario.ts';
import { createVersions } from './versions.ts';

/** How long the app may go on by rules that it has not read anew: a lost push is delivered again. */
const RULES_AGE_MS = 300_000;
/** A machine that ended so lately may still count for the app as live. */
const NEWS_MS = 60_000;
/** A word about a job comes within this time, by a late webhook or by a sweep. */
const LATE_WORD_MS = 120_000;
/** Machines that could still take a job, beyond the jobs that are open: late words cost that many. */
export const MOST_SURPLUS = 6;
/** `retry` is this by default. */
export const MOST_RERUNS = 2;
const NOTICE_MS = 120_000;
/** An hour of 30 GB and of a public address, which every machine here has. */
const BESIDES_USD = (30 * 0.08) / 730 + 0.005;
const MINUTE_MS = 60_000;
/** Of one launch in a minute: half a second and then twice as long each time; a few who died. */
const MOST_SENT = 11;

interface Intended {
  readonly scope: ScopeId;
  readonly rule: RuleId;
  readonly max: number;
  readonly count: number;
  readonly at: Instant;
}

/**
 * What the harness knows and nobody else does: which rules stood in the file when, what was written
 * down before it was done, who held which lease. Promises are checked where the truth changes.
 */
export interface Promises extends Ec2Watch {
  /** What a scope's rules allow from now on; lower ones may end machines that run jobs. */
  file(scope: ScopeId, maxima: Maxima): void;
  /** What a repository's own file leaves of its owner's rules; null: all. */
  narrows(repo: RepoId, own: Maxima | null): void;
  /** Whether its own file would govern it in place of its owner's. */
  governs(repo: RepoId, isOwn: boolean): void;
  /** Other rules govern a repository, as the store has it. */
  moved(move: Move): void;
  /** A person took the repository from us, or gave it back. */
  taken(scope: ScopeId): void;
  /** What the rules bound that are in force from now on; null: nothing. */
  budget(scope: ScopeId, usd: number | null): void;
  credentialsLost(from: Instant, until: Instant): void;
  /** The app has heard that EC2 takes the machine back. */
  noticed(instance: string): void;
  intended(intents: readonly Intent[], launches: readonly Launch[]): void;
  /** Whose lease a scope's is. */
  leased(lease: Lease): void;
  released(lease: Lease): void;
  forgetLeases(): void;
  /** A launch is sent right now, by one who decides for its scope. */
  sends(holder: string, request: Pick<LaunchRequest, 'tags' | 'clientToken'>): void;
  /** It will end with its job, by the world's fault. */
  excuse(instance: string): void;
  /** EC2 takes it back: what it ran is run again. */
  reclaim(instance: Ec2Instance): void;
  /** Whether a job that ended at that time, on that runner, may have ended badly. */
  isExcused(job: Job): boolean;
  /** It lost its machine to EC2, and was not run again although it should be. */
  /** EC2 says that it took the job's machine. */
  wasTaken(job: Job): boolean;
  isLost(job: Job): boolean;
  readonly worstSurplus: number;
}

/** `underWayMs`: what was decided so lately may still be on its way. */
export function createPromises(
  kernel: Kernel,
  {
    github,
    ec2,
    owned,
    underWayMs,
    hasPrices,
    silentSince,
  }: {
    github: GitHubModel;
    ec2: Ec2Model;
    owned: Pick<Scenario, 'isOwners'>;
    underWayMs: number;
    /** Prices leap: what a launch costs is not what was known when it was decided on. */
    hasPrices: boolean;
    /** Since when nothing at all of GitHub's can have come, even late; undefined: something may. */
    silentSince: () => Instant | undefined;
  },
): Promises {
  const files = createVersions<ScopeId, Maxima>(kernel, RULES_AGE_MS);
  const ownFiles = createOwnFiles(kernel, ec2, RULES_AGE_MS);
  const strictAt = new Map<ScopeId, Instant[]>();
  const takenAt = new Map<ScopeId, Instant[]>();
  /** When a repository came under a scope's rules. */
  const cameAt = new Map<string, Instant>();
  const intents = new Map<LaunchId, Intended>();
  const leases = new Map<string, Lease>();
  const sentAt = new Map<string, readonly Instant[]>();
  const excused = new Set<string>();
  /** EC2 itself forgets them an hour after their end. */
  const reclaimed = new Map<string, Ec2Instance>();
  const noticedAt = new Map<string, Instant>();
  let worstSurplus = 0;
  /** The store, and with it what EC2 had taken back by then. */
  let lostAt = 0;
  let isOpened = false;

  /** When the rules of a repository took something away, whosever they were. */
  const strictTimes = (repo: Repo): readonly Instant[] =>
    scopesOf(owned, repo).flatMap((scope) => strictAt.get(scope) ?? []);

  const beStrict = (scope: ScopeId) =>
    strictAt.set(scope, [...(strictAt.get(scope) ?? []), kernel.now()]);

  /** A person took the repository from us, or some version of the rules has no place for it. */
  function isAllowedToEnd(instance: Ec2Instance): boolean {
    const { tags } = instance;
    const now = kernel.now();
    const scope = ownFiles.scopeOf(instance) as ScopeId;
    const scopes = [scope, repoScope(Number(tags['dstack:repo']))];
    const taken = scopes.flatMap((one) => takenAt.get(one) ?? []);
    if (taken.some((at) => now - at <= RULES_AGE_MS)) return true;
    const versions = files.known(scope);
    // Where the rules are what they were, and nobody forgot who lives, no place is short of one.
    const isForgotten = lostAt > 0 && now - lostAt <= RULES_AGE_MS;
    const isNews = owned.isOwners === true || versions.length > 1 || isForgotten;
    const isCounted = ({ endedAt }: Ec2Instance) =>
      endedAt === null || (isNews && now - endedAt <= NEWS_MS);
    const rule = tags['dstack:rule'] ?? '';
    const live = [...ec2.instances.values()].filter(
      (one) =>
        ownFiles.scopeOf(one) === scope && one.tags['dstack:rule'] === rule && isCounted(one),
    ).length;
    if (versions.some((max) => live > (max.get(rule) ?? 0))) return true;
    return ownFiles.mayEnd(instance, isCounted);
  }

  const runnerOf = (repo: Repo, instance: Ec2Instance): Runner | undefined =>
    [...repo.runners.values()].find(({ name }) => name.includes(instance.id));

  /** Those that may be under a scope's rules, whoever's they are now. */
  const reposOf = (scope: string): readonly Repo[] => {
    const all = [...github.state.repos.values()];
    return owned.isOwners ? all : all.filter(({ id }) => repoScope(id) === scope);
  };

  const repoOf = ({ tags }: Ec2Instance): Repo | undefined =>
    github.state.repos.get(Number(tags['dstack:repo']));

  /** EC2 says that it took the machine, and nobody wanted the job to end. */
  const wasTaken = ({ facts }: Job): boolean =>
    [...reclaimed.values()].some(
      ({ id, stateReason }) =>
        stateReason?.code === 'Server.SpotInstanceTermination' &&
        facts.now.runner?.name.includes(id) === true,
    );

  /**
   * Others of its run failed by themselves, or were cancelled: then not all is run again; nor is anything
   * where one that lost its machine too may not run again.
   */
  function isLeftToPeople(job: Job): boolean {
    const failed = github.jobs
      .latest(job.run)
      .filter(({ facts }) => facts.now.state !== 'completed' || facts.now.conclusion !== 'success');
    const others = failed.filter((one) => !wasTaken(one));
    const wasStopped = others.some(({ facts }) => facts.now.conclusion !== 'failure');
    const isHeld = failed.some((one) => wasTaken(one) && isBarred(one));
    return wasStopped || isHeld || (others.length > 0 && failed.length - others.length > 1);
  }

  function isLost(job: Job): boolean {
    const { runner, completedAt, conclusion } = job.facts.now;
    const machine = [...reclaimed.values()].find(({ id }) => runner?.name.includes(id));
    if (machine?.stateReason?.code !== 'Server.SpotInstanceTermination') return false;
    if (conclusion === 'success' || job.attempt > MOST_RERUNS || isBarred(job)) return false;
    if (isLeftToPeople(job)) return false;
    const isStrict = strictTimes(job.run.repo).some(
      (at) => Math.abs(at - (completedAt ?? 0)) <= RULES_AGE_MS,
    );
    return !isStrict && lostAt < (machine.endedAt ?? 0) - NOTICE_MS;
  }

  /** A job waits for a machine, or ended so lately that it need not be known yet. */
  function isWanted({ facts: { now } }: Job): boolean {
    if (now.state === 'queued') return true;
    return now.completedAt !== null && kernel.now() - now.completedAt <= LATE_WORD_MS + underWayMs;
  }

  /** Machines that may still take a job, against jobs that may still want one. */
  function checkSurplus(scope: ScopeId) {
    const repos = reposOf(scope);
    if (repos.length === 0) return;
    // A runner takes one job: whoever had his is no machine to spare.
    const done = [...github.state.jobs.values()].flatMap(({ facts: { now } }) =>
      now.state === 'queued' ? [] : (now.runner?.name ?? []),
    );
    const spare = [...ec2.instances.values()].filter((one) => {
      const isOpen = one.state === 'pending' || one.state === 'running';
      if (!isOpen || !repos.some(({ id }) => String(id) === one.tags['dstack:repo'])) return false;
      if (excused.has(one.id)) return false;
      if (reclaimed.has(one.id)) return false;
      return !done.some((name) => name.includes(one.id));
    }).length;
    const open = repos
      .flatMap(({ runs }) => [...runs.values()].flatMap(({ jobs }) => jobs))
      .filter((job) => isWanted(job) && job.spec.labels.includes('dstack')).length;
    worstSurplus = Math.max(worstSurplus, spare - open);
    const text = `${spare} machines could take a job in ${scope}, and ${open} jobs are open`;
    kernel.invariant(spare - open <= MOST_SURPLUS, 'surplus', text);
  }

  /** EC2 takes it back by itself, and then does not bill its first hour. */
  function checkNotice(instance: Ec2Instance) {
    const heardAt = noticedAt.get(instance.id) ?? 0;
    const isKnown = heardAt > lostAt && kernel.now() - heardAt > underWayMs;
    if (!isKnown || isAllowedToEnd(instance)) return;
    kernel.invariant(false, 'first-hour', `${instance.id} was ended, which EC2 would take back`);
  }
  const budgets = new Map<ScopeId, { readonly usd: number; readonly at: Instant }>();
  const lostTimes: { readonly from: Instant; readonly until: Instant }[] = [];

  /** Nothing is decided on beyond the month's money, nor while there are no credentials. */
  function checkMoney(launches: readonly Launch[]) {
    const now = kernel.now();
    const isLost = lostTimes.some(({ from, until }) => now > from + underWayMs && now < until);
    kernel.invariant(!isLost, 'credentials', 'a launch was decided on without credentials');
    for (const { scope } of launches) {
      const budget = budgets.get(scope);
      // What was spent before the database was lost is known to nobody; nor is a price that leaps.
      if (!budget || lostAt > 0 || hasPrices || now - budget.at <= underWayMs) continue;
      const spent = spentUsd(scope, now - underWayMs);
      const text = `a launch in ${scope}, which has cost $${spent.toFixed(4)} of $${budget.usd}`;
      kernel.invariant(spent < budget.usd, 'budget', text);
    }
  }

  /** Nothing is decided on while GitHub has told nothing for long. */
  function checkHearing() {
    const text = `a launch was decided on, and GitHub is silent since ${silentSince()}`;
    kernel.invariant(silentSince() === undefined, 'blind', text);
  }

  /** What AWS bills for the scope's machines, as of then: of those that EC2 took, disk and address. */
  const spentUsd = (scope: ScopeId, by: Instant): number =>
    [...ec2.instances.values()]
      .filter((one) => ownFiles.scopeOf(one) === scope && one.launchedAt <= by)
      .reduce((sum, one) => {
        const seconds = Math.max(60, (Math.min(one.endedAt ?? by, by) - one.launchedAt) / 1000);
        const hourlyUsd = (reclaimed.has(one.id) ? 0 : one.priceUsd) + BESIDES_USD;
        return sum + (seconds * hourlyUsd) / 3600;
      }, 0);

  /** By the file as it is, or as it was when something was decided by it. */
  function mostLately(scope: string, rule: string): number {
    const since = kernel.now() - RULES_AGE_MS;
    const lately = [...intents.values()]
      .filter((one) => one.scope === scope && one.rule === rule && one.at >= since)
      .map(({ max }) => max);
    const isMoved = (cameAt.get(scope) ?? 0) >= since;
    const known = files.known(scope as ScopeId).slice(0, isMoved ? undefined : 1);
    const most = Math.max(0, ...known.map((max) => max.get(rule) ?? 0), ...lately);
    return scope === '' ? Number.POSITIVE_INFINITY : most;
  }

  return {
    file(scope, maxima) {
      const before = files.newest(scope) ?? new Map<RuleId, number>();
      if (!files.push(scope, maxima)) return;
      if ([...before].some(([rule, most]) => (maxima.get(rule) ?? 0) < most)) beStrict(scope);
    },
    narrows(repo, own) {
      if (ownFiles.narrows(repo, own)) beStrict(repoScope(repo));
    },
    governs: ownFiles.governs,
    moved(move) {
      cameAt.set(move.to, kernel.now());
      ownFiles.moved(move, mostLately);
    },
    taken(scope) {
      takenAt.set(scope, [...(takenAt.get(scope) ?? []), kernel.now()]);
      beStrict(scope);
    },
    budget(scope, usd) {
      if (usd === null) budgets.delete(scope);
      else if (!budgets.has(scope)) budgets.set(scope, { usd, at: kernel.now() });
    },
    noticed(instance) {
      if (!noticedAt.has(instance)) noticedAt.set(instance, kernel.now());
    },
    credentialsLost: (from, until) => void lostTimes.push({ from, until }),
    intended(asked, launches) {
      if (launches.length > 0) checkMoney(launches);
      if (launches.length > 0) checkHearing();
      for (const launch of launches) {
        const { id, scope, rule, count } = launch;
        const intent = asked.find((one) => one.id === id);
        const max = intent?.max ?? 0;
        intents.set(id, { scope, rule, max, count, at: kernel.now() });
        ownFiles.intended(launch, intent);
        kernel.invariant(
          files.known(scope).some((version) => (version.get(rule) ?? 0) >= max),
          'rules-of-late',
          `${id} was intended by a maximum of ${max}, which the file has not said for long`,
        );
      }
    },
    leased(lease) {
      const before = leases.get(lease.name);
      const isFree =
        before === undefined || before.holder === lease.holder || before.until <= kernel.now();
      const text = `${lease.holder} took ${lease.name} from ${before?.holder}`;
      kernel.invariant(isFree, 'one-holder', text);
      leases.set(lease.name, lease);
    },
    released(lease) {
      if (leases.get(lease.name)?.fence === lease.fence) leases.delete(lease.name);
    },
    forgetLeases() {
      leases.clear();
      // The first one is only opened.
      if (isOpened) {
        lostAt = kernel.now();
        ownFiles.forget();
      }
      isOpened = true;
    },
    sends(holder, { tags, clientToken: token }) {
      const scope = ownFiles.scopeOf({ tags });
      const sent = [...(sentAt.get(token) ?? []), kernel.now()];
      const lately = sent.filter((at) => kernel.now() - at <= MINUTE_MS);
      sentAt.set(token, lately);
      const often = `a launch in ${scope} is sent for the ${lately.length}th time in a minute`;
      kernel.invariant(lately.length <= MOST_SENT, 'send-rate', often);
      const now = leases.get(scope)?.holder ?? holder;
      const text = `${holder} launches in ${scope}, and the lease is ${now}'s`;
      kernel.invariant(now === holder, 'stale-call', text);
    },
    excuse: (instance) => void excused.add(instance),
    reclaim: (instance) => void reclaimed.set(instance.id, instance),
    isExcused(job) {
      const { runner, completedAt } = job.facts.now;
      const at = completedAt ?? 0;
      const strict = strictTimes(job.run.repo);
      if (strict.some((since) => at >= since && at - since <= RULES_AGE_MS)) return true;
      const isOn = (id: string) => runner?.name.includes(id) === true;
      return [...excused].some(isOn) || ([...reclaimed.keys()].some(isOn) && !isLost(job));
    },
    isLost,
    wasTaken,
    get worstSurplus() {
      return worstSurplus;
    },
    maxOf: mostLately,
    scopeOf: ownFiles.scopeOf,
    hasIntent(launch) {
      const intent = intents.get(launch);
      if (!intent) return false;
      const its = [...ec2.instances.values()].filter(
        ({ tags }) => tags['dstack:launch'] === launch,
      ).length;
      kernel.invariant(
        its <= intent.count,
        'one-per-launch',
        `launch ${launch} has ${its} instances, and ${intent.count} were meant`,
      );
      ownFiles.checkLaunch(launch);
      checkSurplus(intent.scope);
      return true;
    },
    mustNotEnd(instance) {
      if (instance.reclaimAt !== null) checkNotice(instance);
      const repo = repoOf(instance);
      const runner = repo && runnerOf(repo, instance);
      // GitHub has chosen it for a job, whether or not it has begun.
      if (!runner || runner.isDead || runner.job === null) return false;
      if (!isAllowedToEnd(instance)) return true;
      excused.add(instance.id);
      return false;
    },
  };
}
