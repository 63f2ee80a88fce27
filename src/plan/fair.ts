import type { Instant } from '../lib/clock.ts';

/** One repository's wish for more machines of a rule. */
export interface Claim {
  /** Machines of the rule that it has already. */
  readonly has: number;
  /** Since when its oldest job waits that has none. */
  readonly since: Instant;
  /** Takes at most so many places; fewer means that it wants no more. */
  take(most: number): number;
}

/**
 * Shares a rule's places among repositories: each goes to the one that has the fewest machines, and
 * among equals to the one whose job waits longest. So however many jobs one repository has, another
 * is behind it by one machine at most; and however many repositories come, an old job waits no longer
 * than until a machine of its own repository ends. Answers how many places were taken.
 */
export function shareOut(claims: readonly Claim[], limit: number): number {
  let left = limit;
  let open = claims.map((claim) => ({ claim, has: claim.has }));
  open.sort((a, b) => a.claim.since - b.claim.since);
  while (left > 0 && open.length > 0) {
    const least = Math.min(...open.map(({ has }) => has));
    const poorest = open.filter(({ has }) => has === least);
    const next = Math.min(...open.flatMap(({ has }) => (has > least ? [has] : [])));
    // As many rounds at once as change nothing in the order.
    const rounds = Math.max(1, Math.min(next - least, Math.floor(left / poorest.length)));
    const done = new Set<Claim>();
    for (const one of poorest) {
      const most = Math.min(rounds, left);
      const got = one.claim.take(most);
      left -= got;
      one.has += got;
      if (got < most) done.add(one.claim);
    }
    open = open.filter(({ claim }) => !done.has(claim));
  }
  return limit - left;
}
