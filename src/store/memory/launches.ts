import type { Instant } from '../../lib/clock.ts';
import type { InstanceId, LaunchId, ScopeId } from '../../model/ids.ts';
import type { Ec2State, Instance, Launch } from '../../model/launch.ts';
import { countLive, cutToMax, type Live, settled, type Written } from '../merge/launch.ts';
import { observed, sightedRow } from '../merge/listing.ts';
import type { Intent, Lease, Listing, Settlement, Store } from '../port.ts';
import { isHeld } from './leases.ts';
import { ordered, putAll, type State, where } from './state.ts';

function write(state: State, { launch, instances }: Written): void {
  state.launches.set(launch.id, launch);
  for (const row of instances) state.instances.set(row.key, row);
}

export const liveIn = (state: State): Live =>
  countLive(where(state.instances, (row) => row.state !== 'gone'));

export function intend(
  state: State,
  lease: Lease,
  intents: readonly Intent[],
  now: Instant,
): readonly Launch[] {
  if (!isHeld(state, lease)) return [];
  const fresh = intents.filter(({ id }) => !state.launches.has(id));
  for (const each of cutToMax(fresh, liveIn(state), now)) write(state, each);
  return intents.flatMap(({ id }) => state.launches.get(id) ?? []);
}

type Change = Parameters<Store['changeInstance']>[0];

export function changeInstance(state: State, change: Change): boolean {
  const { key, from, patch, lease, isUnregistered } = change;
  const row = state.instances.get(key);
  if (!row || !from.includes(row.state)) return false;
  if (isUnregistered && row.registeredAt !== null) return false;
  if (row.state === 'gone' && patch.state !== undefined) return false;
  if (lease && !isHeld(state, lease)) return false;
  state.instances.set(key, { ...row, ...patch });
  return true;
}

export function sent(state: State, id: LaunchId, retryAt: Instant): void {
  const launch = state.launches.get(id);
  if (launch?.outcome !== 'unknown') return;
  state.launches.set(id, { ...launch, tries: launch.tries + 1, retryAt });
}

export function settle(state: State, id: LaunchId, settlement: Settlement, now: Instant): void {
  const launch = state.launches.get(id);
  if (launch?.outcome !== 'unknown') return;
  if (settlement.outcome !== 'launched' && !isHeld(state, settlement.lease)) return;
  const instances = where(state.instances, (row) => row.launch === id);
  const known = new Set(where(state.instances, () => true).flatMap((row) => row.id ?? []));
  write(state, settled({ launch, instances }, settlement, known, now));
}

export function observe(
  state: State,
  listing: Listing,
): { readonly changed: readonly ScopeId[]; readonly strangers: readonly InstanceId[] } {
  const seen = observed(listing, state);
  putAll(state.launches, seen.launches);
  putAll(state.instances, seen.instances);
  return { changed: seen.changed, strangers: seen.strangers };
}

export const instanceById = (state: State, id: InstanceId): Instance | null =>
  where(state.instances, (row) => row.id === id)[0] ?? null;

export function sighted(
  state: State,
  id: InstanceId,
  ec2: Ec2State,
  reason: string,
  now: Instant,
): void {
  const row = instanceById(state, id);
  if (row) state.instances.set(row.key, sightedRow(row, { ec2, ec2Reason: reason }, now));
}

export const launch = (state: State, id: LaunchId): Launch | null => state.launches.get(id) ?? null;

export function livingRegions(
  state: State,
): readonly { readonly account: string; readonly region: string }[] {
  const found = new Map<string, { account: string; region: string }>();
  for (const { state: is, account, region } of state.instances.values()) {
    if (is !== 'gone') found.set(`${account} ${region}`, { account, region });
  }
  return ordered(found.values(), (each) => [each.account, each.region]);
}

export const recentInstances = (state: State, limit: number): readonly Instance[] =>
  ordered(state.instances.values(), (row) => [row.createdAt, row.key])
    .reverse()
    .slice(0, limit);

export function orphanRunners(state: State, limit: number): readonly Instance[] {
  const orphans = where(
    state.instances,
    (row) =>
      row.state === 'gone' &&
      row.finishedAt === null &&
      row.runnerName !== null &&
      state.repos.get(row.repo)?.removedAt === null,
  );
  return ordered(orphans, (row) => [row.goneAt ?? 0, row.key])
    .reverse()
    .slice(0, limit);
}
