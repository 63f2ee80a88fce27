import type { JobId } from '../model/ids.ts';
import type { InstanceView, JobView } from '../model/world.ts';
import type { Endings } from './ends.ts';
import { isLeftToEc2 } from './ends.ts';
import { type Facts, isHeard } from './facts.ts';
import { span } from './reasons.ts';
import type { RunnerGroup, Runners } from './runners.ts';

/** After this many R without a job a machine ends, whatever is queued. */
const IN_VAIN = 5;

/** Ends runners that no job needs or comes to; answers the jobs that waited with them in vain. */
export function endIdle(facts: Facts, runners: Runners, endings: Endings): ReadonlySet<JobId> {
  const doubted = new Set<JobId>();
  const { resyncMs } = facts.world.limits;
  const grouped = new Map<InstanceView, RunnerGroup>();
  for (const group of runners.registered) {
    for (const instance of group.instances) grouped.set(instance, group);
  }
  for (const instance of facts.instances) {
    const { key, state, onlineAt, finishedAt } = instance;
    if (state !== 'online' || onlineAt === null || finishedAt !== null) continue;
    if (onlineAt + resyncMs > facts.now) continue;
    if (endings.has(key) || !isHeard(facts, instance) || isLeftToEc2(facts, instance)) continue;
    // One with a notice is in no group: it takes no more jobs.
    const jobs = jobsFor(grouped.get(instance));
    if (!jobs.some(({ length }) => length > 0)) {
      const reason = `online for ${span(resyncMs)} without a job, and none is queued for it`;
      endings.set(key, { onlyIdle: true, reason });
    } else if (onlineAt + IN_VAIN * resyncMs <= facts.now) {
      const reason = `online for ${span(IN_VAIN * resyncMs)} without a job`;
      endings.set(key, { onlyIdle: true, reason });
      const job = oldestInVain(facts, jobs, doubted);
      if (job !== undefined) doubted.add(job.id);
    }
  }
  return doubted;
}

function jobsFor(group: RunnerGroup | undefined): readonly (readonly JobView[])[] {
  if (group === undefined) return [];
  return [...group.groups, ...group.plain.groups].map(({ jobs }) => jobs);
}

/** One for each such machine; a job that came within R is only about to be handed out. */
function oldestInVain(
  facts: Facts,
  groups: readonly (readonly JobView[])[],
  doubted: ReadonlySet<JobId>,
): JobView | undefined {
  const before = facts.now - facts.world.limits.resyncMs;
  let oldest: JobView | undefined;
  for (const jobs of groups) {
    const job = jobs.find(({ id }) => !doubted.has(id));
    if (job === undefined || job.queuedAt > before) continue;
    if (oldest === undefined || job.queuedAt < oldest.queuedAt) oldest = job;
  }
  return oldest;
}
