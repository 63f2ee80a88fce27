import type { LaunchView } from '../model/world.ts';
import type { JobClass } from './demand.ts';
import type { Facts } from './facts.ts';
import type { Matching } from './matching.ts';
import type { ComingGroup, Runners } from './runners.ts';

// Jobs whose machine is only a wish yet: its launch stands in line, or EC2 has not answered it.

export interface HeldUp {
  readonly inLine: number;
  readonly unanswered: number;
}

/** Written down, and not sent yet: EC2 takes so many calls and no more. */
export const isInLine = (facts: Facts, { tries, retryAt }: LaunchView): boolean =>
  tries === 0 && retryAt > facts.now;

/** How many jobs of a class count on such machines; what has been launched is counted on first. */
export function heldUp(
  facts: Facts,
  runners: Runners,
  matching: Matching,
): ReadonlyMap<JobClass, HeldUp> {
  const counts = new Map<JobClass, HeldUp>();
  const launches = new Map(facts.world.launches.map((launch) => [launch.id, launch]));
  if (launches.size === 0) return counts;
  for (const group of runners.coming) {
    let { inLine, unanswered } = wishesOf(facts, group, launches);
    let sound = group.instances.length - inLine - unanswered;
    for (const [jobClass, counted] of matching.countedFor(group)) {
      const fine = Math.min(counted, sound);
      const late = Math.min(counted - fine, unanswered);
      const waiting = Math.min(counted - fine - late, inLine);
      sound -= fine;
      unanswered -= late;
      inLine -= waiting;
      const before = counts.get(jobClass) ?? { inLine: 0, unanswered: 0 };
      counts.set(jobClass, {
        inLine: before.inLine + waiting,
        unanswered: before.unanswered + late,
      });
    }
  }
  return counts;
}

function wishesOf(
  facts: Facts,
  { instances }: ComingGroup,
  launches: ReadonlyMap<string, LaunchView>,
): HeldUp {
  let inLine = 0;
  let unanswered = 0;
  for (const { isKnown, launch: id } of instances) {
    const launch = isKnown ? undefined : launches.get(id);
    if (launch === undefined) continue;
    if (isInLine(facts, launch)) inLine += 1;
    else if (launch.tries > 0) unanswered += 1;
  }
  return { inLine, unanswered };
}
