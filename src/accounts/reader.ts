import { createCache } from '../lib/cache.ts';
import type { Clock } from '../lib/clock.ts';
import type { ScopeId } from '../model/ids.ts';
import type { Reply } from '../model/reply.ts';
import type { Vault } from './port.ts';

/** How long a value is taken for good: so long may a changed one, or a new one, take to be seen. */
export const VALUE_FRESH_MS = 5 * 60_000;
/** That there is none is asked more often: people wait for what they just configured. */
export const NONE_FRESH_MS = 60_000;
/** Each question to a vault that does not answer holds up a tick. */
const FAILURE_FRESH_MS = 30_000;
/** While the vault does not answer, a value that was read lately serves on. */
const STALE_MS = 3_600_000;
const MOST = 10_000;

export interface Reader {
  /** As read at most `maxAgeMs` ago; one read at a time for a name, however many ask. */
  read(scope: ScopeId, maxAgeMs?: number): Promise<Reply<string>>;
  /** It was changed here: the next read asks the vault. */
  forget(scope: ScopeId): void;
}

export function createReader({ vault, clock }: { vault: Vault; clock: Clock }): Reader {
  const answers = createCache<Reply<string>>(clock, MOST);
  const values = createCache<Reply<string>>(clock, MOST);
  const reading = new Map<ScopeId, Promise<Reply<string>>>();

  function ask(scope: ScopeId): Promise<Reply<string>> {
    const work: Promise<Reply<string>> = vault
      .read(scope)
      .then((answer) => {
        // What was read before a change is not the answer after it.
        if (reading.get(scope) !== work) return answer;
        answers.set(scope, answer);
        if (answer.ok) values.set(scope, answer);
        return answer;
      })
      .finally(() => {
        if (reading.get(scope) === work) reading.delete(scope);
      });
    reading.set(scope, work);
    return work;
  }

  return {
    async read(scope, maxAgeMs = VALUE_FRESH_MS) {
      const known = answers.get(scope, maxAgeMs);
      if (known && answers.get(scope, freshMs(known))) return settle(scope, known);
      return settle(scope, await (reading.get(scope) ?? ask(scope)));
    },
    forget(scope) {
      answers.delete(scope);
      values.delete(scope);
      reading.delete(scope);
    },
  };

  function settle(scope: ScopeId, answer: Reply<string>): Reply<string> {
    const isOutage =
      !answer.ok && (answer.reason === 'unreachable' || answer.reason === 'throttled');
    return (isOutage ? values.get(scope, STALE_MS) : undefined) ?? answer;
  }
}

function freshMs(answer: Reply<string>): number {
  if (answer.ok) return VALUE_FRESH_MS;
  return answer.reason === 'missing' ? NONE_FRESH_MS : FAILURE_FRESH_MS;
}
