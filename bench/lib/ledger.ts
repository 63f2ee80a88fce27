import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Foreseen } from './clairvoyant.ts';
import { HOUR_S, type Market, type OfferMonth } from './market.ts';
import { billFor, type Played } from './played.ts';
import { keyOf, type Line } from './workload.ts';

// The books of a month as CSV, from which anybody can reckon its figures anew: what each machine
// was, when it lived and what that cost; what ran on it, and what each job would have cost who knew
// the month; and the market, piece by piece. Times are seconds from the month's start.

type Cell = string | number | boolean;

export function writeLedger(
  folder: string,
  of: {
    readonly lines: readonly Line[];
    readonly market: Market;
    readonly played: Played;
    readonly foreseen: ReadonlyMap<string, Foreseen>;
  },
): void {
  mkdirSync(folder, { recursive: true });
  const write = (name: string, rows: readonly (readonly Cell[])[]) =>
    writeFileSync(join(folder, name), rows.map((row) => `${row.map(textOf).join(',')}\n`).join(''));
  write('machines.csv', machineRows(of.played));
  write('jobs.csv', jobRows(of));
  write('prices.csv', priceRows(of.market));
}

/** Times to the millisecond, dollars as exact as they are. */
const textOf = (cell: Cell): string =>
  typeof cell === 'boolean' ? String(Number(cell)) : `${cell}`;
const toMs = (seconds: number): number => Math.round(seconds * 1000) / 1000;

const machineRows = ({ machines }: Played): readonly (readonly Cell[])[] => [
  [
    ...['machine', 'repository', 'type', 'zone', 'launched_at_s', 'ended_at_s', 'reclaimed'],
    ...['compute_usd', 'disk_usd', 'address_usd', 'usd'],
  ],
  ...machines.map((machine) => {
    const { id, repository, offer, launchedAtS, endedAtS, isReclaimed } = machine;
    const { computeUsd, diskUsd, addressUsd, usd } = billFor(machine);
    return [
      ...[id, repository, offer.type.name, offer.zone, toMs(launchedAtS), toMs(endedAtS)],
      ...[isReclaimed, computeUsd, diskUsd, addressUsd, usd],
    ];
  }),
];

/** One row for each attempt; `foreseen_…` is the job's, in the clairvoyant's month. */
const jobRows = ({
  played,
  foreseen,
}: Pick<
  Parameters<typeof writeLedger>[1],
  'played' | 'foreseen'
>): readonly (readonly Cell[])[] => [
  [
    ...['repository', 'run', 'job', 'cpu', 'memory_gb', 'duration_s', 'needs'],
    ...['queued_at_s', 'started_at_s', 'ended_at_s', 'machine', 'done'],
    ...['foreseen_queued_at_s', 'foreseen_ended_at_s', 'foreseen_type', 'foreseen_zone'],
    'foreseen_usd',
  ],
  ...played.attempts.map(({ line, queuedAtS, startedAtS, endedAtS, machine, isDone }) => {
    const { repository, run, job, cpu, memoryGb, durationS, needs } = line;
    const its = foreseen.get(keyOf(line));
    return [
      ...[repository, run, job, cpu, memoryGb, durationS, needs],
      ...[toMs(queuedAtS), toMs(startedAtS), toMs(endedAtS), machine, isDone],
      ...[toMs(its?.queuedAtS ?? 0), toMs(its?.endedAtS ?? 0), its?.offer.type.name ?? ''],
      ...[its?.offer.zone ?? '', its?.bill.usd ?? 0],
    ];
  }),
];

/** Within each row nothing of its offer changes; where it ends by a reclaim, machines are taken. */
function priceRows(market: Market): readonly (readonly Cell[])[] {
  const header = [
    ...['type', 'zone', 'vcpus', 'memory_gb', 'from_s', 'to_s'],
    ...['spot_usd_per_hour', 'on_demand_usd_per_hour', 'has_capacity', 'reclaimed_at_end'],
  ];
  return [header, ...market.offers.flatMap((offer) => piecesOf(offer, market.hours))];
}

function piecesOf(offer: OfferMonth, hours: number): readonly (readonly Cell[])[] {
  const { type, zone, hourlyUsd, spells, reclaims } = offer;
  const edges = [
    ...Array.from({ length: hours + 1 }, (_, hour) => hour * HOUR_S),
    ...spells.flat(),
    ...reclaims,
  ].filter((at) => at <= hours * HOUR_S);
  const sorted = [...new Set(edges)].sort((a, b) => a - b);
  return sorted.slice(0, -1).map((from, i) => {
    const to = sorted[i + 1] ?? from;
    const isOut = spells.some(([out, back]) => out <= from && from < back);
    return [
      ...[type.name, zone, type.vcpus, type.memoryGb, from, to],
      ...[hourlyUsd[Math.floor(from / HOUR_S)] ?? 0, type.onDemandUsd, !isOut],
      reclaims.includes(to),
    ];
  });
}
