import type { RepoRef } from '../github/port.ts';
import type { Instant } from '../lib/clock.ts';
import type { InstallationId, RepoId } from '../model/ids.ts';
import { done, type Refused, type Reply } from '../model/reply.ts';
import type { GitHubModel } from './github.ts';
import { isAmong, type Repo } from './github-state.ts';
import type { Process } from './process.ts';

// What the in-process ports have in common: a call of a process, counted and perhaps refused.

export const NOT_FOUND: Refused = {
  ok: false,
  reason: 'missing',
  code: '404',
  message: 'Not Found',
};
/** No token is given any more: that says nothing of what it was wanted for. */
export const UNINSTALLED: Refused = {
  ok: false,
  reason: 'denied',
  code: '404',
  message: 'Not Found',
};
export const SUSPENDED: Refused = {
  ok: false,
  reason: 'denied',
  code: '403',
  message: 'This installation has been suspended',
};
const UNANSWERED: Refused = {
  ok: false,
  reason: 'unreachable',
  code: 'ETIMEDOUT',
  message: 'no answer',
};
/** What changes something; the rest are reads. */
const WRITES: ReadonlySet<string> = new Set([
  ...['register', 'removeRunner', 'redeliver', 'rerunFailed', 'rerunJob'],
  ...['comment', 'editComment', 'react', 'unreact', 'check', 'commitFile'],
  ...['makeBranch', 'deleteBranch', 'openPull', 'closePull'],
]);

/** GitHub's advice where a secondary limit comes without a time. */
const SECONDARY_MS = 60_000;

const throttled = (retryAt: Instant): Refused => ({
  ok: false,
  reason: 'throttled',
  code: '403',
  message: 'API rate limit exceeded',
  retryAt,
});

/** The repository as this installation may see it. */
export function findRepo(
  { state }: Pick<GitHubModel, 'state'>,
  installation: InstallationId,
  id: RepoId,
): Reply<Repo> {
  const of = state.installations.get(installation);
  if (of === undefined) return UNINSTALLED;
  if (of.suspendedAt !== null) return SUSPENDED;
  const repo = state.repos.get(id);
  return repo !== undefined && isAmong(of, repo) ? done(repo) : NOT_FOUND;
}

/** Faults and gates know a call as `github.<name>`. */
export function createCalls(model: GitHubModel, process: Process) {
  const call = <T>(
    name: string,
    installation: InstallationId | undefined,
    effect: () => Reply<T>,
  ): Promise<Reply<T>> =>
    process.call<Reply<T>>(
      `github.${name}`,
      () => {
        const budget = model.spend(name, installation, WRITES.has(name));
        if (budget.isOver) return throttled(budget.resetAt);
        return budget.closedUntil === undefined ? effect() : throttled(budget.closedUntil);
      },
      {
        unanswered: () => UNANSWERED,
        throttled: () => throttled(model.state.kernel.now() + SECONDARY_MS),
      },
    );
  const ofRepo = <T>(name: string, ref: RepoRef, effect: (repo: Repo) => Reply<T>) =>
    call(name, ref.installation, () => {
      const found = findRepo(model, ref.installation, ref.id);
      return found.ok ? effect(found.value) : found;
    });
  return { call, ofRepo };
}
