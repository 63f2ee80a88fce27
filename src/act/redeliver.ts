import type { Instant } from '../lib/clock.ts';
import type { ActDeps } from './deps.ts';

type Need = Pick<ActDeps, 'store' | 'github' | 'clock' | 'log' | 'settings'>;

const MOST_TRIES = 3;
const DAY_MS = 24 * 3_600_000;
/** GitHub keeps deliveries for 3 days; at the first start, that is how far we look back. */
const KEPT_MS = 3 * DAY_MS;
/** In one healing; the rest waits for the next. */
const MOST_AT_ONCE = 100;
const CURSOR = 'deliveries-since';

interface Tries {
  readonly [guid: string]: number;
}

/**
 * The first healing: GitHub does not deliver again what failed, so we ask it to, at most three times
 * each. What it delivers again comes in by the same door as the first time.
 */
export async function redeliverFailed(deps: Need): Promise<number> {
  const { store, github, clock, log } = deps;
  const askedAt = clock.now();
  const known = await store.fact(CURSOR);
  const state = known ? parseState(known.value) : { since: askedAt - KEPT_MS, tries: {} };
  const failed = await github.failedDeliveries(state.since);
  if (!failed.ok) {
    log.warn({ code: failed.code }, 'failed deliveries not read; the next healing asks again');
    return 0;
  }
  const tries: Record<string, number> = {};
  let sent = 0;
  for (const { guid, id } of failed.value) {
    const before = state.tries[guid] ?? 0;
    tries[guid] = before;
    if (before >= MOST_TRIES || sent >= MOST_AT_ONCE) continue;
    const asked = await github.redeliver(id);
    // Where its answer was lost GitHub may have heard it.
    if (!asked.ok && asked.reason !== 'unreachable') continue;
    tries[guid] = before + 1;
    sent += 1;
  }
  if (sent > 0) log.info({ sent }, 'failed webhooks asked for again');
  // What is given up is not looked at again; what may still be tried stays within the window.
  const open = failed.value.filter(({ guid }) => (tries[guid] ?? 0) < MOST_TRIES);
  const since = Math.min(askedAt - 2 * deps.settings.resyncMs, ...open.map((one) => one.at));
  const next: State = { since: Math.max(since, askedAt - KEPT_MS), tries };
  await store.saveFact(CURSOR, JSON.stringify(next), askedAt);
  return sent;
}

interface State {
  readonly since: Instant;
  readonly tries: Tries;
}

/** Our own row: written above. */
const parseState = (value: string): State => JSON.parse(value) as State;
