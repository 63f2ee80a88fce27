import { isOwnerScope, ownerScope, type RuleId, type ScopeId } from '../model/ids.ts';
import type { Reason } from '../model/job.ts';
import type { Repo } from '../model/repo.ts';
import type { RepoView, World } from '../model/world.ts';
import type { Lease, Store } from '../store/port.ts';
import type { ActDeps } from './deps.ts';
import { governs, maximaIn, maximaOf } from './govern.ts';
import type { Sight } from './look.ts';
import { NOTHING_KNOWN, viewOf } from './offers.ts';

// A repository whose rules are another file's from now on goes there with its machines, so that they
// count there. What has no place there ends first, where it is: so no maximum is exceeded on the way.

/** One that cannot go yet, and how many machines of each rule it may take along. */
export interface Stuck {
  readonly repo: Repo;
  readonly to: ScopeId;
  readonly room: ReadonlyMap<RuleId, number>;
}

export interface Moves {
  readonly moved: readonly ScopeId[];
  readonly stuck: readonly Stuck[];
}

export async function moveRepos(
  deps: Pick<ActDeps, 'store' | 'log'>,
  lease: Lease,
  { rows, files }: Sight,
): Promise<Moves> {
  const moved: ScopeId[] = [];
  const stuck: Stuck[] = [];
  for (const repo of rows.repos) {
    const to = repo.removedAt === null ? governs(repo, files) : null;
    if (to === null || to === rows.scope) continue;
    const maxima = maximaOf(repo, to, files);
    if (await deps.store.moveRepo(lease, { repo: repo.id, to, maxima })) {
      deps.log.info({ repo: repo.id, scope: rows.scope, to }, 'other rules govern a repository');
      moved.push(to);
    } else stuck.push({ repo, to, room: await roomIn(deps.store, to, maxima) });
  }
  return { moved: [...moved, ...(await fetchStrays(deps, lease, { rows, files }))], stuck };
}

/**
 * After a lost database a tag puts a machine into a scope that its repository had left: it follows, or
 * what a person takes away there would not end it.
 */
async function fetchStrays(
  { store, log }: Pick<ActDeps, 'store' | 'log'>,
  lease: Lease,
  { rows, files }: Pick<Sight, 'rows' | 'files'>,
): Promise<readonly ScopeId[]> {
  const moved: ScopeId[] = [];
  for (const id of new Set(rows.instances.map(({ repo }) => repo))) {
    const repo = rows.repos.some((one) => one.id === id) ? null : await store.repo(id);
    // In another owner's account nothing may go on.
    if (repo?.removedAt !== null || ownerScope(repo.ownerId) !== rows.scope) continue;
    const to = repo.scope;
    const maxima = maximaIn(files.read(await store.rules(to)).file);
    if (to === rows.scope || !(await store.moveRepo(lease, { repo: id, to, maxima }))) continue;
    log.info({ repo: id, scope: rows.scope, to }, 'a machine follows its repository');
    moved.push(to);
  }
  return moved;
}

async function roomIn(
  store: Pick<Store, 'scopeRows'>,
  to: ScopeId,
  maxima: ReadonlyMap<RuleId, number>,
): Promise<Stuck['room']> {
  const { instances } = await store.scopeRows(to);
  const left = new Map(maxima);
  for (const { rule } of instances) {
    const count = left.get(rule);
    if (count !== undefined) left.set(rule, Math.max(0, count - 1));
  }
  return left;
}

const MOVING: Reason = {
  code: 'rules-change',
  text: 'Other rules govern this repository now; machines that have no place by them end first',
};

/** The world in which those that cannot go yet launch nothing, and end what has no place there. */
export function whileStuck({ world, rows, files }: Sight, stuck: readonly Stuck[]): World {
  if (stuck.length === 0) return world;
  if (isOwnerScope(rows.scope)) {
    const views = new Map(stuck.map(({ repo, room }) => [repo.id, leaving(room, world.limits)]));
    return { ...world, repos: world.repos.map((repo) => ({ ...repo, ...views.get(repo.id) })) };
  }
  // A repository's own scope has this one only: the rules that will govern it do so already.
  const [one] = stuck;
  const rules = files.owner.file?.rules ?? [];
  return {
    ...world,
    enabled: files.owner.file?.enabled ?? true,
    rules: rules.map((rule) =>
      viewOf({ ...rule, max: one?.room.get(rule.id) ?? 0 }, NOTHING_KNOWN, MOVING),
    ),
    offers: [],
  };
}

type Leaving = Required<Pick<RepoView, 'own' | 'closed'>>;

const leaving = (room: Stuck['room'], { maxDurationMs }: World['limits']): Leaving => ({
  own: { enabled: true, maxDurationMs, maxima: Object.fromEntries(room) },
  closed: Object.fromEntries([...room.keys()].map((id) => [id, MOVING])),
});

/** Whether it is still open whose rules govern a repository: its jobs are not even looked for. */
export const isUndecided = ({ rows, files }: Sight): boolean =>
  rows.home !== null &&
  rows.repos.some((repo) => repo.removedAt === null && governs(repo, files) === null);

/** Whose file decides here and is not read yet: its scope has to be looked at. */
export const waitsFor = ({ rows, files }: Sight): readonly ScopeId[] =>
  rows.home && !files.owner.isKnown && rows.home.scope !== rows.scope ? [rows.home.scope] : [];
