import type { Instant } from '../lib/clock.ts';
import type { ScopeId } from '../model/ids.ts';
import { knockedKey } from '../model/register-time.ts';
import type { Rule } from '../model/rules.ts';
import type { PastMachine, RuleView } from '../model/world.ts';
import type { Fact, MachineOfRule, Store } from '../store/port.ts';

const DAY_MS = 24 * 3_600_000;
/** More than one launch makes: what came before does not change what is to be thought of a rule. */
const MOST = 100;

export const anewKey = (scope: ScopeId): string => `anew:${scope}`;

/** A push or a command: what machines did before says nothing of the rules any more. */
export const beginAnew = (store: Store, scope: ScopeId, now: Instant): Promise<void> =>
  store.saveFact(anewKey(scope), '', now);

/** What became of the rules' last machines. */
export async function historyOf(
  store: Store,
  of: {
    readonly scope: ScopeId;
    readonly rules: readonly Rule[];
    /** When the history began anew; undefined: never. */
    readonly anewAt: Instant | undefined;
    readonly now: Instant;
  },
): Promise<(view: RuleView) => RuleView> {
  const since = Math.max(of.now - DAY_MS, of.anewAt === undefined ? 0 : of.anewAt + 1);
  const known = new Map<string, readonly PastMachine[]>();
  for (const { id: rule } of of.rules) {
    const found = await store.machinesOfRule({ scope: of.scope, rule, since, limit: MOST });
    const silent = found.flatMap((one) => (one.id === null || hasRegistered(one) ? [] : [one.id]));
    const knocks = await store.facts(silent.map(knockedKey));
    known.set(
      rule,
      found.filter(isKnownOf).map((one) => pastMachine(one, knocks)),
    );
  }
  return (view) => ({ ...view, history: known.get(view.id) ?? [] });
}

/** Of a machine that had ended when we first saw it, after a lost database, nothing is known. */
const isKnownOf = ({ launchedAt, createdAt, goneAt }: MachineOfRule): boolean =>
  launchedAt === null || goneAt === null || goneAt > createdAt;

const hasRegistered = ({ registeredAt, onlineAt, startedAt, finishedAt }: MachineOfRule): boolean =>
  [registeredAt, onlineAt, startedAt, finishedAt].some((at) => at !== null);

function pastMachine(one: MachineOfRule, knocks: ReadonlyMap<string, Fact>): PastMachine {
  const { id, createdAt, launchedAt, zone, endAskedAt, goneAt, code } = one;
  const reason = one.ec2Reason || one.reason;
  return {
    ...{ id, zone, createdAt, launchedAt, endAskedAt, goneAt, reason },
    hasRegistered: hasRegistered(one),
    ...(id !== null && knocks.has(knockedKey(id)) && { hasKnocked: true }),
    refusal: code,
  };
}
