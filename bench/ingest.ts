import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Child, startChild } from './lib/child.ts';
import { median, quantile, rounded } from './lib/figures.ts';
import { type Connection, open, send } from './lib/load.ts';
import { type JobHook, requestOf } from './lib/webhooks.ts';

// How many webhooks a second are verified, parsed and on the disk before they are answered, against
// Probot's server with an empty handler and a bare node:http server, which both store nothing. Ours
// is the whole app: what it wrote down is applied, and its scopes are planned, while it takes more.
// The contestants take short turns with the same requests, so that a slow moment of the machine meets
// all of them; each is judged by the ratios within a round.

const ROUNDS = 5;
const TURNS_IN_A_ROUND = 8;
const IN_A_TURN = 500;
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
  readonly seconds: number;
  readonly latenciesMs: readonly number[];
  /** From the last answer until the last event was applied. */
  readonly drainMs: number;
  /** Of all its threads, until then. */
  readonly cpuMs: number;
  readonly memoryMb: number;
}

interface Contestant {
  readonly child: Child;
  readonly connections: readonly Connection[];
}

async function enter(kind: Kind, folder: string): Promise<Contestant> {
  const child = await startChild('ingest-server.ts', [kind, folder]);
  const port = await child.ask('port');
  const opened = Array.from({ length: AT_ONCE }, () => open(port));
  return { child, connections: await Promise.all(opened) };
}

async function takeTurn(of: Contestant, sent: readonly Buffer[]): Promise<Turn> {
  const { child, connections } = of;
  const before = await child.ask('cpuMs');
  const load = await send(connections, sent);
  const start = performance.now();
  while ((await child.ask('unapplied')) > 0) await sleep(1);
  const drainMs = performance.now() - start;
  const cpuMs = (await child.ask('cpuMs')) - before;
  return { ...load, drainMs, cpuMs, memoryMb: await child.ask('memoryMb') };
}

type Round = Readonly<Record<Kind, Turn[]>>;

async function playRound(
  contestants: Readonly<Record<Kind, Contestant>>,
  round: number,
): Promise<Round> {
  const turns: Round = { ours: [], bare: [], probot: [] };
  for (let turn = 0; turn < TURNS_IN_A_ROUND; turn++) {
    const sent = requests((round * TURNS_IN_A_ROUND + turn) * IN_A_TURN, IN_A_TURN);
    for (const kind of KINDS) turns[kind].push(await takeTurn(contestants[kind], sent));
  }
  return turns;
}

const sum = (values: readonly number[]): number => values.reduce((all, one) => all + one, 0);

const perSecond = (turns: readonly Turn[]): number =>
  (turns.length * IN_A_TURN) / sum(turns.map((turn) => turn.seconds));

const cpuUs = (turns: readonly Turn[]): number =>
  (1000 * sum(turns.map((turn) => turn.cpuMs))) / (turns.length * IN_A_TURN);

const p99Ms = (turns: readonly Turn[]): number =>
  quantile(
    turns.flatMap((turn) => turn.latenciesMs),
    0.99,
  );

const memoryMb = (round: Round | undefined): number => round?.ours.at(-1)?.memoryMb ?? Number.NaN;

function figuresOf(rounds: readonly Round[]) {
  const middle = (figure: (round: Round) => number) => median(rounds.map(figure));
  const whole = (figure: (turns: readonly Turn[]) => number, kind: Kind) =>
    Math.round(middle((round) => figure(round[kind])));
  const ratioTo = (kind: Kind) =>
    rounded(middle((round) => perSecond(round.ours) / perSecond(round[kind])));
  const last = memoryMb(rounds.at(-1));
  return {
    ratioToProbot: ratioTo('probot'),
    ratioToBare: ratioTo('bare'),
    memoryGrowth: rounded(last / memoryMb(rounds[0])),
    oursPerSecond: whole(perSecond, 'ours'),
    barePerSecond: whole(perSecond, 'bare'),
    probotPerSecond: whole(perSecond, 'probot'),
    p99Ms: rounded(middle((round) => p99Ms(round.ours))),
    drainMs: rounded(middle((round) => median(round.ours.map((turn) => turn.drainMs)))),
    memoryMb: rounded(last),
    oursCpuUs: whole(cpuUs, 'ours'),
    bareCpuUs: whole(cpuUs, 'bare'),
    probotCpuUs: whole(cpuUs, 'probot'),
    webhooks: rounds.length * TURNS_IN_A_ROUND * IN_A_TURN,
  };
}

export async function bench() {
  const folder = mkdtempSync(join(tmpdir(), 'dstack-bench-'));
  const contestants = {
    ours: await enter('ours', folder),
    bare: await enter('bare', folder),
    probot: await enter('probot', folder),
  };
  try {
    const rounds: Round[] = [];
    for (let round = 0; round <= ROUNDS; round++) rounds.push(await playRound(contestants, round));
    // The first warms up: memory is compared with what it was after that.
    const figures = figuresOf(rounds.slice(1));
    const holds =
      figures.ratioToProbot >= TARGETS.ratioToProbot &&
      figures.ratioToBare >= TARGETS.ratioToBare &&
      figures.memoryGrowth <= TARGETS.memoryGrowth;
    return { bench: 'ingest' as const, holds, figures, targets: TARGETS };
  } finally {
    for (const kind of KINDS) await contestants[kind].child.stop();
    rmSync(folder, { recursive: true, force: true });
  }
}
