import type { Delivery } from '../model/event.ts';
import type { ScopeId } from '../model/ids.ts';
import { repoScope } from '../model/ids.ts';
import { answerComment } from './answer-comment.ts';
import type { ChangeDeps } from './change-rules.ts';

type Ask = Delivery & { readonly event: Extract<Delivery['event'], { kind: 'comment' }> };

export const isAsk = (delivery: Delivery): delivery is Ask => delivery.event.kind === 'comment';

/**
 * Comments that wait for their answer, one at a time for each scope, in their order. Each stays in the
 * store as not applied until it is answered, so a crash forgets none.
 */
export interface AnswerQueue {
  readonly size: number;
  add(delivery: Delivery): void;
  /** Answers the scope's next; in how many ms there is more to do, undefined when there is none. */
  answerNext(scope: ScopeId): Promise<number | undefined>;
}

export function createAnswerQueue(deps: ChangeDeps, wake: (scope: ScopeId) => void): AnswerQueue {
  const waiting = new Map<string, Ask>();
  const scopeOf = ({ event }: Ask) => repoScope(event.repo.id);
  return {
    get size() {
      return waiting.size;
    },
    add(delivery) {
      if (!isAsk(delivery) || waiting.has(delivery.id)) return;
      waiting.set(delivery.id, delivery);
      wake(scopeOf(delivery));
    },
    async answerNext(scope) {
      const mine = [...waiting.values()].filter((ask) => scopeOf(ask) === scope);
      const [next] = mine;
      if (!next) return undefined;
      const { store, clock, settings } = deps;
      const known = await store.repo(next.event.repo.id);
      // The first thing that we hear of a repository may be a command.
      if (!known) await store.noteRepos([next.event.repo], clock.now());
      const repo = known ?? (await store.repo(next.event.repo.id));
      const { comment } = next.event;
      if (repo && !(await answerComment(deps, { repo, comment }))) return settings.resyncMs / 4;
      await store.apply([next], clock.now());
      waiting.delete(next.id);
      return mine.length > 1 ? 0 : undefined;
    },
  };
}
