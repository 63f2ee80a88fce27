import { expect, test } from '@jest/globals';
import type { World } from '../../src/model/world.ts';
import { plan } from '../../src/plan/plan.ts';
import {
  aBusy,
  aJob,
  aLaunch,
  anIdle,
  anUnknown,
  aRepo,
  aRule,
  aWorld,
  MINUTE,
  NOW,
} from '../builders.ts';

const jobs = [aJob()];
const old = NOW - 5 * MINUTE;

/** Written down, and to be sent in a moment. */
const IN_LINE = aLaunch({ tries: 0, retryAt: NOW + 1 });

/** What becomes of launch `a`, whose call EC2 has not answered. */
test.each<[string, string, Partial<World>]>([
  ['retry', 'a job waits for it', { jobs }],
  ['nothing', 'it is not due', { jobs, launches: [aLaunch({ retryAt: NOW + 1 })] }],
  ['settle', 'no job waits for it', {}],
  [
    'settle',
    'an idle runner is enough',
    { jobs, instances: [anUnknown(), anIdle({ key: 'b.0' })] },
  ],
  ['settle', 'the job asks for something else', { jobs: [aJob({ labels: ['dstack', 'gpu=1'] })] }],
  ['settle', 'it is disabled', { jobs, enabled: false }],
  ['settle', 'its rule is gone', { jobs, rules: [] }],
  ['settle', 'its rule is over the maximum', { jobs, rules: [aRule({ max: 0 })] }],
  [
    'settle',
    'another machine is all that the lowered maximum allows',
    { jobs, rules: [aRule({ max: 1 })], instances: [anUnknown(), aBusy({ key: 'b.0' })] },
  ],
  ['settle', 'its repository is gone', { jobs, repos: [aRepo({ isRemoved: true })] }],
  [
    'settle',
    'it is too old',
    { jobs, launches: [aLaunch({ createdAt: old })], instances: [anUnknown({ createdAt: old })] },
  ],
  ['nothing', 'it stands in line and is wanted', { jobs, launches: [IN_LINE] }],
  ['settle', 'it stands in line and nobody wants it', { launches: [IN_LINE] }],
  ['retry', 'its turn has come', { jobs, launches: [{ ...IN_LINE, retryAt: NOW }] }],
  ['nothing', 'the rules were not read', { jobs, enabled: null }],
  ['nothing', 'GitHub is silent', { jobs, repos: [aRepo({ isFresh: false })] }],
])('%s where %s', (expected, _, given) => {
  const world = aWorld({ launches: [aLaunch()], instances: [anUnknown()], ...given });
  const kinds = plan(world, NOW).actions.flatMap((action) =>
    action.kind === 'retry' || action.kind === 'settle' ? [`${action.kind} ${action.launch}`] : [],
  );
  expect(kinds).toEqual(expected === 'nothing' ? [] : [`${expected} a`]);
});

test('says which maximum a launch is over', () => {
  const instances = [anUnknown(), aBusy({ key: 'b.0' })];
  const world = aWorld({ jobs, launches: [aLaunch()], instances, rules: [aRule({ max: 1 })] });
  expect(plan(world, NOW).actions.map(({ reason }) => reason)).toEqual([
    'not wanted: 2 machines, and the maximum is 1 now',
  ]);
});
