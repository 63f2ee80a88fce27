import { createKernel, type Kernel } from '../../src/sandbox/kernel.ts';
import { fits } from './clairvoyant.ts';
import { hasCapacity, type Market, nextReclaim, type OfferMonth, priceAt } from './market.ts';
import type { Attempt, Machine, Played, Times } from './played.ts';
import { byNeed, keyOf, type Line } from './workload.ts';

// The same month under a policy like the defaults of github-aws-runners' Terraform module: a queued
// job waits 30 s in a queue, then a batch of ten is handled a second, each job that is still queued
// gets a machine of the size that its label names, on the cheapest place with capacity; the machine
// stays after its job, takes further ones of its repository and size, and is ended when a look every
// five minutes finds it idle and older than five minutes. Its maximum of three machines is lifted
// here, since it drops the jobs above it. Its webhooks, machines and calls are without any delay but
// these, which flatters it.

const SECOND = 1_000;
const QUEUE_DELAY_S = 30;
const BATCH = 10;
const BATCH_S = 1;
/** What could not be launched is seen again in the queue. */
const RETRY_S = 30;
const LOOK_EVERY_S = 300;
const LEAST_LIFE_S = 300;
/** A job that was cut is run again by a person. */
const PERSON_S = 900;

interface Waiting {
  readonly line: Line;
  readonly queuedAtS: number;
  isQueued: boolean;
}

interface Runner {
  readonly id: string;
  readonly line: Line;
  readonly offer: OfferMonth;
  readonly launchedAtS: number;
  isIdle: boolean;
  isGone: boolean;
  /** Calls off the end of the job that it works on. */
  cut: (() => void) | null;
}

interface World extends Times {
  readonly kernel: Kernel;
  readonly market: Market;
  readonly queues: Map<string, Waiting[]>;
  readonly idle: Map<string, Runner[]>;
  readonly runners: Set<Runner>;
  readonly machines: Machine[];
  readonly attempts: Attempt[];
  readonly needed: ReadonlyMap<string, readonly Line[]>;
  readonly batches: Map<string, { readonly jobs: Waiting[]; freeAtS: number }>;
  left: number;
}

export async function playPeer(
  of: Times & { readonly lines: readonly Line[]; readonly market: Market },
): Promise<Played> {
  const kernel = createKernel({ seed: 1, isCalm: true, startAt: 0 });
  const world: World = {
    ...of,
    kernel,
    queues: new Map(),
    idle: new Map(),
    runners: new Set(),
    machines: [],
    attempts: [],
    needed: byNeed(of.lines),
    batches: new Map(),
    left: of.lines.length,
  };
  for (const line of of.lines.filter(({ needs }) => needs === '')) {
    at(world, line.queuedAtS, () => queue(world, line));
  }
  at(world, LOOK_EVERY_S, () => scaleDown(world));
  await kernel.run({ until: () => world.left === 0 && world.runners.size === 0 });
  return { machines: world.machines, attempts: world.attempts };
}

const nowS = ({ kernel }: World): number => kernel.now() / SECOND;
const at = (world: World, second: number, effect: () => void) =>
  world.kernel.at(second * SECOND - world.kernel.now(), 'peer', effect);

/** A runner has the labels of its size; machines are a repository's own. */
const sizeOf = ({ repository, cpu, memoryGb }: Line): string => `${repository} ${cpu} ${memoryGb}`;

function listOf<T>(lists: Map<string, T[]>, key: string): T[] {
  const list = lists.get(key) ?? [];
  lists.set(key, list);
  return list;
}

function queue(world: World, line: Line): void {
  const waiting = { line, queuedAtS: nowS(world), isQueued: true };
  listOf(world.queues, sizeOf(line)).push(waiting);
  assign(world, sizeOf(line));
  at(world, nowS(world) + QUEUE_DELAY_S, () => receive(world, waiting));
}

/** One batch at a time for each size, a second each. */
function receive(world: World, waiting: Waiting): void {
  const key = sizeOf(waiting.line);
  const batch = world.batches.get(key) ?? { jobs: [], freeAtS: 0 };
  world.batches.set(key, batch);
  batch.jobs.push(waiting);
  if (batch.jobs.length > 1) return;
  const handle = () => {
    for (const one of batch.jobs.splice(0, BATCH)) scaleUp(world, one);
    if (batch.jobs.length > 0) at(world, nowS(world) + BATCH_S, handle);
    batch.freeAtS = nowS(world) + BATCH_S;
  };
  at(world, Math.max(nowS(world), batch.freeAtS), handle);
}

function scaleUp(world: World, waiting: Waiting): void {
  if (!waiting.isQueued) return;
  const { line } = waiting;
  const now = nowS(world);
  // The size that its label names, not a larger one, however cheap.
  const [offer] = world.market.offers
    .filter((one) => fits(one, line) && one.type.vcpus === line.cpu && hasCapacity(one, now))
    .sort((a, b) => priceAt(a, now) - priceAt(b, now));
  if (!offer) return void at(world, now + RETRY_S, () => receive(world, waiting));
  const id = `peer-${world.machines.length + world.runners.size + 1}`;
  const runner: Runner = {
    id,
    line,
    offer,
    launchedAtS: now,
    isIdle: false,
    isGone: false,
    cut: null,
  };
  world.runners.add(runner);
  at(world, now + world.bootS, () => free(world, runner));
  const takenAtS = nextReclaim(offer, now);
  if (takenAtS < Number.POSITIVE_INFINITY) {
    at(world, takenAtS, () => {
      if (runner.isGone) return;
      runner.cut?.();
      end(world, runner, true);
    });
  }
}

function free(world: World, runner: Runner): void {
  if (runner.isGone) return;
  runner.isIdle = true;
  listOf(world.idle, sizeOf(runner.line)).push(runner);
  assign(world, sizeOf(runner.line));
}

function assign(world: World, size: string): void {
  const jobs = listOf(world.queues, size);
  const idle = listOf(world.idle, size);
  while (jobs.length > 0 && idle.length > 0) {
    const waiting = jobs.shift();
    const runner = idle.shift();
    if (waiting && runner) work(world, runner, waiting);
  }
}

function work(world: World, runner: Runner, waiting: Waiting): void {
  const { line, queuedAtS } = waiting;
  const startedAtS = nowS(world);
  waiting.isQueued = false;
  runner.isIdle = false;
  const note = (isDone: boolean) => {
    runner.cut = null;
    const endedAtS = nowS(world);
    world.attempts.push({ line, queuedAtS, startedAtS, endedAtS, machine: runner.id, isDone });
  };
  const cancel = at(world, startedAtS + line.durationS, () => {
    note(true);
    world.left -= 1;
    for (const next of world.needed.get(keyOf(line)) ?? []) queue(world, next);
    free(world, runner);
  });
  runner.cut = () => {
    cancel();
    note(false);
    at(world, nowS(world) + PERSON_S, () => queue(world, line));
  };
}

function scaleDown(world: World): void {
  const now = nowS(world);
  for (const runner of world.runners) {
    if (runner.isIdle && now - runner.launchedAtS >= LEAST_LIFE_S) end(world, runner, false);
  }
  if (world.left > 0 || world.runners.size > 0) {
    at(world, now + LOOK_EVERY_S, () => scaleDown(world));
  }
}

function end(world: World, runner: Runner, isReclaimed: boolean): void {
  const { id, line, offer, launchedAtS } = runner;
  runner.isGone = true;
  runner.isIdle = false;
  world.runners.delete(runner);
  const idle = listOf(world.idle, sizeOf(line));
  if (idle.includes(runner)) idle.splice(idle.indexOf(runner), 1);
  const endedAtS = nowS(world);
  const { repository } = line;
  world.machines.push({ id, repository, offer, launchedAtS, endedAtS, isReclaimed });
}
