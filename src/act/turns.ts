import type { Instant } from '../lib/clock.ts';
import { shareOf } from '../lib/hash.ts';
import type { InstallationId, ScopeId } from '../model/ids.ts';
import type { Fact } from '../store/port.ts';
import type { ActDeps } from './deps.ts';
import { ruledKey } from './read-rules.ts';

// When a quiet scope is swept: a job there whose webhook was never made waits for that. Each has its own
// moment of every hour, so that thousands are spread over it, and what was swept when is a fact: a
// process that starts goes on where the last one was.

type Need = Pick<ActDeps, 'store' | 'clock' | 'settings'>;

export interface Turn {
  readonly scope: ScopeId;
  readonly inMs: number;
}

/** In R: with a default R, an hour. */
export const TURN_EVERY = 60;
/** In R: turns are looked up for as long ahead. */
export const LOOK_UP_EVERY = 10;
/** In one hour: what nothing has changed for is free, the rest has to do with what healings may spend. */
const MOST_TURNS = 2_000;
/** In one question to the database. */
const MOST_KEYS = 1_000;

/** A fact: when a scope was swept last. */
export const sweptKey = (scope: ScopeId): string => `swept:${scope}`;

/** A fact: the installations that GitHub named last. */
const INSTALLATIONS = 'installations';

export const saveInstallations = (
  { store, clock }: Pick<Need, 'store' | 'clock'>,
  ids: readonly InstallationId[],
): Promise<void> => store.saveFact(INSTALLATIONS, JSON.stringify(ids), clock.now());

/** The first of its moments after that time; one in each such while. */
function nextOwn(scope: ScopeId, after: Instant, everyMs: number): Instant {
  const own = Math.floor(shareOf(scope) * everyMs);
  return after + everyMs - ((((after - own) % everyMs) + everyMs) % everyMs);
}

/**
 * A turn that was missed a moment ago, while no process ran, is soon made up for; else it is the next
 * one's: what cannot be read is not asked for again and again.
 */
export function turnAt(
  scope: ScopeId,
  sweptAt: Instant | undefined,
  at: { readonly now: Instant; readonly resyncMs: number },
): Instant {
  const [everyMs, soonMs] = [TURN_EVERY * at.resyncMs, LOOK_UP_EVERY * at.resyncMs];
  const due = sweptAt === undefined ? 0 : dueAt(scope, sweptAt, at.resyncMs);
  if (due >= at.now) return due;
  return nextOwn(scope, at.now, due + soonMs > at.now ? soonMs : everyMs);
}

/** The turn that follows a sweep, an hour after it at the latest. */
export const dueAt = (scope: ScopeId, sweptAt: Instant, resyncMs: number): Instant =>
  nextOwn(scope, sweptAt, TURN_EVERY * resyncMs);

/** Those with rules, now or once, whose turn comes before the next look-up. */
export async function turnsSoon(deps: Need): Promise<readonly Turn[]> {
  const { store, clock, settings } = deps;
  const scopes = await knownScopes(store);
  const facts = await factsOf(
    store,
    scopes.flatMap((scope) => [ruledKey(scope), sweptKey(scope)]),
  );
  const at = { now: clock.now(), resyncMs: settings.resyncMs };
  return scopes
    .flatMap((scope) => {
      // A file that was there once may be back, and no webhook told.
      if (!facts.has(ruledKey(scope))) return [];
      const sweptAt = facts.get(sweptKey(scope))?.at;
      return [
        { scope, sweptAt: sweptAt ?? 0, inMs: Math.ceil(turnAt(scope, sweptAt, at) - at.now) },
      ];
    })
    .filter(({ inMs }) => inMs < LOOK_UP_EVERY * settings.resyncMs)
    .sort((a, b) => a.sweptAt - b.sweptAt)
    .slice(0, (MOST_TURNS * LOOK_UP_EVERY) / TURN_EVERY);
}

async function knownScopes(store: Need['store']): Promise<readonly ScopeId[]> {
  const known = await store.fact(INSTALLATIONS);
  const installations: readonly InstallationId[] = known ? JSON.parse(known.value) : [];
  const scopes = new Set<ScopeId>();
  for (const id of installations) {
    for (const { scope, removedAt } of await store.reposOf(id)) {
      if (removedAt === null) scopes.add(scope);
    }
  }
  return [...scopes];
}

/** Any number of facts, by some large questions. */
async function factsOf(
  store: Need['store'],
  keys: readonly string[],
): Promise<ReadonlyMap<string, Fact>> {
  const all = new Map<string, Fact>();
  for (let from = 0; from < keys.length; from += MOST_KEYS) {
    for (const [key, fact] of await store.facts(keys.slice(from, from + MOST_KEYS))) {
      all.set(key, fact);
    }
  }
  return all;
}

/** It was swept, and if it has rules, since it has them. */
export async function isSwept(store: Need['store'], scope: ScopeId): Promise<boolean> {
  const facts = await store.facts([sweptKey(scope), ruledKey(scope)]);
  const sweptAt = facts.get(sweptKey(scope))?.at;
  return sweptAt !== undefined && sweptAt >= (facts.get(ruledKey(scope))?.at ?? 0);
}

/** Those swept longest ago come first. */
export async function longestUnswept(
  store: Need['store'],
  scopes: readonly ScopeId[],
): Promise<readonly ScopeId[]> {
  const facts = await factsOf(store, scopes.map(sweptKey));
  const sweptAt = (scope: ScopeId): Instant => facts.get(sweptKey(scope))?.at ?? 0;
  return scopes.toSorted((a, b) => sweptAt(a) - sweptAt(b));
}
