import { describe, expect, test } from '@jest/globals';
import type { InstanceView, OwnView, RepoView, World } from '../../src/model/world.ts';
import { shareOut } from '../../src/plan/fair.ts';
import { plan } from '../../src/plan/plan.ts';
import {
  aBusy,
  aJob,
  anInstance,
  anOffer,
  aRepo,
  aRule,
  aWorld,
  HOUR,
  MINUTE,
  NOW,
  RULE,
} from '../builders.ts';

const [A, B, C] = [1, 2, 3];
const OWNER = 'owner-7';

/** Jobs of one repository, `ageMs` old and each a little younger than the one before. */
const jobsOf = (repo: number, n: number, { ageMs = MINUTE, labels = ['dstack'] } = {}) =>
  Array.from({ length: n }, (_, i) =>
    aJob({ id: repo * 1_000 + i, repo, labels, queuedAt: NOW - ageMs + i }),
  );

const busyOf = (repo: number, n: number, rule = RULE): readonly InstanceView[] =>
  Array.from({ length: n }, (_, i) => aBusy({ key: `${repo}-${rule}.${i}`, repo, rule }));

const owners = (given: Partial<World> & { readonly own?: Record<number, OwnView> }): World => {
  const { own = {}, ...rest } = given;
  const repos = [A, B, C].map(
    (id): RepoView => ({ ...aRepo({ id }), ...(own[id] ? { own: own[id] } : {}) }),
  );
  return aWorld({ scope: OWNER, repos, ...rest });
};

/** `{1: 2, 3: 1}`: launches by repository. */
function launchedOf(world: World): Readonly<Record<number, number>> {
  const counts: Record<number, number> = {};
  for (const action of plan(world, NOW).actions) {
    if (action.kind === 'launch') {
      counts[action.repo] = (counts[action.repo] ?? 0) + action.count;
    }
  }
  return counts;
}

const reasonOf = (world: World, job: number) =>
  plan(world, NOW).waits.find((wait) => wait.job === job)?.reason;

const own = (given: Partial<OwnView> = {}): OwnView => ({
  enabled: true,
  maxima: { [RULE]: 2 },
  maxDurationMs: 6 * HOUR,
  ...given,
});

describe('places of an owner', () => {
  const flood = jobsOf(A, 100, { ageMs: 60 * MINUTE });
  const max = (n: number) => [aRule({ max: n })];
  test.each([
    ['go to all that ask', { rules: max(4), jobs: [...flood, ...jobsOf(B, 1)] }, { 1: 3, 2: 1 }],
    [
      'are shared evenly, whoever has more jobs',
      { rules: max(9), jobs: [...flood, ...jobsOf(B, 20), ...jobsOf(C, 20)] },
      { 1: 3, 2: 3, 3: 3 },
    ],
    [
      'go to who has fewest machines of the rule, however old the others’ jobs are',
      { rules: max(4), jobs: [...flood, ...jobsOf(B, 2)], instances: busyOf(A, 2) },
      { 2: 2 },
    ],
    [
      'go to the oldest job among those with as many machines',
      {
        rules: max(3),
        jobs: [...jobsOf(C, 1, { ageMs: 1 }), ...jobsOf(B, 1), ...jobsOf(A, 1, { ageMs: 2 })],
        instances: [...busyOf(A, 1), ...busyOf(B, 1)].slice(0, 2),
      },
      { 3: 1 },
    ],
    [
      'go to the old job of a busy repository when the others have as many machines',
      {
        rules: max(3),
        jobs: [...jobsOf(A, 1, { ageMs: 90 * MINUTE }), ...jobsOf(B, 50)],
        instances: [...busyOf(A, 1), ...busyOf(B, 1)],
      },
      { 1: 1 },
    ],
    [
      'are all used where one repository alone asks',
      { rules: max(4), jobs: flood, instances: busyOf(B, 1) },
      { 1: 3 },
    ],
    [
      'count what is coming for a repository as well',
      { rules: max(3), jobs: [...flood, ...jobsOf(B, 1)], instances: [anInstance({ repo: A })] },
      { 1: 1, 2: 1 },
    ],
  ])('%s', (_, given, expected) => {
    expect(launchedOf(owners(given))).toEqual(expected);
  });

  test('serve as many jobs as can be, also where another rule must change places for it', () => {
    const [cheap, dear] = [aRule({ max: 1 }), aRule({ type: 'c5.large', max: 1 })];
    const world = owners({
      rules: [cheap, dear],
      offers: [anOffer({ priceUsd: 0.01 }), anOffer({ type: 'c5.large', priceUsd: 0.09 })],
      // The older one could have either: the cheap place is first shared out to it.
      jobs: [...jobsOf(A, 1, { ageMs: 9 * MINUTE }), ...jobsOf(B, 1, { labels: ['m5.large'] })],
    });
    expect(launchedOf(world)).toEqual({ [A]: 1, [B]: 1 });
  });

  test('that are all taken have a reason that names all repositories', () => {
    const world = owners({ rules: max(1), jobs: jobsOf(B, 1), instances: busyOf(A, 1) });
    expect(reasonOf(world, 2_000)).toEqual({
      code: 'at-max',
      text: 'm5.large in us-east-1: 1 of 1 machines in use by all repositories; starts when one ends',
    });
  });
});

describe('a rule that is closed to a repository', () => {
  const LARGER = 'm5.xlarge/us-east-1';
  const larger = (most: number) => aRule({ id: LARGER, type: 'm5.xlarge', max: most });
  const closedTo = (given: Partial<World>): World => {
    const world = owners({ jobs: [...jobsOf(A, 2), ...jobsOf(B, 2)], ...given });
    const closed = { [RULE]: { code: 'iam', text: 'No key.' } };
    return { ...world, repos: world.repos.map((one) => (one.id === A ? { ...one, closed } : one)) };
  };
  const offers = [anOffer(), anOffer({ rule: LARGER, type: 'm5.xlarge', priceUsd: 9 })];

  test('launches for the others, and its jobs say why', () => {
    const world = closedTo({ rules: [aRule({ max: 8 })] });
    expect(launchedOf(world)).toEqual({ 2: 2 });
    expect(reasonOf(world, 1_000)).toEqual({ code: 'iam', text: 'No key.' });
    expect(reasonOf(world, 2_000)?.code).toBe('starting');
  });

  test('leaves its jobs to another rule, though that is dearer', () => {
    const world = closedTo({ rules: [aRule({ max: 8 }), larger(8)], offers });
    expect(launchedOf(world)).toEqual({ 1: 2, 2: 2 });
  });

  test('is not what they wait for, where the other is full', () => {
    const instances = busyOf(C, 1, LARGER);
    const world = closedTo({ rules: [aRule({ max: 8 }), larger(1)], offers, instances });
    expect(reasonOf(world, 1_000)?.text).toMatch(
      /^m5\.xlarge in us-east-1: 1 of 1 machines in use/,
    );
  });
});

describe('an offer that a repository has no use for', () => {
  const dear = { code: 'price-cap', text: 'Too dear.' };
  const rules = [aRule({ max: 8, markets: ['spot', 'on-demand'] })];
  const onDemand = anOffer({ market: 'on-demand', priceUsd: 0.1, unfit: { [A]: dear } });
  const marketsOf = (world: World) =>
    plan(world, NOW).actions.flatMap((one) =>
      one.kind === 'launch' ? [`${one.repo} ${one.offer.market} ${one.count}`] : [],
    );

  test('is another’s, and a job of its own that asks for it keeps no other waiting', () => {
    const labels = ['dstack', 'spot=on-demand'];
    const jobs = [
      aJob({ id: 9, repo: A, labels }),
      ...jobsOf(A, 1),
      aJob({ id: 8, repo: B, labels }),
    ];
    const world = owners({ rules, jobs, offers: [anOffer(), onDemand] });
    expect(marketsOf(world)).toEqual(['1 spot 1', '2 on-demand 1']);
    expect(reasonOf(world, 9)).toEqual(dear);
  });

  test('is not waited for by a job that EC2 took back once', () => {
    const jobs = [A, B].map((repo) => aJob({ id: repo, repo, isAgain: true }));
    const world = owners({ rules, jobs, offers: [anOffer(), onDemand] });
    expect(marketsOf(world)).toEqual(['1 spot 1', '2 on-demand 1']);
  });

  test('is passed over where it is the cheapest', () => {
    const cheap = anOffer({ zone: 'us-east-1b', priceUsd: 0.001, unfit: { [A]: dear } });
    const world = owners({ rules, jobs: jobsOf(A, 1), offers: [anOffer(), cheap] });
    const launch = plan(world, NOW).actions.find((one) => one.kind === 'launch');
    expect(launch?.kind === 'launch' && launch.offer.zone).toBe('us-east-1a');
  });
});

describe('a repository with a file of its own', () => {
  const jobs = [...jobsOf(A, 9), ...jobsOf(B, 9)];
  test.each([
    ['has no more than its own maximum', own(), { 1: 2, 2: 6 }],
    ['has nothing while it is disabled', own({ enabled: false }), { 2: 8 }],
    ['has nothing by a rule that it leaves out', own({ maxima: {} }), { 2: 8 }],
    ['has no more than the owner allows', own({ maxima: { [RULE]: 99 } }), { 1: 4, 2: 4 }],
  ])('%s', (_, its, expected) => {
    expect(launchedOf(owners({ rules: [aRule({ max: 8 })], jobs, own: { [A]: its } }))).toEqual(
      expected,
    );
  });

  test.each([
    ['its maximum is reached', own(), "2 of this repository's 2 machines in use; starts when one"],
    ['it is disabled', own({ enabled: false }), 'Disabled by this repository; nothing starts'],
    ['it leaves the rule out', own({ maxima: {} }), "and this repository's own file does not"],
  ])('says so when %s', (_, its, text) => {
    const instances = its.enabled && its.maxima[RULE] ? busyOf(A, 2) : [];
    const world = owners({ jobs: jobsOf(A, 1), instances, own: { [A]: its } });
    expect(reasonOf(world, 1_000)?.text).toContain(text);
  });

  test.each([
    ['beyond its own maximum', own({ maxima: { [RULE]: 1 } }), ['1-m5.large/us-east-1.0']],
    ['that it does not allow', own({ maxima: {} }), undefined],
    ['while it is disabled', own({ enabled: false }), undefined],
  ])('ends its machines %s, and no other’s', (_, its, expected) => {
    const instances = [...busyOf(A, 2), ...busyOf(B, 2)];
    const ended = plan(owners({ instances, own: { [A]: its } }), NOW).actions.flatMap((action) =>
      action.kind === 'end' ? action.instances : [],
    );
    expect(ended.length).toBe(expected?.length ?? 2);
    expect(ended.every((key) => key.startsWith('1-'))).toBe(true);
  });
});

test('places are shared out in rounds, and none beyond the limit', () => {
  const taken: string[] = [];
  const claim = (name: string, has: number, wants: number) => {
    let left = wants;
    return {
      has,
      since: 0,
      take(most: number) {
        const got = Math.min(most, left);
        left -= got;
        taken.push(`${name}${got}`);
        return got;
      },
    };
  };
  expect(shareOut([claim('a', 4, 9), claim('b', 0, 3), claim('c', 1, 9)], 10)).toBe(10);
  // b to c's one; both as far as a's four, but that b wants only three; the rest by turns.
  expect(taken).toEqual(['b1', 'b2', 'c3', 'a2', 'c2']);
});
