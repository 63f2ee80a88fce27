import type { LaunchAnswer } from '../ec2/port.ts';
import type { Instant } from '../lib/clock.ts';
import type { Launch } from '../model/launch.ts';
import type { Lease } from '../store/port.ts';
import { type ActDeps, leaseCovers } from './deps.ts';
import { leaveLine, lineUp, mayCall, slowDown } from './ec2-line.ts';
import { launchedThere, leaveAlone } from './exhausted.ts';

/** What came of calls. */
export interface Sent {
  /** The plan should look again at once: a place is exhausted, and the next offer may do. */
  readonly again: boolean;
  /** When the next of those launches is to be sent, for the first time or again. */
  readonly nextAt: Instant | null;
}

export function together(all: readonly Sent[]): Sent {
  const times = all.flatMap(({ nextAt }) => nextAt ?? []);
  return {
    again: all.some(({ again }) => again),
    nextAt: times.length === 0 ? null : Math.min(...times),
  };
}

/** Sends a launch's bytes, the first time or again, and writes down what came of it. */
export async function send(deps: ActDeps, lease: Lease, launch: Launch): Promise<Sent> {
  const { request } = launch;
  if (!request || !leaseCovers(lease, deps.clock.now())) return together([]);
  const answer = await deps.accounts.ec2(launch.account, launch.region).launch(request);
  const now = deps.clock.now();
  const facts = {
    scope: launch.scope,
    launch: launch.id,
    rule: launch.rule,
    zone: launch.zone,
    reason: launch.reason,
    ms: now - launch.createdAt,
  };
  if (answer.ok) {
    const { ownerAccount, instances } = answer;
    deps.log.info({ ...facts, instances }, 'instances launched');
    await deps.store.settle(launch.id, { outcome: 'launched', ownerAccount, instances }, now);
    await launchedThere(deps, launch, instances.length);
    return { again: instances.length < launch.count, nextAt: null };
  }
  deps.log.warn({ ...facts, failure: answer.failure, code: answer.code }, 'launch failed');
  return refused(deps, lease, { launch, answer });
}

async function refused(
  deps: ActDeps,
  lease: Lease,
  told: { readonly launch: Launch; readonly answer: Extract<LaunchAnswer, { ok: false }> },
): Promise<Sent> {
  const { launch, answer } = told;
  const { store, clock } = deps;
  const { failure, code } = answer;
  if (failure === 'unknown' || failure === 'throttled') {
    if (failure === 'throttled') await slowDown(deps, launch, 'RunInstances');
    const later = clock.now() + backoffMs(launch.tries, deps.random.unit());
    // The same bytes are a call more, and stand in line like any other.
    const turn = await lineUp(deps, launch, launch.count);
    const nextAt = Math.max(later, turn ?? later);
    await store.sent(launch.id, nextAt);
    return { again: false, nextAt };
  }
  const reason = `not launched: ${code}`;
  await store.settle(launch.id, { outcome: 'failed', code, reason, lease }, clock.now());
  if (failure === 'invalid' || failure === 'price') deps.catalogue.forget(launch);
  await leaveAlone(deps, launch, { failure, code });
  return { again: true, nextAt: null };
}

/** Half a second, doubling to a minute, half of it by chance, so that many do not come back at once. */
export const backoffMs = (tries: number, chance: number): number =>
  Math.min(60_000, 500 * 2 ** Math.min(tries, 10)) * (0.5 + chance / 2);

/** How often in R EC2 is asked what became of one launch. */
const ASKS_IN_R = 6;

/** A launch that nobody wants any more: its tag tells what became of it. */
export async function settleByTag(deps: ActDeps, lease: Lease, launch: Launch): Promise<void> {
  const now = deps.clock.now();
  if (!leaseCovers(lease, now)) return;
  if (launch.tries === 0 && launch.retryAt > now) {
    const reason = 'no longer wanted before it was sent';
    await deps.store.settle(launch.id, { outcome: 'cancelled', code: '', reason, lease }, now);
    return leaveLine(deps, launch, launch.count);
  }
  // Every event of a busy scope leads here, and EC2 has the same answer for a while.
  const key = `settle:${launch.id}`;
  const asked = await deps.store.fact(key);
  if (asked && now - asked.at < deps.settings.resyncMs / ASKS_IN_R) return;
  if (!(await mayCall(deps, { at: launch, call: 'DescribeInstances' }))) return;
  await deps.store.saveFact(key, '', now);
  const found = await deps.accounts.ec2(launch.account, launch.region).listLaunch(launch.id);
  if (!found.ok) return;
  // EC2 may show an instance late: until 10 R have passed, those that it does not show say nothing.
  const isOld = now - launch.retryAt >= 10 * deps.settings.resyncMs;
  if (found.value.length < launch.count && !isOld) return;
  const [first] = found.value;
  if (first) {
    const instances = found.value.map((one) => one.id);
    const { ownerAccount } = first;
    await deps.store.settle(launch.id, { outcome: 'launched', ownerAccount, instances }, now);
    return;
  }
  const reason = 'no longer wanted, and EC2 shows nothing of it';
  await deps.store.settle(launch.id, { outcome: 'cancelled', code: '', reason, lease }, now);
}
