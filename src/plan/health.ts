import type { Instant } from '../lib/clock.ts';
import { MEANINGS } from '../model/aws-codes.ts';
import type { Reason } from '../model/job.ts';
import type { Offer } from '../model/launch.ts';
import { type RegisterTime, registersFrom } from '../model/register-time.ts';
import type { PastMachine, RuleView } from '../model/world.ts';
import { clockTime, nameOf, reason } from './reasons.ts';

// Whether a rule still makes machines that come to something. What EC2 refuses for the rule's own
// sake is asked again later and later; a rule whose machines never register is paused, and then
// tried with one machine. A push or a command begins anew: older machines are not in the history.

export interface Health {
  /** Why nothing may be launched by it now. */
  readonly paused: Reason | null;
  /** It was paused: one machine at a time, until one registers. */
  readonly isTrial: boolean;
}

const WELL: Health = { paused: null, isTrial: false };

/** So many machines in a row that did not register are no bad luck. */
const TOO_MANY = 3;
const MINUTE_MS = 60_000;
const SICK_MS = 30 * MINUTE_MS;
const [REFUSED_MS, REFUSED_MOST_MS] = [5 * MINUTE_MS, 30 * MINUTE_MS];

type Fate = 'registered' | 'refused' | 'unregistered';

export function healthOf(rule: RuleView, now: Instant, time: RegisterTime): Health {
  const fates = rule.history.flatMap((machine) => {
    const fate = fateOf(machine, now, time);
    return fate === null ? [] : [{ machine, fate }];
  });
  const last = fates[0]?.fate;
  const end = fates.findIndex(({ fate }) => fate !== last);
  const row = fates.slice(0, end < 0 ? fates.length : end).map(({ machine }) => machine);
  if (last === 'refused') return refused(rule, row, now);
  if (last === 'unregistered' && row.length >= TOO_MANY) return sick(rule, row, now);
  return WELL;
}

/** null: it says nothing of the rule. */
function fateOf(machine: PastMachine, now: Instant, time: RegisterTime): Fate | null {
  const { hasRegistered, createdAt, launchedAt, goneAt, endAskedAt, refusal } = machine;
  if (hasRegistered) return 'registered';
  if (refusal !== '') return isOfRule(refusal) ? 'refused' : null;
  if (launchedAt === null) return null;
  if (machine.hasKnocked === true) return null;
  const endAt = endAskedAt ?? goneAt ?? now;
  // What had ended before this process began was judged by one that was there.
  const isOurs = endAt >= time.reachableSince;
  const from = isOurs ? registersFrom(machine, time) : launchedAt;
  // After a lost database it could register only when it was known again.
  const hadTime = endAt - Math.max(from, createdAt) >= time.registerTimeoutMs;
  if (goneAt === null || endAskedAt !== null) return hadTime ? 'unregistered' : null;
  // It may have tried for as long as nobody was there, and have powered itself off.
  if (from > launchedAt && !hadTime) return null;
  return isTaken(machine.reason) ? null : 'unregistered';
}

/** A code that nobody listed is taken for the rule's; a price is a matter of the zone. */
function isOfRule(code: string): boolean {
  const meaning = MEANINGS.get(code);
  return !meaning || (meaning.leave?.reach === 'rule' && meaning.failure !== 'price');
}

/** What EC2 found too cheap is left alone for a while, in that zone and by this rule. */
export function withoutTooCheap(rule: RuleView, offers: readonly Offer[]): readonly Offer[] {
  const last = new Map<string, Pick<Offer, 'exhaustedUntil' | 'exhaustedWhy' | 'exhaustedSince'>>();
  for (const { zone, refusal, goneAt } of rule.history) {
    const { failure, leave } = MEANINGS.get(refusal) ?? {};
    if (failure !== 'price' || !leave || goneAt === null || last.has(zone)) continue;
    const [ms] = leave.ms;
    last.set(zone, { exhaustedUntil: goneAt + ms, exhaustedWhy: refusal, exhaustedSince: goneAt });
  }
  return offers.map((offer) => {
    const mark = offer.market === 'spot' ? last.get(offer.zone) : undefined;
    return mark && mark.exhaustedUntil > offer.exhaustedUntil ? { ...offer, ...mark } : offer;
  });
}

/** EC2 took it back, or somebody ended it by hand. */
const isTaken = (why: string): boolean =>
  /^(?:Server\.(?:Spot|InsufficientInstanceCapacity)|Client\.UserInitiated)/.test(why);

/** As long again as it was refused so far. */
function refused(rule: RuleView, row: readonly PastMachine[], now: Instant): Health {
  const [last] = row;
  const lastAt = last?.goneAt ?? 0;
  const soFar = lastAt - (row.at(-1)?.createdAt ?? lastAt);
  const until = lastAt + Math.min(Math.max(soFar, REFUSED_MS), REFUSED_MOST_MS);
  if (until <= now) return WELL;
  const code = last?.refusal ?? '';
  const why = MEANINGS.get(code)?.tell ?? `EC2 says ${code}`;
  const text = `${nameOf(rule)}: ${why}; ${againAt(until)}`;
  return { paused: reason('refused', text), isTrial: false };
}

function sick(rule: RuleView, row: readonly PastMachine[], now: Instant): Health {
  const [last] = row;
  const until = (last?.goneAt ?? last?.endAskedAt ?? now) + SICK_MS;
  if (until <= now) return { paused: null, isTrial: true };
  const which = last?.id ? ` (the last: ${last.id})` : '';
  const many = `${row.length} machines in a row did not register${which}`;
  return { paused: reason('sick', `${nameOf(rule)}: ${many}; ${againAt(until)}`), isTrial: false };
}

const againAt = (until: Instant): string => `next try ${clockTime(until)}, a push or command`;
