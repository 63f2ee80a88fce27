import type { Instant } from '../../lib/clock.ts';
import type { InstanceId, InstanceKey, ScopeId } from '../../model/ids.ts';
import type { Instance, Launch } from '../../model/launch.ts';
import type { Intent, Settlement } from '../port.ts';
import { draft } from './draft.ts';

/** A launch with all or some of its instances. */
export interface Written {
  readonly launch: Launch;
  readonly instances: readonly Instance[];
}

const keyOf = (launch: Launch, index: number): InstanceKey => `${launch.id}.${index}`;

/** An instance that nobody has seen yet; one that EC2 told of is made from it. */
export function requestedInstance(launch: Launch, index: number, now: Instant): Instance {
  const { scope, repo, account, rule, runnerGroup, region, zone, type, market, priceUsd } = launch;
  return {
    key: keyOf(launch, index),
    launch: launch.id,
    ...{ scope, repo, account, rule, runnerGroup, region, zone, type, market, priceUsd },
    diskGb: launch.request?.diskGb ?? null,
    id: null,
    ownerAccount: null,
    state: 'requested',
    ec2: 'unknown',
    reason: '',
    ec2Reason: '',
    reclaimedAt: null,
    runnerId: null,
    runnerName: null,
    labels: [],
    createdAt: now,
    launchedAt: null,
    registeredAt: null,
    onlineAt: null,
    startedAt: null,
    finishedAt: null,
    saidDoneAt: null,
    lastRun: null,
    noticeAt: null,
    noticeAction: null,
    noticedAt: null,
    advisedAt: null,
    endAskedAt: null,
    goneAt: null,
  };
}

function written(intent: Intent, count: number, now: Instant): Written {
  const { max: _, repoMax: __, request, sendAt = now, ...facts } = intent;
  const launch: Launch = {
    ...facts,
    count,
    createdAt: now,
    outcome: 'unknown',
    code: '',
    tries: 0,
    retryAt: sendAt,
    request: { ...request, count },
  };
  const instances = Array.from({ length: count }, (___, i) => requestedInstance(launch, i, now));
  return { launch, instances };
}

type Counted = Pick<Instance, 'scope' | 'rule' | 'repo'>;

/** One place for each rule of a scope: `max` counts over all launches that name it. */
export const ruleKey = (of: Pick<Counted, 'scope' | 'rule'>): string => `${of.scope} ${of.rule}`;

/** How many live by each rule, and of them by each repository. */
export interface Live {
  readonly byRule: ReadonlyMap<string, number>;
  readonly byRepo: ReadonlyMap<string, number>;
}

const repoKey = (of: Counted): string => `${ruleKey(of)} ${of.repo}`;

export function countLive(rows: Iterable<Counted & { readonly count?: number }>): Live {
  const live = { byRule: new Map<string, number>(), byRepo: new Map<string, number>() };
  for (const row of rows) {
    const { count = 1 } = row;
    live.byRule.set(ruleKey(row), (live.byRule.get(ruleKey(row)) ?? 0) + count);
    live.byRepo.set(repoKey(row), (live.byRepo.get(repoKey(row)) ?? 0) + count);
  }
  return live;
}

/** Cuts each intent, in order, to what its rule has left. */
export function cutToMax(intents: readonly Intent[], live: Live, now: Instant): readonly Written[] {
  const byRule = new Map(live.byRule);
  const byRepo = new Map(live.byRepo);
  const cut: Written[] = [];
  for (const intent of intents) {
    const before = byRule.get(ruleKey(intent)) ?? 0;
    const ofRepo = byRepo.get(repoKey(intent)) ?? 0;
    const left = Math.min(intent.max - before, (intent.repoMax ?? intent.max) - ofRepo);
    const count = Math.min(intent.request.count, left);
    if (count <= 0) continue;
    byRule.set(ruleKey(intent), before + count);
    byRepo.set(repoKey(intent), ofRepo + count);
    cut.push(written(intent, count, now));
  }
  return cut;
}

/** Whether what lives of a repository still fits where it is to count. */
export function fitsIn(
  moving: readonly Counted[],
  there: {
    readonly live: Live;
    readonly maxima: ReadonlyMap<string, number>;
    readonly to: ScopeId;
  },
): boolean {
  const { live, maxima, to } = there;
  const all = countLive(moving.map((row) => ({ ...row, scope: to })));
  return moving.every(({ rule }) => {
    const key = ruleKey({ scope: to, rule });
    return (all.byRule.get(key) ?? 0) + (live.byRule.get(key) ?? 0) <= (maxima.get(rule) ?? 0);
  });
}

export const goneRow = (instance: Instance, reason: string, now: Instant): Instance => ({
  ...instance,
  state: 'gone',
  reason: instance.state === 'ending' && instance.reason !== '' ? instance.reason : reason,
  goneAt: now,
});

/** The launch's first row that waits for an id, by its index, else a new row. */
export function waitingRow(
  launch: Launch,
  rows: { get(key: InstanceKey): Instance | undefined },
  now: Instant,
): Instance {
  for (let index = 0; ; index += 1) {
    const row = rows.get(keyOf(launch, index));
    if (!row) return requestedInstance(launch, index, now);
    if (row.state === 'requested') return row;
  }
}

/** `known`: ids that a listing told of before the answer came. Answers the rows to write. */
export function settled(
  { launch, instances }: Written,
  settlement: Settlement,
  known: ReadonlySet<InstanceId>,
  now: Instant,
): Written {
  const rows = draft(new Map(instances.map((row) => [row.key, row])));
  let [code, reason] = ['', 'not launched'];
  if (settlement.outcome === 'launched') {
    for (const id of new Set(settlement.instances)) {
      if (known.has(id)) continue;
      const row = waitingRow(launch, rows, now);
      const { ownerAccount } = settlement;
      const seen = { id, ownerAccount, launchedAt: now, state: 'pending', ec2: 'pending' } as const;
      rows.set(row.key, { ...row, ...seen });
    }
  } else ({ code, reason } = settlement);
  for (const row of rows.values()) {
    if (row.state === 'requested') rows.set(row.key, goneRow(row, reason, now));
  }
  return {
    launch: { ...launch, outcome: settlement.outcome, code, request: null },
    instances: [...rows.changed.values()],
  };
}
