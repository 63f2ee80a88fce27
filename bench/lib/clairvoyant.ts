import { type Bill, billOf } from './billing.ts';
import { hasCapacity, type Market, nextReclaim, type OfferMonth } from './market.ts';
import { keyOf, type Line, neededBy } from './workload.ts';

/** One job as somebody would have run it who knew the month beforehand. */
export interface Foreseen {
  readonly queuedAtS: number;
  readonly endedAtS: number;
  readonly offer: OfferMonth;
  readonly bill: Bill;
}

/** Looks again this much later where no offer will do. */
const RETRY_S = 10;

export const fits = ({ type }: Pick<OfferMonth, 'type'>, { cpu, memoryGb }: Line): boolean =>
  type.vcpus >= cpu && type.memoryGb >= memoryGb;

/**
 * A machine for each job, started at the moment that it is queued, ended in the second that it ends,
 * on the offer that then has capacity, will not be reclaimed, and costs the fewest dollars in the end.
 * Its machines boot as long as ours. It lives in a month of its own: a job that needs another is
 * queued when that one ends here.
 */
export function foresee(
  lines: readonly Line[],
  market: Market,
  bootS: number,
): ReadonlyMap<string, Foreseen> {
  const byKey = new Map(lines.map((line) => [keyOf(line), line]));
  const known = new Map<string, Foreseen>();

  function of(line: Line): Foreseen {
    const before = known.get(keyOf(line));
    if (before) return before;
    const needed = line.needs === '' ? undefined : byKey.get(neededBy(line));
    const queuedAtS = needed ? of(needed).endedAtS : line.queuedAtS;
    const made = best(line, { market, queuedAtS, lifeS: bootS + line.durationS });
    known.set(keyOf(line), made);
    return made;
  }

  for (const line of lines) of(line);
  return known;
}

function best(
  line: Line,
  at: { readonly market: Market; readonly queuedAtS: number; readonly lifeS: number },
): Foreseen {
  const { market, queuedAtS, lifeS } = at;
  const fitting = market.offers.filter((offer) => fits(offer, line));
  if (fitting.length === 0) throw new Error(`no type is large enough for ${keyOf(line)}`);
  for (let fromS = queuedAtS; fromS < queuedAtS + market.hours * 3_600; fromS += RETRY_S) {
    const toS = fromS + lifeS;
    const bills = fitting
      .filter((offer) => hasCapacity(offer, fromS) && nextReclaim(offer, fromS) > toS)
      .map((offer) => ({ offer, bill: billOf(offer, { fromS, toS, isReclaimed: false }) }));
    const [first, ...others] = bills;
    if (!first) continue;
    const cheapest = others.reduce((a, b) => (b.bill.usd < a.bill.usd ? b : a), first);
    return { queuedAtS, endedAtS: toS, ...cheapest };
  }
  throw new Error(`no offer lasts for ${keyOf(line)}`);
}
