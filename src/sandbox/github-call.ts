import type { RepoRef } from '../github/port.ts';
import type { Instant } from '../lib/clock.ts';
import type { InstallationId, RepoId } from '../model/ids.ts';
import type { Meter, Purpose } from '../model/meter.ts';
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

/** Where calls are counted, and what they are for, as in the adapter. */
export interface Counted {
  readonly meter: Meter;
  readonly purpose: Purpose;
}

/** Asked as the adapter asks them: with the ETag of the last answer, and an equal one is free. */
const CONDITIONAL: ReadonlySet<string> = new Set([
  ...['file', 'unfinishedJobs', 'repositories', 'installations', 'failedDeliveries'],
  ...['runs', 'jobs'],
]);

interface Further {
  readonly name: 'runs' | 'jobs';
  readonly installation: InstallationId;
  readonly about: string;
}

/** How a call is counted. */
interface Books<T> {
  readonly about?: RepoId;
  /** What GitHub would have sent, where the reply is made of more than that. */
  readonly answerOf?: (reply: Reply<T>) => unknown;
}

/** Faults and gates know a call as `github.<name>`. */
export function createCalls(model: GitHubModel, process: Process, counted?: Counted) {
  const seen = new Map<string, string>();

  /** One request of GitHub's books and of ours; an answer that nothing had changed costs nothing. */
  const count = (
    request: { readonly key: string; readonly installation: InstallationId | undefined },
    answer: unknown,
  ) => {
    if (!counted) return;
    const { key, installation } = request;
    const [name = ''] = key.split(' ');
    const text = CONDITIONAL.has(name) ? JSON.stringify(answer) : undefined;
    const isFree = text !== undefined && seen.get(key) === text;
    if (text !== undefined) seen.set(key, text);
    if (isFree && installation !== undefined) model.refund(installation);
    counted.meter.count(String(installation ?? 'app'), counted.purpose, { isFree });
  };

  const call = <T>(
    name: string,
    installation: InstallationId | undefined,
    effect: () => Reply<T>,
    { about, answerOf = (reply) => reply }: Books<T> = {},
  ): Promise<Reply<T>> => {
    const spentUntil = counted?.meter.closedUntil(String(installation ?? 'app'), counted.purpose);
    if (spentUntil !== undefined) return Promise.resolve(throttled(spentUntil));
    return process.call<Reply<T>>(
      `github.${name}`,
      () => {
        const budget = model.spend(name, installation, WRITES.has(name));
        if (budget.isOver) return throttled(budget.resetAt);
        if (budget.closedUntil !== undefined) return throttled(budget.closedUntil);
        const reply = effect();
        count({ key: `${name} ${installation} ${about}`, installation }, answerOf(reply));
        return reply;
      },
      {
        unanswered: () => UNANSWERED,
        throttled: () => throttled(model.state.kernel.now() + SECONDARY_MS),
      },
    );
  };
  const ofRepo = <T>(
    name: string,
    ref: RepoRef,
    effect: (repo: Repo) => Reply<T>,
    answerOf?: (reply: Reply<T>) => unknown,
  ) =>
    call(
      name,
      ref.installation,
      () => {
        const found = findRepo(model, ref.installation, ref.id);
        return found.ok ? effect(found.value) : found;
      },
      { about: ref.id, ...(answerOf && { answerOf }) },
    );
  /** A further request that the adapter makes for the same question, in the books of both sides. */
  const also = ({ name, installation, about }: Further, answer: unknown): Refused | undefined => {
    if (!counted) return undefined;
    // The call that this belongs to is counted after it.
    const left = counted.meter.healingLeft(String(installation)) - 1;
    const isSpent = counted.purpose === 'healing' && left <= 0;
    if (isSpent) return throttled(model.state.kernel.now() + SECONDARY_MS);
    model.spend(name, installation);
    count({ key: `${name} ${about}`, installation }, answer);
    return undefined;
  };
  return { call, ofRepo, also };
}
