import { instanceOfRunner } from '../src/model/runner-name.ts';
import type { HookFault } from '../src/sandbox/github-hooks.ts';
import type { Job } from '../src/sandbox/github-state.ts';
import { createStage, isDone, MINUTE, R, rulesText, SECOND, type Stage } from '../test/stage.ts';
import { median, rounded } from './lib/figures.ts';

// What it costs to lose webhooks: jobs in a scope that is at work, with all of its webhooks, with half of
// them lost, and with none at all; and where twenty repositories are at work, which is more than healings
// may look at each R, one that loses all of them. Exact, on a virtual clock.

const SEEDS = [1, 2, 3, 4];
const JOBS = 30;
/** Between two jobs: no multiple of R, so that they meet each moment between two sweeps. */
const EVERY_MS = 91 * SECOND;
const WORST_S = 120;
const BUSY_REPOS = 20;
const BUSY_ROUNDS = 40;
/** Between two jobs of each of them. */
const BUSY_EVERY_MS = 2 * MINUTE;
/** Until then each has had a job that was told of, and is swept. */
const BUSY_TOLD = 4;
const HOUR_MS = 3_600_000;

interface Phase {
  /** From queued to launched, for each job. */
  readonly launchS: readonly number[];
  /** To find what was lost: those that GitHub counted, and those that nothing had changed for. */
  readonly callsPerHour: number;
  readonly freePerHour: number;
}

type Loss = (nth: number) => HookFault | undefined;

const noneLost: Loss = () => undefined;
/** Every other webhook: half of those fail on their way, of the others GitHub keeps no record. */
const halfLost: Loss = (nth) =>
  nth % 2 === 0 ? { kind: nth % 4 === 0 ? 'lost' : 'outage' } : undefined;
const allLost: Loss = () => ({ kind: 'outage' });

export async function bench() {
  const none = await playAll(noneLost);
  const half = await playAll(halfLost);
  const all = await playAll(allLost);
  const busy = await playBusy();
  const usualS = median(none.launchS);
  const beyond = ({ launchS }: Phase) => launchS.map((seconds) => Math.max(0, seconds - usualS));
  const worstOf = (phase: Phase) => rounded(Math.max(...beyond(phase)));
  const figures = {
    usualLaunchS: rounded(usualS),
    halfLostP50S: rounded(median(beyond(half))),
    halfLostWorstS: worstOf(half),
    allLostP50S: rounded(median(beyond(all))),
    allLostWorstS: worstOf(all),
    ...callsOf('noneLost', none),
    ...callsOf('halfLost', half),
    ...callsOf('allLost', all),
    jobs: SEEDS.length * JOBS,
    busyRepositories: BUSY_REPOS,
    busyLostP50S: rounded(median(beyond(busy))),
    busyLostWorstS: worstOf(busy),
    ...callsOf('busy', busy),
  };
  const holds = figures.halfLostWorstS <= WORST_S && figures.allLostWorstS <= WORST_S;
  const targets = { halfLostWorstS: WORST_S, allLostWorstS: WORST_S };
  return { bench: 'healing' as const, holds, figures, targets };
}

const callsOf = (name: string, { callsPerHour, freePerHour }: Phase) => ({
  [`${name}CallsPerHour`]: rounded(callsPerHour),
  [`${name}FreePerHour`]: rounded(freePerHour),
});

async function playAll(loss: Loss): Promise<Phase> {
  const phases: Phase[] = [];
  for (const seed of SEEDS) phases.push(await play(seed, loss));
  const mean = (values: readonly number[]) => values.reduce((a, b) => a + b, 0) / values.length;
  return {
    launchS: phases.flatMap(({ launchS }) => launchS),
    callsPerHour: mean(phases.map((phase) => phase.callsPerHour)),
    freePerHour: mean(phases.map((phase) => phase.freePerHour)),
  };
}

/** Less than an hour altogether, which is as far back as the meter knows. */
async function play(seed: number, loss: Loss): Promise<Phase> {
  const stage = createStage({ seed, rules: rulesText({ 'm5.large': 10 }) });
  const launchedAt = launchesOf(stage);
  stage.start();
  await stage.pass(R + 20 * SECOND);
  // Somebody works here: a scope is swept each R for a day after a job.
  await stage.until(isDone(stage.addJobs(1)), 5 * MINUTE);
  const [from, before] = [stage.kernel.now(), spendingOf(stage)];
  stage.knobs.hookFault = ({ nth }) => loss(nth);
  const jobs = [];
  for (let i = 0; i < JOBS; i += 1) {
    jobs.push(...stage.addJobs(1, { durationMs: 30 * SECOND }));
    await stage.pass(EVERY_MS);
  }
  await stage.until(isDone(jobs), 10 * MINUTE);
  const after = spendingOf(stage);
  const hours = (stage.kernel.now() - from) / HOUR_MS;
  return {
    launchS: jobs.map((job) => launchSOf(job, launchedAt)),
    callsPerHour: (after.healing - before.healing) / hours,
    freePerHour: (after.free - before.free) / hours,
  };
}

/** The last of them loses all webhooks; all of its jobs are counted, and the calls of the last hour. */
async function playBusy(): Promise<Phase> {
  const repoNames = Array.from({ length: BUSY_REPOS }, (_, i) => `busy-${i}`);
  const stage = createStage({ seed: 1, repoNames, rules: rulesText({ 'm5.large': 10 }) });
  const launchedAt = launchesOf(stage);
  stage.start();
  await stage.pass(R + 20 * SECOND);
  let isLost = false;
  stage.knobs.hookFault = () => (isLost ? { kind: 'outage' } : undefined);
  const lost: Job[] = [];
  for (let round = 0; round < BUSY_ROUNDS; round += 1) {
    for (const repo of stage.repos) {
      isLost = round >= BUSY_TOLD && repo === stage.repos.at(-1);
      const spec = { name: 'job', labels: ['self-hosted', 'dstack'], durationMs: 30 * SECOND };
      const { jobs } = stage.github.jobs.addRun(repo, { jobs: [spec] });
      if (isLost) lost.push(...jobs);
      isLost = false;
      await stage.pass(BUSY_EVERY_MS / BUSY_REPOS);
    }
  }
  const { healing, free } = spendingOf(stage);
  await stage.until(isDone(lost), HOUR_MS);
  const launchS = lost.map((job) => launchSOf(job, launchedAt));
  return { launchS, callsPerHour: healing, freePerHour: free };
}

/** When each machine was launched. */
function launchesOf(stage: Stage): ReadonlyMap<string, number> {
  const launchedAt = new Map<string, number>();
  stage.ec2.on('running', (one) => {
    launchedAt.set(one.id, one.launchedAt);
  });
  return launchedAt;
}

function launchSOf({ createdAt, facts }: Job, launchedAt: ReadonlyMap<string, number>): number {
  const machine = instanceOfRunner(facts.now.runner?.name ?? '') ?? '';
  return ((launchedAt.get(machine) ?? Number.NaN) - createdAt) / SECOND;
}

const spendingOf = (stage: Stage) => stage.meter.spending(String(stage.installation.id));
