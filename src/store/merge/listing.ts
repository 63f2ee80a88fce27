import type { Instant } from '../../lib/clock.ts';
import {
  type InstanceId,
  type InstanceKey,
  idInScope,
  isOwnerScope,
  type LaunchId,
  type RepoId,
  type ScopeId,
} from '../../model/ids.ts';
import type { Ec2State, Instance, Launch } from '../../model/launch.ts';
import type { Repo } from '../../model/repo.ts';
import { isReclaim } from '../../model/rerun.ts';
import { ruleId } from '../../model/rules.ts';
import { runnerName } from '../../model/runner-name.ts';
import type { Listing, Sighting } from '../port.ts';
import { type Draft, draft, sorted } from './draft.ts';
import { goneRow, waitingRow } from './launch.ts';

const EC2_STATES = ['unknown', 'pending', 'running', 'shutting-down', 'terminated'] as const;
const rank = (state: Ec2State): number => EC2_STATES.indexOf(state);
const isOver = (state: Ec2State): boolean => rank(state) >= rank('shutting-down');

/** The rows that a listing may touch: by id, by launch tag, and all that live in its region. */
export interface Seen {
  readonly instances: ReadonlyMap<InstanceKey, Instance>;
  readonly launches: ReadonlyMap<LaunchId, Launch>;
  /** The repositories that tags name. */
  readonly repos: ReadonlyMap<RepoId, Pick<Repo, 'id' | 'scope'>>;
}

/** Rows to write, and the answer. */
export interface Observed extends Omit<Seen, 'repos'> {
  readonly changed: readonly ScopeId[];
  readonly strangers: readonly InstanceId[];
}

/**
 * EC2's word on an instance that we know, forward only. An instance that we took for gone while EC2
 * never said so, and that EC2 shows alive, is not gone: else it would run on unseen.
 */
export function sightedRow(
  before: Instance,
  said: { readonly ec2: Ec2State; readonly ec2Reason: string },
  now: Instant,
): Instance {
  // Our own call to end a machine is answered without a reason; a listing brings it.
  const { ec2Reason } = said;
  const isNews = isOver(said.ec2) && before.ec2Reason === '' && ec2Reason !== '';
  const reclaimedAt = isReclaim(ec2Reason) ? now : null;
  const row = isNews ? { ...before, ec2Reason, reclaimedAt } : before;
  const isAlive = row.state !== 'gone';
  if (!isAlive && !isOver(row.ec2) && !isOver(said.ec2) && said.ec2 !== 'unknown') {
    const state = row.onlineAt === null ? 'pending' : 'online';
    return { ...row, state, ec2: said.ec2, reason: '', goneAt: null };
  }
  if (rank(said.ec2) <= rank(row.ec2)) return row;
  const next: Instance = { ...row, ec2: said.ec2 };
  return isAlive && isOver(said.ec2) ? goneRow(next, said.ec2Reason || 'ended', now) : next;
}

const LATE_ANSWER_MS = 5_000;

/** Where the answer to its launch came late, EC2 knows since when the machine costs money. */
const sinceLaunch = (row: Instance, { launchedAt }: Sighting): Instance =>
  row.launchedAt !== null && row.launchedAt - launchedAt > LATE_ANSWER_MS
    ? { ...row, launchedAt }
    : row;

interface Work {
  readonly listing: Listing;
  readonly instances: Draft<InstanceKey, Instance>;
  readonly launches: Draft<LaunchId, Launch>;
  readonly repos: Seen['repos'];
  readonly byId: Map<InstanceId, Instance>;
  readonly changed: Set<ScopeId>;
  readonly strangers: InstanceId[];
}

/** The launch that the tag names, if it is one of this account: a tag can be copied, an account not. */
function launchOf(work: Work, sighting: Sighting): Launch | undefined {
  const launch = sighting.launch === null ? undefined : work.launches.get(sighting.launch);
  const { account, region } = work.listing;
  return launch?.account === account && launch.region === region ? launch : undefined;
}

const ADOPTED = 'adopted';

/** The repository that the tags name: of its own, or in the scope's. */
export const repoTagged = ({ repo, scope }: Sighting): RepoId | undefined =>
  repo ?? (scope === null || isOwnerScope(scope) ? undefined : idInScope(scope));

/**
 * What the tags tell of a launch that a lost database knew. An owner's machine counts for the owner,
 * although its repository may not be known to be the owner's yet; a repository's for whom governs it.
 */
function adoptedLaunch(
  listing: Listing,
  sighting: Sighting,
  repo: Pick<Repo, 'id' | 'scope'>,
): Launch {
  const { account, region, askedAt } = listing;
  const { zone, type, market, runnerGroup } = sighting;
  const { scope } = sighting;
  return {
    id: sighting.launch ?? `adopted-${sighting.id}`,
    scope: scope !== null && isOwnerScope(scope) ? scope : repo.scope,
    repo: repo.id,
    runnerGroup,
    rule: sighting.rule ?? ruleId(type, region),
    ...{ account, region, zone, type, market },
    subnet: '',
    count: 1,
    priceUsd: null,
    reason: ADOPTED,
    createdAt: askedAt,
    outcome: 'launched',
    code: '',
    tries: 0,
    retryAt: askedAt,
    request: null,
  };
}

function setRow(work: Work, row: Instance): void {
  if (work.instances.get(row.key) === row) return;
  work.instances.set(row.key, row);
  work.changed.add(row.scope);
}

/** An instance whose id is new to us: the answer to its launch was lost, or the database was. */
function meet(work: Work, sighting: Sighting): void {
  const { listing, repos } = work;
  const { id, ownerAccount, launchedAt } = sighting;
  let launch = launchOf(work, sighting);
  const repo = repos.get(repoTagged(sighting) ?? 0);
  const isNew = launch?.outcome !== 'unknown';
  const hasEnded = isNew && isOver(sighting.ec2);
  // After a lost database it is noted all the same: its runner may be left at GitHub.
  if (hasEnded && launch && launch.reason !== ADOPTED) return;
  if (!launch) {
    if (repo === undefined) {
      if (!hasEnded) work.strangers.push(id);
      return;
    }
    launch = adoptedLaunch(listing, sighting, repo);
    // A copied tag names a launch of another account: its id is taken.
    if (work.launches.get(launch.id)) launch = { ...launch, id: `adopted-${id}` };
    work.launches.set(launch.id, launch);
  }
  const row = waitingRow(launch, work.instances, listing.askedAt);
  const { zone, type, market } = sighting;
  const met: Instance = {
    ...row,
    ...{ id, ownerAccount, launchedAt, zone, type, market },
    // If it registered before the database was lost, then under this name.
    runnerName: launch.reason === ADOPTED ? runnerName(id, launch.id) : row.runnerName,
    state: 'pending',
  };
  work.byId.set(id, met);
  setRow(work, sightedRow(met, sighting, listing.askedAt));
}

/** Only a row with an id, and old enough to be listed, is gone by its absence. */
function miss(work: Work, row: Instance, listed: ReadonlySet<InstanceId>): void {
  const { account, region, askedAt, missingGraceMs } = work.listing;
  if (row.account !== account || row.region !== region || row.state === 'gone') return;
  if (row.id === null || row.launchedAt === null || listed.has(row.id)) return;
  if (row.launchedAt + missingGraceMs >= askedAt) return;
  setRow(work, goneRow(row, 'not listed by EC2', askedAt));
}

export function observed(listing: Listing, seen: Seen): Observed {
  const work: Work = {
    listing,
    instances: draft(seen.instances),
    launches: draft(seen.launches),
    repos: seen.repos,
    byId: new Map(),
    changed: new Set(),
    strangers: [],
  };
  const { byId } = work;
  for (const row of seen.instances.values()) if (row.id !== null) byId.set(row.id, row);
  for (const sighting of listing.instances) {
    const row = byId.get(sighting.id);
    if (row) {
      const known = sinceLaunch(work.instances.get(row.key) ?? row, sighting);
      setRow(work, sightedRow(known, sighting, listing.askedAt));
    } else meet(work, sighting);
  }
  const listed = new Set(listing.instances.map((sighting) => sighting.id));
  for (const row of seen.instances.values()) miss(work, row, listed);
  return {
    instances: work.instances.changed,
    launches: work.launches.changed,
    changed: sorted(work.changed),
    strangers: sorted(work.strangers),
  };
}
