import type { RunnerFacts } from '../github/port.ts';
import type { Instance } from '../model/launch.ts';
import type { Repo } from '../model/repo.ts';
import { instanceOfRunner } from '../model/runner-name.ts';
import type { ActDeps } from './deps.ts';
import { createRunnerLists } from './runner-list.ts';

type Need = Pick<ActDeps, 'store' | 'github' | 'clock' | 'settings'>;

/** Of a machine that we believe to be silent: silent, heard of at GitHub after all, or not to be told. */
export type Heard = 'silent' | 'heard' | 'unsure';

/**
 * A machine that is overdue may have registered all the same: after a lost database we do not know
 * it any more, and it may have a job. GitHub's list of runners knows; it is read once for all of them.
 */
export function createRecogniser(deps: Need): (instance: Instance, repo: Repo) => Promise<Heard> {
  const listOf = createRunnerLists(deps.github);
  return async (instance, repo) => {
    const runners = await listOf({ repo, runnerGroup: instance.runnerGroup });
    if (!runners.ok) return 'unsure';
    const runner = runners.value.find(({ name }) => instanceOfRunner(name) === instance.id);
    if (!runner) return 'silent';
    await note(deps, instance, runner);
    return 'heard';
  };
}

async function note(deps: Need, instance: Instance, runner: RunnerFacts): Promise<void> {
  const now = deps.clock.now();
  // Before its job at any rate, or that would be taken for an earlier runner's of the same machine.
  const registeredAt = runner.isBusy ? instance.launchedAt : null;
  const seen = runner.isBusy
    ? ({ state: 'busy', onlineAt: now, startedAt: now } as const)
    : runner.isOnline
      ? ({ state: 'online', onlineAt: now } as const)
      : {};
  await deps.store.changeInstance({
    key: instance.key,
    from: ['pending'],
    patch: {
      runnerId: runner.id,
      runnerName: runner.name,
      registeredAt: registeredAt ?? now,
      ...seen,
    },
  });
}

/** It should have registered by now, for all that we know. */
export const isOverdue = (instance: Instance, deps: Need): boolean =>
  instance.state === 'pending' &&
  instance.registeredAt === null &&
  instance.launchedAt !== null &&
  instance.launchedAt + deps.settings.registerTimeoutMs <= deps.clock.now();
