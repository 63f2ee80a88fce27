import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock as clock } from '../../src/lib/clock.ts';
import { systemRandom as random } from '../../src/lib/random.ts';
import type { Job } from '../../src/sandbox/github-state.ts';
import { createCrashWorld, type World } from './world.ts';

// The app as a process, killed with -9 again and again while jobs run on machines that it launches:
// after each restart it must go on as if nothing had happened. Called by `npm run crash` and the tests.

export interface CrashOptions {
  readonly kills: number;
  readonly jobs: number;
  readonly seed: number;
  readonly say: (line: string) => void;
}

export interface CrashResult {
  readonly jobs: { readonly queued: number; readonly completed: number; readonly lost: number };
  readonly instances: {
    readonly launched: number;
    readonly left: number;
    readonly maxExceeded: number;
  };
  readonly kills: number;
  readonly seconds: number;
}

export interface Played {
  readonly result: CrashResult;
  /** Why the run is not sound; none for one that is. */
  readonly problems: readonly string[];
  /** How often the app was killed at each kind of moment. */
  readonly moments: ReadonlyMap<string, number>;
}

const LIMIT_MS = 120_000;
const LIMIT_MS_PER_JOB = 2_000;
const LIMIT_MS_PER_KILL = 6_000;
/** The calm at the end, in which everything must come to rest. */
const CALM_LIMIT_MS = 120_000;
const MOST_OPEN_JOBS = 16;
const MOST_IN_A_RUN = 4;
const REST_BETWEEN_KILLS_MS = [200, 2_000] as const;
const LOOK_MS = 50;
const SAY_MS = 5_000;

export async function playCrash(options: CrashOptions): Promise<Played> {
  const folder = mkdtempSync(join(tmpdir(), 'dstack-crash-'));
  const began = clock.now();
  const play: Play = { options, began, jobs: [], kills: 0, nextKillAt: began + 2_000 };
  const onKill = () => {
    play.kills += 1;
  };
  const world = await createCrashWorld({ seed: options.seed, clock, random, folder, onKill });
  try {
    await faultsFirst(world, play);
    await thenCalm(world, play);
    const problems = await judge(world, play);
    if (problems.length === 0) rmSync(folder, { recursive: true });
    else problems.push(`the app's log and database are kept in ${folder}`);
    return { result: resultOf(world, play), problems, moments: world.chance.kills };
  } finally {
    await world.close();
  }
}

interface Play {
  readonly options: CrashOptions;
  readonly began: number;
  readonly jobs: Job[];
  kills: number;
  nextKillAt: number;
}

const isOver = ({ facts }: Job): boolean => facts.now.state === 'completed';
const succeeded = ({ facts }: Job): boolean => facts.now.conclusion === 'success';

const isBroken = ({ app, instances }: World): boolean =>
  app.died !== undefined || instances.broken.length > 0;

/** Jobs and kills keep pace with each other, so that every kill meets work. */
async function faultsFirst(world: World, play: Play): Promise<void> {
  const { options, jobs } = play;
  const { chance } = world;
  const limit =
    play.began + LIMIT_MS + options.jobs * LIMIT_MS_PER_JOB + options.kills * LIMIT_MS_PER_KILL;
  const teller = createTeller(world, play);
  let restFrom = -1;
  while (clock.now() < limit && !isBroken(world)) {
    if (jobs.length >= options.jobs && play.kills >= options.kills) return;
    if (restFrom !== play.kills) {
      restFrom = play.kills;
      const [least, most] = REST_BETWEEN_KILLS_MS;
      play.nextKillAt = clock.now() + least + world.kernel.rand('rest') * (most - least);
    }
    const done = jobs.filter(isOver).length;
    const isBehind = play.kills * options.jobs < (done + MOST_OPEN_JOBS) * options.kills;
    const isKillDue = isBehind && clock.now() >= play.nextKillAt && play.kills < options.kills;
    if (isKillDue && !chance.isArmed) chance.arm();
    await queueMore(world, play);
    await clock.sleep(LOOK_MS);
    teller();
  }
}

async function queueMore({ kernel, github, repo }: World, play: Play): Promise<void> {
  const { options, jobs } = play;
  const open = jobs.filter((job) => !isOver(job)).length;
  const share = options.kills === 0 ? 1 : (play.kills + 1) / options.kills;
  const isAhead = jobs.length >= options.jobs * share && open > 0;
  const most = Math.min(MOST_IN_A_RUN, options.jobs - jobs.length);
  if (most <= 0 || isAhead || open + most > MOST_OPEN_JOBS) return;
  const count = 1 + Math.floor(kernel.rand('run') * most);
  const specs = Array.from({ length: count }, (_, i) => ({
    name: `job ${i + 1}`,
    labels: ['self-hosted', 'dstack', ...(kernel.rand('label') < 0.3 ? ['c5.xlarge'] : [])],
    durationMs: 100 + Math.floor(kernel.rand('duration') * 200),
  }));
  await kernel.visit('run', () => {
    jobs.push(...github.jobs.addRun(repo, { workflow: 'CI', jobs: specs }).jobs);
  });
}

async function thenCalm(world: World, play: Play): Promise<void> {
  const { github, instances } = world;
  world.chance.calm();
  play.options.say('no more faults: now everything must come to rest');
  const limit = clock.now() + CALM_LIMIT_MS;
  const teller = createTeller(world, play);
  const isDone = () =>
    play.jobs.every(isOver) && instances.counts().live === 0 && github.state.runners.size === 0;
  while (clock.now() < limit && !isBroken(world) && !isDone()) {
    await clock.sleep(LOOK_MS);
    teller();
  }
}

/** A line every few seconds. */
function createTeller({ instances, app }: World, play: Play): () => void {
  let next = clock.now() + SAY_MS;
  return () => {
    if (clock.now() < next) return;
    next += SAY_MS;
    const { launched, live } = instances.counts();
    const { options, jobs, kills } = play;
    const done = jobs.filter(isOver).length;
    const seconds = ((clock.now() - play.began) / 1_000).toFixed(0);
    options.say(
      `${seconds.padStart(4)} s   jobs ${done} of ${options.jobs}   machines ${live} live, ` +
        `${launched} launched   kills ${kills} of ${options.kills}, ${app.starts} starts`,
    );
  };
}

async function judge({ app, aws, instances, github }: World, play: Play): Promise<string[]> {
  const { options, jobs } = play;
  const problems = [...instances.broken, ...(app.died === undefined ? [] : [app.died])];
  const code = await app.stop();
  if (code !== 0) problems.push(`SIGTERM did not end it well: ${code ?? 'it had to be killed'}`);
  const lost = jobs.filter((job) => !succeeded(job));
  for (const { id, facts, spec } of lost.slice(0, 10)) {
    const { state, conclusion } = facts.now;
    problems.push(`job ${id} (${spec.labels.join(', ')}) is ${state}, ${conclusion}`);
  }
  const left = new Set([...(await aws.living()), ...livingIn(instances)]);
  if (left.size > 0) problems.push(`${left.size} machines are left: ${[...left].join(', ')}`);
  const runners = [...github.state.runners.values()].map(({ name }) => name);
  if (runners.length > 0) problems.push(`registered still: ${runners.join(', ')}`);
  if (jobs.length < options.jobs) problems.push(`only ${jobs.length} jobs in the time given`);
  if (play.kills < options.kills) problems.push(`only ${play.kills} kills in the time given`);
  return problems;
}

const livingIn = ({ all }: World['instances']): readonly string[] =>
  [...all.values()]
    .filter(({ state }) => state === 'pending' || state === 'running')
    .map(({ id }) => id);

function resultOf({ instances }: World, play: Play): CrashResult {
  const { launched, live, aboveMax } = instances.counts();
  const queued = play.jobs.length;
  const completed = play.jobs.filter(succeeded).length;
  return {
    jobs: { queued, completed, lost: queued - completed },
    instances: { launched, left: live, maxExceeded: aboveMax },
    kills: play.kills,
    seconds: Number(((clock.now() - play.began) / 1_000).toFixed(1)),
  };
}
