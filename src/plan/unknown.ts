import type { Action, LaunchView } from '../model/world.ts';
import { type Facts, isAbandoned, isHeard, mostOf, ownOfMachine } from './facts.ts';
import { isInLine } from './held-up.ts';
import type { Matching } from './matching.ts';
import { count, sentence, span } from './reasons.ts';
import { homeOf, type Runners } from './runners.ts';

/** What to do about launches that EC2 did not answer: send again what is wanted, settle the rest. */
export function unknownActions(
  facts: Facts,
  runners: Runners,
  matching: Matching,
): readonly Action[] {
  const needed = new Set(
    runners.coming
      .filter((group) => matching.isNeeded(group))
      .map(({ repo, rule }) => `${repo} ${rule}`),
  );
  const isDue = ({ retryAt }: LaunchView): boolean => retryAt <= facts.now;
  const open = facts.world.launches.filter((launch) => isDue(launch) || isInLine(facts, launch));
  return open.flatMap((launch): readonly Action[] => {
    const why = unwanted(facts, launch, needed.has(`${homeOf(launch)} ${launch.rule}`));
    if (why !== null) return [{ kind: 'settle', launch: launch.id, reason: sentence(why) }];
    // Without the rules or a word from GitHub nothing is launched, and nothing is given up.
    if (facts.world.enabled !== true || !isHeard(facts, launch)) return [];
    if (!isDue(launch)) return [];
    const reason =
      launch.tries === 0
        ? 'its turn in line has come'
        : `not answered after ${count(launch.tries, 'call')}: the same bytes again`;
    return [{ kind: 'retry', launch: launch.id, reason }];
  });
}

/** Why a launch is not wanted any more, or null. */
function unwanted(facts: Facts, launch: LaunchView, isNeeded: boolean): string | null {
  const { enabled, limits } = facts.world;
  if (isAbandoned(facts, launch)) return 'not wanted: the repository is gone';
  if (enabled === false || ownOfMachine(facts, launch)?.enabled === false) {
    return 'not wanted: disabled';
  }
  if (launch.createdAt + limits.registerTimeoutMs <= facts.now) {
    return `not answered for ${span(limits.registerTimeoutMs)}: too old to be sent again`;
  }
  if (enabled === null) return null;
  const rule = facts.rules.get(launch.rule);
  if (rule === undefined) return `not wanted: no rule allows ${launch.rule} any more`;
  if (rule.live.length > rule.rule.max) {
    return `not wanted: ${rule.live.length} machines, and the maximum is ${rule.rule.max} now`;
  }
  const most = mostOf(facts, rule, launch.repo);
  if (!launch.isShared && (rule.inUse.get(launch.repo) ?? 0) > most) {
    return `not wanted: this repository's own maximum of ${launch.rule} is ${most} now`;
  }
  if (!isHeard(facts, launch) || isNeeded) return null;
  return 'not wanted: no queued job needs it any more';
}
