import type { Instant } from '../lib/clock.ts';
import { fieldsOf } from './github-json.ts';

// What the other side takes at most within a time: GitHub's 180 registrations in any minute, for one.
// Counted in sixty slots. What is taken in a slot is used in it, so that whoever takes some for later
// is counted rightly: any minute is within sixty-one slots.

export interface Window {
  readonly name: string;
  readonly most: number;
  readonly ms: number;
}

/** How many were taken in which slot, the oldest first. */
type Taken = readonly (readonly [slot: number, count: number])[];

/** One account's windows and lines. */
export interface Book {
  /** By the window's name. */
  readonly taken: Readonly<Record<string, Taken>>;
  /** Whose turn is when. */
  readonly turns: Readonly<Record<string, Instant>>;
  /** The other side takes nothing before then, by the window's name; `ALL`: of no window. */
  readonly closed: Readonly<Record<string, Instant>>;
}

export const ALL = '';
const EMPTY: Book = { taken: {}, turns: {}, closed: {} };
const SLOTS = 60;
/** Clocks differ: what another process took in the next slot keeps nobody from taking of it now. */
const EARLY = 1;
/** With the slot in which a window begins, and one more, because calls do not all travel at one speed. */
const SPAN = SLOTS + 2 + EARLY;
/** Turns are not given out further ahead: the world may be another one by then. */
const MOST_AHEAD = 10 * SLOTS;
/** Whoever has not come by then will not come. */
const TURN_KEPT_MS = 10 * 60_000;

const slotMs = ({ ms }: Window): number => ms / SLOTS;
export const slotAt = (window: Window, at: Instant): number => Math.floor(at / slotMs(window));

export interface Want {
  readonly window: Window;
  /** More than one: some for later in the same slot, if they are there. */
  readonly count: number;
  /** What was taken earlier, and nobody used. */
  readonly back?: { readonly slot: number; readonly count: number } | undefined;
}

/** How many of each and in which slot, and the book after it; or when there will be one of each. */
export type Took =
  | {
      readonly ok: true;
      readonly lots: readonly { readonly slot: number; readonly count: number }[];
      readonly book: Book;
    }
  | { readonly ok: false; readonly at: Instant };

/** Takes of all, or of none. */
export function take(before: Book, wants: readonly Want[], now: Instant): Took {
  const given = wants.map(({ window, back }) => [window.name, without(before, window, back)]);
  const book = { ...before, taken: { ...before.taken, ...Object.fromEntries(given) } };
  const at = Math.max(...wants.map(({ window }) => freeAt(book, window, now)));
  if (at > now) return { ok: false, at };
  const lots = wants.map(({ window, count }) => {
    const slot = freeSlot(book, window, now);
    return { slot, count: Math.min(count, roomIn(book, window, slot)) };
  });
  const taken = wants.map(({ window }, i) => {
    const { slot = 0, count = 0 } = lots[i] ?? {};
    return [window.name, added(book, window, { slot, count, now })];
  });
  const after = { ...book.taken, ...Object.fromEntries(taken) };
  return { ok: true, lots, book: { ...book, taken: after } };
}

function without({ taken }: Book, { name }: Window, back: Want['back']): Taken {
  return (taken[name] ?? [])
    .map(([slot, count]) => [slot, slot === back?.slot ? count - back.count : count] as const)
    .filter(([, count]) => count > 0);
}

/** Whose turn is when; null: a turn so far ahead is not kept, and whoever comes then gets another. */
export function turnOf(
  book: Book,
  window: Window,
  { who, now }: { readonly who: string; readonly now: Instant },
): { readonly at: Instant; readonly book: Book | null } {
  const known = book.turns[who];
  // Turns within a time in which nothing was taken are lost.
  if (known !== undefined && known >= closedUntil(book, window)) return { at: known, book };
  const at = freeAt(book, window, now);
  const slot = freeSlot(book, window, now);
  if (slot - slotAt(window, now) > MOST_AHEAD) return { at, book: null };
  const turns = Object.entries(book.turns).filter(([, turn]) => turn > now - TURN_KEPT_MS);
  const taken = { ...book.taken, [window.name]: added(book, window, { slot, count: 1, now }) };
  return { at, book: { ...book, taken, turns: Object.fromEntries([...turns, [who, at]]) } };
}

export const close = (book: Book, name: string, until: Instant): Book => ({
  ...book,
  closed: { ...book.closed, [name]: Math.max(until, book.closed[name] ?? 0) },
});

const closedUntil = ({ closed }: Book, { name }: Window): Instant =>
  Math.max(closed[ALL] ?? 0, closed[name] ?? 0);

/** `now`, when there is room, and nobody stands in line for it. */
export function freeAt(book: Book, window: Window, now: Instant): Instant {
  const from = Math.max(now, closedUntil(book, window));
  return Math.max(from, (freeSlot(book, window, now) - EARLY) * slotMs(window));
}

/**
 * The first slot with room; while somebody stands in line not before the newest in which something was
 * taken. Without a line that was a clock which is ahead, and takes nothing but its own.
 */
function freeSlot(book: Book, window: Window, now: Instant): number {
  const from = Math.max(now, closedUntil(book, window));
  const taken = book.taken[window.name] ?? [];
  const isLine = Object.values(book.turns).some((turn) => turn > now);
  const slot = Math.max(slotAt(window, from), isLine ? (taken.at(-1)?.[0] ?? 0) : 0);
  let left = window.most;
  // Backwards from the newest, to the one that makes the window full: it must be over.
  for (const [at, count] of taken.toReversed()) {
    left -= count;
    if (left <= 0) return Math.max(slot, at + SPAN);
  }
  return slot;
}

/** What is left in a slot. */
function roomIn(book: Book, window: Window, slot: number): number {
  const within = (book.taken[window.name] ?? []).filter(([at]) => at > slot - SPAN);
  return window.most - within.reduce((sum, [, count]) => sum + count, 0);
}

function added(
  book: Book,
  window: Window,
  { slot, count, now }: { readonly slot: number; readonly count: number; readonly now: Instant },
): Taken {
  const oldest = slotAt(window, now) - SPAN;
  const kept = new Map((book.taken[window.name] ?? []).filter(([at]) => at > oldest));
  kept.set(slot, (kept.get(slot) ?? 0) + count);
  return [...kept].sort(([a], [b]) => a - b);
}

export function parseBook(text: string | null): Book {
  if (text === null) return EMPTY;
  const { taken, turns, closed } = fieldsOf(JSON.parse(text)) as Partial<Book>;
  return { ...EMPTY, ...(taken && { taken }), ...(turns && { turns }), ...(closed && { closed }) };
}
