import type { GitHub } from '../github/port.ts';
import { createCache } from '../lib/cache.ts';
import type { Clock } from '../lib/clock.ts';
import type { RunId } from '../model/ids.ts';
import type { Reason } from '../model/job.ts';
import type { Repo } from '../model/repo.ts';

/**
 * Why a job may not run because of where its commits come from; undefined: it may. Anybody can open a
 * pull request from a fork of a public repository, and its workflow may ask for any machine.
 */
export type JudgeFork = (repo: Repo, run: RunId) => Promise<Reason | undefined>;

const MOST_RUNS = 2_000;
const DAY_MS = 24 * 3_600_000;

/** Reads a run once; of a private repository, whose forks are its members', none is read. */
export function createForkJudge(deps: {
  readonly github: Pick<GitHub, 'run'>;
  readonly clock: Clock;
}): JudgeFork {
  const known = createCache<boolean>(deps.clock, MOST_RUNS);
  return async (repo, run) => {
    if (repo.isPrivate) return undefined;
    const key = `${repo.id}:${run}`;
    const before = known.get(key, DAY_MS);
    if (before !== undefined) return before ? FORK : undefined;
    const read = await deps.github.run(repo, run);
    if (!read.ok) return UNREAD;
    known.set(key, read.value.isFork);
    return read.value.isFork ? FORK : undefined;
  };
}

const FORK: Reason = {
  code: 'fork-denied',
  text: 'It comes from a fork of this public repository; `forks: allow` in the rules would run it.',
};
const UNREAD: Reason = {
  code: 'github-slow',
  text: 'GitHub does not say yet whether it comes from a fork; it is asked again at every tick.',
};
