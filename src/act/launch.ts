import type { Intent, Lease } from '../store/port.ts';
import type { ActDeps } from './deps.ts';
import { lineUp } from './ec2-line.ts';
import { type Sent, send, together } from './send.ts';

/**
 * Writes the launches down, whole, and then calls EC2 with those whose turn it is; the others stand
 * in line.
 */
export async function launchAll(
  deps: ActDeps,
  lease: Lease,
  prepared: readonly Intent[],
): Promise<Sent> {
  const intents: Intent[] = [];
  for (const one of prepared) {
    const sendAt = await lineUp(deps, one, one.request.count);
    if (sendAt !== null) intents.push({ ...one, sendAt });
  }
  if (intents.length === 0) return together([]);
  const now = deps.clock.now();
  const launches = await deps.store.intend(lease, intents, now);
  const due = launches.filter(({ retryAt }) => retryAt <= now);
  const sent = await Promise.all(due.map((launch) => send(deps, lease, launch)));
  const turns = launches.filter(({ retryAt }) => retryAt > now);
  // The plan looks once more, and says of whose jobs the launch stands in line.
  return together([...sent, ...turns.map(({ retryAt }) => ({ again: true, nextAt: retryAt }))]);
}
