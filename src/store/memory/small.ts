import type { Instant } from '../../lib/clock.ts';
import type { InstanceId } from '../../model/ids.ts';
import type { MarkPlace } from '../../model/marks.ts';
import type { Exhausted, Fact, Registration } from '../port.ts';
import { ordered, type State, where } from './state.ts';

export const registration = (state: State, id: InstanceId): Registration | null =>
  state.registrations.get(id) ?? null;

export function saveRegistration(state: State, saved: Registration): void {
  state.registrations.set(saved.instance, saved);
}

export function dropRegistration(state: State, id: InstanceId): void {
  state.registrations.delete(id);
}

export function noteEvents(
  state: State,
  instance: InstanceId,
  ids: readonly string[],
  now: Instant,
): readonly boolean[] {
  return ids.map((id) => {
    const key = `${instance} ${id}`;
    if (state.events.has(key)) return false;
    state.events.set(key, now);
    return true;
  });
}

const placeKey = (account: string, { region, zone, type, market }: MarkPlace): string =>
  `${account} ${region} ${zone} ${type} ${market}`;

export const exhausted = (state: State, account: string): readonly Exhausted[] =>
  ordered(
    where(state.exhausted, (mark) => mark.account === account),
    (mark) => [mark.region, mark.zone, mark.type, mark.market],
  );

export function exhaust(state: State, mark: Exhausted): void {
  state.exhausted.set(placeKey(mark.account, mark), mark);
}

export function clearExhausted(state: State, account: string, place: MarkPlace): void {
  state.exhausted.delete(placeKey(account, place));
}

export const fact = (state: State, key: string): Fact | null => state.facts.get(key) ?? null;

export function facts(state: State, keys: readonly string[]): ReadonlyMap<string, Fact> {
  const found = new Map<string, Fact>();
  for (const key of keys) {
    const its = state.facts.get(key);
    if (its) found.set(key, its);
  }
  return found;
}

export function saveFact(state: State, key: string, value: string, at: Instant): void {
  state.facts.set(key, { value, at });
}

export function swapFact(
  state: State,
  key: string,
  { from, to }: { readonly from: string | null; readonly to: string },
  at: Instant,
): boolean {
  if ((state.facts.get(key)?.value ?? null) !== from) return false;
  state.facts.set(key, { value: to, at });
  return true;
}

function drop<K, V>(rows: Map<K, V>, is: (row: V) => boolean): void {
  for (const [key, row] of rows) if (is(row)) rows.delete(key);
}

/** Facts that are answers of AWS, or of machines that are forgotten: of no use after so long. */
const PASSING = ['aws|', 'knocked:'];

export function prune(state: State, before: Instant): void {
  const isApplied = (id: string) => !state.unapplied.has(id);
  drop(state.deliveries, (row) => row.at < before && isApplied(row.id));
  drop(
    state.jobs,
    (row) => row.state === 'completed' && (row.completedAt ?? row.queuedAt) < before,
  );
  drop(state.instances, (row) => row.state === 'gone' && (row.goneAt ?? row.createdAt) < before);
  const launches = new Set(Array.from(state.instances.values(), (row) => row.launch));
  drop(state.launches, (row) => {
    return row.outcome !== 'unknown' && row.createdAt < before && !launches.has(row.id);
  });
  const ids = new Set(Array.from(state.instances.values(), (row) => row.id));
  drop(state.registrations, (row) => !ids.has(row.instance));
  drop(state.events, (at) => at < before);
  drop(state.reruns, (row) => row.at < before);
  drop(state.exhausted, (mark) => mark.until < before);
  for (const [key, { at }] of state.facts) {
    if (PASSING.some((name) => key.startsWith(name)) && at < before) state.facts.delete(key);
  }
}
