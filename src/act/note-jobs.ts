import type { JobReport } from '../model/job.ts';
import { runOf } from '../model/labels.ts';
import { instanceOfRunner } from '../model/runner-name.ts';
import type { ActDeps } from './deps.ts';

/**
 * GitHub says which runner has a job: the machine is busy, or has finished, whatever it says itself.
 * Without this, a machine that hangs after its job would never be ended.
 */
export async function noteRunners(
  { store, clock }: Pick<ActDeps, 'store' | 'clock'>,
  jobs: readonly JobReport[],
): Promise<void> {
  for (const job of jobs) {
    const id = job.runnerName === null ? undefined : instanceOfRunner(job.runnerName);
    if (id === undefined || (job.state !== 'in_progress' && job.state !== 'completed')) continue;
    const instance = await store.instanceById(id);
    if (!instance || instance.runnerName !== job.runnerName || instance.state === 'gone') continue;
    const { key } = instance;
    const now = clock.now();
    const { run: lastRun } = job;
    if (job.state === 'in_progress') {
      // The machine may have said so first; only a runner that is kept for a run needs to know which.
      const isTold = instance.state === 'busy';
      if (isTold && (instance.lastRun !== null || runOf(instance.labels) === null)) continue;
      if (!isTold && instance.state !== 'pending' && instance.state !== 'online') continue;
      const patch = isTold ? { lastRun } : ({ state: 'busy', startedAt: now, lastRun } as const);
      const from = isTold ? (['busy'] as const) : (['pending', 'online'] as const);
      await store.changeInstance({ key, from, patch });
    } else if (instance.finishedAt === null) {
      const patch = { finishedAt: now, startedAt: instance.startedAt ?? now, lastRun };
      await store.changeInstance({ key, from: ['pending', 'online', 'busy', 'ending'], patch });
    }
  }
}
