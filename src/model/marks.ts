import type { Instant } from '../lib/clock.ts';
import type { LeaveMs, Reach } from './aws-codes.ts';
import type { Market, Place } from './launch.ts';
import { quotaOf } from './quota.ts';

// What EC2 is out of, as marks: places in which `*` stands for every one. All scopes that use an
// account share its marks.

/** `zone` may be a subnet's id, `type` the code of a quota for all types that count against it. */
export interface MarkPlace extends Omit<Place, 'subnet' | 'market'> {
  readonly market: Market | '*';
}

export const EVERY = '*';

/** Where a refusal is remembered; undefined for what is only about one scope's rule. */
export function markOf(reach: Reach, place: Place): MarkPlace | undefined {
  const { region, zone, subnet, type, market } = place;
  const all = { region, zone: EVERY, type: EVERY, market: EVERY } as const;
  switch (reach) {
    case 'place':
      return { region, zone, type, market };
    case 'zone':
      return { ...all, zone, type };
    case 'subnet':
      return { ...all, zone: subnet };
    case 'type':
      return { ...all, type, market };
    case 'family':
      return { ...all, type: quotaOf(type, market)?.code ?? type, market };
    case 'market':
      return { ...all, market };
    case 'region':
      return all;
    case 'account':
      return { ...all, region: EVERY };
    case 'rule':
      return undefined;
  }
}

export function covers(mark: MarkPlace, place: Place): boolean {
  const { region, zone, subnet, type, market } = place;
  const is = (marked: string, ...own: readonly (string | undefined)[]): boolean =>
    marked === EVERY || own.includes(marked);
  return (
    is(mark.region, region) &&
    is(mark.market, market) &&
    is(mark.zone, zone, subnet) &&
    is(mark.type, type, quotaOf(type, market)?.code)
  );
}

/** A mark that ended so long ago is of another day: doubling begins anew. */
const FORGOTTEN_MS = 30 * 60_000;

export interface MarkTimes {
  readonly until: Instant;
  /** How long it is left alone, for doubling. */
  readonly forMs: number;
  /** When it was refused first, with no success since. */
  readonly since: Instant;
}

/** Left alone for longer each time; of calls that were under way together, the first one counts. */
export function nextMark(
  before: MarkTimes | undefined,
  [first, most]: LeaveMs,
  now: Instant,
): MarkTimes {
  if (!before || before.until + FORGOTTEN_MS <= now) {
    return { until: now + first, forMs: first, since: now };
  }
  if (before.until > now) return before;
  const forMs = Math.min(Math.max(first, before.forMs * 2), Math.max(first, most));
  return { until: now + forMs, forMs, since: before.since };
}
