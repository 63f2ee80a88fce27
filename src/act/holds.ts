import type { Instant } from '../lib/clock.ts';
import type { RuleId, ScopeId } from '../model/ids.ts';
import type { RulesFile } from '../model/rules.ts';
import type { Fact, Store } from '../store/port.ts';

/**
 * What restricts and is not in the file yet: it is stored first, then acted on, then committed. With
 * a protected branch it stays until the pull request that asks for it is merged or closed.
 */
export interface Hold {
  readonly restricts:
    | { readonly kind: 'max'; readonly rule: RuleId; readonly max: number }
    | { readonly kind: 'clear' }
    | { readonly kind: 'disabled' };
  /** null while the commit is under way, or when it could not be made. */
  readonly pull: number | null;
  readonly since: Instant;
}

type Facts = Pick<Store, 'fact' | 'saveFact'>;

export const holdsKey = (scope: ScopeId) => `hold:${scope}`;

export const holdsOf = async (
  store: Pick<Store, 'fact'>,
  scope: ScopeId,
): Promise<readonly Hold[]> => parseHolds((await store.fact(holdsKey(scope))) ?? undefined);

export const parseHolds = (fact: Fact | undefined): readonly Hold[] =>
  fact ? (JSON.parse(fact.value) as readonly Hold[]) : [];

export async function saveHolds(
  store: Facts,
  of: { readonly scope: ScopeId; readonly holds: readonly Hold[]; readonly now: Instant },
): Promise<void> {
  await store.saveFact(holdsKey(of.scope), JSON.stringify(of.holds), of.now);
}

/** The file as it is in force: no hold ever allows more than the file does. */
export function underHolds(file: RulesFile, holds: readonly Hold[]): RulesFile {
  let held = file;
  for (const { restricts } of holds) held = restricted(held, restricts);
  return held;
}

function restricted(file: RulesFile, by: Hold['restricts']): RulesFile {
  if (by.kind === 'clear') return { ...file, rules: [] };
  if (by.kind === 'disabled') return { ...file, enabled: false };
  const rules = file.rules.map((rule) =>
    rule.id === by.rule ? { ...rule, max: Math.min(rule.max, by.max) } : rule,
  );
  return { ...file, rules: rules.filter(({ max }) => max > 0) };
}

/** What of a change takes something away, as holds; nothing where it only gives. */
export function holdsFor(before: RulesFile, after: RulesFile, now: Instant): readonly Hold[] {
  const hold = (restricts: Hold['restricts']): Hold => ({ restricts, pull: null, since: now });
  const isDisabled = before.enabled && !after.enabled ? [hold({ kind: 'disabled' })] : [];
  if (after.rules.length === 0 && before.rules.length > 0) {
    return [...isDisabled, hold({ kind: 'clear' })];
  }
  const lowered = before.rules.flatMap((rule) => {
    const max = after.rules.find(({ id }) => id === rule.id)?.max ?? 0;
    return max < rule.max ? [hold({ kind: 'max', rule: rule.id, max })] : [];
  });
  return [...isDisabled, ...lowered];
}
