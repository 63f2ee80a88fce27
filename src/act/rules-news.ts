import type { Instant } from '../lib/clock.ts';
import type { ScopeId } from '../model/ids.ts';
import type { RulesProblem } from '../model/rules.ts';
import type { RulesRecord, Store } from '../store/port.ts';

/** A commit of the default branch that changed the rules file, and that was not told yet. */
export interface RulesNews {
  readonly sha: string;
  /** The text in force before; null: there was none. */
  readonly before: string | null;
  /** The commit of that text; null: not known. */
  readonly inForce: string | null;
  /** The file at the commit, good or bad; null: the commit deleted it. */
  readonly text: string | null;
  /** Something else is in its place; left out: nothing is. */
  readonly problem?: RulesProblem;
}

const SHA = /^[0-9a-f]{40,64}$/;
const keyOf = (scope: ScopeId): string => `rules-news:${scope}`;

/**
 * Written before the record is, so that a crash between the two tells twice rather than not at all.
 * The first reading is news only where it finds errors: nobody changed anything.
 */
export async function noteNews(
  store: Store,
  old: RulesRecord | null,
  read: Pick<RulesNews, 'text' | 'problem'> & {
    readonly record: RulesRecord;
    readonly ref: string;
  },
): Promise<void> {
  const { record, ref, text, problem } = read;
  const isSame = old?.text === record.text && old.errors === record.errors;
  const isFirst = !old || old.readAt === 0;
  if (isSame || !SHA.test(ref) || (isFirst && record.errors === null)) return;
  const before = old?.text ?? null;
  const inForce = old?.commit ?? null;
  const news: RulesNews = { sha: ref, before, inForce, text, ...(problem ? { problem } : {}) };
  await store.saveFact(keyOf(record.scope), JSON.stringify(news), record.readAt);
}

export async function newsOf(
  store: Store,
  scope: ScopeId,
): Promise<{ readonly news: RulesNews; readonly at: Instant } | null> {
  const fact = await store.fact(keyOf(scope));
  if (!fact?.value) return null;
  // It was written by the function above.
  return { news: JSON.parse(fact.value) as RulesNews, at: fact.at };
}

/** Unless something newer came while it was told. */
export async function forgetNews(
  store: Store,
  of: { readonly scope: ScopeId; readonly sha: string; readonly now: Instant },
): Promise<void> {
  const known = await newsOf(store, of.scope);
  if (known?.news.sha === of.sha) await store.saveFact(keyOf(of.scope), '', of.now);
}
