import type { Instant } from '../../lib/clock.ts';
import type { InstanceId, InstanceKey, RuleId, ScopeId } from '../../model/ids.ts';
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
  const { scope, repo, account, rule, region, zone, type, market, priceUsd } = launch;
  return {
    key: keyOf(launch, index),
    launch: launch.id,
    ...{ scope, repo, account, rule, region, zone, type, market, priceUsd },
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
    noticeAt: null,
    noticeAction: null,
    noticedAt: null,
    advisedAt: null,
    endAskedAt: null,
    goneAt: null,
  };
}

function written(intent: Intent, count: number, now: Instant): Written {
  const { max: _, request, ...facts } = intent;
  const launch: Launch = {
    ...facts,
    count,
    createdAt: now,
    outcome: 'unknown',
    code: '',
    tries: 0,
    retryAt: now,
    request: { ...request, count },
  };
  const instances = Array.from({ length: count }, (__, i) => requestedInstance(launch, i, now));
  return { launch, instances };
}

/** One place for each rule of a scope: `max` counts over all launches that name it. */
export const ruleKey = (of: { readonly scope: ScopeId; readonly rule: RuleId }): string =>
  `${of.scope} ${of.rule}`;

/** Cuts each intent, in order, to what its rule has left; `live` is keyed by `ruleKey`. */
export function cutToMax(
  intents: readonly Intent[],
  live: ReadonlyMap<string, number>,
  now: Instant,
): readonly Written[] {
  const taken = new Map(live);
  const cut: Written[] = [];
  for (const intent of intents) {
    const before = taken.get(ruleKey(intent)) ?? 0;
    const count = Math.min(intent.request.count, intent.max - before);
    if (count <= 0) continue;
    taken.set(ruleKey(intent), before + count);
    cut.push(written(intent, count, now));
  }
  return cut;
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
