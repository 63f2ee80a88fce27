import { describe, expect, test } from '@jest/globals';
import { jobs, loseAnswer, play, RULE, rules, type Story } from './named.ts';
import type { Fault, JobPlan } from './scenario.ts';

const inAllZones = (at: number, ms: number): Fault => {
  return { kind: 'capacity', at, ms, type: RULE.type, zones: 'all' };
};
const conclusions = ({ completed }: Story) => completed.map(({ conclusion }) => conclusion);
const times = (count: number, what: string) => Array.from({ length: count }, () => what);
/** By the app; a machine's own power-off is not. */
const endedByUs = ({ ended }: Story) => ended.filter(({ why }) => why === BY_US);
const BY_US = 'Client.UserInitiatedShutdown';
const BY_EC2 = 'Server.SpotInstanceTermination';

/** Every promise is kept, and the scenario came to what it is about. */
function expectReached({ result }: Story, ...marks: readonly string[]): void {
  expect([result.rule, result.text]).toEqual([null, '']);
  expect([...result.marks.keys()]).toEqual(expect.arrayContaining([...marks]));
}

describe('capacity', () => {
  test('out in the cheapest zone: the launch goes to the next one at once', async () => {
    const story = await play({
      seed: 3,
      jobs: jobs(1),
      faults: [{ kind: 'capacity', at: 0, ms: 300_000, type: RULE.type, zones: 'one' }],
    });
    expectReached(story, 'fault capacity one', 'ec2 no capacity');
    expect(story.refused.map(({ zone }) => zone)).toEqual(['eu-west-1a']);
    expect(story.launched.map(({ zone }) => zone)).not.toContain('eu-west-1a');
    expect(story.launched.length).toBe(1);
    for (const { at } of story.launched) expect(at).toBeLessThan(62);
    expect(conclusions(story)).toEqual(['success']);
  });

  test('out in all zones: each is asked once in three minutes, and the job says so', async () => {
    const story = await play({ jobs: jobs(3), faults: [inAllZones(0, 120_000)] });
    expectReached(story, 'fault capacity all', 'waits no-capacity');
    const zones = story.refused.map(({ zone }) => zone).sort();
    expect(zones).toEqual(['eu-west-1a', 'eu-west-1b', 'eu-west-1c']);
    const last = Math.max(...story.refused.map(({ at }) => at));
    for (const { at } of story.launched) expect(at).toBeGreaterThanOrEqual(last + 179);
    expect(conclusions(story)).toEqual(times(3, 'success'));
  });

  test('a quota for two: two run, two wait for it by name and run later', async () => {
    const story = await play({
      jobs: jobs(4),
      faults: [{ kind: 'quota', at: 0, ms: 400_000 }],
      calmAt: 500_000,
    });
    expectReached(story, 'fault quota', 'waits quota');
    const early = story.launched.filter(({ at }) => at < 70);
    expect(early.length).toBe(2);
    expect(story.refused.length).toBeLessThanOrEqual(2);
    expect(conclusions(story)).toEqual(times(4, 'success'));
  });

  test('a price above the cap: nothing starts at it, and the job runs once it falls', async () => {
    const story = await play({
      repos: rules({ maxPriceUsd: 0.075 }),
      jobs: [...jobs(1), ...jobs(1, { at: 120_000 })],
      faults: [{ kind: 'price', at: 110_000, ms: 200_000, type: RULE.type }],
    });
    expectReached(story, 'fault price', 'ec2 price', 'waits price-cap');
    const cap = story.waits.find(({ code }) => code === 'price-cap');
    expect(cap?.text).toMatch(/above max-price \$0\.075 an hour/);
    expect(story.refused.map(({ code }) => code)).toEqual(['SpotMaxPriceTooLow']);
    expect(story.launched.filter(({ at }) => at > 110 && at < 310)).toEqual([]);
    expect(conclusions(story)).toEqual(times(2, 'success'));
  });
});

describe('calls', () => {
  test('EC2 throttles all calls for ninety seconds: ever fewer are made, and no machine twice', async () => {
    const story = await play({
      jobs: [...jobs(1, { at: 30_000 }), ...jobs(3)],
      faults: [{ kind: 'ec2', at: 50_000, ms: 90_000, how: 'limit' }],
    });
    expectReached(story, 'fault ec2 limit', 'waits unanswered');
    expect(story.refused.length).toBeGreaterThan(3);
    expect(story.refused.length).toBeLessThanOrEqual(10);
    expect(story.refused.filter(({ at }) => at > 100).length).toBeLessThanOrEqual(3);
    expect(story.launched.length).toBe(4);
    expect(conclusions(story)).toEqual(times(4, 'success'));
  });

  test('an answer to a launch is lost: the same is asked again, and gives the same machines', async () => {
    const story = await play({ jobs: jobs(3), faults: [loseAnswer('ec2.launch', 1)] });
    expectReached(story, 'call lost-answer', 'ec2 token replay');
    expect(story.launched.length).toBe(3);
    expect(conclusions(story)).toEqual(times(3, 'success'));
  });

  test('half of all webhooks are lost: each job has its machine within two minutes', async () => {
    const story = await play({
      repos: rules({ max: 8 }),
      jobs: Array.from({ length: 8 }, (_, i) => jobs(1, { at: 60_000 + 20_000 * i })).flat(),
      faults: [{ kind: 'hooks', at: 0, ms: 400_000, how: 'half', lateMs: 0 }],
    });
    expectReached(story, 'fault hooks half', 'hook outage');
    expect(conclusions(story)).toEqual(times(8, 'success'));
    story.queuedAt.forEach((at, i) => {
      expect(story.launched[i]?.at ?? Number.POSITIVE_INFINITY).toBeLessThan(at + 120);
    });
  });

  test('GitHub is down for ten minutes: nothing starts blindly, no job is cut, all run then', async () => {
    const story = await play({
      repos: rules({ max: 1 }),
      jobs: [
        ...jobs(1, { at: 40_000, durationMs: 120_000 }),
        ...jobs(1, { at: 60_000 }),
        ...jobs(1, { at: 400_000 }),
      ],
      faults: [{ kind: 'github', at: 90_000, ms: 600_000, how: 'down' }],
      calmAt: 900_000,
    });
    expectReached(story, 'fault github down for ten minutes', 'waits github-slow');
    expect(story.launched.filter(({ at }) => at > 90 && at < 690)).toEqual([]);
    expect(endedByUs(story)).toEqual([]);
    expect(conclusions(story)).toEqual(times(3, 'success'));
    const [first, ...others] = story.completed.map(({ at }) => at);
    expect(first).toBeLessThan(240);
    for (const at of others) expect(at).toBeLessThan(690 + 180);
  });
});

describe('EC2 takes a machine back', () => {
  const reclaim = (at: number, hasNotice = false): Fault => {
    return { kind: 'reclaim', at, nth: 0, hasNotice };
  };
  /** `againBy`: when there is another machine for the job; null: none is needed. */
  const phases: readonly {
    readonly phase: string;
    readonly againBy: number | null;
    readonly runs: number;
    readonly faults: readonly Fault[];
    readonly jobs?: readonly JobPlan[];
  }[] = [
    { phase: 'pending', againBy: 80, runs: 1, faults: [reclaim(65_000)] },
    {
      phase: 'without runner',
      againBy: 115,
      runs: 1,
      faults: [{ kind: 'slow-start', nth: 1, ms: 60_000 }, reclaim(100_000)],
    },
    {
      phase: 'idle',
      againBy: 125,
      runs: 1,
      faults: [
        { kind: 'withheld', at: 60_000, repo: 0, ms: 90_000, durationMs: 10_000 },
        reclaim(110_000),
      ],
      jobs: [],
    },
    {
      phase: 'busy',
      againBy: 190,
      runs: 2,
      faults: [reclaim(110_000)],
      jobs: jobs(1, { durationMs: 60_000 }),
    },
    {
      phase: 'busy, with notice',
      againBy: 215,
      runs: 2,
      faults: [reclaim(110_000, true)],
      jobs: jobs(1, { durationMs: 160_000 }),
    },
    {
      phase: 'after its job',
      againBy: null,
      runs: 1,
      faults: [{ kind: 'machine', nth: 1, behaviour: 'power-off-fails' }, reclaim(110_000)],
    },
  ];

  test.each(phases)('$phase: its job runs again elsewhere where it was cut', async (of) => {
    const story = await play({ jobs: of.jobs ?? jobs(1), faults: of.faults });
    expectReached(story, `fault reclaim ${of.phase.replace(/,.*/, '')}`, `ec2 ${BY_EC2}`);
    const [, again] = story.launched;
    if (of.againBy === null) expect(again).toBeUndefined();
    else expect(again?.at).toBeLessThan(of.againBy);
    expect(story.completed.length).toBe(of.runs);
    expect(conclusions(story).at(-1)).toBe('success');
  });

  test('ten of ten with notice: EC2 ends them all itself, and each job runs again', async () => {
    const story = await play({
      repos: rules({ max: 10 }),
      jobs: jobs(10, { durationMs: 150_000 }),
      faults: [{ kind: 'reclaim', at: 100_000, nth: 0, hasNotice: true, count: 10 }],
    });
    expectReached(story, 'fault notice many', 'fault reclaim busy', 'job run again');
    const taken = new Set(story.launched.slice(0, 10).map(({ machine }) => machine));
    const ends = story.ended.filter(({ machine }) => taken.has(machine));
    expect(ends.map(({ why }) => why)).toEqual(times(10, BY_EC2));
    const [cut, again] = [story.completed.slice(0, 10), story.completed.slice(10)];
    expect(cut.map(({ conclusion }) => conclusion)).toEqual(times(10, 'cancelled'));
    for (const { at } of cut) expect(at).toBeGreaterThanOrEqual(195);
    expect(again.map(({ conclusion }) => conclusion)).toEqual(times(10, 'success'));
    expect(story.launched.length).toBe(20);
  });
});

describe('runners and jobs', () => {
  test('a ghost runner: it is ended, and its job runs on another machine', async () => {
    const faults: readonly Fault[] = [{ kind: 'machine', nth: 1, behaviour: 'ghost' }];
    const story = await play({ jobs: jobs(2), faults });
    expectReached(story, 'machine ghost', 'job not acquired');
    const [ghost] = story.launched;
    expect(endedByUs(story).map(({ machine }) => machine)).toEqual([ghost?.machine]);
    expect(conclusions(story)).toEqual(times(2, 'success'));
    expect(story.completed.map(({ runner }) => runner).join(' ')).not.toContain(ghost?.machine);
  });

  test('a matrix of 256 is cancelled: few calls made its machines, and all end within a minute', async () => {
    const story = await play({
      isCalm: false,
      repos: rules({ max: 64 }),
      faults: [
        { kind: 'matrix', at: 60_000, repo: 0, jobs: 256, durationMs: 90_000, cancelMs: 60_000 },
      ],
    });
    expectReached(story, 'fault matrix cancelled', 'waits at-max');
    expect(story.completed.length).toBe(256);
    expect(new Set(conclusions(story))).toEqual(new Set(['cancelled']));
    expect(story.launched.length).toBe(64);
    expect(new Set(story.launched.map(({ launch }) => launch)).size).toBeLessThanOrEqual(6);
    expect(Math.max(...story.ended.map(({ at }) => at))).toBeLessThan(180);
  });

  test('a job that GitHub hands to nobody: ever fewer machines wait for it, others run on', async () => {
    const story = await play({
      jobs: jobs(2, { at: 100_000 }),
      faults: [{ kind: 'withheld', at: 60_000, repo: 0, ms: 1_200_000, durationMs: 5_000 }],
      calmAt: 1_300_000,
    });
    expectReached(story, 'fault withheld', 'waits not-handed-out');
    const [, , ...waited] = story.launched.map(({ at }) => at);
    expect(story.launched.length).toBeLessThanOrEqual(7);
    const gaps = waited.slice(1).map((at, i) => at - (waited[i] ?? 0));
    expect(gaps).toEqual(gaps.toSorted((a, b) => a - b));
    expect(story.completed.slice(0, 2).map(({ at }) => at < 160)).toEqual([true, true]);
    expect(conclusions(story)).toEqual(times(3, 'success'));
  });
});
