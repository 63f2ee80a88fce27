import { cancelAll } from './act/cancel.ts';
import type { RegionOf } from './act/default-region.ts';
import { type ActDeps, LEASE_MS } from './act/deps.ts';
import { listOwner } from './act/discover.ts';
import { endAll } from './act/end.ts';
import { busyRepos } from './act/govern.ts';
import { launchAll } from './act/launch.ts';
import { lookAround, type Sight } from './act/look.ts';
import { isUnsettled } from './act/lost.ts';
import { isUndecided, moveRepos, waitsFor, whileStuck } from './act/move-repos.ts';
import { prepareAll, without } from './act/prepare.ts';
import { readLostRuns } from './act/read-lost.ts';
import { type RulesOf, readRules } from './act/read-rules.ts';
import { markReclaimed, rerunAll } from './act/rerun.ts';
import { beginAnew } from './act/rule-history.ts';
import { type Sent, send, settleByTag, together } from './act/send.ts';
import { setAside } from './act/sweep.ts';
import type { Instant } from './lib/clock.ts';
import type { ScopeId } from './model/ids.ts';
import type { Reason } from './model/job.ts';
import type { Repo } from './model/repo.ts';
import type { Action, Plan, Wait, World } from './model/world.ts';
import { plan } from './plan/plan.ts';
import type { Intent, Lease, ScopeRows } from './store/port.ts';

// Read this first. One tick of one scope: observe (EC2's listing is merged into the store by the
// region's own tick, GitHub's word by webhooks and sweeps), plan, record intents, act, record
// outcomes. The next tick is the retry. Any number of processes may try; the lease lets one through.

export interface ReconcileDeps extends ActDeps {
  /** This process, as the lease knows it. */
  readonly holder: string;
  readonly rulesOf: RulesOf;
  readonly regionOf: RegionOf;
}

/** Each round finds a place exhausted, so this bounds the offers that are tried in one tick. */
const MOST_ROUNDS = 8;

/** What the caller needs to know: whether there is more to do, and where machines are. */
export interface Tick {
  readonly hasWork: boolean;
  /** A launch stands in line, and this is its turn. */
  readonly nextAt: Instant | null;
  readonly regions: readonly { readonly account: string; readonly region: string }[];
  /** Other scopes in which something changed by this. */
  readonly wake: readonly ScopeId[];
  /** Where repositories came to by this: their jobs may never have been looked for. */
  readonly moved: readonly ScopeId[];
  /** Whose files were read anew. */
  readonly read: readonly ScopeId[];
}

export async function reconcile(deps: ReconcileDeps, scope: ScopeId): Promise<Tick> {
  const wake = new Set<ScopeId>();
  const gone = new Set<ScopeId>();
  const read = new Set<ScopeId>();
  const idle = (hasWork: boolean): Tick => ({
    hasWork,
    nextAt: null,
    regions: [],
    wake: [...wake],
    moved: [...gone],
    read: [...read],
  });
  for (let round = 1; ; round += 1) {
    const { store, clock, holder } = deps;
    const lease = await store.lease({ name: scope, holder, now: clock.now(), ttlMs: LEASE_MS });
    // Somebody else decides for this scope; we look again in case that they stop.
    if (!lease) return idle(true);
    const rows = await store.scopeRows(scope);
    const sight = await observe(deps, lease, { rows, read });
    if (!sight) return idle(false);
    const { moved, stuck } = await moveRepos(deps, lease, sight);
    for (const other of moved) gone.add(other);
    for (const other of [...moved, ...waitsFor(sight)]) wake.add(other);
    if (moved.length > 0 && round < MOST_ROUNDS) continue;
    const { decided, intents } = await decide(deps, sight, whileStuck(sight, stuck));
    const waits = [...decided.waits, ...sight.denied];
    await explain(deps, lease, { rows, waits });
    const isNew = !sight.isListed && (await isListedNow(deps, sight));
    const sent = await act(deps, lease, { sight, decided, intents });
    if ((!sent.again && !isNew) || round === MOST_ROUNDS) {
      const tick = tickOf(sight, sent, clock.now());
      return { ...idle(false), ...tick, hasWork: tick.hasWork || isNew };
    }
  }
}

/** Nothing starts before we know whether the owner has rules for all of theirs. */
async function isListedNow(deps: ReconcileDeps, { rows }: Sight): Promise<boolean> {
  const [repo] = rows.repos;
  return repo !== undefined && listOwner(deps, repo.installation);
}

async function observe(
  deps: ReconcileDeps,
  lease: Lease,
  { rows, read }: { readonly rows: ScopeRows; readonly read: Set<ScopeId> },
): Promise<Sight | undefined> {
  const files = await readRules(deps, lease, rows);
  for (const file of files.changed) read.add(file);
  // A push may have mended what a rule is paused for.
  if (files.isPushed) await beginAnew(deps.store, rows.scope, deps.clock.now());
  const fresh = await freshen(deps, files.rows);
  const sight = await lookAround(deps, fresh);
  return sight && readLostRuns(deps, lease, sight);
}

/**
 * Silence for 2 R proves nothing: before anything hangs on it, GitHub is asked. One that does not
 * answer is asked once in R, not in every tick: an hour of that would cost more than all healings.
 */
async function freshen(deps: ReconcileDeps, rows: ScopeRows): Promise<ScopeRows> {
  const { store, github, clock, settings } = deps;
  // An owner has many repositories, and most have nothing that hangs on GitHub's word.
  const stale = busyRepos(rows).filter(
    (repo) => repo.removedAt === null && clock.now() - repo.heardAt > 2 * settings.resyncMs,
  );
  if (stale.length === 0) return rows;
  for (const repo of stale) {
    const askedAt = clock.now();
    const last = await store.fact(askedKey(repo));
    if (last && askedAt - last.at < settings.resyncMs) continue;
    await store.saveFact(askedKey(repo), '', askedAt);
    const read = await github.repository(repo.installation, repo.id);
    if (read.ok) await store.heard(repo.id, askedAt);
  }
  return store.scopeRows(rows.scope);
}

const askedKey = ({ id }: Pick<Repo, 'id'>) => `asked:${id}`;

/** Writes down why each job waits, where that changed: what a person reads is what was decided. */
async function explain(
  deps: ReconcileDeps,
  lease: Lease,
  of: { rows: ScopeRows; waits: readonly Wait[] },
): Promise<void> {
  const said = new Map(of.rows.jobs.map((job) => [job.id, job.reason]));
  const changed = of.waits.filter(({ job, reason }) => !isSame(said.get(job), reason));
  if (changed.length === 0) return;
  await deps.store.saveReasons(lease, changed, deps.clock.now());
  for (const [text, waits] of Map.groupBy(changed, ({ reason }) => reason.text)) {
    const code = waits[0]?.reason.code;
    const jobs = waits.slice(0, MOST_NAMED).map(({ job }) => job);
    deps.log.info({ scope: lease.name, code, text, count: waits.length, jobs }, 'jobs wait');
  }
}

/** Jobs that a line of the log names; the store has all of them. */
const MOST_NAMED = 20;

const isSame = (a: Reason | null | undefined, b: Reason): boolean =>
  a?.code === b.code && a.text === b.text;

interface Decided {
  readonly decided: Plan;
  /** Its launches, with everything that the calls will say. */
  readonly intents: readonly Intent[];
}

/**
 * Where AWS or GitHub does not give what a launch needs, it is planned anew without it: the jobs get
 * another rule's machine, or the reason why they get none.
 */
async function decide(deps: ReconcileDeps, sight: Sight, world: World): Promise<Decided> {
  let open = world;
  for (let round = 1; ; round += 1) {
    const decided = plan(open, deps.clock.now());
    const { intents, unready } = await prepareAll(deps, sight, decided);
    if (unready.length === 0 || round === MOST_ROUNDS) return { decided, intents };
    open = without(open, unready);
  }
}

async function act(
  deps: ReconcileDeps,
  lease: Lease,
  of: Decided & { readonly sight: Sight },
): Promise<Sent> {
  const { sight, decided, intents } = of;
  const only = <K extends Action['kind']>(kind: K) =>
    decided.actions.filter((one): one is Extract<Action, { kind: K }> => one.kind === kind);
  await markReclaimed(deps, sight.lost.reclaimed);
  await endAll(deps, lease, { sight, actions: only('end') });
  const sent: Sent[] = [];
  for (const action of [...only('retry'), ...only('settle')]) {
    const launch = sight.rows.launches.find((one) => one.id === action.launch);
    if (!launch) continue;
    if (action.kind === 'settle') await settleByTag(deps, lease, launch);
    else sent.push(await send(deps, lease, launch));
  }
  sent.push(await launchAll(deps, lease, intents));
  await cancelAll(deps, { sight, actions: only('cancel') });
  await setAside(deps, lease, { rows: sight.rows, jobs: decided.doubted });
  await rerunAll(deps, lease, { sight, actions: only('rerun') });
  return together(sent);
}

type TickNow = Pick<Tick, 'hasWork' | 'nextAt' | 'regions'>;

function tickOf(sight: Sight, sent: Sent, now: Instant): TickNow {
  const { rows, account, rules, lost } = sight;
  // Launches that stand in line from an earlier tick have turns of their own.
  const turns = rows.launches.filter(({ retryAt }) => retryAt > now);
  const { nextAt } = together([
    sent,
    ...turns.map(({ retryAt }) => ({ again: false, nextAt: retryAt })),
  ]);
  const hasWork =
    sent.again ||
    nextAt !== null ||
    isUndecided(sight) ||
    rows.instances.length > 0 ||
    rows.launches.length > 0 ||
    isUnsettled(lost) ||
    rows.rules?.wantedCommit != null ||
    [...rows.own.values()].some(({ wantedCommit }) => wantedCommit !== null) ||
    rows.jobs.some((job) => job.state === 'queued');
  const regions = account === null ? [] : [...new Set(rules.map((rule) => rule.region))];
  return {
    hasWork,
    nextAt,
    regions: regions.map((region) => ({ account: account ?? '', region })),
  };
}
