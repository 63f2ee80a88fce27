import type { ScopeId } from '../../src/model/ids.ts';
import type { Job, Repo } from '../../src/sandbox/github-state.ts';
import { fileAt, homeOf, scopesOf } from './owners.ts';
import { isBarred } from './population.ts';
import { MOST_RERUNS } from './promises.ts';
import type { World } from './world.ts';

/** Each as it ran last: what EC2 took the machine of is run again. */
const latest = ({ jobs, github }: World): readonly Job[] =>
  jobs.flatMap(({ run }) => github.jobs.latest(run));

/** The world has nothing to do for us any more, as GitHub and EC2 know it. */
export function isOver(world: World): boolean {
  const { ec2, repos, scenario, nowMs, forgotten, promises } = world;
  if (nowMs() < scenario.calmAt) return false;
  return (
    latest(world).every(
      (job) => job.facts.now.state === 'completed' && (isFine(world, job) || !promises.isLost(job)),
    ) &&
    ec2.counts().left === 0 &&
    repos.every(({ runners }) =>
      [...runners.values()].every((one) => !one.state.now.isThere || forgotten.has(one)),
    )
  );
}

/** So long after the calm has begun the last late word about rules was told, and looked into. */
const LATE_WORDS_R = 8;

/** And the store has heard of it all. */
export async function isQuiet(world: World): Promise<boolean> {
  const { store, repos, scenario, nowMs } = world;
  if ((await store().scopesWithWork()).length > 0) return false;
  const mayBeLate = nowMs() < scenario.calmAt + LATE_WORDS_R * scenario.resyncMs;
  for (const repo of repos) {
    for (const scope of scopesOf(scenario, repo)) {
      if ((await store().scopeRows(scope)).jobs.length > 0) return false;
    }
    if (mayBeLate && !(await isRead(world, repo))) return false;
  }
  return true;
}

/** The rules that the store has are those of the files, and whose govern whom. */
async function isRead(world: World, repo: Repo): Promise<boolean> {
  const { store, github, scenario, owners } = world;
  const [scope, own] = scopesOf(scenario, repo);
  const isSame = async (of: ScopeId | undefined, file: Repo) =>
    of === undefined || ((await store().rules(of))?.text ?? null) === fileAt(github, file);
  const isHomes = await isSame(scope, homeOf(scenario, github, repo));
  const isIts = (await store().repo(repo.id))?.scope === owners.governs(repo);
  return isHomes && isIts && (await isSame(own, repo));
}

/** What is promised of the end. The first that is broken is the one that is told. */
export async function checkEnd(world: World): Promise<void> {
  const { kernel, ec2, repos, forgotten } = world;
  checkReruns(world);
  for (const job of latest(world)) checkJob(world, job);
  const left = [...ec2.instances.values()].filter(
    ({ state }) => state === 'pending' || state === 'running',
  );
  kernel.invariant(left.length === 0, 'leak', `${left.map(({ id }) => id)} live on`);
  const ghosts = repos.flatMap(({ runners }) =>
    [...runners.values()].filter((one) => one.state.now.isThere && !forgotten.has(one)),
  );
  kernel.invariant(ghosts.length === 0, 'ghost', `${ghosts.map(({ name }) => name)} stay`);
  checkRedeliveries(world);
  checkPace(world);
  world.people.checkEnd();
  await checkStore(world);
}

/** Nothing is run again that did not lose its machine to EC2. */
function checkReruns({ kernel, repos, promises, faults }: World): void {
  // What was run again before a database was lost is known to nobody.
  const losses = faults.of('crash').filter(({ losesStore }) => losesStore).length;
  const most = MOST_RERUNS * (1 + losses);
  for (const { runs } of repos) {
    for (const { jobs } of runs.values()) {
      for (const again of jobs.filter(({ attempt }) => attempt > 1)) {
        const before = jobs.find(
          (job) => job.spec.name === again.spec.name && job.attempt === again.attempt - 1,
        );
        const isLost =
          before !== undefined && (promises.wasTaken(before) || fellWith(jobs, before));
        kernel.mark('job run again');
        const text = `job ${again.id} is ${before?.id} again, whose machine was not taken`;
        kernel.invariant(isLost && before?.facts.now.conclusion !== 'success', 'rerun', text);
        const isFit = !isBarred(again) && again.attempt <= 1 + most;
        kernel.invariant(isFit, 'rerun', `job ${again.id} may not be run again by itself`);
      }
    }
  }
}

/** Cancelled, as a matrix that fails fast is, when another of its run had failed. */
const fellWith = (jobs: readonly Job[], { attempt, facts }: Job): boolean =>
  facts.now.conclusion === 'cancelled' &&
  jobs.some(
    (other) =>
      other.attempt === attempt &&
      other.facts.now.conclusion === 'failure' &&
      (other.facts.now.completedAt ?? 0) <= (facts.now.completedAt ?? 0),
  );

/** A failed webhook is asked for so often; who dies before he writes it down asks once more. */
const MOST_REDELIVERIES = 3;

function checkRedeliveries({ kernel, github }: World): void {
  const count = (mark: string) => kernel.marks.get(`fault ${mark}`) ?? 0;
  const losses = count('store lost');
  const deaths = losses + count('crash') + count('stop') + count('pause');
  const most = MOST_REDELIVERIES * (1 + losses) + deaths;
  const again = github.hooks.deliveries().filter(({ isRedelivery }) => isRedelivery);
  for (const [guid, its] of Map.groupBy(again, (one) => one.guid)) {
    const text = `webhook ${guid} was asked for ${its.length} times`;
    kernel.invariant(its.length <= most, 'redelivery', text);
  }
}

/** The app slows down before EC2 has to refuse a call as one too many. */
function checkPace({ kernel, faults }: World): void {
  // Who sleeps, or forgets what was sent, bunches calls that were to go out one after the other.
  const isBunched =
    faults.of('pause').length > 0 ||
    faults.of('crash').length > 0 ||
    faults.of('call').some(({ call, how }) => call.startsWith('ec2.') && how === 'slow');
  const refused = kernel.marks.get('ec2 rate limit') ?? 0;
  const text = `EC2 refused ${refused} calls as too many`;
  kernel.invariant(isBunched || refused === 0, 'pace', text);
}

const isFine = ({ cancelled, promises }: World, job: Job): boolean => {
  const isAsMeant = job.facts.now.conclusion === (job.spec.result ?? 'success');
  return isAsMeant || cancelled.has(job) || promises.isExcused(job);
};

function checkJob(world: World, job: Job): void {
  const { kernel } = world;
  const { state, conclusion } = job.facts.now;
  const name = `job ${job.id}`;
  kernel.invariant(state === 'completed', 'job-lost', `${name} is ${state} at the end`);
  const text = `${name} ended as ${conclusion}, and nobody wanted that`;
  kernel.invariant(isFine(world, job), 'job-cut', text);
}

/** The store knows what the world knows. */
async function checkStore(world: World): Promise<void> {
  const { kernel, store, repos, scenario } = world;
  const working = await store().scopesWithWork();
  kernel.invariant(working.length === 0, 'unsettled', `${working} still have work`);
  for (const repo of repos) {
    const rows = await Promise.all(scopesOf(scenario, repo).map((one) => store().scopeRows(one)));
    const jobs = rows.flatMap((one) => one.jobs);
    const stale = `the rules of ${repo.name} are not those of the file`;
    kernel.invariant(await isRead(world, repo), 'rules-stale', stale);
    const open = jobs.map(({ id, state }) => `${id} ${state}`);
    kernel.invariant(open.length === 0, 'job-unheard', `the store still has ${open}`);
  }
}
