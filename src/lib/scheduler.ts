import type { Clock, Instant } from './clock.ts';

/** Runs keyed tasks, one at a time for each key, when they are due or woken. */
export interface Scheduler {
  /** Runs the key's task now; if it runs already, once more right after. */
  wake(key: string): void;
  /** Runs the key's task within that time, unless it is due earlier. */
  within(key: string, ms: number): void;
  /** Runs the key's task now, and resolves when a run that began after this has ended. */
  settled(key: string): Promise<void>;
  /** No new task starts; resolves when those under way have ended. */
  stop(): Promise<void>;
}

export interface SchedulerDeps {
  readonly clock: Clock;
  /** How many tasks run at once. */
  readonly most: number;
  /** Does the key's work; answers in how many ms it is due again, undefined: when woken. */
  readonly run: (key: string) => Promise<number | undefined>;
  /** What a task throws is a bug; it is due again after `retryMs`. */
  readonly onError: (error: unknown, key: string) => void;
  readonly retryMs: number;
}

interface Entry {
  /** undefined: only when woken. */
  due: Instant | undefined;
  isRunning: boolean;
  /** Those who wait for the end of the next run. */
  waiting: (() => void)[];
}

export function createScheduler(deps: SchedulerDeps): Scheduler {
  const { clock } = deps;
  const entries = new Map<string, Entry>();
  const running = new Set<Promise<void>>();
  let isStopped = false;
  let nap = new AbortController();
  /** When the loop looks again by itself. */
  let napUntil: Instant = Number.NEGATIVE_INFINITY;

  /** Only what is due before the nap's end ends it: most wakes and ends of tasks do not. */
  function rouse(due: Instant): void {
    if (due < napUntil) nap.abort(AWAKE);
  }

  async function runOne(key: string, entry: Entry): Promise<void> {
    entry.isRunning = true;
    entry.due = undefined;
    const { waiting } = entry;
    entry.waiting = [];
    let again: number | undefined;
    try {
      again = await deps.run(key);
    } catch (error) {
      deps.onError(error, key);
      again = deps.retryMs;
    }
    entry.isRunning = false;
    for (const resolve of waiting) resolve();
    const due = again === undefined ? undefined : clock.now() + again;
    entry.due = Math.min(entry.due ?? NEVER, due ?? NEVER);
    if (entry.due === NEVER) entries.delete(key);
  }

  function startDue(): void {
    for (const [key, entry] of entries) {
      if (running.size >= deps.most) return;
      if (entry.isRunning || entry.due === undefined || entry.due > clock.now()) continue;
      const work = runOne(key, entry).finally(() => {
        running.delete(work);
        // Where all places were taken, somebody may have waited for this one.
        rouse(running.size + 1 >= deps.most ? clock.now() : (entry.due ?? NEVER));
      });
      running.add(work);
    }
  }

  function nextDue(): Instant {
    if (running.size >= deps.most) return NEVER;
    let next = NEVER;
    for (const { isRunning, due } of entries.values()) {
      if (!isRunning && due !== undefined && due < next) next = due;
    }
    return next;
  }

  async function loop(): Promise<void> {
    while (!isStopped) {
      nap = new AbortController();
      startDue();
      const now = clock.now();
      napUntil = Math.min(now + LONGEST_NAP_MS, nextDue());
      await clock.sleep(Math.max(0, napUntil - now), nap.signal);
    }
  }
  const looping = loop();

  function entryOf(key: string): Entry {
    const entry = entries.get(key) ?? { due: undefined, isRunning: false, waiting: [] };
    entries.set(key, entry);
    return entry;
  }

  function within(key: string, ms: number): void {
    if (isStopped) return;
    const entry = entryOf(key);
    const due = clock.now() + ms;
    if (entry.due !== undefined && entry.due <= due) return;
    entry.due = due;
    if (!entry.isRunning && running.size < deps.most) rouse(due);
  }

  return {
    within,
    wake: (key) => within(key, 0),
    settled(key) {
      if (isStopped) return Promise.resolve();
      return new Promise((resolve) => {
        entryOf(key).waiting.push(resolve);
        within(key, 0);
      });
    },
    async stop() {
      isStopped = true;
      nap.abort(AWAKE);
      await looping;
      // Who waits for a run that will not come is let go, else what runs could not end.
      for (const { waiting } of entries.values()) for (const resolve of waiting) resolve();
      await Promise.all(running);
    },
  };
}

const NEVER = Number.POSITIVE_INFINITY;
/** Without a reason of ours, each abort makes an error with a stack that nobody reads. */
const AWAKE = 'awake';
/** The loop is woken by every change; this only bounds a mistake of ours. */
const LONGEST_NAP_MS = 60_000;
