import fc, { type Arbitrary } from 'fast-check';
import type { Event } from '../../src/model/event.ts';
import { JOB_STATES } from '../../src/model/job.ts';
import { RERUN_OUTCOMES, type Rerun } from '../../src/model/rerun.ts';
import type { Lease, Listing, Store } from '../../src/store/port.ts';
import {
  aDelivery,
  aListing,
  anExhausted,
  anIntent,
  aRepo,
  aReport,
  aRequest,
  aRulesRecord,
  aSighting,
  EC2_STATES,
  GRACE_MS,
  RULE,
  T,
} from './rows.ts';

/** A call with its arguments as data, so that a failing sequence can be read. */
export interface Call {
  readonly name: string;
  readonly args: unknown;
  run(store: Store, leases: Map<string, Lease>): Promise<unknown>;
}

const BUCKET = { key: 'b', limit: { size: 5, perSecond: 2 } };

// Few values of each kind, so that calls meet each other's rows.
const one = <const V>(...values: readonly V[]) => fc.constantFrom(...values);
const at = fc.integer({ min: 0, max: 12 }).map((i) => T + i * 20_000);
const maybe = <V>(value: Arbitrary<V>) => fc.option(value, { freq: 2 });
const some = <V>(value: Arbitrary<V>, maxLength = 3) => fc.array(value, { maxLength });
const scope = one('repo-1', 'repo-2', 'repo-1', 'owner-7');
const repoId = one(1, 2);
const jobId = one(11, 12, 13);
const launchId = one('l1', 'l2', 'l3');
const instanceId = one('i-1', 'i-2', 'i-3', 'i-4');
const key = fc.tuple(launchId, one(0, 1, 2)).map(([launch, index]) => `${launch}.${index}`);
const state = one('requested', 'pending', 'online', 'busy', 'ending', 'gone');

const repo = fc
  .record({
    id: repoId,
    name: one('app', 'lib', '.github'),
    installation: one(70, 71),
    ownerId: one(7, 8),
  })
  .map(aRepo);

const report = fc
  .record({
    id: jobId,
    state: one(...JOB_STATES),
    labels: one(['dstack'], ['dstack', 'x64']),
    queuedAt: at,
    startedAt: maybe(at),
    completedAt: maybe(at),
    runnerId: maybe(one(5, 6)),
    runnerName: maybe(one('dstack-i-1-abc123', 'dstack-i-2-abc123', 'x')),
    conclusion: maybe(one('success', 'failure')),
    hasEnvironment: one(null, false, true),
  })
  // A job is of one repository for ever.
  .map((facts) => aReport({ ...facts, repo: 1 + (facts.id % 2) }));

const event: Arbitrary<Event> = fc.oneof(
  {
    weight: 5,
    arbitrary: fc
      .record({ job: report, repo })
      .map(({ job, repo }) => ({ kind: 'job', job, repo: { ...repo, id: job.repo } }) as const),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: one('push'),
      repo,
      branch: one('main', 'main', 'dev'),
      commit: maybe(one('c1', 'c2')),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: one('repository'),
      action: one('renamed', 'transferred', 'edited', 'deleted'),
      repo,
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: one('installation'),
      action: one('added', 'added', 'removed'),
      installation: one(70, 71),
      ownerId: one(7, 8),
      repos: maybe(some(repoId)),
    }),
  },
);

const delivery = fc
  .tuple(one('a', 'b', 'c', 'd', 'e', 'f'), event, at)
  .map(([id, said, when]) => aDelivery(id, said, when));

const intent = fc
  .record({
    id: launchId,
    scope,
    repo: repoId,
    rule: one(RULE, RULE, 'c5.large/eu-west-1'),
    max: fc.integer({ min: 0, max: 4 }),
    repoMax: maybe(fc.integer({ min: 0, max: 2 })),
    priceUsd: one(0.045, 0.0456, null),
    zone: one('eu-west-1a', 'eu-west-1b'),
    request: fc.integer({ min: 1, max: 3 }).map(aRequest),
  })
  .map(anIntent);

const launched = fc.record({
  outcome: one('launched'),
  ownerAccount: one('123456789012'),
  instances: some(instanceId),
});
const notLaunched = fc.record({
  outcome: one('failed', 'cancelled'),
  code: one('X'),
  reason: one('no'),
});

const sighting = fc
  .record({
    id: instanceId,
    ec2: one('pending', 'running', 'running', 'shutting-down', 'terminated'),
    ec2Reason: one('', 'User initiated', 'Server.SpotInstanceTermination: by EC2'),
    // Some long enough ago to have had their first hour.
    launchedAt: fc.oneof(
      at,
      at.map((when) => when - 3_600_000),
    ),
    launch: maybe(one('l1', 'l2', 'lost')),
    scope: maybe(scope),
    repo: maybe(repoId),
    rule: maybe(one(RULE)),
  })
  .map(({ id, ...facts }) => aSighting(id, facts));

const listing: Arbitrary<Listing> = fc
  .record({ account: one('default', 'default', 'other'), askedAt: at, seen: some(sighting, 4) })
  .map(({ seen, ...facts }) => aListing(seen, { ...facts, missingGraceMs: GRACE_MS }));

const patch = fc.record(
  {
    state: one('pending', 'online', 'busy', 'ending'),
    reason: one('', 'idle'),
    labels: one(['x64'], []),
    runnerId: maybe(one(5, 6)),
    onlineAt: at,
    noticeAt: maybe(at),
    finishedAt: maybe(at),
  },
  { requiredKeys: [] },
);

const rerun: Arbitrary<Rerun> = fc.record({
  scope,
  repo: repoId,
  run: one(111),
  attempt: one(1, 2),
  outcome: one(...RERUN_OUTCOMES),
  job: maybe(jobId),
  names: some(one('build')),
  reason: one('', 'taken'),
  at,
  tries: one(0),
  retryAt: at,
  toldAt: maybe(at),
});

const reason = maybe(fc.record({ code: one('max', 'price'), text: one('full', 'dear') }));

/** A call of one method, by that name. */
const call = <Args>(
  name: string,
  args: Arbitrary<Args>,
  run: (store: Store, args: Args, leases: Map<string, Lease>) => Promise<unknown>,
): Arbitrary<Call> =>
  args.map((given) => ({ name, args: given, run: (store, leases) => run(store, given, leases) }));

/** The lease that a holder was last given, which may be another's by now. */
const leaseOf = (leases: Map<string, Lease>, holder: string, name: string): Lease =>
  leases.get(`${holder} ${name}`) ?? { name, holder, fence: 0, until: 0 };

const who = fc.record({ holder: one('a', 'a', 'b'), name: scope });

const hints: readonly Arbitrary<Call>[] = [
  call('receive', some(delivery, 5), (store, batch) => store.receive(batch)),
  call('apply', fc.tuple(some(delivery, 5), at), (store, args) => store.apply(...args)),
  call('report', fc.tuple(some(report), at), (store, args) => store.report(...args)),
  call('noteRepos', fc.tuple(some(repo), at), (store, args) => store.noteRepos(...args)),
  call('heard', fc.tuple(repoId, at), (store, args) => store.heard(...args)),
  call('removeRepo', fc.tuple(repoId, at), (store, args) => store.removeRepo(...args)),
  call('scopesActiveSince', at, (store, since) => store.scopesActiveSince(since)),
  call('reposActiveSince', fc.tuple(scope, at), (store, args) => store.reposActiveSince(...args)),
  call('rules', scope, (store, of) => store.rules(of)),
  call('reposOf', one(70, 71), (store, id) => store.reposOf(id)),
  call('removedUntil', at, (store, now) => store.removedUntil(now, 2)),
];

const lease = call('lease', fc.tuple(who, at), async (store, [{ holder, name }, now], leases) => {
  const lease = await store.lease({ name, holder, now, ttlMs: 30_000 });
  if (lease) leases.set(`${holder} ${name}`, lease);
  return lease;
});

const intend = call(
  'intend',
  fc.tuple(who, some(intent), at),
  (store, [of, intents, now], leases) =>
    store.intend(leaseOf(leases, of.holder, of.name), intents, now),
);

const decisions: readonly Arbitrary<Call>[] = [
  call('release', who, (store, { holder, name }, leases) =>
    store.release(leaseOf(leases, holder, name)),
  ),
  call(
    'saveRules',
    fc.tuple(who, maybe(one('c1', 'c2')), at),
    (store, [{ holder, name: scope }, wantedCommit, readAt], leases) =>
      store.saveRules(
        leaseOf(leases, holder, scope),
        aRulesRecord({ scope, wantedCommit, readAt }),
      ),
  ),
  call(
    'saveReasons',
    fc.tuple(who, some(fc.record({ job: jobId, reason })), at),
    (store, [of, reasons, now], leases) =>
      store.saveReasons(leaseOf(leases, of.holder, of.name), reasons, now),
  ),
  call(
    'moveRepo',
    fc.tuple(who, repoId, scope, fc.integer({ min: 0, max: 3 })),
    (store, [of, repo, to, max], leases) =>
      store.moveRepo(leaseOf(leases, of.holder, of.name), {
        repo,
        to,
        maxima: new Map([[RULE, max]]),
      }),
  ),
  call('setAside', fc.tuple(who, jobId, at), (store, [of, job, until], leases) =>
    store.setAside(leaseOf(leases, of.holder, of.name), job, until, 60_000),
  ),
  call('saveRerun', fc.tuple(who, rerun, maybe(one('open', 'asked'))), (store, args, leases) => {
    const [of, row, from] = args;
    return store.saveRerun(leaseOf(leases, of.holder, of.name), row, from);
  }),
  call('requeue', fc.tuple(who, jobId, at), (store, [of, job, now], leases) =>
    store.requeue(leaseOf(leases, of.holder, of.name), job, now),
  ),
  call(
    'changeInstance',
    fc.tuple(fc.record({ key, from: some(state, 4), patch }), maybe(who), fc.boolean()),
    (store, [plain, of, isFirst], leases) => {
      const change = isFirst ? ({ ...plain, isUnregistered: true } as const) : plain;
      return store.changeInstance(
        of ? { ...change, lease: leaseOf(leases, of.holder, of.name) } : change,
      );
    },
  ),
];

const facts: readonly Arbitrary<Call>[] = [
  call('sent', fc.tuple(launchId, at), (store, args) => store.sent(...args)),
  call('settle', fc.tuple(launchId, launched, at), (store, args) => store.settle(...args)),
  call('settle', fc.tuple(launchId, notLaunched, who, at), (store, args, leases) => {
    const [id, told, of, now] = args;
    return store.settle(id, { ...told, lease: leaseOf(leases, of.holder, of.name) }, now);
  }),
  call('observe', listing, (store, told) => store.observe(told)),
  call(
    'sighted',
    fc.tuple(instanceId, one(...EC2_STATES), one('', 'User initiated'), at),
    (store, args) => store.sighted(...args),
  ),
  call('launch', one('l1', 'lost', 'adopted-i-1'), (store, id) => store.launch(id)),
  call('instanceById', instanceId, (store, id) => store.instanceById(id)),
  call('livingRegions', fc.constant(null), (store) => store.livingRegions()),
  call('orphanRunners', one(1, 9), (store, limit) => store.orphanRunners(limit)),
  call('noteEvents', fc.tuple(instanceId, some(one('e', 'f')), at), (store, args) =>
    store.noteEvents(...args),
  ),
  call('exhaust', fc.record({ zone: one('b', 'a'), until: at }), (store, mark) =>
    store.exhaust(anExhausted(mark)),
  ),
  call('jobs', some(jobId), (store, ids) => store.jobs(ids)),
  call('reclaimed', fc.tuple(scope, at), (store, args) => store.reclaimed(...args)),
  call('reruns', fc.tuple(scope, at), (store, args) => store.reruns(...args)),
  call('exhausted', one('default'), (store, account) => store.exhausted(account)),
  call('reserve', fc.record({ now: at, count: one(-1, 1, 4, 7) }), (store, { now, count }) =>
    store.reserve([{ ...BUCKET, count }], { now, mostMs: 2_000 }),
  ),
  call('emptyBucket', at, (store, now) => store.emptyBucket(BUCKET, now)),
  call('machinesOfRule', fc.record({ scope, since: at }), (store, ask) =>
    store.machinesOfRule({ ...ask, rule: RULE, limit: 5 }),
  ),
  call('liveIn', one('default'), (store, account) => store.liveIn(account)),
  call('bills', fc.tuple(scope, at, at), (store, [of, from, to]) => store.bills(of, { from, to })),
  call('spotHistory', at, (store, since) =>
    store.spotHistory('default', { since, now: T + 600_000 }),
  ),
];

const prune = call('prune', at, (store, before) => store.prune(before));

export const someCall: Arbitrary<Call> = fc.oneof(
  ...[...hints, ...decisions, ...facts].map((arbitrary) => ({ weight: 2, arbitrary })),
  // Without these two most others find nothing to do.
  { weight: 8, arbitrary: lease },
  { weight: 8, arbitrary: intend },
  { weight: 1, arbitrary: prune },
);
