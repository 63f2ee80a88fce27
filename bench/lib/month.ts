import { instanceOfRunner } from '../../src/model/runner-name.ts';
import { isLive } from '../../src/sandbox/ec2-instance.ts';
import type { Job, Repo, Run } from '../../src/sandbox/github-state.ts';
import { createMemoryStore } from '../../src/store/memory.ts';
import { createStage, MINUTE, R, REGION, SECOND, type Stage } from '../../test/stage.ts';
import { HOUR_S, type Market, NOTICE_S, nameOf, type OfferMonth } from './market.ts';
import type { Attempt, Machine, Played, Times } from './played.ts';
import { byNeed, keyOf, type Line } from './workload.ts';

// The month as the whole app plays it, on the sandbox: its webhooks, its plan, its launches and what
// EC2 says to them, its daemons, and its surplus. Nothing of it is a model of the app.

export interface MonthAsk extends Times {
  readonly lines: readonly Line[];
  readonly market: Market;
  readonly reuse: 'job' | 'workflow';
}

/** More than any month here needs at once. */
const MAX = 1_000;
/** A machine reports more seldom than by default, which changes nothing but the time that it takes. */
const HEARTBEAT_MS = MINUTE;
/** What happens wakes the app at once; it looks around by itself four times as seldom as by default. */
const TICK_MS = 20 * SECOND;
/** What has ended is kept this long, instead of a month: the store is in memory. */
const KEPT_MS = 30 * MINUTE;
/** When the app does not run a job again that was cut, somebody does. */
const PERSON_MS = 15 * MINUTE;
/** A month that is not over by then has lost a job. */
const SPARE_S = 24 * HOUR_S;
/** Capacity that no machine's end gives back within a spell. */
const NO_CAPACITY = -1_000_000;

interface Play {
  readonly stage: Stage;
  readonly ask: MonthAsk;
  readonly startedAt: number;
  readonly machines: Map<string, Machine>;
  readonly attempts: Attempt[];
  /** Lines whose job has not ended well. */
  readonly open: Set<Line>;
}

export async function playMonth(ask: MonthAsk): Promise<Played> {
  const stage = createMonthStage(ask);
  stage.start();
  await stage.pass(R + 20 * SECOND);
  const startedAt = stage.kernel.now();
  const play: Play = {
    stage,
    ask,
    startedAt,
    machines: new Map(),
    attempts: [],
    open: new Set(ask.lines),
  };
  followMachines(play);
  queueJobs(play);
  runMarket(play);
  const last = Math.max(...ask.lines.map(({ queuedAtS, durationS }) => queuedAtS + durationS));
  const isOver = () => play.open.size === 0 && stage.ec2.counts().left === 0;
  const untilMs = startedAt + (last + SPARE_S) * SECOND;
  const end = await stage.kernel.run({ until: isOver, untilMs });
  if (end !== 'until') {
    const [one] = play.open;
    throw new Error(`${end}: ${play.open.size} jobs have not ended, ${one && keyOf(one)} is one`);
  }
  return { machines: [...play.machines.values()], attempts: play.attempts };
}

function createMonthStage({ lines, market, reuse, bootS, teardownS }: MonthAsk): Stage {
  const types = [...new Set(market.offers.map(({ type }) => type.name))];
  const rules = [
    `autoscale:\n  region: ${REGION}\n  reuse: ${reuse}\n  max-duration: 12h\n  rules:`,
    ...types.map((type) => `    - instance-type: ${type}\n      max: ${MAX}`),
  ].join('\n');
  const stage = createStage({
    rules,
    seed: 1,
    repoNames: [...new Set(lines.map(({ repository }) => repository))],
    // From the launch on a machine is billed: what it pends is not given away here.
    ec2: { bootMs: [0, 0], quotas: { 'standard spot': 1_000_000 } },
    machines: { startMs: [bootS * SECOND, bootS * SECOND], heartbeatMs: HEARTBEAT_MS },
    teardownMs: teardownS * SECOND,
  });
  stage.knobs.tickMs = TICK_MS;
  setPrices(stage, market, 0);
  const { kernel } = stage;
  stage.store = createMemoryStore();
  const prune = () => {
    void stage.store.prune(kernel.now() - KEPT_MS);
    kernel.at(KEPT_MS / 2, 'prune', prune);
  };
  kernel.at(KEPT_MS, 'prune', prune);
  return stage;
}

const secondsOf = ({ startedAt }: Play, at: number): number => (at - startedAt) / SECOND;

function followMachines(play: Play): void {
  const { stage, ask, machines } = play;
  const offers = new Map(ask.market.offers.map((offer) => [nameOf(offer), offer]));
  stage.ec2.on('ended', ({ id, type, zone, launchedAt, endedAt, stateReason, tags }) => {
    const offer = offers.get(`${type} ${zone}`);
    if (!offer) throw new Error(`a machine of no offer: ${type} ${zone}`);
    const repo = stage.repos.find((one) => tags['dstack:scope'] === `repo-${one.id}`);
    machines.set(id, {
      id,
      repository: repo?.name ?? '',
      offer,
      launchedAtS: secondsOf(play, launchedAt),
      endedAtS: secondsOf(play, endedAt ?? stage.kernel.now()),
      isReclaimed: stateReason?.code === 'Server.SpotInstanceTermination',
    });
  });
}

function queueJobs(play: Play): void {
  const { stage, ask, startedAt } = play;
  const { kernel, github } = stage;
  const repos = new Map(stage.repos.map((repo) => [repo.name, repo]));
  const runs = new Map<string, Run>();
  const lineOf = new Map<string, Line>();
  const waiting = byNeed(ask.lines);

  const queue = (line: Line) => {
    const key = `${line.repository}/${line.run}`;
    // GitHub's own number is in the label of a run's jobs, so the run is there before them.
    const run = runs.get(key) ?? github.jobs.addRun(repoOf(repos, line), { jobs: [] });
    runs.set(key, run);
    lineOf.set(`${run.id}/${line.job}`, line);
    github.jobs.addJob(run, specOf(line, ask.reuse, run));
  };

  for (const line of ask.lines.filter(({ needs }) => needs === '')) {
    const delayMs = startedAt + line.queuedAtS * SECOND - kernel.now();
    kernel.at(delayMs, 'job', () => queue(line));
  }
  github.jobs.onCompleted((job) => {
    const line = lineOf.get(`${job.run.id}/${job.spec.name}`);
    if (!line) return;
    const isDone = job.facts.now.conclusion === 'success';
    noteAttempt(play, { job, line, isDone });
    if (!isDone) return runAgain(stage, job);
    if (play.open.delete(line)) for (const next of waiting.get(keyOf(line)) ?? []) queue(next);
  });
}

function repoOf(repos: ReadonlyMap<string, Repo>, { repository }: Line): Repo {
  const repo = repos.get(repository);
  if (!repo) throw new Error(`no repository is called ${repository}`);
  return repo;
}

const specOf = (line: Line, reuse: MonthAsk['reuse'], run: Run) => ({
  name: line.job,
  labels: [
    ...['self-hosted', 'dstack', `cpu=${line.cpu}`, `memory=${line.memoryGb}GB`],
    ...(reuse === 'workflow' ? [`run=${run.id}`] : []),
  ],
  durationMs: Math.round(line.durationS * SECOND),
});

function noteAttempt(play: Play, of: { job: Job; line: Line; isDone: boolean }): void {
  const { createdAt, facts } = of.job;
  const { runner, startedAt, completedAt } = facts.now;
  const machine = runner === null ? undefined : instanceOfRunner(runner.name);
  // One that GitHub gave up while it was queued has run nowhere.
  if (machine === undefined || startedAt === null || completedAt === null) return;
  play.attempts.push({
    line: of.line,
    queuedAtS: secondsOf(play, createdAt),
    startedAtS: secondsOf(play, startedAt),
    endedAtS: secondsOf(play, completedAt),
    machine,
    isDone: of.isDone,
  });
}

/** The app has its own rules for what it runs again, and when; what it leaves, a person takes up. */
function runAgain(stage: Stage, job: Job): void {
  const { run, spec } = job;
  stage.kernel.at(PERSON_MS, 'a person looks', () => {
    const last = run.jobs.findLast(({ spec: { name } }) => name === spec.name);
    if (last === job && !stage.github.jobs.rerunFailed(run)) runAgain(stage, job);
  });
}

function setPrices({ ec2 }: Stage, { offers }: Market, hour: number): void {
  for (const { type, zone, hourlyUsd } of offers) {
    ec2.setSpotPrice(type.name, zone, hourlyUsd[hour] ?? 0);
  }
}

/** Prices by the hour, spells without capacity, and machines that are taken back. */
function runMarket(play: Play): void {
  const { stage, ask, startedAt } = play;
  const { kernel } = stage;
  const at = (second: number, label: string, effect: () => void) =>
    kernel.at(startedAt + second * SECOND - kernel.now(), label, effect);
  for (let hour = 1; hour < ask.market.hours; hour += 1) {
    at(hour * HOUR_S, 'prices', () => setPrices(stage, ask.market, hour));
  }
  for (const offer of ask.market.offers) {
    const place = { zone: offer.zone, type: offer.type.name, market: 'spot' } as const;
    for (const [from, to] of offer.spells) {
      at(from, 'no capacity', () => stage.ec2.setCapacity(place, NO_CAPACITY));
      at(to, 'capacity', () => stage.ec2.setCapacity(place, null));
    }
    for (const second of offer.reclaims) {
      at(second - NOTICE_S, 'reclaim', () => takeBack(stage, offer));
    }
  }
}

function takeBack({ ec2 }: Stage, { type, zone }: OfferMonth): void {
  for (const one of ec2.instances.values()) {
    if (isLive(one) && one.type === type.name && one.zone === zone) ec2.reclaim(one.id, true);
  }
}
