import type { Instant } from '../lib/clock.ts';
import { isOwnerScope, type RepoId } from '../model/ids.ts';
import type { Reason } from '../model/job.ts';
import { runOf } from '../model/labels.ts';
import type { Instance, Launch, Offer } from '../model/launch.ts';
import type { Repo } from '../model/repo.ts';
import type { Rule, RulesFile } from '../model/rules.ts';
import type { InstanceView, RuleView, Wait, World } from '../model/world.ts';
import type { Fact, ScopeRows } from '../store/port.ts';
import { billsFor, budgetReason } from './budget.ts';
import type { RegionOf } from './default-region.ts';
import type { ActDeps } from './deps.ts';
import { listedKey } from './discover.ts';
import { crowdReason } from './ec2-line.ts';
import {
  accountOf,
  askingOf,
  busyRepos,
  type Files,
  filesOf,
  type Governed,
  governedBy,
  holdKeysOf,
  unknownOwners,
} from './govern.ts';
import { type Lost, lostOf } from './lost.ts';
import { NOTHING_KNOWN, offersOf, viewOf } from './offers.ts';
import { ownViews, withUnfit } from './own-views.ts';
import { withRoom } from './quota-room.ts';
import type { RulesNow, RulesOf } from './read-rules.ts';
import { firstLookReason, lookKey } from './region.ts';
import { anewKey, historyOf } from './rule-history.ts';
import { outsideGroup } from './runner-group.ts';

/**
 * GitHub registers 180 runners a minute: 900 points, 5 for each. A machine boots for up to a third of
 * the time that it has to register, so of that time two thirds are left to wait in line.
 */
export const REGISTRATIONS_PER_MINUTE = 120;

/** What a tick decides on: the world for the plan, and the rows and rules that it was made from. */
export interface Sight {
  readonly world: World;
  readonly rows: ScopeRows;
  readonly rules: readonly Rule[];
  readonly files: Files;
  readonly own: Governed['own'];
  /** The file that governs, with what holds applied; null: none is known. */
  readonly inForce: RulesFile | null;
  /** Where the machines to come register, at the owner's; null: each at its repository. */
  readonly runnerGroup: string | null;
  /** Whose credentials launch here; null: nobody's. */
  readonly account: string | null;
  /** Jobs that may not run, whatever there is room for: they are no demand. */
  readonly denied: readonly Wait[];
  /** What EC2 took back of it, and what became of the jobs. */
  readonly lost: Lost;
  /** false: the owner may have a `.github` repository that we do not know. */
  readonly isListed: boolean;
  readonly allowsForks: (repo: RepoId) => boolean;
}

type Need = Pick<
  ActDeps,
  'store' | 'github' | 'accounts' | 'catalogue' | 'clock' | 'startedAt' | 'judgeFork' | 'settings'
> & { readonly rulesOf: RulesOf; readonly regionOf: RegionOf };

/** Makes the plan's world from what is stored and what AWS said lately. */
export async function lookAround(deps: Need, rows: ScopeRows): Promise<Sight | undefined> {
  const [repo] = rows.repos;
  if (!repo) return undefined;
  const asking = askingOf(rows, repo);
  const hasRules = [rows.rules, ...rows.own.values()].some((one) => one?.text != null);
  const found = hasRules ? await accountOf(deps.accounts, rows, repo) : null;
  const region = found && (await deps.regionOf(asking, found));
  const files = filesOf(rows, { rulesOf: deps.rulesOf, region });
  const isReachable = deps.settings.publicUrl !== null;
  const account = found && 'account' in found && isReachable ? found.account : null;
  const noAccount = found && 'reason' in found ? found.reason : isReachable ? null : NO_URL;
  const written = (isOwnerScope(rows.scope) ? files.owner : files.ownOf(repo)).file?.rules ?? [];
  const looks =
    account === null ? [] : regionsOf(written).map((region) => lookKey({ account, region }));
  const listed = rows.home ? [] : [listedKey(repo.installation)];
  const lost = await lostOf(deps, rows, rows.scope);
  const busy = busyRepos(rows, lost.runs);
  const keys = [...holdKeysOf(rows.scope, busy), anewKey(rows.scope), ...looks, ...listed];
  const facts = await deps.store.facts(keys);
  const isListed = listed.every((key) => facts.has(key));
  const { now: inForce, own } = governedBy(rows, files, { facts, busy });
  const isOpen = !isListed && !isOwnerScope(rows.scope);
  const rulesNow = isOpen ? UNLISTED : (unknownOwners(rows, files) ?? inForce);
  const { file } = rulesNow;
  const rules = file?.rules ?? [];
  const hasFallback = file?.onExhausted === 'on-demand';
  const isAsked = rows.jobs.some(({ state }) => state === 'queued');
  const crowds = await crowdsOf(deps, { account, regions: isAsked ? regionsOf(rules) : [] });
  const hasBudget = file !== null && file.budgetUsd !== null;
  const asked = { rules, account, noAccount, hasFallback, hasBudget, facts, crowds, isAsked };
  const offered = await offersFor(deps, asked);
  const owns = [...own.values()].map((one) => one.rules);
  const bills = await billsFor(deps, rows.scope, [file, ...owns]);
  const allowsForks = forksOf(rulesNow, own);
  // A person's file may have come into force before it was known whose account it is.
  const hasGroups = isOwnerScope(rows.scope) && rows.home?.ownerType !== 'User';
  const runnerGroup = hasGroups ? (file?.runnerGroup ?? null) : null;
  const outside = await outsideGroup(deps, { rows, runnerGroup });
  const denied = [...(await fromForks(deps, rows, allowsForks)), ...outside];
  const isDenied = new Set(denied.map(({ job }) => job));
  const { settings } = deps;
  const now = deps.clock.now();
  const overBudget = file && budgetReason(file, bills, now);
  const maxDurationMs = file?.maxDurationMs ?? DEFAULT_MAX_DURATION_MS;
  const offers = withUnfit(offered.offers, own);
  const ownView = ownViews({ own, rules, maxDurationMs, bills, now });
  const queued = rows.jobs.filter((job) => job.state === 'queued' && !isDenied.has(job.id));
  const addHistory = await historyOf(deps.store, {
    scope: rows.scope,
    // Nobody needs it while no job waits.
    rules: queued.length > 0 ? rules : [],
    anewAt: facts.get(anewKey(rows.scope))?.at,
    now,
  });
  const world: World = {
    scope: rows.scope,
    reachableSince: deps.startedAt,
    limits: {
      resyncMs: settings.resyncMs,
      registerTimeoutMs: settings.registerTimeoutMs,
      maxDurationMs,
      registrationsPerMinute: REGISTRATIONS_PER_MINUTE,
      mostReruns: file?.retry ?? 0,
    },
    label: settings.label,
    repos: rows.repos.map((one) => ({
      ...repoView(one, now - 2 * settings.resyncMs),
      ...(allowsForks(one.id) && !one.isPrivate ? { hasStrangers: true as const } : {}),
      ...ownView(one.id),
    })),
    enabled: rulesNow.isKnown ? (file?.enabled ?? true) : null,
    rulesReason: rulesNow.reason,
    cancelAfterMs: file?.onExhausted === 'cancel' ? file.exhaustedAfterMs : null,
    rules: (overBudget
      ? offered.rules.map((rule) => ({ ...rule, blocked: overBudget }))
      : offered.rules
    ).map(addHistory),
    offers,
    jobs: queued.map((job) =>
      lost.again.has(job.id) ? { ...jobView(job), isAgain: true } : jobView(job),
    ),
    instances: rows.instances.map((one) => ({
      ...instanceView(one),
      hasUntoldJob: hasUntoldJob(one, rows.jobs),
      isAdvised: one.advisedAt !== null,
      ...keptBy(one, {
        isReused: file?.reuse === 'workflow',
        resyncMs: settings.resyncMs,
        maxDurationMs: ownView(one.repo).own?.maxDurationMs ?? maxDurationMs,
      }),
    })),
    launches: rows.launches.map(launchView),
    lost: lost.runs,
  };
  const judged = { denied, isListed, allowsForks, runnerGroup };
  return { world, rows, rules, files, own, inForce: file, account, lost, ...judged };
}

const UNLISTED: RulesNow = {
  file: null,
  isKnown: false,
  reason: {
    code: 'rules-unread',
    text: "GitHub has not named the owner's repositories yet: one of them may hold rules for all.",
  },
};

/** Whether jobs of forks may run in a repository: the stricter of the files says. */
const forksOf =
  ({ file }: RulesNow, own: Governed['own']) =>
  (repo: RepoId): boolean =>
    file?.forks === 'allow' && own.get(repo)?.rules?.forks !== 'deny';

const regionsOf = (rules: readonly Rule[]): readonly string[] => [
  ...new Set(rules.map(({ region }) => region)),
];

async function fromForks(
  { judgeFork }: Need,
  rows: ScopeRows,
  isAllowed: (repo: RepoId) => boolean,
): Promise<readonly Wait[]> {
  const denied: Wait[] = [];
  for (const { id, repo: repoId, run, state } of rows.jobs) {
    const repo = rows.repos.find((one) => one.id === repoId);
    if (state !== 'queued' || !repo || repo.removedAt !== null || isAllowed(repoId)) continue;
    const reason = await judgeFork(repo, run);
    if (reason) denied.push({ job: id, reason });
  }
  return denied;
}

const NO_URL: Reason = {
  code: 'no-public-url',
  text: 'Machines could not reach the app: whoever runs it sets PUBLIC_URL and starts it again.',
};

/** For a scope without a readable file: the longest that the file could allow by default. */
export const DEFAULT_MAX_DURATION_MS = 6 * 3_600_000;

const repoView = (repo: Repo, freshSince: Instant) => ({
  id: repo.id,
  isFresh: repo.heardAt >= freshSince,
  isRemoved: repo.removedAt !== null,
});

const jobView = ({ id, repo, run, labels, queuedAt, asideUntil }: ScopeRows['jobs'][number]) => ({
  id,
  repo,
  run,
  labels,
  queuedAt,
  ...(asideUntil === null ? {} : { asideUntil }),
});

const launchView = ({ id, repo, rule, count, tries, retryAt, createdAt, runnerGroup }: Launch) => ({
  ...sharedBy(runnerGroup),
  id,
  repo,
  rule,
  count,
  tries,
  retryAt,
  createdAt,
});

const sharedBy = (runnerGroup: string | null): { readonly isShared?: true } =>
  runnerGroup === null ? {} : { isShared: true };

function instanceView(one: Instance): InstanceView {
  const { key, launch, repo, rule, zone, market, createdAt, launchedAt, registeredAt, onlineAt } =
    one;
  const { startedAt, finishedAt, noticeAt, endAskedAt, labels, reason } = one;
  return {
    ...sharedBy(one.runnerGroup),
    key,
    launch,
    repo,
    rule,
    zone,
    market,
    // Rows of a tick hold none that is gone.
    state: one.state === 'gone' ? 'ending' : one.state,
    isKnown: one.id !== null,
    createdAt,
    launchedAt,
    registeredAt,
    onlineAt,
    startedAt,
    finishedAt,
    noticeAt,
    endAskedAt,
    labels,
    reason,
  };
}

/** After half of its longest life it takes no further job: that one might be cut. */
const HALF = 2;

/** `reuse: workflow`: for R/2 after its job a machine waits for the next one of the same run. */
function keptBy(
  one: Instance,
  by: {
    readonly isReused: boolean;
    readonly resyncMs: number;
    readonly maxDurationMs: number;
  },
): Pick<InstanceView, 'keeps'> {
  const { saidDoneAt, lastRun, launchedAt, runnerGroup } = one;
  if (!by.isReused || runnerGroup !== null) return {};
  if (saidDoneAt === null || lastRun === null || lastRun !== runOf(one.labels)) return {};
  if (one.state === 'ending' || one.noticeAt !== null || one.advisedAt !== null) return {};
  const until = saidDoneAt + by.resyncMs / 2;
  const isYoung = until <= (launchedAt ?? 0) + by.maxDurationMs / HALF;
  return isYoung ? { keeps: { run: lastRun, until } } : {};
}

/** GitHub's webhook comes a second or two after the machine's own word, or is lost. */
const hasUntoldJob = ({ state, runnerName }: Instance, jobs: ScopeRows['jobs']): boolean =>
  state === 'busy' && runnerName !== null && !jobs.some((job) => job.runnerName === runnerName);

/** Regions in which no launch is added to the line now, and why. */
async function crowdsOf(
  { store, clock }: Need,
  { account, regions }: { readonly account: string | null; readonly regions: readonly string[] },
): Promise<ReadonlyMap<string, Reason>> {
  const crowds = new Map<string, Reason>();
  if (account === null) return crowds;
  for (const region of regions) {
    const why = await crowdReason(store, { account, region }, clock.now());
    if (why) crowds.set(region, why);
  }
  return crowds;
}

async function offersFor(
  deps: Need,
  made: {
    readonly rules: readonly Rule[];
    readonly account: string | null;
    readonly noAccount: Reason | null;
    readonly hasFallback: boolean;
    readonly hasBudget: boolean;
    readonly facts: ReadonlyMap<string, Fact>;
    readonly crowds: ReadonlyMap<string, Reason>;
    /** Jobs wait. */
    readonly isAsked: boolean;
  },
): Promise<{ rules: readonly RuleView[]; offers: readonly Offer[] }> {
  const { rules, account, noAccount, hasFallback, hasBudget } = made;
  if (account === null)
    return { rules: rules.map((r) => viewOf(r, NOTHING_KNOWN, noAccount)), offers: [] };
  const exhausted = await deps.store.exhausted(account);
  const all = await Promise.all(
    rules.map(async (rule) => {
      const ask = { catalogue: deps.catalogue, account, rule, exhausted, hasFallback, hasBudget };
      const offered = await offersOf(ask);
      const look = made.facts.get(lookKey({ account, region: rule.region }));
      const unready = firstLookReason(look, { ...rule, ...deps.settings });
      const why = unready ?? made.crowds.get(rule.region);
      return why ? { ...offered, rule: { ...offered.rule, blocked: why } } : offered;
    }),
  );
  const { store, catalogue, clock, settings } = deps;
  const live = made.isAsked ? await store.liveIn(account) : [];
  const room = { catalogue, account, live, until: clock.now() + settings.resyncMs };
  const left = made.isAsked ? await withRoom(room, all) : all;
  return { rules: left.map(({ rule }) => rule), offers: left.flatMap(({ offers }) => offers) };
}
