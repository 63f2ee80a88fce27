import type { Instant } from '../lib/clock.ts';
import type { Command } from '../model/command.ts';
import type { Job } from '../model/job.ts';
import { isOurs } from '../model/labels.ts';
import type { Instance } from '../model/launch.ts';
import type { Foreseen, Outcome, RanOn, Told } from '../model/outcome.ts';
import type { Repo } from '../model/repo.ts';
import { instanceOfRunner } from '../model/runner-name.ts';
import type { Plan, World } from '../model/world.ts';
import { plan } from '../plan/plan.ts';
import type { ChangeDeps } from './change-rules.ts';
import { lookAround } from './look.ts';
import { jobLink, machineRow, rowsOf } from './rules-state.ts';

// Why a job waits, what ran it, and what would become of one that is not there yet.

type Explain = Extract<Command, { name: 'autoscale explain' }>;

/** Jobs that one comment explains when it names none. */
const MOST_TOLD = 10;
const MOST_LOOKED_AT = 500;

export async function explain(
  deps: ChangeDeps,
  repo: Repo,
  { job, runsOn }: Explain,
): Promise<Outcome> {
  if (runsOn !== undefined && job !== undefined) {
    return { kind: 'refused', text: 'Name a job or the labels of one, not both.' };
  }
  if (runsOn !== undefined) return { kind: 'foreseen', ...(await foresee(deps, repo, runsOn)) };
  const rows = rowsOf(await deps.store.scopeRows(repo.scope), repo);
  const waiting = rows.jobs.filter((one) => one.state === 'queued').slice(0, MOST_TOLD);
  const recent = job === undefined ? [] : await deps.store.recentJobs(MOST_LOOKED_AT);
  const named = [...rows.jobs, ...recent].find((one) => one.id === job && one.repo === repo.id);
  const jobs = job === undefined ? waiting : named ? [named] : [];
  if (job !== undefined && !named) {
    return { kind: 'refused', text: `No job ${job} of this repository is known.` };
  }
  return { kind: 'explain', told: await Promise.all(jobs.map((one) => tell(deps, repo, one))) };
}

async function tell(deps: ChangeDeps, repo: Repo, job: Job): Promise<Told> {
  const { startedAt, completedAt, queuedAt } = job;
  const ran = await machineOf(deps, repo, job);
  return {
    job: jobLink(deps, repo, job),
    state: job.state === 'queued' ? 'waits' : (job.conclusion ?? job.state.replace('_', ' ')),
    text: job.reason && job.state === 'queued' ? job.reason.text : '',
    // GitHub's times are whole seconds, each cut for itself.
    waitedMs: startedAt === null ? null : Math.max(0, startedAt - queuedAt),
    ranMs: startedAt === null ? null : (completedAt ?? deps.clock.now()) - startedAt,
    machine: ran ? await ranOn(deps, { repo, job, one: ran }) : null,
  };
}

/** Its runner's name says which; one that has another runner by now is not told as this job's. */
async function machineOf(
  { store }: ChangeDeps,
  { scope }: Repo,
  { runnerName }: Job,
): Promise<Instance | null> {
  const id = runnerName === null ? undefined : instanceOfRunner(runnerName);
  const one = id === undefined ? null : await store.instanceById(id);
  return one?.scope === scope && one.runnerName === runnerName ? one : null;
}

async function ranOn(
  deps: ChangeDeps,
  of: { readonly one: Instance; readonly repo: Repo; readonly job: Job },
): Promise<RanOn> {
  const { account, region, type, priceUsd } = of.one;
  const facts = await deps.catalogue.type({ account, region }, type);
  const found = facts.ok ? facts.value : null;
  const shape = found && {
    arch: found.arch,
    vcpus: found.vcpus,
    memoryMib: found.memoryMib,
    gpus: found.gpus,
  };
  return { ...machineRow(deps, of), priceUsd, shape };
}

/** No job of GitHub has this number, and no run. */
const NONE = 0;

/** The first look at a region ends within R: a machine comes after it. */
const COMING: readonly string[] = ['starting', 'first-look'];

/** The plan's own word for a job that is put into its world as if it were queued now. */
async function foresee(deps: ChangeDeps, repo: Repo, labels: readonly string[]): Promise<Foreseen> {
  const { settings, store, clock } = deps;
  if (!isOurs(labels, settings.label)) {
    const text = `No label is ${settings.label} or begins with ${settings.label}/: it is left to others.`;
    return { labels, isServed: false, code: 'not-ours', text };
  }
  const now = clock.now();
  const stored = await store.scopeRows(repo.scope);
  // Such a job would come with a signed webhook: nothing is fresher than that.
  const repos = stored.repos.map((one) => ({ ...one, heardAt: now }));
  const rows = { ...stored, repos, jobs: [...stored.jobs, aJob({ repo, labels, now })] };
  const judgeFork: ChangeDeps['judgeFork'] = async (of, run) =>
    run === NONE ? undefined : deps.judgeFork(of, run);
  const sight = await lookAround({ ...deps, judgeFork }, rows);
  const decided = sight && plan(sight.world, now);
  const reason = decided?.waits.find(({ job }) => job === NONE)?.reason;
  if (!sight || !decided || !reason) {
    return { labels, isServed: false, code: 'removed', text: 'The repository is gone.' };
  }
  const isServed = COMING.includes(reason.code);
  if (reason.code !== 'starting') return { labels, isServed, ...reason };
  const text =
    addedLaunch({ world: sight.world, now, withJob: decided }) ??
    'A machine that is idle or starting takes it.';
  return { labels, isServed, code: reason.code, text };
}

/** Why the launch that this job adds was chosen; undefined: none is needed for it. */
function addedLaunch(of: {
  readonly world: World;
  readonly now: Instant;
  readonly withJob: Plan;
}): string | undefined {
  const { world, now, withJob } = of;
  const jobs = world.jobs.filter(({ id }) => id !== NONE);
  const before = launchCounts(plan({ ...world, jobs }, now));
  return [...launchCounts(withJob)].find(([why, count]) => count > (before.get(why) ?? 0))?.[0];
}

function launchCounts({ actions }: Plan): ReadonlyMap<string, number> {
  const counts = new Map<string, number>();
  for (const action of actions) {
    if (action.kind !== 'launch') continue;
    counts.set(action.reason, (counts.get(action.reason) ?? 0) + action.count);
  }
  return counts;
}

const aJob = (of: { repo: Repo; labels: readonly string[]; now: number }): Job => ({
  id: NONE,
  repo: of.repo.id,
  run: NONE,
  attempt: 1,
  name: '',
  workflow: '',
  sha: '',
  labels: of.labels,
  state: 'queued',
  conclusion: null,
  runnerId: null,
  runnerName: null,
  queuedAt: of.now,
  startedAt: null,
  completedAt: null,
  hasEnvironment: null,
  asideUntil: null,
  asideMs: 0,
  reason: null,
  reasonAt: null,
});
