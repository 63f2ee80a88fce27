import type { Instant } from '../../lib/clock.ts';
import { type Bill, timesOf, UNPRICED, type Within } from '../../model/cost.ts';
import type { ScopeId } from '../../model/ids.ts';
import type { Job } from '../../model/job.ts';
import { instanceOfRunner } from '../../model/runner-name.ts';
import type { LiveCount } from '../capacity.ts';
import type { MachineOfRule, SpotRecord, Store } from '../port.ts';
import { ordered, type State, where } from './state.ts';

type Ask = Parameters<Store['machinesOfRule']>[0];

export function machinesOfRule(
  state: State,
  { scope, rule, since, limit }: Ask,
): readonly MachineOfRule[] {
  const found = where(
    state.instances,
    (row) => row.scope === scope && row.rule === rule && row.createdAt >= since,
  );
  return ordered(found, (row) => [row.createdAt, row.key])
    .reverse()
    .slice(0, limit)
    .map((row) => ({ ...row, code: state.launches.get(row.launch)?.code ?? '' }));
}

export function spotHistory(
  state: State,
  account: string,
  of: { readonly since: Instant; readonly now: Instant },
): readonly SpotRecord[] {
  const records = new Map<string, SpotRecord>();
  for (const row of state.instances.values()) {
    const { region, zone, type, market, launchedAt, goneAt } = row;
    if (row.account !== account || market !== 'spot' || launchedAt === null) continue;
    if (launchedAt < of.since) continue;
    const key = `${region} ${zone} ${type}`;
    const before = records.get(key) ?? { region, zone, type, reclaims: 0, ms: 0 };
    records.set(key, {
      ...before,
      reclaims: before.reclaims + (row.reclaimedAt === null ? 0 : 1),
      ms: before.ms + (goneAt ?? of.now) - launchedAt,
    });
  }
  return ordered(records.values(), ({ region, zone, type }) => [region, zone, type]);
}

export function liveIn(state: State, account: string): readonly LiveCount[] {
  const live = where(state.instances, (row) => row.account === account && row.state !== 'gone');
  const groups = Map.groupBy(live, ({ region, type, market }) => `${region} ${type} ${market}`);
  const counts = [...groups.values()].flatMap(([first, ...others]): readonly LiveCount[] => {
    if (!first) return [];
    const { region, type, market } = first;
    return [{ region, type, market, count: 1 + others.length }];
  });
  return ordered(counts, ({ region, type, market }) => [region, type, market]);
}

export function jobsRun(
  state: State,
  { scope, repo, since }: Parameters<Store['jobsRun']>[0],
): number {
  const machines = new Set(
    where(state.instances, (row) => row.scope === scope).map(({ id }) => id),
  );
  const isOn = ({ runnerName }: Job) =>
    runnerName !== null && machines.has(instanceOfRunner(runnerName) ?? null);
  const begun = where(state.jobs, (job) => (job.startedAt ?? 0) >= since && isOn(job));
  return begun.filter((job) => repo === null || job.repo === repo).length;
}

export function bills(state: State, scope: ScopeId, within: Within): readonly Bill[] {
  const found = new Map<string, Bill>();
  for (const row of state.instances.values()) {
    if (row.scope !== scope || (row.goneAt !== null && row.goneAt < within.from)) continue;
    const { repo, priceUsd, diskGb, account, region, zone, type, market } = row;
    const { billedMs, pricedMs, livedMs } = timesOf(row, within);
    if (billedMs === 0) continue;
    const unpriced = priceUsd === null ? { account, region, zone, type, market } : null;
    const alike = { repo, priceUsd, diskGb, unpriced };
    const key = JSON.stringify(alike);
    const before = found.get(key) ?? { billedMs: 0, pricedMs: 0, livedMs: 0, machines: 0 };
    found.set(key, {
      ...alike,
      billedMs: before.billedMs + billedMs,
      pricedMs: before.pricedMs + pricedMs,
      livedMs: before.livedMs + livedMs,
      machines: before.machines + (pricedMs > 0 ? 1 : 0),
    });
  }
  const orNone = (value: number | null) => value ?? -1;
  return ordered(found.values(), ({ repo, priceUsd, diskGb, unpriced }) => [
    ...[repo, orNone(priceUsd), orNone(diskGb)],
    ...(unpriced ? UNPRICED.map((name) => unpriced[name]) : []),
  ]);
}
