import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Child, startChild } from './lib/child.ts';
import { median, quantile, rounded } from './lib/figures.ts';
import { send } from './lib/load.ts';
import { type JobHook, requestOf } from './lib/webhooks.ts';

// How many webhooks a second are verified, parsed and on the disk before they are answered, against
// Probot's server with an empty handler and a bare node:http server, which both store nothing. Ours
// is the whole app: what it wrote down is applied, and its scopes are planned, while it takes more.
// The contestants take turns with the same requests; each is judged by ratios within a round.

const ROUNDS = 5;
const IN_A_ROUND = 4_000;
const WARM_UP = 1_000;
const AT_ONCE = 50;
const REPOS = 4;
const ACTIONS = ['queued', 'in_progress', 'completed'] as const;
const KINDS = ['ours', 'bare', 'probot'] as const;
type Kind = (typeof KINDS)[number];
const TARGETS = { ratioToProbot: 1.2, ratioToBare: 0.6, memoryGrowth: 1.25 };

/** The deliveries from the `first` on: a job is queued, starts and completes, one job after another. */
function requests(first: number, count: number): readonly Buffer[] {
  return Array.from({ length: count }, (_, i) => {
    const job = Math.floor((first + i) / ACTIONS.length);
    const action: JobHook['action'] = ACTIONS[(first + i) % ACTIONS.length] ?? 'queued';
    return requestOf({ action, job, repo: job % REPOS, labels: ['self-hosted', 'dstack'] });
  });
}

interface Turn {
  readonly perSecond: number;
  readonly p99Ms: number;
  /** From the last answer until the last event was applied. */
  readonly drainMs: number;
  readonly memoryMb: number;
  /** Of all its threads, for one webhook. */
  readonly cpuUs: number;
}

async function takeTurn(child: Child, sent: readonly Buffer[]): Promise<Turn> {
  const before = await child.ask('cpuMs');
  const { seconds, latenciesMs } = await send(
    { port: await child.ask('port'), most: AT_ONCE },
    sent,
  );
  const start = performance.now();
  while ((await child.ask('unapplied')) > 0) await sleep(1);
  const drainMs = performance.now() - start;
  const cpuUs = ((await child.ask('cpuMs')) - before) * (1000 / sent.length);
  const memoryMb = await child.ask('memoryMb');
  return {
    perSecond: sent.length / seconds,
    p99Ms: quantile(latenciesMs, 0.99),
    drainMs,
    memoryMb,
    cpuUs,
  };
}

async function play(children: Readonly<Record<Kind, Child>>): Promise<Record<Kind, Turn[]>> {
  const turns: Record<Kind, Turn[]> = { ours: [], bare: [], probot: [] };
  const warmUp = requests(0, WARM_UP);
  for (const kind of KINDS) await takeTurn(children[kind], warmUp);
  for (let round = 0; round < ROUNDS; round++) {
    const sent = requests(WARM_UP + round * IN_A_ROUND, IN_A_ROUND);
    for (const kind of KINDS) turns[kind].push(await takeTurn(children[kind], sent));
  }
  return turns;
}

function figuresOf(turns: Readonly<Record<Kind, readonly Turn[]>>) {
  const perSecond = (kind: Kind) => median(turns[kind].map((turn) => turn.perSecond));
  const of = (figure: keyof Turn) => turns.ours.map((turn) => turn[figure]);
  const ratioTo = (kind: Kind) =>
    median(turns.ours.map((turn, i) => turn.perSecond / (turns[kind][i]?.perSecond ?? 0)));
  const [first = 0, last = 0] = [of('memoryMb').at(0), of('memoryMb').at(-1)];
  return {
    ratioToProbot: rounded(ratioTo('probot')),
    ratioToBare: rounded(ratioTo('bare')),
    memoryGrowth: rounded(last / first),
    oursPerSecond: Math.round(perSecond('ours')),
    barePerSecond: Math.round(perSecond('bare')),
    probotPerSecond: Math.round(perSecond('probot')),
    p99Ms: rounded(median(of('p99Ms'))),
    drainMs: rounded(median(of('drainMs'))),
    memoryMb: rounded(last),
    oursCpuUs: Math.round(median(of('cpuUs'))),
    bareCpuUs: Math.round(median(turns.bare.map((turn) => turn.cpuUs))),
    probotCpuUs: Math.round(median(turns.probot.map((turn) => turn.cpuUs))),
    webhooks: ROUNDS * IN_A_ROUND,
  };
}

export async function bench() {
  const folder = mkdtempSync(join(tmpdir(), 'dstack-bench-'));
  const start = (kind: Kind) => startChild('ingest-server.ts', [kind, folder]);
  const children = {
    ours: await start('ours'),
    bare: await start('bare'),
    probot: await start('probot'),
  };
  try {
    const figures = figuresOf(await play(children));
    const holds =
      figures.ratioToProbot >= TARGETS.ratioToProbot &&
      figures.ratioToBare >= TARGETS.ratioToBare &&
      figures.memoryGrowth <= TARGETS.memoryGrowth;
    return { bench: 'ingest' as const, holds, figures, targets: TARGETS };
  } finally {
    for (const kind of KINDS) await children[kind].stop();
    rmSync(folder, { recursive: true, force: true });
  }
}
