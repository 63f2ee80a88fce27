import type { Instant } from '../lib/clock.ts';
import { done, type Reply } from '../model/reply.ts';
import type { Client } from './client.ts';
import { type DeliveryFacts, parseDelivery } from './parse.ts';

/** 5,000 deliveries for each of the two lists. */
const MAX_PAGES = 50;

/**
 * Failed deliveries of which no attempt succeeded, oldest first, one for each guid. The successes are
 * listed only when there is a failure, since there are a thousand of them for each.
 */
export async function listFailedDeliveries(
  client: Client,
  since: Instant,
): Promise<Reply<readonly DeliveryFacts[]>> {
  const failures = await listDeliveries(client, 'failure', since);
  if (!failures.ok) return failures;
  const open = new Map<string, DeliveryFacts>();
  // GitHub lists the newest first: what stays in the map is the first attempt.
  for (const delivery of failures.value) open.set(delivery.guid, delivery);
  const first = Math.min(...[...open.values()].map(({ at }) => at));
  if (open.size === 0) return done([]);
  const successes = await listDeliveries(client, 'success', first);
  if (!successes.ok) return successes;
  for (const { guid } of successes.value) open.delete(guid);
  return done([...open.values()].sort((a, b) => a.at - b.at));
}

async function listDeliveries(
  client: Client,
  status: 'success' | 'failure',
  since: Instant,
): Promise<Reply<readonly DeliveryFacts[]>> {
  const what = `list the deliveries (${status})`;
  // GitHub writes whole seconds: one from the middle of that second would seem to be older.
  const from = Math.floor(since / 1000) * 1000;
  const reply = await client.list(
    { call: 'deliveries', at: null, params: { status }, what },
    {
      items: (data) => data,
      parse: parseDelivery,
      maxPages: MAX_PAGES,
      isEnough: (items) => items.some(({ at }) => at < from),
    },
  );
  if (!reply.ok) return reply;
  // By the status code as well: an older GitHub passes over a filter that it does not know.
  const wanted = status === 'success';
  return done(reply.value.filter((item) => item.at >= from && item.isSuccess === wanted));
}
