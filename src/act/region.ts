import type { Instant } from '../lib/clock.ts';
import type { ScopeId } from '../model/ids.ts';
import type { Reason } from '../model/job.ts';
import type { Fact, Sighting } from '../store/port.ts';
import type { At } from './catalogue.ts';
import type { ActDeps } from './deps.ts';

type Need = Pick<ActDeps, 'store' | 'accounts' | 'clock' | 'log' | 'settings'>;

/** AWS lets an instance be unknown for up to 5 minutes after its launch. */
const MISSING_GRACE_MS = 5 * 60_000;

/**
 * How far a region's first look is. After a lost database the machines in it are unknown, so
 * nothing is launched there for R and until two listings agree; what is stored says so.
 */
interface Look {
  readonly since: Instant;
  /** Ids of the last listing, sorted; null once the region is open for launches. */
  readonly seen: readonly string[] | null;
}

export const lookKey = ({ account, region }: At) => `look:${account}:${region}`;

const parseLook = (fact: Fact | null | undefined): Look | undefined =>
  fact ? (JSON.parse(fact.value) as Look) : undefined;

/** Launches are allowed there, as the fact of its look says. */
export const isOpenIn = (fact: Fact | null | undefined): boolean => parseLook(fact)?.seen === null;

/** Why nothing may be launched in this region yet; undefined once two listings agreed. */
export function firstLookReason(
  look: Fact | undefined,
  { region, resyncMs }: { readonly region: string; readonly resyncMs: number },
): Reason | undefined {
  if (isOpenIn(look)) return undefined;
  const seconds = Math.ceil(resyncMs / 1000);
  return {
    code: 'first-look',
    text: `The first look at ${region}: two listings ${seconds} s apart must agree before a machine is launched.`,
  };
}

export interface Observed {
  readonly changed: readonly ScopeId[];
  /** Launches are allowed, and whether this very listing allowed them. */
  readonly isOpen: boolean;
  /** Something of ours may still change there, as EC2 lists it. */
  readonly isAlive: boolean;
  readonly hasOpened: boolean;
}

/** One listing of our instances in a region, for all scopes that use it. */
export async function observeRegion(deps: Need, at: At): Promise<Observed> {
  const look = parseLook(await deps.store.fact(lookKey(at)));
  const wasOpen = look?.seen === null;
  const askedAt = deps.clock.now();
  const reply = await deps.accounts.ec2(at.account, at.region).list(deps.settings.app);
  if (!reply.ok) {
    deps.log.warn(
      { ...at, code: reply.code },
      'listing instances failed; the next tick asks again',
    );
    return { changed: [], isOpen: wasOpen, isAlive: true, hasOpened: false };
  }
  const { changed, strangers } = await deps.store.observe({
    ...at,
    askedAt,
    missingGraceMs: MISSING_GRACE_MS,
    instances: reply.value,
  });
  if (strangers.length > 0) await endStrangers(deps, at, { strangers, askedAt });
  const seen = { look, askedAt, listed: reply.value, strangers };
  const isOpen = wasOpen || (await advanceLook(deps, at, seen));
  const isAlive = reply.value.some(({ ec2 }) => ec2 !== 'terminated');
  return { changed, isOpen, isAlive, hasOpened: isOpen && !wasOpen };
}

async function advanceLook(
  deps: Need,
  at: At,
  seen: {
    look: Look | undefined;
    askedAt: Instant;
    listed: readonly Sighting[];
    strangers: readonly string[];
  },
): Promise<boolean> {
  const { look, askedAt } = seen;
  const ids = seen.listed
    .filter((one) => one.ec2 === 'pending' || one.ec2 === 'running')
    .map((one) => one.id)
    .sort();
  const since = look?.since ?? askedAt;
  const agrees = look?.seen?.join() === ids.join();
  // A stranger may be of a repository that GitHub has not told us of yet, and takes a place there.
  const areTold = seen.strangers.length === 0 || (await isDiscovered(deps, askedAt));
  const isOpen = agrees && areTold && askedAt - since >= deps.settings.resyncMs;
  const next: Look = { since, seen: isOpen ? null : ids };
  await deps.store.saveFact(lookKey(at), JSON.stringify(next), askedAt);
  if (isOpen) deps.log.info({ ...at, found: ids.length }, 'region looked over; launches may begin');
  return isOpen;
}

/** What a complete discovery of our repositories leaves as a fact; before it, nobody is a stranger. */
export const DISCOVERED = 'discovered';

const isDiscovered = async ({ store }: Pick<Need, 'store'>, by: Instant): Promise<boolean> =>
  ((await store.fact(DISCOVERED))?.at ?? Number.POSITIVE_INFINITY) <= by;

/**
 * Machines with our tag whose repository is none of ours any more. Only after all repositories
 * were read, and only when two listings at least R apart show them, since nothing is worse than
 * to end a machine because we forgot whose it is.
 */
async function endStrangers(
  deps: Need,
  at: At,
  found: { strangers: readonly string[]; askedAt: Instant },
): Promise<void> {
  const { store } = deps;
  if (!(await store.fact(DISCOVERED))) return;
  const due: string[] = [];
  for (const id of found.strangers) {
    const first = await store.fact(`stranger:${id}`);
    if (!first) await store.saveFact(`stranger:${id}`, '', found.askedAt);
    else if (found.askedAt - first.at >= deps.settings.resyncMs) due.push(id);
  }
  if (due.length === 0) return;
  deps.log.warn({ ...at, instances: due }, 'ending machines whose repository is not ours any more');
  await deps.accounts.ec2(at.account, at.region).terminate(due);
}
