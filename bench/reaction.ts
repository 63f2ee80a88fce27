import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Arrival, type AwsStub, serveAwsStub } from './lib/aws-stub.ts';
import { startChild } from './lib/child.ts';
import { median, quantile, rounded } from './lib/figures.ts';
import { type Connection, open } from './lib/load.ts';
import { requestOf } from './lib/webhooks.ts';

// How long it takes from a webhook's first byte to the last byte of its RunInstances, one job at a
// time, by the whole app: its store on the disk, the SDK's client, warm caches. Measured against the
// parts that nobody can leave out: one request in, one commit, one request of that size out.

const ROUNDS = 5;
const REPOS_IN_A_ROUND = 10;
/** Jobs that count, of one repository; none of them ends, so its ticks see all of them. */
const JOBS_OF_A_REPO = 20;
/** What a job leaves to do is over by then. */
const REST_MS = 30;
const LIMIT_MS = 10_000;
const TARGETS = { ratioToParts: 4 };

interface Contestant {
  readonly connection: Connection;
  readonly aws: AwsStub;
}

/** Sends one queued job and waits for its RunInstances. */
async function react(to: Contestant, webhook: Buffer): Promise<Arrival & { readonly ms: number }> {
  const arrived = to.aws.arrival();
  const start = performance.now();
  await to.connection.exchange(webhook);
  const arrival = await Promise.race([arrived, sleep(LIMIT_MS, undefined, { ref: false })]);
  if (!arrival) throw new Error('a job got no machine');
  await sleep(REST_MS);
  return { ...arrival, ms: arrival.at - start };
}

/** The webhooks of a round; the first of each repository makes its rules known, and does not count. */
function webhooks(round: number): readonly (readonly Buffer[])[] {
  return Array.from({ length: REPOS_IN_A_ROUND }, (_, i) => {
    const repo = round * REPOS_IN_A_ROUND + i;
    return Array.from({ length: JOBS_OF_A_REPO + 1 }, (_, j) => {
      const job = repo * (JOBS_OF_A_REPO + 1) + j;
      return requestOf({ action: 'queued', job, repo, labels: ['self-hosted', 'dstack'] });
    });
  });
}

async function takeTurn(to: Contestant, round: number): Promise<readonly number[]> {
  const times: number[] = [];
  for (const [first, ...rest] of webhooks(round)) {
    if (first) await react(to, first);
    for (const webhook of rest) times.push((await react(to, webhook)).ms);
  }
  return times;
}

async function play(folder: string, aws: AwsStub) {
  const ours = await startChild('reaction-server.ts', ['ours', folder, aws.url]);
  const toOurs = { connection: await open(await ours.ask('port')), aws };
  const [[first = Buffer.alloc(0)] = []] = webhooks(ROUNDS + 1);
  const { bytes } = await react(toOurs, first);
  const bare = await startChild('reaction-server.ts', ['bare', folder, aws.url, String(bytes)]);
  const toBare = { connection: await open(await bare.ask('port')), aws };
  const rounds: { ours: readonly number[]; bare: readonly number[] }[] = [];
  // The round before the first warms up.
  for (let round = 0; round <= ROUNDS; round++) {
    const turn = { ours: await takeTurn(toOurs, round), bare: await takeTurn(toBare, round) };
    if (round > 0) rounds.push(turn);
  }
  toOurs.connection.close();
  toBare.connection.close();
  await ours.stop();
  await bare.stop();
  return { rounds, bytes };
}

export async function bench() {
  const folder = mkdtempSync(join(tmpdir(), 'dstack-bench-'));
  try {
    const { rounds, bytes } = await play(folder, await serveAwsStub());
    const all = (kind: 'ours' | 'bare') => rounds.flatMap((round) => round[kind]);
    const figures = {
      ratioToParts: rounded(median(rounds.map(({ ours, bare }) => median(ours) / median(bare)))),
      p50Ms: rounded(median(all('ours'))),
      p99Ms: rounded(quantile(all('ours'), 0.99)),
      partsP50Ms: rounded(median(all('bare'))),
      partsP99Ms: rounded(quantile(all('bare'), 0.99)),
      requestBytes: bytes,
      jobs: all('ours').length,
    };
    const holds = figures.ratioToParts <= TARGETS.ratioToParts;
    return { bench: 'reaction' as const, holds, figures, targets: TARGETS };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
