import type { Instant } from '../lib/clock.ts';
import { limitOf } from '../model/ec2-limits.ts';
import type { Reason } from '../model/job.ts';
import type { Store } from '../store/port.ts';
import type { At } from './catalogue.ts';
import type { ActDeps } from './deps.ts';

// EC2 counts an account's calls in a region, and so do we, before EC2 has to: all processes take their
// calls' tokens from buckets in the store, and a launch that finds none stands in line and is sent when
// its turn comes.

type Need = Pick<ActDeps, 'store' | 'clock'>;
type Call = 'RunInstances' | 'TerminateInstances' | 'DescribeInstances';

/** Longer than this no launch stands in line: the world may be another one by then. */
export const LONGEST_LINE_MS = 60_000;
/** Calls do not all travel at one speed, so one fewer than EC2 takes goes out at once. */
const SLACK = 1;

function bucketOf({ account, region }: At, action: string) {
  const { size, perSecond } = limitOf(action);
  const limit = { size: Math.max(1, size - SLACK), perSecond };
  return { key: `ec2|${account}|${region}|${action}`, limit };
}

interface Calls {
  readonly at: At;
  readonly call: Call;
  readonly calls?: number;
  /** What it launches or ends; EC2 counts that apart. */
  readonly instances?: number;
}

function wantsOf({ at, call, calls = 1, instances = 0 }: Calls) {
  const ofCalls = { ...bucketOf(at, call), count: calls };
  if (instances === 0) return [ofCalls];
  return [ofCalls, { ...bucketOf(at, `${call} resources`), count: instances }];
}

/** When a launch may be sent; null: the line is too long to stand in. */
export const lineUp = (
  { store, clock }: Need,
  at: At,
  instances: number,
): Promise<Instant | null> =>
  store.reserve(wantsOf({ at, call: 'RunInstances', instances }), {
    now: clock.now(),
    mostMs: LONGEST_LINE_MS,
  });

/** A launch that stood in line goes home. */
export async function leaveLine({ store, clock }: Need, at: At, instances: number): Promise<void> {
  const back = { at, call: 'RunInstances', calls: -1, instances: -instances } as const;
  await store.reserve(wantsOf(back), { now: clock.now(), mostMs: Number.MAX_SAFE_INTEGER });
}

/** Whether a call may go out now; its tokens are taken then. */
export const mayCall = async ({ store, clock }: Need, calls: Calls): Promise<boolean> =>
  (await store.reserve(wantsOf(calls), { now: clock.now(), mostMs: 0 })) !== null;

/** EC2 refused a call as one too many: somebody else calls as well. */
export const slowDown = ({ store, clock }: Need, at: At, call: Call): Promise<void> =>
  store.emptyBucket(bucketOf(at, call), clock.now());

/** Why no launch is added to a region's line; undefined while there is room. */
export async function crowdReason(
  store: Pick<Store, 'lineMs'>,
  at: At,
  now: Instant,
): Promise<Reason | undefined> {
  const wants = wantsOf({ at, call: 'RunInstances', instances: 1 });
  if ((await store.lineMs(wants, now)) <= LONGEST_LINE_MS) return undefined;
  const { perSecond } = limitOf('RunInstances');
  return {
    code: 'paced',
    text: `EC2 takes ${perSecond} launches a second in ${at.region}, and those in line are a minute's worth; more are added as they go.`,
  };
}
