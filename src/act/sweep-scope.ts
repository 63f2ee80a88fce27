import type { GitHub, Talk } from '../github/port.ts';
import { atMost } from '../lib/at-most.ts';
import type { Instant } from '../lib/clock.ts';
import { type InstallationId, isOwnerScope, type ScopeId } from '../model/ids.ts';
import { fileScope, type Repo } from '../model/repo.ts';
import type { ScopeRows } from '../store/port.ts';
import type { RegionOf } from './default-region.ts';
import { type ActDeps, LEASE_MS } from './deps.ts';
import { releaseEnded } from './hold-pulls.ts';
import { isUnsettled, lostOf } from './lost.ts';
import { type RulesOf, sweepRules } from './read-rules.ts';
import { sweepRepo } from './sweep.ts';
import { dueAt, isSwept, LOOK_UP_EVERY, longestUnswept, sweptKey } from './turns.ts';

export interface SweepDeps extends ActDeps {
  /** GitHub as the healings may ask it: within their part of the hour's calls. */
  readonly healing: GitHub;
  readonly holder: string;
  readonly rulesOf: RulesOf;
  readonly regionOf: RegionOf;
  readonly talk?: Talk;
  readonly wake: (scope: ScopeId) => void;
  /** All that an owner's file may govern. */
  readonly wakeOwned: (owner: ScopeId) => Promise<void>;
  /** What a killed process had still to say of these rules, and of this scope's jobs. */
  readonly tellOfRules: (scope: ScopeId) => void;
  readonly tellOfJobs: (scope: ScopeId) => void;
}

/**
 * all: GitHub told all · some: it did not · put-off: healings have spent their part · held: another
 * process decides for the scope.
 */
type Swept = 'all' | 'some' | 'put-off' | 'held';

/** The second healing for one scope: its jobs and its rules, as GitHub has them now. */
export interface Sweeper {
  /**
   * Where another process holds it, that one may not know that it is to be swept: in so many ms it is
   * tried again.
   */
  sweepNow(scope: ScopeId): Promise<number | undefined>;
  /**
   * All with jobs in the last day; the one swept longest ago comes first. Where healings may not ask for
   * all, one comes after the other, so that what is begun is done: each has its turn, if a later one.
   */
  sweepActive(): Promise<void>;
  /**
   * What was queued before we knew of it is found once: when we first hear of a scope, and again when it
   * has rules. In how many ms it is tried again, where nothing else happens there.
   */
  sweepOnce(scope: ScopeId, of: { readonly hasRules: boolean }): Promise<number | undefined>;
  /** The same for a quiet scope, unless it was swept since its turn was looked up. */
  sweepInTurn(scope: ScopeId): Promise<number | undefined>;
  /**
   * Has a new scope rules? Of thousands that come at once nobody waits for an answer, and the first
   * webhook of one wakes it at once: so they are asked one by one, and cost what healings may. false:
   * it is not known yet.
   */
  meet(scope: ScopeId): Promise<boolean>;
}

/** Repositories of an owner that one sweep asks GitHub about, besides those with jobs lately. */
const MOST_SWEPT = 50;
/** Scopes that are swept at the same time: two hundred one by one take longer than R. */
const MOST_AT_ONCE = 8;
/** Scopes of which it is known whose hour they spend, and whether they were swept. */
const MOST_REMEMBERED = 10_000;
/** For one file, by whoever sweeps a repository; the owner's own scope is for others to sweep. */
const FILE_LEASE_MS = 15_000;
const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

export function createSweeper(deps: SweepDeps): Sweeper {
  const { store, clock, holder, talk, wake, wakeOwned } = deps;
  const healer = { ...deps, github: deps.healing };
  const payers = new Map<ScopeId, InstallationId>();
  /** Those whose part was spent in the last round. */
  const short = new Set<InstallationId>();
  /** When each may be tried for the first time, without rules or with them; infinite: it was swept. */
  const nextFirst = new Map<string, Instant>();
  const leaseOf = (scope: ScopeId, ttlMs = LEASE_MS) =>
    store.lease({ name: scope, holder, now: clock.now(), ttlMs });

  /** The owner's file says whether this one governs, and its own scope may have no work for hours. */
  async function sweepOwners({ scope, home, ownerRules }: ScopeRows): Promise<boolean> {
    const isFresh = (ownerRules?.readAt ?? 0) + deps.settings.resyncMs / 2 > clock.now();
    if (home === null || home.scope === scope || isFresh) return false;
    const lease = await leaseOf(home.scope, FILE_LEASE_MS);
    if (!lease) return false;
    const rows = await store.scopeRows(home.scope);
    const changed = await sweepRules(healer, lease, { rows, repos: [home] });
    if (changed.length > 0) await wakeOwned(home.scope);
    return changed.length > 0;
  }

  async function sweep(scope: ScopeId): Promise<Swept> {
    const lease = await leaseOf(scope);
    if (!lease) return 'held';
    const rows = await store.scopeRows(scope);
    const repos = await reposToSweep(deps, rows);
    const payer = rows.repos[0]?.installation;
    if (payers.size >= MOST_REMEMBERED) payers.clear();
    if (payer !== undefined) payers.set(scope, payer);
    let swept: Swept = 'all';
    for (const repo of repos) {
      const changed = repo.removedAt === null ? await sweepRepo(healer, lease, repo) : [];
      if (typeof changed !== 'string') changed.forEach(wake);
      else if (swept !== 'put-off') swept = changed === 'put-off' ? changed : 'some';
    }
    if (swept === 'put-off' && payer !== undefined) short.add(payer);
    const files = await sweepRules(healer, lease, { rows, repos });
    if (files.length > 0) wake(scope);
    if (files.includes(scope) && isOwnerScope(scope)) await wakeOwned(scope);
    if (await sweepOwners(rows)) wake(scope);
    // The word that a job was lost came to a process that is gone.
    if (isUnsettled(await lostOf(deps, rows, scope))) wake(scope);
    for (const repo of repos) {
      if (talk && (await releaseEnded({ ...deps, talk }, repo))) wake(scope);
      deps.tellOfRules(fileScope(repo));
    }
    deps.tellOfJobs(scope);
    return swept;
  }

  async function sweepNoted(scope: ScopeId): Promise<Swept> {
    const swept = await sweep(scope);
    if (swept === 'all') await store.saveFact(sweptKey(scope), '', clock.now());
    return swept;
  }

  const sweepNow: Sweeper['sweepNow'] = async (scope) => {
    const isHeld = (await sweepNoted(scope)) === 'held';
    return isHeld ? deps.settings.resyncMs * (0.5 + deps.random.unit()) : undefined;
  };

  return {
    sweepNow,
    async sweepOnce(scope, { hasRules }) {
      const key = `${scope} ${hasRules}`;
      if (clock.now() < (nextFirst.get(key) ?? 0)) return undefined;
      if (nextFirst.size >= MOST_REMEMBERED) nextFirst.clear();
      nextFirst.set(key, clock.now() + deps.settings.resyncMs / 2);
      const swept = (await isSwept(store, scope)) ? 'all' : await sweepNoted(scope);
      if (swept === 'all') nextFirst.set(key, Number.POSITIVE_INFINITY);
      return swept === 'put-off' ? LOOK_UP_EVERY * deps.settings.resyncMs : undefined;
    },
    async sweepActive() {
      const active = await store.scopesActiveSince(clock.now() - DAY_MS);
      const lines = Map.groupBy(await longestUnswept(store, active), (scope) => {
        const payer = payers.get(scope);
        return payer !== undefined && short.has(payer) ? payer : scope;
      });
      short.clear();
      await atMost(MOST_AT_ONCE, lines.values(), async (line) => {
        for (const scope of line) await sweepNoted(scope);
      });
    },
    async sweepInTurn(scope) {
      const last = await store.fact(sweptKey(scope));
      const isSwept = last !== null && dueAt(scope, last.at, deps.settings.resyncMs) > clock.now();
      return isSwept ? undefined : sweepNow(scope);
    },
    async meet(scope) {
      const lease = await leaseOf(scope);
      const rows = await store.scopeRows(scope);
      if (!lease || rows.rules !== null) return true;
      const changed = await sweepRules(healer, lease, { rows, repos: rows.repos });
      changed.forEach(wake);
      return changed.length > 0;
    },
  };
}

/** Of an owner's many repositories those with jobs lately, and some of the others each time. */
async function reposToSweep(
  { store, clock }: Pick<ActDeps, 'store' | 'clock'>,
  { scope, repos, home }: ScopeRows,
): Promise<readonly Repo[]> {
  if (repos.length <= MOST_SWEPT) return repos;
  const now = clock.now();
  const active = await store.reposActiveSince(scope, now - DAY_MS);
  const turn = Math.floor(now / HOUR_MS) * MOST_SWEPT;
  const others = repos.map((_, i) => repos[(turn + i) % repos.length]).slice(0, MOST_SWEPT);
  const all = new Map(
    [...(home ? [home] : []), ...active, ...others].flatMap((repo) =>
      repo ? [[repo.id, repo]] : [],
    ),
  );
  return [...all.values()];
}
