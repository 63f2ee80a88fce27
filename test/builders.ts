import type { Instant } from '../src/lib/clock.ts';
import type { Offer } from '../src/model/launch.ts';
import type {
  InstanceView,
  JobView,
  LaunchView,
  Limits,
  RepoView,
  RuleView,
  World,
} from '../src/model/world.ts';

// Whole, valid values for tests of the plan; a test writes down only what matters to it.

/** 2026-11-24T14:00:00Z. */
export const NOW: Instant = 1_795_528_800_000;
export const MINUTE = 60_000;
export const HOUR = 60 * MINUTE;
export const REPO = 1001;
export const RULE = 'm5.large/us-east-1';

export const LIMITS: Limits = {
  resyncMs: MINUTE,
  registerTimeoutMs: 5 * MINUTE,
  maxDurationMs: 6 * HOUR,
  registrationsPerMinute: 20,
  mostReruns: 2,
};

export const aRepo = (given: Partial<RepoView> = {}): RepoView => ({
  id: REPO,
  isFresh: true,
  isRemoved: false,
  ...given,
});

export const aJob = (given: Partial<JobView> = {}): JobView => ({
  id: 1,
  repo: REPO,
  run: 1,
  labels: ['self-hosted', 'dstack'],
  queuedAt: NOW - 10_000,
  ...given,
});

/** `n` jobs with ids from 1, the oldest first. */
export const someJobs = (n: number, given: Partial<JobView> = {}): readonly JobView[] =>
  Array.from({ length: n }, (_, i) => aJob({ id: i + 1, queuedAt: NOW - 10_000 + i, ...given }));

export function aRule(given: Partial<RuleView> = {}): RuleView {
  const { type = 'm5.large', region = 'us-east-1' } = given;
  return {
    id: `${type}/${region}`,
    type,
    region,
    max: 4,
    maxPriceUsd: null,
    labels: [],
    arch: 'x64',
    machine: { vcpus: 2, memoryMib: 8192, gpus: null },
    markets: ['spot'],
    diskGb: 30,
    image: 'ubuntu-24.04',
    history: [],
    blocked: null,
    ...given,
  };
}

export function anOffer(given: Partial<Offer> = {}): Offer {
  const { type = 'm5.large', region = 'us-east-1', zone = `${region}a` } = given;
  return {
    rule: `${type}/${region}`,
    region,
    zone,
    subnet: `subnet-${zone}`,
    type,
    market: 'spot',
    arch: 'x64',
    priceUsd: 0.0312,
    exhaustedUntil: 0,
    exhaustedWhy: '',
    exhaustedSince: 0,
    isFallback: false,
    seen: { reclaims: 0, hours: 0 },
    ...given,
  };
}

/** Launched a minute ago, and not registered yet. */
export const anInstance = (given: Partial<InstanceView> = {}): InstanceView => ({
  key: 'a.0',
  launch: 'a',
  repo: REPO,
  rule: RULE,
  zone: 'us-east-1a',
  market: 'spot',
  state: 'pending',
  isKnown: true,
  createdAt: NOW - MINUTE,
  launchedAt: NOW - MINUTE,
  registeredAt: null,
  onlineAt: null,
  startedAt: null,
  finishedAt: null,
  noticeAt: null,
  endAskedAt: null,
  labels: [],
  reason: '',
  ...given,
});

export const LABELS = ['self-hosted', 'linux', 'x64', 'dstack', 'm5.large'];

/** Online for ten seconds, without a job. */
export const anIdle = (given: Partial<InstanceView> = {}): InstanceView =>
  anInstance({
    state: 'online',
    registeredAt: NOW - 20_000,
    onlineAt: NOW - 10_000,
    labels: LABELS,
    ...given,
  });

export const aBusy = (given: Partial<InstanceView> = {}): InstanceView =>
  anIdle({ state: 'busy', startedAt: NOW - 5_000, ...given });

/** EC2 has not answered its launch `a`. */
export const anUnknown = (given: Partial<InstanceView> = {}): InstanceView =>
  anInstance({ state: 'requested', isKnown: false, launchedAt: null, ...given });

export const aLaunch = (given: Partial<LaunchView> = {}): LaunchView => ({
  id: 'a',
  repo: REPO,
  rule: RULE,
  count: 1,
  tries: 1,
  retryAt: NOW,
  createdAt: NOW - MINUTE,
  ...given,
});

/** One repository, one rule with one offer, and nothing to do. */
export const aWorld = (given: Partial<World> = {}): World => ({
  scope: `repo-${REPO}`,
  limits: LIMITS,
  label: 'dstack',
  repos: [aRepo()],
  enabled: true,
  rulesReason: null,
  cancelAfterMs: null,
  rules: [aRule()],
  offers: [anOffer()],
  jobs: [],
  instances: [],
  launches: [],
  lost: [],
  ...given,
});
