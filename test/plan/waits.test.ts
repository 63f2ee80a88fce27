import { describe, expect, test } from '@jest/globals';
import type { World } from '../../src/model/world.ts';
import { plan } from '../../src/plan/plan.ts';
import {
  aBusy,
  aJob,
  aLaunch,
  anIdle,
  anInstance,
  anOffer,
  anUnknown,
  aRepo,
  aRule,
  aWorld,
  HOUR,
  LIMITS,
  MINUTE,
  NOW,
  someJobs,
} from '../builders.ts';

const STARTING =
  'A machine is idle or starting for it; one that has not registered after 5 min is replaced';
const full = { rules: [aRule({ max: 1 })], instances: [aBusy()] };
const out = anOffer({ exhaustedUntil: NOW + 27 * MINUTE, exhaustedWhy: 'Unsupported' });
const other = aRule({ type: 'r5.large' });

describe('a queued job waits', () => {
  test.each<[string, string, Partial<World>]>([
    ['starting', STARTING, {}],
    ['starting', STARTING, { instances: [anIdle()], rules: [aRule({ max: 1 })] }],
    ['starting', STARTING, { instances: [anInstance()], rules: [aRule({ max: 1 })] }],
    ['at-max', 'm5.large in us-east-1: 1 of 1 machines in use; starts when one ends', full],
    [
      'at-max',
      'm5.large in us-east-1: 1 of 1 machines in use, and 1 more rule full; starts when one ends',
      { ...full, rules: [aRule({ max: 1 }), { ...other, max: 0 }] },
    ],
    [
      'at-max',
      'm5.large in us-east-1: 2 of 1 machines in use; starts when one ends',
      { ...full, instances: [aBusy(), aBusy({ key: 'b.0', state: 'ending', endAskedAt: NOW })] },
    ],
    [
      'no-capacity',
      'm5.large in us-east-1: next try 14:27:00 UTC; 1 offer refused: EC2 does not offer this type in this zone',
      { offers: [out] },
    ],
    [
      'no-capacity',
      'm5.large in us-east-1: next try 14:09:00 UTC; 2 offers refused: EC2 does not offer this type in this zone',
      { offers: [out, { ...out, zone: 'us-east-1b', exhaustedUntil: NOW + 9 * MINUTE }] },
    ],
    [
      'price-cap',
      'm5.large in us-east-1: $0.0312 an hour, above max-price $0.03 an hour; starts when the price falls',
      { rules: [aRule({ maxPriceUsd: 0.03 })] },
    ],
    [
      'no-offer',
      'm5.large in us-east-1: EC2 has named no zone for it; nothing starts until it does',
      { offers: [] },
    ],
    ['no-rule', 'There are no rules; nothing starts until one allows a machine', { rules: [] }],
    [
      'no-rule',
      'No rule has the label `Red`; nothing starts until one does',
      { jobs: [aJob({ labels: ['dstack', 'Red'] })] },
    ],
    [
      'no-rule',
      'No rule has `GPU=1`: there is no GPU',
      { jobs: [aJob({ labels: ['dstack', 'run=1', 'GPU=1', 'cpu=4'] })] },
    ],
    [
      'no-rule',
      'No rule has `gpu=1`: there is no GPU',
      { jobs: [aJob({ labels: ['dstack/run=1/gpu=1'] })] },
    ],
    [
      'no-rule',
      'No rule has `gpu=1`: there is no GPU',
      { jobs: [aJob({ labels: ['dstack', 'dstack/gpu=1/run=1'] })] },
    ],
    ['starting', STARTING, { jobs: [aJob({ labels: ['dstack/m5.large/run=1/retry=0'] })] }],
    [
      'no-rule',
      'No rule has, with those before it, the label `r5.large`; nothing starts until one does',
      { rules: [aRule(), other], jobs: [aJob({ labels: ['dstack', 'm5.large', 'r5.large'] })] },
    ],
    ['no-rule', 'The job has no labels; nothing starts for it', { jobs: [aJob({ labels: [] })] }],
    ['disabled', 'Disabled; nothing starts until `/dstack autoscale enable`', { enabled: false }],
    ['rules-unread', 'The rules file is not read yet; it is next', { enabled: null }],
    [
      'rules-invalid',
      'Line 3.',
      { enabled: null, rulesReason: { code: 'rules-invalid', text: 'Line 3.' } },
    ],
    ['no-file', 'None.', { rules: [], rulesReason: { code: 'no-file', text: 'None.' } }],
    ['iam', 'Denied.', { rules: [aRule({ blocked: { code: 'iam', text: 'Denied.' } })] }],
    [
      'github-slow',
      'No word from GitHub for 2 min; nothing starts until it answers',
      { repos: [aRepo({ isFresh: false })] },
    ],
    [
      'removed',
      'The repository is gone, or the App is not installed; nothing starts',
      { repos: [aRepo({ isRemoved: true })] },
    ],
    [
      'not-handed-out',
      'GitHub gave it to no runner that waited for it; next try 15:00:00 UTC',
      { jobs: [aJob({ asideUntil: NOW + HOUR })] },
    ],
    [
      'not-handed-out',
      'A runner waited 5 min for it in vain; it is read at GitHub next',
      {
        jobs: [aJob({ queuedAt: NOW - HOUR })],
        instances: [anIdle({ registeredAt: 0, onlineAt: 0 })],
      },
    ],
    [
      'registering',
      '5 machines may be registering, what GitHub takes in 5 min; one more starts as each is done',
      {
        limits: { ...LIMITS, registrationsPerMinute: 1 },
        rules: [aRule({ max: 9 })],
        instances: [1, 2, 3, 4, 5].map((n) => anInstance({ key: `a.${n}`, repo: 2 })),
      },
    ],
  ])('as %s: %s', (code, text, given) => {
    const { waits } = plan(aWorld({ jobs: [aJob()], ...given }), NOW);
    expect(waits).toEqual([{ job: 1, reason: { code, text } }]);
    expect(text.length).toBeLessThanOrEqual(140);
  });

  test('with one reason for each, the oldest served first, equal ones the same', () => {
    const { waits } = plan(aWorld({ jobs: someJobs(6) }), NOW);
    const codes = waits.map(({ job, reason }) => `${job} ${reason.code}`);
    expect(codes).toEqual([
      ...['1 starting', '2 starting', '3 starting', '4 starting'],
      ...['5 at-max', '6 at-max'],
    ]);
    expect(waits[4]?.reason).toBe(waits[5]?.reason);
  });

  test('for a launch in line or one without an answer, the oldest on what is surely coming', () => {
    const launches = [
      aLaunch({ id: 'line', tries: 0, retryAt: NOW + 1 }),
      aLaunch({ id: 'late', tries: 2, retryAt: NOW + 1 }),
      aLaunch({ id: 'sent', tries: 0, retryAt: NOW - 1 }),
    ];
    const wish = (launch: string) => anUnknown({ key: `${launch}.0`, launch });
    const instances = [wish('line'), wish('late'), wish('sent'), anInstance()];
    const { waits } = plan(aWorld({ jobs: someJobs(4), launches, instances }), NOW);
    expect(waits.map(({ reason }) => reason.code)).toEqual([
      ...['starting', 'starting', 'unanswered', 'paced'],
    ]);
    for (const { reason } of waits) expect(reason.text.length).toBeLessThanOrEqual(140);
    const idle = [...instances, anIdle({ key: 'i.0' })];
    const fewer = plan(
      aWorld({ jobs: someJobs(3), launches, instances: idle, rules: [aRule({ max: 9 })] }),
      NOW,
    );
    expect(fewer.waits.map(({ reason }) => reason.code)).toEqual([
      ...['starting', 'starting', 'starting'],
    ]);
  });

  test('for a launch in line once only, whoever shares the machines that come', () => {
    const launches = [aLaunch({ id: 'line', tries: 0, retryAt: NOW + 1 })];
    const instances = [anUnknown({ key: 'line.0', launch: 'line' }), anInstance()];
    const jobs = [aJob(), aJob({ id: 2, labels: ['dstack', 'x64'] })];
    const { waits } = plan(aWorld({ jobs, launches, instances }), NOW);
    expect(waits.map(({ reason }) => reason.code).sort()).toEqual(['paced', 'starting']);
  });

  test('for the rule that will launch first, whatever the others wait for', () => {
    const rules = [aRule({ blocked: { code: 'iam', text: 'Denied.' } }), { ...other, max: 1 }];
    const instances = [aBusy({ rule: other.id })];
    const { waits } = plan(aWorld({ jobs: [aJob()], rules, instances }), NOW);
    expect(waits.map(({ reason }) => reason.code)).toEqual(['at-max']);
  });

  test('with a text of at most 140 characters, however long its labels', () => {
    const labels = ['dstack', 'x'.repeat(256)];
    const { waits } = plan(aWorld({ jobs: [aJob({ labels })] }), NOW);
    expect(waits[0]?.reason.text.length).toBeLessThanOrEqual(140);
    expect(waits[0]?.reason.text).toContain('xxx…`');
  });
});
