import type { Delivery, Event } from '../../src/model/event.ts';
import type { InstanceId, LaunchId, ScopeId } from '../../src/model/ids.ts';
import type { JobReport } from '../../src/model/job.ts';
import type { Ec2State, LaunchRequest } from '../../src/model/launch.ts';
import type { RepoFacts } from '../../src/model/repo.ts';
import type {
  Exhausted,
  Intent,
  Lease,
  Listing,
  RulesRecord,
  Sighting,
  Store,
} from '../../src/store/port.ts';

// Whole valid values; a test names only what matters to it.

export const T = 1_700_000_000_000;
export const SCOPE: ScopeId = 'repo-1';
export const RULE = 'm5.large/eu-west-1';

export const aRepo = (facts: Partial<RepoFacts> = {}): RepoFacts => ({
  id: 1,
  owner: 'octo',
  ownerId: 7,
  name: 'app',
  defaultBranch: 'main',
  isPrivate: true,
  installation: 70,
  ...facts,
});

export const aReport = (facts: Partial<JobReport> = {}): JobReport => ({
  id: 11,
  repo: 1,
  run: 111,
  attempt: 1,
  name: 'build',
  workflow: 'ci',
  sha: 'c0ffee',
  labels: ['dstack', 'linux'],
  state: 'queued',
  conclusion: null,
  runnerId: null,
  runnerName: null,
  queuedAt: T,
  startedAt: null,
  completedAt: null,
  hasEnvironment: false,
  ...facts,
});

/** The repository's id follows the job's where it is not given. */
export const jobEvent = (job: Partial<JobReport> = {}, repo: Partial<RepoFacts> = {}): Event => ({
  kind: 'job',
  job: aReport(job),
  repo: aRepo({ id: job.repo ?? 1, ...repo }),
});

export const pushEvent = (
  commit: string | null,
  branch = 'main',
  repo: Partial<RepoFacts> = {},
): Event => ({
  kind: 'push',
  repo: aRepo(repo),
  branch,
  commit,
});

export const aDelivery = (id: string, event: Event = jobEvent(), at = T): Delivery => ({
  id,
  at,
  event,
});

/** Receives and applies events, in order. */
export const tell = (store: Store, ...events: readonly Event[]): Promise<readonly ScopeId[]> =>
  store.apply(
    events.map((event, i) => aDelivery(`told-${i}`, event)),
    T,
  );

export async function aLease(store: Store, name: string = SCOPE, holder = 'me'): Promise<Lease> {
  const lease = await store.lease({ name, holder, now: T, ttlMs: 60_000 });
  if (!lease) throw new Error(`somebody else holds ${name}`);
  return lease;
}

const PLACE = {
  region: 'eu-west-1',
  zone: 'eu-west-1a',
  subnet: 'subnet-1',
  type: 'm5.large',
  market: 'spot',
} as const;

export const aRequest = (count = 1): LaunchRequest => ({
  ...PLACE,
  clientToken: 'token',
  count,
  maxPriceUsd: 0.1,
  imageId: 'ami-1',
  rootDevice: '/dev/sda1',
  diskGb: 30,
  securityGroups: ['sg-1'],
  tags: { Name: 'runner' },
  userData: '#!/bin/sh\n',
});

export const anIntent = (facts: Partial<Intent> & { readonly want?: number } = {}): Intent => {
  const { want = 1, ...rest } = facts;
  return {
    ...PLACE,
    id: 'l1',
    scope: SCOPE,
    repo: 1,
    account: 'default',
    rule: RULE,
    runnerGroup: null,
    max: 10,
    repoMax: null,
    priceUsd: 0.045,
    reason: 'job 11 waits',
    request: aRequest(want),
    ...rest,
  };
};

export const aSighting = (id: InstanceId, facts: Partial<Sighting> = {}): Sighting => ({
  id,
  ownerAccount: '123456789012',
  ec2: 'running',
  ec2Reason: '',
  launchedAt: T,
  zone: 'eu-west-1a',
  type: 'm5.large',
  market: 'spot',
  launch: 'l1',
  scope: SCOPE,
  repo: null,
  rule: RULE,
  runnerGroup: null,
  ...facts,
});

export const GRACE_MS = 60_000;

export const aListing = (
  instances: readonly Sighting[],
  facts: Partial<Listing> = {},
): Listing => ({
  account: 'default',
  region: 'eu-west-1',
  askedAt: T + 10 * GRACE_MS,
  missingGraceMs: GRACE_MS,
  instances,
  ...facts,
});

export const aRulesRecord = (facts: Partial<RulesRecord> = {}): RulesRecord => ({
  scope: SCOPE,
  text: 'autoscale: {}',
  commit: 'c1',
  errors: null,
  readAt: T,
  wantedCommit: null,
  ...facts,
});

export const anExhausted = (facts: Partial<Exhausted> = {}): Exhausted => ({
  account: 'default',
  region: 'eu-west-1',
  zone: 'eu-west-1a',
  type: 'm5.large',
  market: 'spot',
  until: T + 180_000,
  forMs: 180_000,
  since: T,
  why: 'InsufficientInstanceCapacity',
  ...facts,
});

/** A repository, a lease of its scope, and one launch of `ids.length` instances that EC2 started. */
export async function launched(
  store: Store,
  ids: readonly InstanceId[],
  launch: LaunchId = 'l1',
  runnerGroup: string | null = null,
): Promise<Lease> {
  await store.noteRepos([aRepo()], T);
  const lease = await aLease(store);
  await store.intend(lease, [anIntent({ id: launch, want: ids.length, runnerGroup })], T);
  const ownerAccount = '123456789012';
  await store.settle(launch, { outcome: 'launched', ownerAccount, instances: ids }, T);
  return lease;
}

/** Every state in which EC2 shows an instance, with what it means to us. */
export const EC2_STATES: readonly Ec2State[] = [
  'pending',
  'running',
  'shutting-down',
  'terminated',
];
