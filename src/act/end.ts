import type { Instant } from '../lib/clock.ts';
import type { RunnerId } from '../model/ids.ts';
import type { Instance } from '../model/launch.ts';
import { type Repo, runnerPlace } from '../model/repo.ts';
import type { Action } from '../model/world.ts';
import type { InstancePatch, Lease } from '../store/port.ts';
import { type ActDeps, LONGEST_CALL_MS, leaseCovers } from './deps.ts';
import { mayCall, slowDown } from './ec2-line.ts';
import type { Sight } from './look.ts';
import { createRecogniser, isOverdue } from './recognise.ts';
import { createFinder, type FindRunner } from './runner-list.ts';

type EndAction = Extract<Action, { kind: 'end' }>;

/**
 * Ends machines. `ending` is written first; an idle one's runner is deleted at GitHub before the
 * machine, because only that deletion is sure to find it without a job: 422 means it just got one.
 */
export async function endAll(
  deps: ActDeps,
  lease: Lease,
  made: { readonly sight: Sight; readonly actions: readonly EndAction[] },
): Promise<void> {
  const { instances, repos } = made.sight.rows;
  const recognise = createRecogniser(deps);
  const doomed: Instance[] = [];
  for (const action of made.actions) {
    for (const key of action.instances) {
      const instance = instances.find((one) => one.key === key);
      if (!instance?.id) continue;
      // After a lost database a tag may name a scope that has let its repository go since.
      const repo =
        repos.find((one) => one.id === instance.repo) ?? (await deps.store.repo(instance.repo));
      const isReadable = repo?.removedAt === null && isOverdue(instance, deps);
      if (isReadable && (await recognise(instance, repo)) !== 'silent') continue;
      const claimed = await claim(deps, lease, { instance, action });
      if (claimed) doomed.push(claimed);
    }
  }
  await terminate(deps, lease, doomed);
  await forgetRunners(deps, { doomed, repos });
}

/** The machine, when it may be terminated now; without its runner, when that is gone already. */
async function claim(
  deps: ActDeps,
  lease: Lease,
  of: { instance: Instance; action: EndAction },
): Promise<Instance | undefined> {
  const { instance, action } = of;
  const { key, state } = instance;
  if (!leaseCovers(lease, deps.clock.now())) return undefined;
  if (state === 'ending') return instance;
  const patch = { state: 'ending', reason: action.reason } as const;
  const from = action.onlyIdle ? (['pending', 'online'] as const) : NOT_ENDED;
  const isUnregistered = action.onlyUnregistered;
  const change = { key, from, patch, lease, ...(isUnregistered && { isUnregistered }) };
  if (!(await deps.store.changeInstance(change))) return undefined;
  const claimed = { ...instance, reason: action.reason };
  if (!action.onlyIdle || instance.runnerId === null) return claimed;
  return removeIdle(deps, lease, claimed);
}

/** Nothing of it is left at GitHub. */
const NO_RUNNER = { runnerId: null, runnerName: null } as const;
const NOT_ENDED = ['requested', 'pending', 'online', 'busy'] as const;

async function removeIdle(
  deps: ActDeps,
  lease: Lease,
  instance: Instance,
): Promise<Instance | undefined> {
  const { key, runnerId } = instance;
  const repo = await deps.store.repo(instance.repo);
  if (!repo || runnerId === null) return instance;
  const dropped = await dropRunner(deps, { instance, repo, find: createFinder(deps.github, 1) });
  const change = (patch: InstancePatch) =>
    deps.store.changeInstance({ key, from: ['ending'], patch, lease });
  if (dropped === 'removed' || dropped === 'unlisted') {
    await change(NO_RUNNER);
    return { ...instance, ...NO_RUNNER };
  }
  if (dropped === 'busy') await change({ state: 'busy', reason: '', startedAt: deps.clock.now() });
  else await change({ state: instance.onlineAt === null ? 'pending' : 'online', reason: '' });
  return undefined;
}

/** What the adapter puts into one call; EC2 takes 1,000. */
const MOST_IN_A_CALL = 500;

/** Every region at the same time: a person waits, and one that is slow holds up no other. */
async function terminate(deps: ActDeps, lease: Lease, doomed: readonly Instance[]): Promise<void> {
  const places = [...Map.groupBy(doomed, placeOf)];
  await Promise.all(places.map(([place, group]) => terminateAt(deps, lease, { place, group })));
}

async function terminateAt(
  deps: ActDeps,
  lease: Lease,
  { place, group }: { readonly place: string; readonly group: readonly Instance[] },
): Promise<void> {
  const [account = '', region = ''] = place.split('|');
  const now = deps.clock.now();
  if (!leaseCovers(lease, now)) return;
  const ids = group.flatMap((one) => (one.id === null ? [] : [one.id]));
  const calls = Math.ceil(ids.length / MOST_IN_A_CALL);
  const tokens = { call: 'TerminateInstances', calls, instances: ids.length } as const;
  // They stay as they are, and the next tick asks again.
  if (!(await mayCall(deps, { at: { account, region }, ...tokens }))) return;
  for (const { key } of group) {
    await deps.store.changeInstance({ key, from: ['ending'], patch: { endAskedAt: now }, lease });
  }
  const reply = await deps.accounts.ec2(account, region).terminate(ids);
  if (!reply.ok) {
    if (reply.reason === 'throttled') await slowDown(deps, { account, region }, tokens.call);
    deps.log.warn(
      { region, instances: ids, code: reply.code },
      'terminate failed; next tick again',
    );
    return;
  }
  for (const { id, ec2 } of reply.value) {
    await deps.store.sighted(id, ec2, '', deps.clock.now());
  }
  deps.log.info({ region, instances: ids, reason: reasonOf(group) }, 'instances ended');
}

const placeOf = (one: Instance): string => `${one.account}|${one.region}`;

/** One reason for all of them, as nearly always, or how many there are. */
function reasonOf(group: readonly Instance[]): string {
  const reasons = [...new Set(group.map(({ reason }) => reason))];
  return reasons.length === 1 ? (reasons[0] ?? '') : `${reasons.length} reasons`;
}

/**
 * Runners whose machine is gone before it had a job stay registered for a day. A busy one's job
 * fails at GitHub first (422 until then), so it is asked for again at the next healing.
 */
export async function forgetRunners(
  deps: Forget,
  of: { readonly doomed: readonly Instance[]; readonly repos: readonly Repo[] },
): Promise<void> {
  const find = createFinder(deps.github, of.doomed.length);
  const askedAt = deps.clock.now();
  const forget = async (instance: Instance): Promise<void> => {
    const { key, repo: repoId, runnerName, finishedAt } = instance;
    const repo = of.repos.find((one) => one.id === repoId);
    // After its job GitHub removes a just-in-time runner by itself.
    if (runnerName === null || finishedAt !== null || !repo || repo.removedAt !== null) return;
    if (!(await isForgotten(deps, { instance, repo, find, askedAt }))) return;
    await deps.store.changeInstance({ key, from: ['ending', 'gone'], patch: NO_RUNNER });
  };
  // A person waits for the answer to `clear`, and a hundred calls in a row take a quarter of a minute.
  for (let at = 0; at < of.doomed.length; at += FORGET_AT_ONCE) {
    await Promise.all(of.doomed.slice(at, at + FORGET_AT_ONCE).map(forget));
  }
}

const FORGET_AT_ONCE = 10;

type Forget = Pick<ActDeps, 'store' | 'github' | 'clock'>;

interface Dropping {
  readonly instance: Instance;
  readonly repo: Repo;
  readonly find: FindRunner;
}

/** `askedAt`: whoever sleeps over GitHub's answer holds an old list. */
async function isForgotten(
  deps: Forget,
  of: Dropping & { readonly askedAt: Instant },
): Promise<boolean> {
  const dropped = await dropRunner(deps, of);
  const { instance, askedAt } = of;
  if (dropped !== 'unlisted') return dropped === 'removed';
  if (instance.runnerId !== null) return true;
  // A registration that is on its way may yet arrive: then it is found the next time.
  const { goneAt } = instance;
  return goneAt !== null && askedAt - goneAt > 2 * LONGEST_CALL_MS;
}

/** `unlisted`: it was gone already. */
type Dropped = 'removed' | 'unlisted' | 'busy' | 'unclear';

/**
 * Removes a machine's runner at GitHub, by its id and else by its name. Where GitHub's answer to a
 * registration was lost there is no id, and where two processes registered, it may be the other's.
 */
async function dropRunner(
  { github }: Pick<ActDeps, 'github'>,
  { instance, repo, find }: Dropping,
): Promise<Dropped> {
  const { runnerId, runnerName } = instance;
  const place = runnerPlace(repo, instance);
  const remove = async (id: RunnerId): Promise<Dropped | 'missing'> => {
    const removed = await github.removeRunner(place, id);
    if (removed.ok) return 'removed';
    return removed.reason === 'busy' || removed.reason === 'missing' ? removed.reason : 'unclear';
  };
  const first = runnerId === null ? 'missing' : await remove(runnerId);
  if (first !== 'missing') return first;
  if (runnerName === null) return 'unclear';
  // GitHub says 404 of all that it does not show us at the moment: its list must say so as well.
  const found = await find({ repo, runnerGroup: instance.runnerGroup }, runnerName);
  if (!found.ok) return 'unclear';
  if (!found.value) return 'unlisted';
  const second = await remove(found.value.id);
  return second === 'missing' ? 'unclear' : second;
}
