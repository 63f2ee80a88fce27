import { FEWER, type LaunchFailure, meaningOf } from '../model/aws-codes.ts';
import type { Launch, Place } from '../model/launch.ts';
import { covers, markOf, nextMark } from '../model/marks.ts';
import type { ActDeps } from './deps.ts';

type Need = Pick<ActDeps, 'store' | 'clock' | 'log'>;

/** Remembers what EC2 refused, for all scopes that use the account: the next offer may do. */
export async function leaveAlone(
  { store, clock, log }: Need,
  launch: Place & Pick<Launch, 'account'>,
  { failure, code }: { readonly failure: LaunchFailure; readonly code: string },
): Promise<void> {
  const { leave } = meaningOf(code, failure);
  const place = leave && markOf(leave.reach, launch);
  if (!leave || !place) return;
  const { account } = launch;
  const marks = await store.exhausted(account);
  const before = marks.find(
    ({ region, zone, type, market }) =>
      region === place.region &&
      zone === place.zone &&
      type === place.type &&
      market === place.market,
  );
  const next = nextMark(before, leave.ms, clock.now());
  if (next === before) return;
  await store.exhaust({ account, ...place, ...next, why: code });
  log.warn({ ...place, code, forMs: next.forMs }, 'left alone for a while');
}

/** A launch that succeeded disproves all that was held against its place; one that fell short, part of it. */
export async function launchedThere(deps: Need, launch: Launch, count: number): Promise<void> {
  const { store } = deps;
  const marks = await store.exhausted(launch.account);
  for (const mark of marks) {
    if (covers(mark, launch)) await store.clearExhausted(launch.account, mark);
  }
  if (count < launch.count) await leaveAlone(deps, launch, { failure: 'capacity', code: FEWER });
}
