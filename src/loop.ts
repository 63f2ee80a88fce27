import { answerComment } from './act/answer-comment.ts';
import { tellWaits } from './act/cards.ts';
import { createDeliveryQueue, type DeliveryQueue } from './act/delivery-queue.ts';
import { LEASE_MS } from './act/deps.ts';
import { discover, listOwner } from './act/discover.ts';
import { isHeldFor, recallHolds, releasePull } from './act/hold-pulls.ts';
import { type ForgetAccount, forgetLeft } from './act/leave.ts';
import { noteRunners } from './act/note-jobs.ts';
import { redeliverFailed } from './act/redeliver.ts';
import { isOpenIn, lookKey, observeRegion } from './act/region.ts';
import { checkProposal, isProposal, tellRules } from './act/rules-check.ts';
import { sweepRunners } from './act/sweep.ts';
import { createSweeper } from './act/sweep-scope.ts';
import { tellReruns } from './act/tell-reruns.ts';
import { LOOK_UP_EVERY, turnsSoon } from './act/turns.ts';
import type { GitHub, Talk } from './github/port.ts';
import { Unavailable } from './lib/assert.ts';
import { createScheduler, type Scheduler } from './lib/scheduler.ts';
import type { Delivery } from './model/event.ts';
import { type InstallationId, isOwnerScope, type ScopeId } from './model/ids.ts';
import { fileScope, isHome } from './model/repo.ts';
import { type ReconcileDeps, reconcile } from './reconcile.ts';

// What runs when. Everything that runs has a key: the scheduler runs one task for a key at a time,
// when it is due or woken. A scope without work is in no queue, and costs nothing.

export interface LoopDeps extends ReconcileDeps {
  readonly tickMs: number;
  /** GitHub as the healings may ask it: within their part of the hour's calls. */
  readonly healing: GitHub;
  /** Without it comments and pull requests are passed over, and commits get no checks. */
  readonly talk?: Talk;
  /** Where accounts are kept: forgets a scope's, unless machines still need it. */
  readonly forgetAccount?: ForgetAccount;
}

export interface Loop {
  /** What the listener wrote down: applied next. Never throws. */
  take(deliveries: readonly Delivery[]): void;
  wake(scope: ScopeId): void;
  /** A whole tick of the scope that began after this call. */
  settled(scope: ScopeId): Promise<void>;
  /** A machine of ours that we do not know showed itself: look at EC2 soon. */
  look(): void;
  /** What an earlier process wrote down is applied, and the work has begun. */
  isReady(): boolean;
  /** Ends when what is under way has ended. */
  stop(): Promise<void>;
}

const MOST_TASKS = 64;
const MOST_IN_A_BATCH = 500;
/** A webhook alone is applied at once, those of a burst together: its scopes are planned less often. */
const BURST_MS = 25;
const DAY_MS = 24 * 3_600_000;
/** Scopes that a discovery wakes at once; the rest is met in the course of the next hours. */
const MOST_NEW_AT_ONCE = 100;
/** Tries at the list of an installation that does not answer, R/4 after the first, then twice as long each. */
const MOST_LISTINGS = 8;
/** How long ended jobs, machines and deliveries are kept: what a month cost is counted from them. */
const KEPT_MS = 32 * DAY_MS;

export function createLoop(deps: LoopDeps): Loop {
  const waiting: Delivery[] = [];
  let isReady = false;
  let appliedAt = 0;
  let newcomers: ScopeId[] = [];
  const healer = { ...deps, github: deps.healing };

  const tasks: Readonly<Record<string, (rest: string) => Promise<number | undefined>>> = {
    start: () => start(),
    apply: () => applyWaiting(),
    scan: () => scan(),
    scope: (scope) => tickScope(scope as ScopeId),
    answer: async (scope) => queues['answer']?.next(scope as ScopeId),
    proposal: async (scope) => queues['proposal']?.next(scope as ScopeId),
    rules: async (scope) => (talk ? tellRules({ ...deps, talk }, scope as ScopeId) : undefined),
    cards: (scope) => tellOf(scope as ScopeId),
    region: (rest) => tickRegion(rest),
    discover: () => tickDiscover(),
    list: (rest) => tickList(rest),
    turns: () => lookUpTurns(),
    turn: (scope) => sweeper.sweepInTurn(scope as ScopeId),
    sweep: (scope) => sweeper.sweepNow(scope as ScopeId),
    meet: () => meetNext(),
    healing: () => heal(),
  };
  const scheduler: Scheduler = createScheduler({
    clock: deps.clock,
    most: MOST_TASKS,
    retryMs: deps.tickMs,
    run: async (key) => {
      const [task = '', ...rest] = key.split('|');
      return tasks[task]?.(rest.join('|'));
    },
    onError: (err, key) => {
      if (err instanceof Unavailable) return;
      deps.log.error({ err, key }, 'a bug ended this task; it starts anew');
    },
  });
  const wake = (scope: ScopeId) => scheduler.wake(`scope|${scope}`);
  const { talk } = deps;
  const tellOfRules = (file: ScopeId) => {
    if (talk) scheduler.wake(`rules|${file}`);
  };
  const sweeper = createSweeper({
    ...deps,
    wake,
    wakeOwned,
    tellOfRules,
    tellOfJobs: (scope) => {
      if (talk) scheduler.wake(`cards|${scope}`);
    },
  });
  const settled = (scope: ScopeId) => scheduler.settled(`scope|${scope}`);
  const queues: Readonly<Record<string, DeliveryQueue>> = talk ? createQueues(talk) : {};

  /** Each has its tasks, by the name that it has here. */
  function createQueues(talk: Talk) {
    const wakeTask = (task: string) => (scope: ScopeId) => scheduler.wake(`${task}|${scope}`);
    return {
      answer: createDeliveryQueue(deps, {
        name: 'answer',
        isMine: (event) => event.kind === 'comment',
        wake: wakeTask('answer'),
        handle: ({ comment }, { repo, isStillOurs }) =>
          answerComment({ ...deps, talk, settled }, { repo, comment, isStillOurs }),
      }),
      proposal: createDeliveryQueue(deps, {
        name: 'proposal',
        isMine: isProposal,
        wake: wakeTask('proposal'),
        handle: (event, { repo, at }) =>
          checkProposal({ ...deps, talk, wake }, { repo, event, at }),
      }),
    };
  }

  /** What an earlier process wrote down and did not get to comes first. */
  async function start(): Promise<undefined> {
    for (;;) {
      // What waits for an answer stays unapplied until it has one.
      const queued = Object.values(queues).reduce((sum, { size }) => sum + size, 0);
      const limit = MOST_IN_A_BATCH + queued;
      const left = await deps.store.unapplied(limit);
      const rest = sortOut(left);
      if (rest.length === 0) break;
      await apply(rest);
    }
    isReady = true;
    for (const key of ['scan', 'discover', 'turns', 'healing', 'apply']) scheduler.wake(key);
    return undefined;
  }

  async function applyWaiting(): Promise<number | undefined> {
    if (!isReady) return undefined;
    appliedAt = deps.clock.now();
    const batch = sortOut(waiting.splice(0, MOST_IN_A_BATCH));
    if (batch.length > 0) await apply(batch);
    return waiting.length > 0 ? 0 : undefined;
  }

  /** Some go to where they are dealt with one by one; the rest is applied. */
  function sortOut(batch: readonly Delivery[]): readonly Delivery[] {
    const all = Object.values(queues);
    return batch.filter((delivery) => !all.some((queue) => queue.add(delivery)));
  }

  async function apply(batch: readonly Delivery[]): Promise<void> {
    const changed = await deps.store.apply(batch, deps.clock.now());
    await noteRunners(
      deps,
      batch.flatMap(({ event }) => (event.kind === 'job' ? [event.job] : [])),
    );
    for (const { event } of batch) {
      if (event.kind === 'installation' && event.action === 'added') {
        scheduler.wake(`list|${event.installation}`);
      }
      if (event.kind !== 'pull' && event.kind !== 'push') continue;
      const repo = await deps.store.repo(event.repo.id);
      if (!repo) continue;
      // Pushes may be told in another order than they were made: R later the branch itself is read.
      if (event.kind === 'push') {
        scheduler.within(`sweep|${repo.scope}`, deps.settings.resyncMs);
        continue;
      }
      if (!(await isHeldFor(deps.store, fileScope(repo), event.number))) continue;
      // What was merged is let go when the file was read again, or for a moment the old one would rule.
      if (event.isMerged) scheduler.wake(`sweep|${repo.scope}`);
      else if (await releasePull(deps, repo, event.number)) wake(repo.scope);
    }
    changed.forEach(wake);
  }

  /** Scopes with work that nobody woke here: after a restart, or by another replica. */
  async function scan(): Promise<number> {
    (await deps.store.scopesWithWork()).forEach((scope) => {
      scheduler.within(`scope|${scope}`, deps.tickMs);
    });
    (await deps.store.livingRegions()).forEach(({ account, region }) => {
      scheduler.within(`region|${account}|${region}`, deps.tickMs);
    });
    return deps.tickMs;
  }

  async function tickScope(scope: ScopeId): Promise<number | undefined> {
    if (talk) await recallHolds({ ...deps, talk }, scope);
    const tick = await reconcile(deps, scope);
    for (const at of tick.regions) {
      if (tick.hasWork || !isOpenIn(await deps.store.fact(lookKey(at)))) {
        scheduler.within(`region|${at.account}|${at.region}`, deps.tickMs);
      }
    }
    const sweepMs = await sweeper.sweepOnce(scope, { hasRules: tick.regions.length > 0 });
    // Apart from the tick: a person may read it a second after the machine started.
    if (talk) {
      scheduler.wake(`cards|${scope}`);
      tellOfRules(scope);
    }
    tick.wake.forEach(wake);
    tick.read.forEach(tellOfRules);
    for (const to of tick.moved) scheduler.wake(`sweep|${to}`);
    // What an owner's file says may govern repositories that had nothing to do until now.
    if (tick.read.some(isOwnerScope)) await wakeOwned(scope);
    if (!tick.hasWork) return sweepMs;
    const turnMs = (tick.nextAt ?? Number.POSITIVE_INFINITY) - deps.clock.now();
    return Math.max(0, Math.min(deps.tickMs, turnMs));
  }

  async function wakeOwned(scope: ScopeId): Promise<void> {
    const { home } = await deps.store.scopeRows(scope);
    const repos = home ? await deps.store.reposOf(home.installation) : [];
    for (const other of new Set(repos.map((repo) => repo.scope))) wake(other);
  }

  async function tellOf(scope: ScopeId): Promise<number | undefined> {
    if (!talk) return undefined;
    const waits = await tellWaits({ ...deps, talk }, scope);
    const reruns = await tellReruns({ ...deps, talk }, scope);
    return waits !== undefined && reruns !== undefined
      ? Math.min(waits, reruns)
      : (waits ?? reruns);
  }

  /** One by one, until all are known. */
  async function meetNext(): Promise<number | undefined> {
    const scope = newcomers.shift();
    if (!scope) return undefined;
    if (!(await sweeper.meet(scope))) newcomers.push(scope);
    return deps.settings.resyncMs / 4;
  }

  async function tickRegion(rest: string): Promise<number | undefined> {
    const [account = '', region = ''] = rest.split('|');
    const { store, clock, holder } = deps;
    const name = `region|${rest}`;
    const lease = await store.lease({ name, holder, now: clock.now(), ttlMs: LEASE_MS });
    if (!lease) return deps.tickMs;
    const seen = await observeRegion(deps, { account, region });
    seen.changed.forEach(wake);
    if (seen.changed.length > 0) await sweepRunners(deps);
    // Jobs waited for the first look: they need not wait for their next tick.
    if (seen.hasOpened) (await store.scopesWithWork()).forEach(wake);
    // What we believe to live there and EC2 does not show, the scan comes back for.
    return seen.isAlive || !seen.isOpen ? deps.tickMs : undefined;
  }

  /** It may reach more repositories now: some have rules, or one of them the owner's. */
  async function tickList(rest: string): Promise<undefined> {
    const [id, tries = 0] = rest.split('|').map(Number);
    const installation: InstallationId = id ?? 0;
    const isListed = await listOwner(deps, installation);
    const unread = new Set<ScopeId>();
    for (const repo of await deps.store.reposOf(installation)) {
      const isUnread = isHome(repo) || (await deps.store.rules(repo.scope)) === null;
      if (isUnread) unread.add(repo.scope);
    }
    welcome([...unread]);
    // It may be gone again; the hourly discovery would tell.
    if (isListed || tries >= MOST_LISTINGS) return;
    const waitMs = (deps.settings.resyncMs / 4) * 2 ** tries;
    scheduler.within(`list|${installation}|${tries + 1}`, waitMs);
  }

  /** Their rules are read: of some at once, of many in turn. */
  function welcome(scopes: readonly ScopeId[]): void {
    scopes.slice(0, MOST_NEW_AT_ONCE).forEach(wake);
    newcomers = [...new Set([...newcomers, ...scopes.slice(MOST_NEW_AT_ONCE)])];
    if (newcomers.length > 0) scheduler.wake('meet');
  }

  async function tickDiscover(): Promise<number> {
    const { scopes, nextMs } = await discover(healer);
    await deps.store.prune(deps.clock.now() - KEPT_MS);
    welcome(scopes);
    return nextMs;
  }

  async function lookUpTurns(): Promise<number> {
    for (const { scope, inMs } of await turnsSoon(deps)) scheduler.within(`turn|${scope}`, inMs);
    return LOOK_UP_EVERY * deps.settings.resyncMs;
  }

  /** The three healings; machines are adopted or ended by the regions' ticks. */
  async function heal(): Promise<number> {
    const { store, clock, holder, settings } = deps;
    const now = clock.now();
    const ttlMs = 2 * settings.resyncMs;
    if (await store.lease({ name: 'healing', holder, now, ttlMs })) {
      await redeliverFailed(healer);
      await sweepRunners(healer);
      const { forgetAccount } = deps;
      if (forgetAccount) await forgetLeft({ ...deps, forgetAccount });
    }
    // Every process tries: a scope is swept by the one that decides for it, or nobody would.
    await sweeper.sweepActive();
    await deps.catalogue.refresh();
    return settings.resyncMs;
  }

  scheduler.wake('start');

  return {
    take(deliveries) {
      waiting.push(...deliveries);
      scheduler.within('apply', Math.max(0, appliedAt + BURST_MS - deps.clock.now()));
    },
    wake,
    settled,
    look: () => scheduler.wake('scan'),
    isReady: () => isReady,
    stop: () => scheduler.stop(),
  };
}
