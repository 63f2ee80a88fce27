import { type Bill, billOf } from './billing.ts';
import type { Foreseen } from './clairvoyant.ts';
import { quantile } from './figures.ts';
import { HOUR_S, type OfferMonth } from './market.ts';
import { keyOf, type Line } from './workload.ts';

// What a policy made of the month, and what is reckoned from it: the same for every policy.

export interface Machine {
  readonly id: string;
  readonly repository: string;
  readonly offer: OfferMonth;
  readonly launchedAtS: number;
  readonly endedAtS: number;
  readonly isReclaimed: boolean;
}

/** One attempt of a job. */
export interface Attempt {
  readonly line: Line;
  readonly queuedAtS: number;
  readonly startedAtS: number;
  readonly endedAtS: number;
  readonly machine: string;
  /** false: its machine was taken, and it has to run again. */
  readonly isDone: boolean;
}

export interface Played {
  readonly machines: readonly Machine[];
  readonly attempts: readonly Attempt[];
}

export const billFor = ({ offer, launchedAtS, endedAtS, isReclaimed }: Machine): Bill =>
  billOf(offer, { fromS: launchedAtS, toS: endedAtS, isReclaimed });

/** Of jobs, by how long they run. */
export const BANDS = [
  { name: 'Under1Min', belowS: 60 },
  { name: '1To5Min', belowS: 300 },
  { name: '5To15Min', belowS: 900 },
  { name: '15To60Min', belowS: 3_600 },
  { name: 'Over1H', belowS: Number.POSITIVE_INFINITY },
] as const;

const bandOf = ({ durationS }: Line): string =>
  BANDS.find(({ belowS }) => durationS < belowS)?.name ?? '';

export interface Account {
  readonly usd: number;
  /** By band; machines that never had a job are in none. */
  readonly usdByBand: ReadonlyMap<string, number>;
  readonly machineHours: number;
  readonly surplusHours: number;
  readonly idleHours: number;
  readonly teardownHours: number;
  readonly reclaimedHours: number;
  readonly waitP50S: number;
  readonly waitP99S: number;
  readonly interruptedJobs: number;
  readonly machines: number;
}

export interface Times {
  readonly bootS: number;
  readonly teardownS: number;
}

export function accountOf({ machines, attempts }: Played, times: Times): Account {
  const byMachine = Map.groupBy(attempts, ({ machine }) => machine);
  const usdByBand = new Map<string, number>(BANDS.map(({ name }) => [name, 0]));
  const sum = { usd: 0, machineHours: 0 };
  const waste = { surplusHours: 0, idleHours: 0, teardownHours: 0, reclaimedHours: 0 };
  for (const machine of machines) {
    const its = (byMachine.get(machine.id) ?? []).toSorted((a, b) => a.startedAtS - b.startedAtS);
    const { usd } = billFor(machine);
    sum.usd += usd;
    sum.machineHours += (machine.endedAtS - machine.launchedAtS) / HOUR_S;
    const workedS = its.reduce((all, one) => all + one.endedAtS - one.startedAtS, 0);
    for (const { line, startedAtS, endedAtS } of its) {
      const share = workedS === 0 ? 1 / its.length : (endedAtS - startedAtS) / workedS;
      usdByBand.set(bandOf(line), (usdByBand.get(bandOf(line)) ?? 0) + usd * share);
    }
    for (const [cause, seconds] of Object.entries(wastedS(machine, its, times))) {
      waste[cause as keyof typeof waste] += seconds / HOUR_S;
    }
  }
  const waits = attempts.map(({ queuedAtS, startedAtS }) => startedAtS - queuedAtS - times.bootS);
  return {
    ...sum,
    ...waste,
    usdByBand,
    waitP50S: quantile(waits, 0.5),
    waitP99S: quantile(waits, 0.99),
    interruptedJobs: attempts.filter(({ isDone }) => !isDone).length,
    machines: machines.length,
  };
}

/** Seconds of a machine in which it neither booted nor worked on what came to an end. */
function wastedS(machine: Machine, its: readonly Attempt[], { bootS, teardownS }: Times) {
  const none = { surplusHours: 0, idleHours: 0, teardownHours: 0, reclaimedHours: 0 };
  const { launchedAtS, endedAtS } = machine;
  const [last] = its.slice(-1);
  if (last === undefined) {
    const lifeS = endedAtS - launchedAtS;
    return machine.isReclaimed
      ? { ...none, reclaimedHours: lifeS }
      : { ...none, surplusHours: lifeS };
  }
  const workedS = its.reduce((all, one) => all + one.endedAtS - one.startedAtS, 0);
  const afterS = endedAtS - last.endedAtS;
  const betweenS = last.endedAtS - launchedAtS - workedS - bootS;
  if (!last.isDone) {
    const lostS = endedAtS - last.startedAtS;
    return { ...none, idleHours: Math.max(0, betweenS), reclaimedHours: lostS };
  }
  const teardown = Math.min(afterS, teardownS);
  const idle = Math.max(0, betweenS) + afterS - teardown;
  return { ...none, idleHours: idle, teardownHours: teardown };
}

/** The dollars of who knew it all, whole and by band. */
export function foreseenUsd(lines: readonly Line[], foreseen: ReadonlyMap<string, Foreseen>) {
  const byBand = new Map<string, number>(BANDS.map(({ name }) => [name, 0]));
  let usd = 0;
  for (const line of lines) {
    const its = foreseen.get(keyOf(line))?.bill.usd ?? 0;
    usd += its;
    byBand.set(bandOf(line), (byBand.get(bandOf(line)) ?? 0) + its);
  }
  return { usd, byBand };
}

/** GitHub's own runners, Linux x64, $ a minute by their cores; public list price of 2026. */
const HOSTED_USD: Readonly<Record<number, number>> = {
  2: 0.006,
  4: 0.012,
  8: 0.022,
  16: 0.042,
  32: 0.082,
  64: 0.162,
};
/** Of memory for each core. */
const HOSTED_GB = 4;

/** Whole minutes for each job, on the smallest that is large enough. */
export function hostedUsd(lines: readonly Line[]): number {
  return lines.reduce((sum, { cpu, memoryGb, durationS }) => {
    const cores = Object.keys(HOSTED_USD)
      .map(Number)
      .find((size) => size >= cpu && size * HOSTED_GB >= memoryGb);
    const perMinute = HOSTED_USD[cores ?? 64] ?? Number.NaN;
    return sum + Math.ceil(durationS / 60) * perMinute;
  }, 0);
}
