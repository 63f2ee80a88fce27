import fc from 'fast-check';
import type { InstanceView, JobView, World } from '../../src/model/world.ts';
import {
  aJob,
  aLaunch,
  anInstance,
  anOffer,
  aRepo,
  aRule,
  aWorld,
  HOUR,
  LIMITS,
  MINUTE,
  NOW,
} from '../builders.ts';

// Worlds for property tests: few words, so that labels, rules and repositories often meet.

const TYPES = ['c5.large', 'm5.large', 'r5.large'] as const;
const REPOS = [1, 2];
const FEATURES = ['red', 'green', 'blue'];

const featuresOf = (): fc.Arbitrary<readonly string[]> => fc.subarray(FEATURES);
const repo = fc.constantFrom(...REPOS);
const type = fc.constantFrom(...TYPES);
const price = fc.constantFrom(null, 0.01, 0.02, 0.03, 0.05);
/** Around every time that a promise names. */
const past = fc.constantFrom(0, 9_000, MINUTE, 5 * MINUTE, 7 * HOUR).map((ms) => NOW - ms);
const maybe = fc.option(past);

const jobLabels = fc
  .tuple(
    fc.subarray(FEATURES, { maxLength: 1 }),
    fc.option(type, { freq: 1 }),
    fc.option(fc.constantFrom('run=1', 'run=2', 'gpu=1'), { freq: 1 }),
  )
  .map(([features, asked, more]) => [
    'dstack',
    ...features,
    ...(asked ? [asked] : []),
    ...(more ? [more] : []),
  ]);

const job = (id: number): fc.Arbitrary<JobView> =>
  fc
    .record({ repo, labels: jobLabels, queuedAt: past, aside: fc.integer({ min: 0, max: 9 }) })
    .map(({ aside, ...given }) =>
      aJob({ ...given, id, ...(aside === 0 && { asideUntil: NOW + 1 }) }),
    );

const runnerLabels = (of: string, features: readonly string[]): readonly string[] => [
  ...['self-hosted', 'linux', 'x64', 'dstack', of],
  ...features,
];

const instance = (n: number): fc.Arbitrary<InstanceView> =>
  fc
    .record({
      repo,
      type,
      features: featuresOf(),
      state: fc.constantFrom('requested', 'pending', 'online', 'busy', 'ending'),
      createdAt: past,
      registeredAt: maybe,
      finishedAt: fc.option(past, { freq: 1 }),
      noticeAt: fc.option(past, { freq: 1 }),
      endAskedAt: maybe,
    })
    .map(({ type: of, features, state, registeredAt, ...given }) => {
      const hasRunner = state === 'online' || state === 'busy';
      const hasNone = state === 'requested';
      const at = hasNone ? null : hasRunner ? (registeredAt ?? given.createdAt) : registeredAt;
      return anInstance({
        ...given,
        key: `${n}.0`,
        launch: `${n}`,
        rule: `${of}/us-east-1`,
        state,
        isKnown: !hasNone,
        launchedAt: hasNone ? null : given.createdAt,
        registeredAt: at,
        onlineAt: hasRunner ? at : null,
        labels: at === null ? [] : runnerLabels(of, features),
      });
    });

const each = <T>(max: number, of: (n: number) => fc.Arbitrary<T>): fc.Arbitrary<readonly T[]> =>
  fc
    .integer({ min: 0, max })
    .chain((n) => fc.tuple(...Array.from({ length: n }, (_, i) => of(i + 1))));

const rule = (of: string, max: number) =>
  fc
    .record({
      labels: featuresOf(),
      max: fc.integer({ min: 0, max }),
      isBlocked: fc.integer({ min: 0, max: 9 }),
    })
    .map(({ isBlocked, ...given }) =>
      aRule({
        ...given,
        type: of,
        ...(isBlocked === 0 && { blocked: { code: 'iam', text: 'No.' } }),
      }),
    );

const offer = (of: string) =>
  fc
    .record({
      priceUsd: price,
      isOut: fc.integer({ min: 0, max: 4 }),
      zone: fc.constantFrom('a', 'b'),
    })
    .map(({ priceUsd, isOut, zone }) =>
      anOffer({ type: of, priceUsd, zone, exhaustedUntil: isOut === 0 ? NOW + MINUTE : 0 }),
    );

/** Mostly all types, so that rules have offers, and jobs a choice. */
const perType = <T>(of: (type: string) => fc.Arbitrary<T>): fc.Arbitrary<readonly T[]> =>
  fc
    .oneof({ weight: 3, arbitrary: fc.constant([...TYPES]) }, fc.subarray([...TYPES]))
    .chain((types) => fc.tuple(...types.map(of)));

/** Anything that may come, sensible or not. */
export const anyWorld: fc.Arbitrary<World> = fc
  .record({
    repos: fc.tuple(
      ...REPOS.map((id) =>
        fc
          .record({
            stale: fc.integer({ min: 0, max: 5 }),
            removed: fc.integer({ min: 0, max: 9 }),
          })
          .map(({ stale, removed }) => aRepo({ id, isFresh: stale > 0, isRemoved: removed === 0 })),
      ),
    ),
    enabled: fc.constantFrom(true, true, true, true, false, null),
    rules: perType((of) => rule(of, 4)),
    offers: perType(offer),
    jobs: each(12, job),
    instances: each(10, instance),
    registrationsPerMinute: fc.constantFrom(1, 20),
  })
  .map(({ registrationsPerMinute, ...given }) =>
    aWorld({
      ...given,
      limits: { ...LIMITS, registrationsPerMinute },
      launches: given.instances
        .filter(({ isKnown }) => !isKnown)
        .map(({ launch, repo: of, rule: by, createdAt }) =>
          aLaunch({ id: launch, repo: of, rule: by, createdAt }),
        ),
    }),
  );

/** Small, quiet worlds, in which nothing ends: fit for brute force. */
export const quietWorld: fc.Arbitrary<World> = fc
  .record({
    rules: perType((of) => rule(of, 3)),
    offers: perType(offer),
    jobs: each(6, job),
    instances: each(3, instance),
  })
  .map(({ rules, offers, jobs, instances }) => {
    const known = instances.filter((its) => rules.some(({ id }) => id === its.rule));
    return aWorld({
      rules: rules.map((its) => ({ ...its, max: its.max + known.length, blocked: null })),
      offers,
      repos: REPOS.map((id) => aRepo({ id })),
      jobs: jobs.map(({ asideUntil: _, ...its }) => its),
      instances: known.map((its) => ({
        ...its,
        state: its.registeredAt === null ? 'pending' : 'online',
        isKnown: true,
        createdAt: NOW,
        launchedAt: NOW,
        registeredAt: its.registeredAt === null ? null : NOW,
        onlineAt: its.registeredAt === null ? null : NOW,
        finishedAt: null,
        noticeAt: null,
        endAskedAt: null,
      })),
    });
  });
