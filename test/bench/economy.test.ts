import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { foresee } from '../../bench/lib/clairvoyant.ts';
import { writeLedger } from '../../bench/lib/ledger.ts';
import { playMonth } from '../../bench/lib/month.ts';
import { playPeer } from '../../bench/lib/peer.ts';
import { accountOf, foreseenUsd, type Played } from '../../bench/lib/played.ts';
import { marketFor, TIMES } from '../../bench/lib/setting.ts';
import { type Line, MONTH, readWorkload } from '../../bench/lib/workload.ts';

// An hour of jobs by each policy, and its books read by somebody who knows nothing of the benchmark
// but the columns of its CSV and EC2's terms.

type Row = Readonly<Record<string, string>>;

const folder = mkdtempSync(join(tmpdir(), 'dstack-ledger-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const lines: readonly Line[] = readWorkload(MONTH).filter(({ queuedAtS }) => queuedAtS < 16_000);
const market = marketFor(lines, 3);
const foreseen = foresee(lines, market, TIMES.bootS);
let played: Played;

beforeAll(async () => {
  played = await playMonth({ lines, market, reuse: 'job', ...TIMES });
  writeLedger(folder, { lines, market, played, foreseen });
}, 60_000);

function read(name: string): readonly Row[] {
  const [header = '', ...rows] = readFileSync(join(folder, name), 'utf8').trimEnd().split('\n');
  const names = header.split(',');
  return rows.map((row) => Object.fromEntries(row.split(',').map((cell, i) => [names[i], cell])));
}

const number = (row: Row | undefined, name: string): number => Number(row?.[name]);

/** Each second at its piece's price, 60 at least; 30 GB of gp3 and an address; the first hour free. */
function usdOf(life: {
  readonly pieces: readonly Row[];
  readonly from: number;
  readonly to: number;
  readonly isReclaimed: boolean;
}): number {
  const end = Math.max(life.to, life.from + 60);
  const overlaps = life.pieces.map((piece) => {
    const s = Math.min(end, number(piece, 'to_s')) - Math.max(life.from, number(piece, 'from_s'));
    return (Math.max(0, s) / 3600) * number(piece, 'spot_usd_per_hour');
  });
  const isFree = life.isReclaimed && life.to - life.from < 3600;
  const compute = isFree ? 0 : overlaps.reduce((a, b) => a + b, 0);
  return compute + ((end - life.from) / 3600) * ((30 * 0.088) / 730 + 0.005);
}

describe('the ledger', () => {
  test('has what it takes to reckon the figure anew', () => {
    const prices = Map.groupBy(read('prices.csv'), ({ type, zone }) => `${type} ${zone}`);
    const spent = read('machines.csv').reduce((sum, row) => {
      const [from, to] = [number(row, 'launched_at_s'), number(row, 'ended_at_s')];
      const pieces = prices.get(`${row['type']} ${row['zone']}`) ?? [];
      return sum + usdOf({ pieces, from, to, isReclaimed: row['reclaimed'] === '1' });
    }, 0);
    const best = read('jobs.csv')
      .filter(({ done }) => done === '1')
      .reduce((sum, row) => sum + cheapest(prices, row), 0);
    const ratio = accountOf(played, TIMES).usd / foreseenUsd(lines, foreseen).usd;
    expect(spent / best).toBeCloseTo(ratio, 4);
    expect(ratio).toBeGreaterThan(1);
  });

  test('has every job, each on a machine that lived while it ran', () => {
    const machines = new Map(read('machines.csv').map((row) => [row['machine'], row]));
    const jobs = read('jobs.csv');
    expect(jobs.filter(({ done }) => done === '1')).toHaveLength(lines.length);
    const astray = jobs.filter((job) => {
      const machine = machines.get(job['machine'] ?? '');
      return !(
        number(machine, 'launched_at_s') <= number(job, 'started_at_s') &&
        number(job, 'ended_at_s') <= number(machine, 'ended_at_s')
      );
    });
    expect(astray).toEqual([]);
  });
});

/** What who knew the prices would have paid for this job: no offer was cheaper for its whole life. */
function cheapest(prices: ReadonlyMap<string, readonly Row[]>, job: Row): number {
  const [from, to] = [number(job, 'foreseen_queued_at_s'), number(job, 'foreseen_ended_at_s')];
  const usable = [...prices.values()].filter((pieces) => {
    const [first] = pieces;
    const isLarge =
      number(first, 'vcpus') >= number(job, 'cpu') &&
      number(first, 'memory_gb') >= number(job, 'memory_gb');
    const during = pieces.filter(
      (row) => number(row, 'to_s') > from && number(row, 'from_s') <= to,
    );
    const isTaken = during.some(
      (row) => row['reclaimed_at_end'] === '1' && number(row, 'to_s') <= to,
    );
    return isLarge && during[0]?.['has_capacity'] === '1' && !isTaken;
  });
  return Math.min(...usable.map((pieces) => usdOf({ pieces, from, to, isReclaimed: false })));
}

test('the same month gives the same machines to the cent', async () => {
  const again = await playMonth({ lines, market, reuse: 'job', ...TIMES });
  expect(again).toEqual(played);
}, 60_000);

test('a policy that keeps machines for five minutes pays for their idling', async () => {
  const peer = await playPeer({ lines, market, ...TIMES });
  expect(peer.attempts.filter(({ isDone }) => isDone)).toHaveLength(lines.length);
  const [ours, theirs] = [accountOf(played, TIMES), accountOf(peer, TIMES)];
  expect(theirs.idleHours).toBeGreaterThan(10 * ours.idleHours);
  expect(theirs.waitP50S).toBeGreaterThanOrEqual(30);
});
