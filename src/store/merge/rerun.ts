import type { Job } from '../../model/job.ts';
import type { Instance } from '../../model/launch.ts';
import { instanceOfRunner } from '../../model/runner-name.ts';
import type { Reclaimed } from '../port.ts';

/** Each machine once, in the order of their keys, with its jobs; a runner's name tells its machine. */
export function withJobs(
  instances: readonly Instance[],
  jobs: readonly Job[],
): readonly Reclaimed[] {
  const byMachine = Map.groupBy(jobs, ({ runnerName }) => instanceOfRunner(runnerName ?? ''));
  const byKey = new Map(instances.map((instance) => [instance.key, instance]));
  return [...byKey.keys()].sort().flatMap((key) => {
    const instance = byKey.get(key);
    if (!instance) return [];
    return { instance, jobs: instance.id === null ? [] : (byMachine.get(instance.id) ?? []) };
  });
}
