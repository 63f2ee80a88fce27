import { TAKEN_BACK } from '../model/aws-codes.ts';
import type { Repo } from '../model/repo.ts';
import type { Rerun } from '../model/rerun.ts';
import type { RerunAction } from '../model/world.ts';
import type { Lease, Reclaimed } from '../store/port.ts';
import { type ActDeps, LONGEST_CALL_MS, leaseCovers } from './deps.ts';
import { leaveAlone } from './exhausted.ts';
import type { Sight } from './look.ts';
import { attemptKey, rowOf } from './lost.ts';
import { newRow } from './read-lost.ts';

type Need = Pick<ActDeps, 'store' | 'github' | 'clock' | 'log'>;

/** A request that GitHub never answers, for an hour or so: by then a person has to look. */
const MOST_TRIES = 20;
/** One that it refuses: it may not know yet itself that the run is complete. */
const MOST_REFUSALS = 3;
const MOST_WAITS = 10;
/** For so long a machine that was taken back says something of its place. */
const NEWS_MS = 2 * 60_000;
/** A request that was not answered may still land: only then the run is read, or asked again. */
const UNSURE_MS = 2 * LONGEST_CALL_MS;

/**
 * Runs jobs again whose machine EC2 took back. Each attempt once: what is to be done is written down
 * before the call, and where its answer is lost the run's attempt tells whether it was heard.
 */
export async function rerunAll(
  deps: Need,
  lease: Lease,
  made: { readonly sight: Sight; readonly actions: readonly RerunAction[] },
): Promise<void> {
  const { sight, actions } = made;
  const repoOf = (id: number) => sight.rows.repos.find((repo) => repo.id === id);
  const lost = new Set(sight.world.lost.map(attemptKey));
  for (const row of sight.lost.reruns) {
    const repo = repoOf(row.repo);
    const isDue = row.outcome === 'asked' && row.retryAt <= deps.clock.now();
    if (isDue && repo?.removedAt === null) await settle(deps, lease, { repo, row });
    // A later word says that its jobs ended by themselves, or somebody ran them again.
    const isLost = lost.has(attemptKey(row));
    if (row.outcome === 'open' && !isLost) await dismiss(deps, lease, row);
  }
  for (const action of actions) {
    const row = await write(deps, lease, { sight, action });
    const repo = repoOf(action.repo);
    if (row?.outcome === 'asked' && repo) await send(deps, lease, { repo, row });
  }
}

async function dismiss({ store, clock }: Need, lease: Lease, row: Rerun): Promise<void> {
  const now = clock.now();
  await store.saveRerun(lease, { ...row, outcome: 'none', at: now, toldAt: now }, 'open');
}

/**
 * EC2 takes back where it has little left: that place is left alone for a while, so that what was lost
 * goes on elsewhere.
 */
export async function markReclaimed(
  deps: Pick<ActDeps, 'store' | 'clock' | 'log'>,
  reclaimed: readonly Reclaimed[],
): Promise<void> {
  for (const { instance } of reclaimed) {
    const { account, region, zone, type, market, noticedAt, reclaimedAt } = instance;
    const isNews = (noticedAt ?? reclaimedAt ?? 0) + NEWS_MS > deps.clock.now();
    if (market !== 'spot' || !isNews) continue;
    const place = { account, region, zone, subnet: '', type, market };
    await leaveAlone(deps, place, { failure: 'capacity', code: TAKEN_BACK });
  }
}

/** undefined: somebody else decided meanwhile. */
async function write(
  deps: Need,
  lease: Lease,
  { sight, action }: { readonly sight: Sight; readonly action: RerunAction },
): Promise<Rerun | undefined> {
  const lost = sight.world.lost.find(
    (one) => one.repo === action.repo && one.run === action.run && one.attempt === action.attempt,
  );
  if (!lost) return undefined;
  const { what, job, names, reason } = action;
  const before = rowOf(sight.lost.reruns, lost);
  const now = deps.clock.now();
  const row: Rerun = {
    ...(before ?? newRow(sight, lost)),
    outcome: what === 'none' ? 'none' : 'asked',
    job,
    names,
    reason,
    at: now,
    tries: 0,
    retryAt: now + UNSURE_MS,
    // Where there is nothing to say, it is said.
    toldAt: reason === '' ? now : null,
  };
  const isOurs = await deps.store.saveRerun(lease, row, before?.outcome ?? null);
  return isOurs ? row : undefined;
}

async function send(
  deps: Need,
  lease: Lease,
  { repo, row }: { readonly repo: Repo; readonly row: Rerun },
): Promise<void> {
  const { store, github, clock, log } = deps;
  if (!leaseCovers(lease, clock.now())) return;
  const reply =
    row.job === null
      ? await github.rerunFailed(repo, row.run)
      : await github.rerunJob(repo, row.job);
  const { scope, run, attempt, names, reason } = row;
  if (reply.ok) {
    log.info({ scope, run, attempt, names, reason }, 'jobs run again');
    await store.saveRerun(lease, { ...row, outcome: 'done' }, 'asked');
    return;
  }
  const { code, message } = reply;
  log.warn({ scope, run, attempt, code, message }, 'GitHub did not run jobs again');
  const isPassing = reply.reason === 'throttled' || reply.reason === 'unreachable';
  const tries = row.tries + 1;
  if (tries < (isPassing ? MOST_TRIES : MOST_REFUSALS)) {
    const waitMs = UNSURE_MS * Math.min(MOST_WAITS, 2 ** row.tries);
    const retryAt = Math.max(reply.retryAt ?? 0, clock.now() + waitMs);
    await store.saveRerun(lease, { ...row, tries, retryAt }, 'asked');
    return;
  }
  const refused = `GitHub did not run ${names.join(', ')} again (${code} ${message})`.slice(0, 140);
  await store.saveRerun(lease, { ...row, outcome: 'none', reason: refused }, 'asked');
}

/** Perhaps GitHub heard it: then the run is at a later attempt. */
async function settle(
  deps: Need,
  lease: Lease,
  { repo, row }: { readonly repo: Repo; readonly row: Rerun },
): Promise<void> {
  const { store, github, clock } = deps;
  const read = await github.run(repo, row.run);
  const later = { ...row, retryAt: clock.now() + UNSURE_MS };
  if (!read.ok) await store.saveRerun(lease, later, 'asked');
  else if (read.value.attempt > row.attempt) {
    deps.log.info({ scope: row.scope, run: row.run, attempt: row.attempt }, 'jobs run again');
    await store.saveRerun(lease, { ...row, outcome: 'done' }, 'asked');
  } else await send(deps, lease, { repo, row });
}
