import { readFileSync, writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { foresee } from './lib/clairvoyant.ts';
import { rounded } from './lib/figures.ts';
import { writeLedger } from './lib/ledger.ts';
import { playMonth } from './lib/month.ts';
import { playPeer } from './lib/peer.ts';
import { type Account, accountOf, BANDS, foreseenUsd, hostedUsd } from './lib/played.ts';
import { marketFor, TIMES } from './lib/setting.ts';
import { type Line, MONTH, readWorkload } from './lib/workload.ts';

// What a month of jobs costs, and how long its jobs wait: the whole app on the sandbox, on a virtual
// clock, against somebody who knew the month beforehand, a policy like another autoscaler's, and
// GitHub's own runners. The same options give the same figures. --write keeps them for docs/cost.md.

/** Its options, for `npm run bench -- economy --help`. */
export const OPTIONS = `  --workload FILE        another month of jobs, as CSV (bench/data/month.csv)
  --reuse job|workflow   what a machine is for (job)
  --market-seed N        another market of prices and capacity (1)
  --ledger DIR           write machines, jobs and prices there as CSV, to recompute the figures from
  --write                keep the figures for docs/cost.md
`;
const FIGURES = new URL('../docs/cost.json', import.meta.url);

interface Options {
  readonly workload: string | URL;
  readonly reuse: 'job' | 'workflow';
  readonly marketSeed: number;
  readonly ledger: string | undefined;
  readonly isWritten: boolean;
}

function parseOptions(args: readonly string[]): Options {
  const text = { type: 'string' } as const;
  const { values } = parseArgs({
    args: [...args],
    options: {
      workload: text,
      reuse: text,
      'market-seed': text,
      ledger: text,
      write: { type: 'boolean' },
    },
  });
  const { reuse = 'job', 'market-seed': seed = '1' } = values;
  if (reuse !== 'job' && reuse !== 'workflow') throw misused(`--reuse ${reuse}: job or workflow`);
  if (!/^\d{1,9}$/.test(seed)) throw misused(`--market-seed ${seed}: a whole number`);
  return {
    workload: values.workload ?? MONTH,
    reuse,
    marketSeed: Number(seed),
    ledger: values.ledger,
    isWritten: values.write ?? false,
  };
}

const misused = (what: string): Error =>
  Object.assign(new Error(`${what}\n\n${OPTIONS}`), { code: 'USAGE' });

export async function bench(args: readonly string[]) {
  const options = parseOptions(args);
  const lines = readWorkload(options.workload);
  const market = marketFor(lines, options.marketSeed);
  const foreseen = foresee(lines, market, TIMES.bootS);
  const played = await playMonth({ lines, market, reuse: options.reuse, ...TIMES });
  const peer = accountOf(await playPeer({ lines, market, ...TIMES }), TIMES);
  if (options.ledger !== undefined) {
    writeLedger(options.ledger, { lines, market, played, foreseen });
  }
  const figures = figuresOf({
    lines,
    ours: accountOf(played, TIMES),
    peer,
    best: foreseenUsd(lines, foreseen),
  });
  if (options.isWritten) keep(options, figures);
  // A machine that works for a whole run saves what no machine for each job can.
  const targets = options.reuse === 'job' ? { ratioToClairvoyant: 1.05 } : {};
  const holds = options.reuse !== 'job' || figures.ratioToClairvoyant <= 1.05;
  return { bench: 'economy' as const, holds, figures, targets };
}

const exact = (value: number): number => Math.round(value * 10_000) / 10_000;

export function figuresOf(of: {
  readonly lines: readonly Line[];
  readonly ours: Account;
  readonly peer: Account;
  readonly best: ReturnType<typeof foreseenUsd>;
}) {
  const { lines, ours, peer, best } = of;
  const bands = BANDS.map(({ name }) => {
    const known = best.byBand.get(name) ?? 0;
    return [`ratio${name}`, known === 0 ? null : exact((ours.usdByBand.get(name) ?? 0) / known)];
  });
  return {
    ratioToClairvoyant: exact(ours.usd / best.usd),
    ...(Object.fromEntries(bands) as Readonly<Record<string, number | null>>),
    usd: rounded(ours.usd),
    clairvoyantUsd: rounded(best.usd),
    peerUsd: rounded(peer.usd),
    hostedUsd: rounded(hostedUsd(lines)),
    waitP50S: rounded(ours.waitP50S),
    waitP99S: rounded(ours.waitP99S),
    peerWaitP50S: rounded(peer.waitP50S),
    peerWaitP99S: rounded(peer.waitP99S),
    ...hoursOf(ours, ''),
    ...hoursOf(peer, 'peer'),
    jobs: lines.length,
    interruptedJobs: ours.interruptedJobs,
    machines: ours.machines,
  };
}

function hoursOf(account: Account, who: string): Readonly<Record<string, number>> {
  const { machineHours, surplusHours, idleHours, teardownHours, reclaimedHours } = account;
  const all = { machineHours, surplusHours, idleHours, teardownHours, reclaimedHours };
  const nameOf = (name: string) =>
    who === '' ? name : `${who}${name.charAt(0).toUpperCase()}${name.slice(1)}`;
  return Object.fromEntries(
    Object.entries(all).map(([name, hours]) => [nameOf(name), rounded(hours)]),
  );
}

/** By reuse and seed, so that the page shows a row for each that was played. */
function keep({ reuse, marketSeed }: Options, figures: object): void {
  const known = JSON.parse(readFileSync(FIGURES, 'utf8')) as Record<string, object>;
  const next = { ...known, [`${reuse} ${marketSeed}`]: figures };
  const sorted = Object.entries(next).sort(([a], [b]) => (a < b ? -1 : 1));
  writeFileSync(FIGURES, `${JSON.stringify(Object.fromEntries(sorted), null, 2)}\n`);
}
