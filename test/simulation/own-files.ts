import {
  isOwnerScope,
  type LaunchId,
  type RepoId,
  repoScope,
  type ScopeId,
} from '../../src/model/ids.ts';
import type { Launch } from '../../src/model/launch.ts';
import type { Ec2Instance } from '../../src/sandbox/ec2-instance.ts';
import { isLive } from '../../src/sandbox/ec2-instance.ts';
import type { Ec2Model } from '../../src/sandbox/ec2-model.ts';
import type { Kernel } from '../../src/sandbox/kernel.ts';
import type { Intent } from '../../src/store/port.ts';
import type { Maxima } from './owners.ts';
import { createVersions } from './versions.ts';

// What is promised of repositories under their owner's rules: their own file takes away, and never
// gives; and one that goes to other rules takes along what has a place there, and nothing else.

/** As the store moved it. */
export interface Move {
  readonly repo: RepoId;
  readonly from: ScopeId;
  readonly to: ScopeId;
}

interface Placed {
  readonly repo: RepoId;
  /** As the tags say for ever. */
  readonly tagged: ScopeId;
  /** Where the store has it; null: nobody can say. */
  scope: ScopeId | null;
  /** Written down in this store, not in one that was lost. */
  isOurs: boolean;
  readonly repoMax: number | null;
  readonly at: number;
}

export interface OwnFiles {
  /** Answers whether something is taken away. */
  narrows(repo: RepoId, own: Maxima | null): boolean;
  governs(repo: RepoId, isOwn: boolean): void;
  intended(launch: Launch, intent: Intent | undefined): void;
  moved(move: Move, maxOf: (scope: ScopeId, rule: string) => number): void;
  /** The store is lost: what counts where is told by tags from then on. */
  forget(): void;
  /** What an instance counts for; '': nobody can say. */
  scopeOf(instance: Pick<Ec2Instance, 'tags'>): string;
  /** Its machines are not more than its own file allows. */
  checkLaunch(launch: LaunchId): void;
  /** Some version of its own file has no place for it. */
  mayEnd(instance: Ec2Instance, isCounted: (one: Ec2Instance) => boolean): boolean;
}

export function createOwnFiles(kernel: Kernel, ec2: Ec2Model, ageMs: number): OwnFiles {
  const versions = createVersions<RepoId, Maxima | null>(kernel, ageMs);
  const governing = createVersions<RepoId, boolean>(kernel, ageMs);
  const placed = new Map<LaunchId, Placed>();
  /** Where the store has a repository itself. */
  const places = new Map<RepoId, ScopeId>();

  const allows = (own: Maxima | null, rule: string): number =>
    own === null ? Number.POSITIVE_INFINITY : (own.get(rule) ?? 0);

  function scopeOf({ tags }: Pick<Ec2Instance, 'tags'>): string {
    const of = placed.get(tags['dstack:launch'] ?? '');
    return of ? (of.scope ?? '') : (tags['dstack:scope'] ?? '');
  }

  const liveOf = (repo: RepoId, rule: string, scope: string): readonly Ec2Instance[] =>
    [...ec2.instances.values()].filter(
      (one) =>
        isLive(one) &&
        one.tags['dstack:repo'] === String(repo) &&
        one.tags['dstack:rule'] === rule &&
        scopeOf(one) === scope,
    );

  function checkMoved({ repo, to }: Move, maxOf: (scope: ScopeId, rule: string) => number) {
    const its = [...ec2.instances.values()].filter((one) => {
      const of = placed.get(one.tags['dstack:launch'] ?? '');
      return isLive(one) && of?.repo === repo && of.scope === to && of.isOurs;
    });
    if (its.length > 0) kernel.mark('repository moved with machines');
    for (const rule of new Set(its.map(({ tags }) => tags['dstack:rule'] ?? ''))) {
      const count = [...ec2.instances.values()].filter(
        (one) => isLive(one) && one.tags['dstack:rule'] === rule && scopeOf(one) === to,
      ).length;
      const text = `${repo} came to ${to}, where ${count} of ${rule} are live now`;
      kernel.invariant(count <= maxOf(to, rule), 'move', text);
    }
  }

  return {
    narrows(repo, own) {
      const before = versions.newest(repo);
      if (!versions.push(repo, own)) return false;
      if (own === null || before === undefined) return false;
      return before === null || [...before].some(([rule, most]) => allows(own, rule) < most);
    },
    governs: (repo, isOwn) => void governing.push(repo, isOwn),
    intended({ id, scope, repo, rule }, intent) {
      const repoMax = intent?.repoMax ?? null;
      placed.set(id, { repo, tagged: scope, scope, isOurs: true, repoMax, at: kernel.now() });
      if (!isOwnerScope(scope)) {
        const isOwn = governing.known(repo);
        const text = `${id} was intended by the own file of ${repo}, which its owner does not let govern`;
        kernel.invariant(isOwn.length === 0 || isOwn.includes(true), 'own-rules', text);
        return;
      }
      if (repoMax !== null) kernel.mark('own file narrows');
      const most = repoMax ?? intent?.max ?? 0;
      const text = `${id} was intended by ${most} of ${rule}, which the file of ${repo} does not allow`;
      const known = versions.known(repo);
      const isAllowed = known.length === 0 || known.some((own) => allows(own, rule) >= most);
      kernel.invariant(isAllowed, 'own-rules', text);
    },
    moved(move, maxOf) {
      const { repo, from, to } = move;
      places.set(repo, to);
      for (const of of placed.values()) {
        if (of.repo !== repo || of.scope !== from) continue;
        // One that an earlier store launched may have been met before the move, or after it.
        of.scope = of.isOurs || !isOwnerScope(from) ? to : null;
      }
      checkMoved(move, maxOf);
    },
    forget() {
      places.clear();
      for (const of of placed.values()) {
        of.isOurs = false;
        of.scope = isOwnerScope(of.tagged) ? of.tagged : repoScope(of.repo);
      }
    },
    scopeOf,
    checkLaunch(launch) {
      const of = placed.get(launch);
      if (!of || of.scope === null || !isOwnerScope(of.scope)) return;
      const [first] = [...ec2.instances.values()].filter(
        ({ tags }) => tags['dstack:launch'] === launch,
      );
      const rule = first?.tags['dstack:rule'] ?? '';
      const lately = [...placed.values()]
        .filter((one) => one.repo === of.repo && one.at >= kernel.now() - ageMs)
        .map(({ repoMax }) => repoMax ?? Number.POSITIVE_INFINITY);
      const most = Math.max(allows(versions.newest(of.repo) ?? null, rule), ...lately);
      const count = liveOf(of.repo, rule, of.scope).length;
      const text = `${count} of ${rule} are live for ${of.repo}, its own maximum is ${most}`;
      kernel.invariant(count <= most, 'own-max', text);
      if (count === most) kernel.mark('own maximum reached');
    },
    mayEnd({ tags }, isCounted) {
      const repo = Number(tags['dstack:repo']);
      const rule = tags['dstack:rule'] ?? '';
      const live = [...ec2.instances.values()].filter(
        (one) =>
          one.tags['dstack:repo'] === tags['dstack:repo'] &&
          one.tags['dstack:rule'] === rule &&
          isCounted(one),
      ).length;
      return versions.known(repo).some((own) => live > allows(own, rule));
    },
  };
}
