import { createCache } from '../lib/cache.ts';
import type { Clock, Instant } from '../lib/clock.ts';
import {
  type Book,
  close,
  freeAt,
  parseBook,
  slotAt,
  take,
  turnOf,
  type Want,
  type Window,
} from './window.ts';

// Windows that processes share: each account has a book in the store, which is written by compare and
// set. A process that calls often takes several at once, so that it need not ask each time; one that is
// alone writes without reading first.

export interface Windows {
  /** Takes one of each, or of none; undefined: it is taken. Else when there will be room. */
  take(account: string, windows: readonly Window[]): Promise<Instant | undefined>;
  /** When it is that one's turn: not later than now, if it may go. First come, first served. */
  turn(account: string, window: Window, who: string): Promise<Instant>;
  /** Until when it is full, as far as is known here; undefined: it is not. */
  fullUntil(account: string, window: Window): Promise<Instant | undefined>;
  /** The other side refuses everything of that name until then; `ALL`: everything. */
  close(account: string, name: string, until: Instant): Promise<void>;
}

/** The part of the store that it needs. */
export interface Facts {
  fact(key: string): Promise<{ readonly value: string } | null>;
  swapFact(
    key: string,
    change: { readonly from: string | null; readonly to: string },
    now: Instant,
  ): Promise<boolean>;
}

interface Lot {
  /** It may be used in this one. */
  readonly slot: number;
  /** It was counted in this one. */
  readonly counted: number;
  /** The first of a slot is one, each further one is twice as large. */
  readonly size: number;
  left: number;
}

const MOST_ACCOUNTS = 10_000;
const MOST_LOTS = 100_000;
/** When so many others were faster, there is a crowd. */
const MOST_TRIES = 16;
const CROWD_MS = 1000;
/** What another process closed or took is known after that. */
const KNOWN_MS = 10_000;

export function createWindows(deps: {
  readonly clock: Clock;
  readonly facts: Facts;
  /** What the books' keys begin with. */
  readonly name: string;
}): Windows {
  const { clock, facts } = deps;
  const books = createCache<{ readonly text: string | null }>(clock, MOST_ACCOUNTS);
  const lots = createCache<Lot>(clock, MOST_LOTS);
  const underWay = new Map<string, Promise<unknown>>();
  const keyOf = (account: string) => `${deps.name}|${account}`;

  async function read(account: string): Promise<string | null> {
    const text = (await facts.fact(keyOf(account)))?.value ?? null;
    books.set(account, { text });
    return text;
  }

  /** Writes what `change` makes of the book; null: it stays as it is. Undefined: others were faster. */
  async function edit<T>(
    account: string,
    change: (book: Book) => { readonly book: Book | null; readonly found: T },
  ): Promise<T | undefined> {
    for (let tries = 0; tries < MOST_TRIES; tries += 1) {
      const known = tries === 0 ? books.get(account, KNOWN_MS) : undefined;
      const from = known ? known.text : await read(account);
      const { book, found } = change(parseBook(from));
      // What is remembered may be refused no longer.
      if (book === null && known) continue;
      if (book === null) return found;
      const to = JSON.stringify(book);
      if (to === from) return found;
      if (await facts.swapFact(keyOf(account), { from, to }, clock.now())) {
        books.set(account, { text: to });
        return found;
      }
    }
    return undefined;
  }

  const lotKey = (account: string, { name }: Window) => `${account}|${name}`;

  const lastLot = (account: string, window: Window) =>
    lots.get(lotKey(account, window), Number.POSITIVE_INFINITY);

  function lotOf(account: string, window: Window): Lot | undefined {
    const lot = lastLot(account, window);
    return lot?.slot === slotAt(window, clock.now()) ? lot : undefined;
  }

  /** Those of which this process has none any more. */
  const spent = (account: string, windows: readonly Window[]) =>
    windows.filter((window) => (lotOf(account, window)?.left ?? 0) === 0);

  function spend(account: string, windows: readonly Window[]): void {
    for (const window of windows) {
      const lot = lastLot(account, window);
      if (lot) lot.left -= 1;
    }
  }

  async function ask(account: string, windows: readonly Window[]): Promise<Instant | undefined> {
    const now = clock.now();
    const wants = spent(account, windows).map((window): Want => {
      const size = lotOf(account, window)?.size;
      // What the last slot had left is of use to others.
      const last = lastLot(account, window);
      const back = last && last.left > 0 ? { slot: last.counted, count: last.left } : undefined;
      return { window, count: size === undefined ? 1 : 2 * size, back };
    });
    const took = await edit(account, (book) => {
      const found = take(book, wants, now);
      return { book: found.ok ? found.book : null, found };
    });
    if (!took?.ok) return took?.at ?? now + CROWD_MS;
    for (const [i, { window, count: size }] of wants.entries()) {
      const { slot: counted = 0, count: left = 0 } = took.lots[i] ?? {};
      lots.set(lotKey(account, window), { slot: slotAt(window, now), counted, size, left });
    }
    spend(account, windows);
    return undefined;
  }

  const takeAll: Windows['take'] = async (account, windows) => {
    // One asks for all of this process that come at the same time.
    for (let other = underWay.get(account); other; other = underWay.get(account)) await other;
    if (spent(account, windows).length === 0) {
      spend(account, windows);
      return undefined;
    }
    const asked = ask(account, windows).finally(() => underWay.delete(account));
    underWay.set(account, asked);
    return asked;
  };

  return {
    take: takeAll,
    async turn(account, window, who) {
      if ((await takeAll(account, [window])) === undefined) return clock.now();
      const at = await edit(account, (book) => {
        const { at, book: after } = turnOf(book, window, { who, now: clock.now() });
        return { book: after, found: at };
      });
      return at ?? clock.now() + CROWD_MS;
    },
    async fullUntil(account, window) {
      const known = books.get(account, KNOWN_MS);
      const book = parseBook(known ? known.text : await read(account));
      const at = freeAt(book, window, clock.now());
      return at > clock.now() ? at : undefined;
    },
    async close(account, name, until) {
      await edit(account, (book) => ({ book: close(book, name, until), found: true }));
    },
  };
}

/** For one process alone. */
export function ownFacts(clock: Clock): Facts {
  const values = createCache<string>(clock, MOST_ACCOUNTS);
  const textAt = (key: string) => values.get(key, Number.POSITIVE_INFINITY) ?? null;
  return {
    async fact(key) {
      const value = textAt(key);
      return value === null ? null : { value };
    },
    async swapFact(key, { from, to }) {
      if (textAt(key) !== from) return false;
      values.set(key, to);
      return true;
    },
  };
}
