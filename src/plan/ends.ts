import type { InstanceKey } from '../model/ids.ts';
import { registersBy } from '../model/register-time.ts';
import type { Action, InstanceView } from '../model/world.ts';
import {
  type Facts,
  groupBy,
  isAbandoned,
  isHeard,
  mostOf,
  ownOf,
  ownOfMachine,
  type RuleFacts,
} from './facts.ts';
import { nameOf, sentence, span } from './reasons.ts';

/** Why and how an instance is to end. */
export interface Ending {
  readonly onlyIdle: boolean;
  /** It may be about to register, and then it stays. */
  readonly onlyUnregistered?: true;
  readonly reason: string;
}

/** Who is to end, by the first reason found. */
export type Endings = Map<InstanceKey, Ending>;

/** An end is asked for again after R / 6. */
const ASK_AGAIN = 6;

/** All ends that do not depend on demand. */
export function endsByThemselves(facts: Facts): Endings {
  const endings: Endings = new Map();
  for (const instance of facts.instances) {
    const ending = byDecision(facts, instance) ?? byItsLife(facts, instance);
    if (ending !== null) endings.set(instance.key, ending);
  }
  if (facts.world.enabled === true) {
    for (const rule of facts.rules.values()) {
      endOwnSurplus(facts, rule, endings);
      const { max } = rule.rule;
      endSurplus(
        rule.live,
        { max, reason: `${nameOf(rule.rule)}: the maximum is ${max} now` },
        endings,
      );
    }
  }
  return endings;
}

const now = (reason: string): Ending => ({ onlyIdle: false, reason });

/** A rule, a limit or a person: at once, busy or not, whatever GitHub or a spot notice says. */
function byDecision(facts: Facts, instance: InstanceView): Ending | null {
  const { enabled, limits } = facts.world;
  if (instance.state === 'ending' && instance.endAskedAt !== null) {
    return now(instance.reason || 'asked to end, and still there');
  }
  if (isAbandoned(facts, instance)) {
    return now('the repository is gone, or the App is not installed there any more');
  }
  if (enabled === false) return now('disabled: all machines of this scope end at once');
  const rule = facts.rules.get(instance.rule)?.rule;
  if (enabled === true && rule === undefined) {
    return now(`no rule allows ${instance.rule} any more`);
  }
  if (enabled === true && rule?.max === 0) return now(`${nameOf(rule)}: the maximum is 0 now`);
  const own = enabled === true ? ownOfMachine(facts, instance) : undefined;
  if (own?.enabled === false) return now('disabled: all machines of this repository end at once');
  if (own && (own.maxima[instance.rule] ?? 0) === 0) {
    return now(`the repository's own file does not allow ${instance.rule}`);
  }
  const { maxDurationMs } = own ?? limits;
  if ((instance.launchedAt ?? instance.createdAt) + maxDurationMs <= facts.now) {
    return now(`max-duration: it was launched ${span(maxDurationMs)} ago`);
  }
  return null;
}

/** EC2 takes a machine with a notice back by itself, and then does not bill its first hour. */
export const isLeftToEc2 = (facts: Facts, { noticeAt }: InstanceView): boolean =>
  noticeAt !== null && noticeAt + facts.world.limits.resyncMs > facts.now;

function byItsLife(facts: Facts, instance: InstanceView): Ending | null {
  const { registerTimeoutMs, resyncMs } = facts.world.limits;
  const { registeredAt, finishedAt, state } = instance;
  if (!instance.isKnown || isLeftToEc2(facts, instance)) return null;
  if (finishedAt !== null) {
    if (finishedAt + resyncMs > facts.now) return null;
    return now(`its job ended ${span(resyncMs)} ago, and it did not power itself off`);
  }
  if (state === 'ending') return byItsWord(facts, instance);
  // A machine that we know only from GitHub, after the database was lost, may have no time here.
  // A notice that came to nothing, or a machine that did not let its job go.
  if (state === 'busy' && instance.noticeAt !== null) {
    return now(`EC2 was to take it back ${span(resyncMs)} ago, and did not`);
  }
  if (state === 'busy') return null;
  if (registeredAt === null) {
    if (registersBy(instance, facts.registerTime) > facts.now) return null;
    const late = now(`not registered ${span(registerTimeoutMs)} after its launch`);
    return { ...late, onlyUnregistered: true };
  }
  if (!isHeard(facts, instance)) return null;
  if (state === 'online') {
    const isAdvised = instance.isAdvised === true;
    return isAdvised
      ? { onlyIdle: true, reason: 'idle, and EC2 advises to move away from it' }
      : null;
  }
  if (registeredAt + registerTimeoutMs > facts.now) return null;
  const reason = `registered, but not online within ${span(registerTimeoutMs)}`;
  return { onlyIdle: true, reason };
}

/** It said that it ends, perhaps without having had a job, and is still there. */
function byItsWord(facts: Facts, instance: InstanceView): Ending | null {
  const { createdAt, launchedAt, registeredAt, onlineAt, startedAt } = instance;
  const times = [createdAt, launchedAt, registeredAt, onlineAt, startedAt];
  const lastAt = Math.max(...times.map((at) => at ?? 0));
  if (lastAt + facts.world.limits.resyncMs > facts.now) return null;
  return now('it said that it ends, and did not power itself off');
}

/** Whom a lowered maximum reaches first. */
function rank({ isKnown, finishedAt, state }: InstanceView): number {
  // Nothing to end yet: its launch is settled instead.
  if (!isKnown) return 0;
  if (finishedAt !== null) return 1;
  return state === 'requested' || state === 'pending' ? 2 : state === 'online' ? 3 : 4;
}

/** Of what one repository has beyond its own file, whatever the rule has left. */
function endOwnSurplus(facts: Facts, its: RuleFacts, endings: Endings): void {
  for (const [repo, count] of its.inUse) {
    const max = mostOf(facts, its, repo);
    if (ownOf(facts, repo) === undefined || count <= max) continue;
    const reason = `${nameOf(its.rule)}: this repository's own maximum is ${max} now`;
    endSurplus(
      its.live.filter((one) => one.repo === repo && !one.isShared),
      { max, reason },
      endings,
    );
  }
}

function endSurplus(
  live: readonly InstanceView[],
  { max, reason }: { readonly max: number; readonly reason: string },
  endings: Endings,
): void {
  const staying = live.filter(({ key, state }) => state !== 'ending' && !endings.has(key));
  const surplus = staying.length - max;
  if (surplus <= 0) return;
  // `live` has the oldest first, and the sort is stable: so within a rank the youngest go first.
  const leaving = staying.toReversed().sort((a, b) => rank(a) - rank(b));
  for (const instance of leaving.slice(0, surplus)) {
    const { state, registeredAt, finishedAt } = instance;
    const onlyIdle = registeredAt !== null && finishedAt === null && state !== 'busy';
    endings.set(instance.key, { onlyIdle, reason });
  }
}

/** One action for all that end alike. An instance that EC2 has not named cannot be ended. */
export function endActions(facts: Facts, endings: Endings): readonly Action[] {
  const askedBefore = facts.now - facts.world.limits.resyncMs / ASK_AGAIN;
  const due = facts.instances.filter(({ key, isKnown, state, endAskedAt }) => {
    if (!isKnown || !endings.has(key)) return false;
    return state !== 'ending' || endAskedAt === null || endAskedAt <= askedBefore;
  });
  const groups = groupBy(due, ({ key }) => {
    const ending = endings.get(key);
    return `${ending?.onlyIdle} ${ending?.onlyUnregistered} ${ending?.reason}`;
  });
  return [...groups.values()].flatMap((instances): readonly Action[] => {
    const ending = endings.get(instances[0]?.key ?? '');
    if (ending === undefined) return [];
    const keys = instances.map(({ key }) => key).sort();
    return [{ ...ending, kind: 'end', instances: keys, reason: sentence(ending.reason) }];
  });
}
