import type { Clock, Instant } from '../lib/clock.ts';
import { isoOf } from '../lib/instant.ts';
import type { Random } from '../lib/random.ts';
import { backoffMs, type Http, isTransient } from './http.ts';
import { parseObject, textOf } from './json.ts';
import type { DaemonLog } from './log.ts';

export type EventKind =
  | 'online'
  | 'job-started'
  | 'job-finished'
  | 'interruption'
  | 'rebalance'
  | 'log'
  | 'ending';

/** What the app wants next of this machine, and when it said so. */
export interface Answer {
  readonly next: 'continue' | 'stop' | 'job';
  readonly jitConfig: string | undefined;
  /** The name that goes with it; undefined: the same as before. */
  readonly runner: string | undefined;
  readonly at: Instant;
}

export interface Reporter {
  report(kind: EventKind, facts?: object): void;
  /** The app's latest word; undefined before the first. */
  answer(): Answer | undefined;
  /** A heartbeat now, for the app's newest word. */
  ask(): void;
  /** Waits until everything reported so far has been heard, but not longer than this. */
  flush(withinMs: number): Promise<void>;
  close(): void;
}

export interface ReporterDeps {
  readonly clock: Clock;
  readonly random: Random;
  readonly http: Http;
  readonly log: DaemonLog;
}

const TIMEOUT_MS = 15_000;
/** A machine reports a dozen events in its life; more than this means that the app is long gone. */
const QUEUE_LIMIT = 100;

/**
 * Reports in order, each event until it is heard: its id makes a second telling harmless. While
 * there is nothing to tell, an empty list is the heartbeat, whose answer brings the app's orders.
 */
export function createReporter(
  deps: ReporterDeps,
  to: { readonly url: string; readonly session: string; readonly heartbeatMs: number },
): Reporter {
  const { clock } = deps;
  let queue: readonly object[] = [];
  let answer: Answer | undefined;
  let isClosed = false;
  let wake = new AbortController();
  let empty = new AbortController();

  async function send(events: readonly object[]): Promise<boolean> {
    const got = await deps.http({
      method: 'POST',
      url: `${to.url}/runner/v1/events`,
      headers: { 'content-type': 'application/json', authorization: `Bearer ${to.session}` },
      body: JSON.stringify({ events }),
      timeoutMs: TIMEOUT_MS,
    });
    if (isTransient(got.status)) return false;
    answer = parseAnswer(got.status, got.text, clock.now()) ?? answer;
    if (got.status !== 200) deps.log.warn({ status: got.status }, 'the app refused events');
    return true;
  }

  async function loop(): Promise<void> {
    let attempt = 0;
    while (!isClosed) {
      wake = new AbortController();
      const events = queue;
      const isHeard = await send(events);
      attempt = isHeard ? 0 : attempt + 1;
      if (isHeard) queue = queue.filter((event) => !events.includes(event));
      if (queue.length === 0) empty.abort();
      if (isHeard && queue.length > 0) continue;
      // A heartbeat that failed is not repeated: the next one is as good.
      const mustRetry = !isHeard && queue.length > 0;
      const waitMs = mustRetry ? backoffMs(attempt, deps.random) : to.heartbeatMs;
      await clock.sleep(waitMs, mustRetry ? undefined : wake.signal);
    }
  }

  const run = loop();
  run.catch((error: unknown) => deps.log.error({ error: String(error) }, 'the reporter broke'));

  return {
    report(kind, facts = {}) {
      const at = isoOf(clock.now());
      if (queue.length === 0) empty = new AbortController();
      const event = { id: deps.random.hex(16), at, kind, ...facts };
      queue = [...queue, event].slice(-QUEUE_LIMIT);
      wake.abort();
    },
    answer: () => answer,
    ask: () => wake.abort(),
    flush: (withinMs) => clock.sleep(withinMs, empty.signal),
    close() {
      isClosed = true;
      wake.abort();
    },
  };
}

/**
 * A refusal of the session is read as "stop": an app that no longer knows this machine has no work
 * for it. Any other refusal is no word at all; it may come from something that stands before the
 * app.
 */
export function parseAnswer(status: number, text: string, at: Instant): Answer | undefined {
  if (status === 401 || status === 403 || status === 410) {
    return { next: 'stop', jitConfig: undefined, runner: undefined, at };
  }
  if (status !== 200) return undefined;
  const body = parseObject(text);
  const next = body['next'];
  const jitConfig = textOf(body, 'jitConfig');
  const runner = textOf(body, 'runner');
  if (next === 'job' && jitConfig !== undefined) return { next, jitConfig, runner, at };
  const word = next === 'stop' ? next : 'continue';
  return { next: word, jitConfig: undefined, runner: undefined, at };
}
