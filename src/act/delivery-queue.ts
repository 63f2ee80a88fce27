import type { Instant } from '../lib/clock.ts';
import type { Delivery, Event } from '../model/event.ts';
import type { ScopeId } from '../model/ids.ts';
import { repoScope } from '../model/ids.ts';
import type { Repo } from '../model/repo.ts';
import { type ActDeps, LEASE_MS } from './deps.ts';

type RepoEvent = Exclude<Event, { readonly kind: 'installation' }>;

/**
 * Deliveries that take calls of their own, one at a time for each scope, in their order. Each stays in
 * the store as not applied until it is done, so a crash forgets none.
 */
export interface DeliveryQueue {
  readonly size: number;
  /** False when it is none of this queue's. */
  add(delivery: Delivery): boolean;
  /** Does the scope's next; in how many ms there is more to do, undefined when there is none. */
  next(scope: ScopeId): Promise<number | undefined>;
}

export function createDeliveryQueue<E extends RepoEvent>(
  deps: Pick<ActDeps, 'store' | 'clock' | 'settings'> & { readonly holder: string },
  of: {
    /** Of all queues with this name, in all processes, one at a time handles a scope's. */
    readonly name: string;
    readonly isMine: (event: Event) => event is E;
    readonly wake: (scope: ScopeId) => void;
    /** False: it is tried again later. */
    readonly handle: (
      event: E,
      of: {
        readonly repo: Repo;
        readonly at: Instant;
        /** No other process has taken it over while this one slept. */
        readonly isStillOurs: () => Promise<boolean>;
      },
    ) => Promise<boolean>;
  },
): DeliveryQueue {
  const waiting = new Map<string, { readonly delivery: Delivery; readonly event: E }>();
  const scopeOf = (event: E) => repoScope(event.repo.id);
  return {
    get size() {
      return waiting.size;
    },
    add(delivery) {
      const { event } = delivery;
      if (!of.isMine(event)) return false;
      if (!waiting.has(delivery.id)) {
        waiting.set(delivery.id, { delivery, event });
        of.wake(scopeOf(event));
      }
      return true;
    },
    async next(scope) {
      const mine = [...waiting.values()].filter(({ event }) => scopeOf(event) === scope);
      const [next] = mine;
      if (!next) return undefined;
      const { delivery, event } = next;
      const { store, clock, settings, holder } = deps;
      // A process that starts reads what others are at as well: they are let finish.
      const name = `${of.name}|${scope}`;
      const claim = () => store.lease({ name, holder, now: clock.now(), ttlMs: LEASE_MS });
      const lease = await claim();
      if (!lease) return settings.resyncMs / 4;
      const known = await store.repo(event.repo.id);
      // The first thing that we hear of a repository may be a command.
      if (!known) await store.noteRepos([event.repo], clock.now());
      const found = known ?? (await store.repo(event.repo.id));
      // What it is called, and which branch governs, is newer here than what was written down.
      const { owner, defaultBranch } = event.repo;
      const repo = found && { ...found, owner, name: event.repo.name, defaultBranch };
      const isStillOurs = async () => (await claim())?.fence === lease.fence;
      const told = { at: delivery.at, isStillOurs };
      const isDone = repo === null || (await of.handle(event, { repo, ...told }));
      if (!isDone) return settings.resyncMs / 4;
      await store.apply([delivery], clock.now());
      waiting.delete(delivery.id);
      await store.release(lease);
      return mine.length > 1 ? 0 : undefined;
    },
  };
}
