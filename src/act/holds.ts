import { isDeepStrictEqual } from 'node:util';
import type { Instant } from '../lib/clock.ts';
import type { RuleId, ScopeId } from '../model/ids.ts';
import { type RulesChange, type RulesFile, ruleId } from '../model/rules.ts';
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

type Facts = Pick<Store, 'fact' | 'swapFact'>;

/** Each lost race is another's change that was kept, and few doors are open at once. */
const MOST_SWAPS = 20;

export const holdsKey = (scope: ScopeId) => `hold:${scope}`;

export const holdsOf = async (
  store: Pick<Store, 'fact'>,
  scope: ScopeId,
): Promise<readonly Hold[]> => parseHolds((await store.fact(holdsKey(scope))) ?? undefined);

export const parseHolds = (fact: Fact | undefined): readonly Hold[] =>
  fact ? (JSON.parse(fact.value) as readonly Hold[]) : [];

/** Nothing held is known too; a new database knows nothing. */
export const isHoldKnown = async (store: Facts, scope: ScopeId): Promise<boolean> =>
  (await store.fact(holdsKey(scope))) !== null;

/** The first word on what is held; who stored anything meanwhile knew better. */
export async function firstHolds(
  store: Facts,
  of: { readonly scope: ScopeId; readonly holds: readonly Hold[]; readonly now: Instant },
): Promise<void> {
  await store.swapFact(holdsKey(of.scope), { from: null, to: JSON.stringify(of.holds) }, of.now);
}

/** Whatever else was stored meanwhile stays, also what another door stores in the same moment. */
export async function changeHolds(
  store: Facts,
  of: {
    readonly scope: ScopeId;
    readonly drop: readonly Hold[];
    readonly add: readonly Hold[];
    readonly now: Instant;
  },
): Promise<void> {
  const { scope, drop, add, now } = of;
  const isDropped = (hold: Hold) => drop.some((one) => isDeepStrictEqual(one, hold));
  for (let tries = 0; tries < MOST_SWAPS; tries += 1) {
    const fact = await store.fact(holdsKey(scope));
    const kept = parseHolds(fact ?? undefined).filter((hold) => !isDropped(hold));
    const change = { from: fact?.value ?? null, to: JSON.stringify([...kept, ...add]) };
    if (await store.swapFact(holdsKey(scope), change, now)) return;
  }
  throw new Error(`what is held in ${scope} changed ${MOST_SWAPS} times while it was written`);
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

/** Whether a command takes back what is held, or says it anew. */
function isOvertaken({ restricts }: Hold, change: RulesChange): boolean {
  switch (change.kind) {
    case 'clear':
      return restricts.kind !== 'disabled';
    case 'enabled':
      return restricts.kind === 'disabled';
    case 'allow':
      if (restricts.kind === 'max') return restricts.rule === ruleId(change.type, change.region);
      return restricts.kind === 'clear' && change.max > 0;
  }
}

/** What a command finds held, and what has to be written together with it. */
export interface Taken {
  /** These end with the change: it says itself what of them still holds. */
  readonly taken: readonly Hold[];
  /** Before the change, the taken ones among them. */
  readonly all: readonly Hold[];
  /** What of the taken ones goes on, then the change itself. */
  readonly changes: readonly RulesChange[];
}

/**
 * A command that undoes what is held ends the pull request that asked for it. What else that one asked
 * for goes on with the new change, and so does what could not be committed before.
 */
export function takeOver(holds: readonly Hold[], change: RulesChange): Taken {
  const overtaken = holds.filter((hold) => isOvertaken(hold, change));
  const pulls = new Set(overtaken.flatMap(({ pull }) => pull ?? []));
  const taken = holds.filter(
    (hold) => hold.pull === null || pulls.has(hold.pull) || overtaken.includes(hold),
  );
  // One rule is allowed again after a clear: the others stay cleared.
  const goesOn = (hold: Hold) =>
    !overtaken.includes(hold) || (change.kind === 'allow' && hold.restricts.kind === 'clear');
  const before = taken.filter(goesOn).map(({ restricts }) => changeOf(restricts));
  return { taken, all: holds, changes: [...before, change] };
}

function changeOf(restricts: Hold['restricts']): RulesChange {
  if (restricts.kind === 'clear') return { kind: 'clear' };
  if (restricts.kind === 'disabled') return { kind: 'enabled', value: false };
  const [type = '', region = ''] = restricts.rule.split('/');
  return { kind: 'allow', type, region, max: restricts.max };
}

/** Whether the file says itself what is held: then nothing needs to be held against it. */
export function isSaid({ restricts }: Hold, file: RulesFile): boolean {
  if (restricts.kind === 'clear') return file.rules.length === 0;
  if (restricts.kind === 'disabled') return !file.enabled;
  const max = file.rules.find(({ id }) => id === restricts.rule)?.max ?? 0;
  return max <= restricts.max;
}

/** A sentence for each thing that is held, for whoever reads the rules. */
export const holdTexts = (holds: readonly Hold[]): readonly string[] =>
  holds.map(({ restricts, pull }) => {
    const what =
      restricts.kind === 'max'
        ? `${restricts.rule.replace('/', ' in ')} is held at ${restricts.max}`
        : restricts.kind === 'clear'
          ? 'All rules are held back'
          : 'Autoscaling is held off';
    const until =
      pull === null ? 'until a command takes it back' : `until #${pull} is merged or closed`;
    return `${what} ${until}.`;
  });
