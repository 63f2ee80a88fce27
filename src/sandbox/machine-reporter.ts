import type { Instant } from '../lib/clock.ts';
import { isoOf } from '../lib/instant.ts';
import type { Process } from './process.ts';

/** Status 0 stands for "no answer". */
export interface GatewayAnswer {
  readonly status: number;
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
}

/** The app's door for machines, whatever is in front of it. A promise that never settles is no answer. */
export interface Gateway {
  register(body: object): Promise<GatewayAnswer>;
  events(session: string, body: object): Promise<GatewayAnswer>;
}

const NO_ANSWER: GatewayAnswer = { status: 0 };
/** As the real daemon has it. */
const ANSWER_WITHIN_MS = 15_000;
const FIRST_WAIT_MS = 500;
const LONGEST_WAIT_MS = 15_000;
const MOST_QUEUED = 100;
/** A reason given spares an exception with its stack, the dearest part of a wake-up. */
export const WOKEN = 'woken';

export const isTransient = ({ status }: GatewayAnswer): boolean =>
  status === 0 || status === 429 || status >= 500;

export const backoffMs = (attempt: number, process: Process): number =>
  Math.min(LONGEST_WAIT_MS, FIRST_WAIT_MS * 2 ** Math.min(attempt, 10)) *
  (0.5 + process.random.unit());

/** One request to the app: the answer comes as an event of the machine, or not at all in time. */
export function ask(
  process: Process,
  name: string,
  send: () => Promise<GatewayAnswer>,
): Promise<GatewayAnswer> {
  return new Promise((resolve) => {
    const cancel = process.at(ANSWER_WITHIN_MS, `${name} timeout`, () => resolve(NO_ANSWER));
    const arrive = (answer: GatewayAnswer) =>
      process.at(0, `${name} answer`, () => {
        cancel();
        resolve(answer);
      });
    // Wrapped, so that the call is over when the request has arrived, not when it is answered.
    const wrapped = () => ({ coming: send() });
    const unanswered = () => ({ coming: Promise.resolve(NO_ANSWER) });
    void process
      .call(name, wrapped, { unanswered, timeoutMs: ANSWER_WITHIN_MS })
      .then(({ coming }) => coming.then(arrive, () => arrive({ status: 500 })));
  });
}

export interface Word {
  readonly next: 'continue' | 'stop' | 'job';
  readonly jitConfig: string | null;
  readonly at: Instant;
}

/** Tells the app in order, each event until it is heard; with nothing to tell, asks what is wanted. */
export interface Reporter {
  report(kind: string, fields?: object): void;
  /** The app's latest word, or null. */
  readonly word: Word | null;
  /** Asks now what is wanted. */
  ask(): void;
  /** Until all is told, but no longer than this. */
  flush(withinMs: number): Promise<void>;
  close(): void;
}

export function createReporter(
  process: Process,
  deps: {
    readonly events: (body: object) => Promise<GatewayAnswer>;
    readonly heartbeatMs: number;
    readonly onWord: () => void;
  },
): Reporter {
  const { clock } = process;
  let queue: readonly object[] = [];
  let word: Word | null = null;
  let isOpen = true;
  let wake = new AbortController();
  let told = new AbortController();

  async function loop() {
    for (let attempt = 0; isOpen; ) {
      wake = new AbortController();
      const events = queue;
      const answer = await ask(process, 'gateway.events', () => deps.events({ events }));
      const isHeard = !isTransient(answer);
      attempt = isHeard ? 0 : attempt + 1;
      if (isHeard) {
        queue = queue.filter((event) => !events.includes(event));
        word = wordOf(answer, clock.now());
        deps.onWord();
      }
      if (queue.length === 0) told.abort(WOKEN);
      else if (isHeard) continue;
      // Backing off, new events must wait as well.
      const mustRetry = !isHeard && queue.length > 0;
      const waitMs = mustRetry ? backoffMs(attempt, process) : deps.heartbeatMs;
      await clock.sleep(waitMs, mustRetry ? undefined : wake.signal);
    }
  }
  void loop();

  return {
    report(kind, fields = {}) {
      if (queue.length === 0) told = new AbortController();
      const event = { id: process.random.hex(8), at: isoOf(clock.now()), kind, ...fields };
      queue = [...queue, event].slice(-MOST_QUEUED);
      wake.abort(WOKEN);
    },
    get word() {
      return word;
    },
    ask: () => wake.abort(WOKEN),
    flush: (withinMs) => clock.sleep(withinMs, told.signal),
    close() {
      isOpen = false;
      wake.abort(WOKEN);
    },
  };
}

/** Any refusal of the session is "stop": an app that does not know this machine has no work for it. */
function wordOf({ status, body }: GatewayAnswer, at: Instant): Word {
  if (status >= 400) return { next: 'stop', jitConfig: null, at };
  const { next, jitConfig } = fieldsOf(body);
  const text = typeof jitConfig === 'string' ? jitConfig : null;
  if (next === 'job' && text !== null) return { next, jitConfig: text, at };
  return { next: next === 'stop' ? next : 'continue', jitConfig: null, at };
}

export const fieldsOf = (body: unknown): Readonly<Record<string, unknown>> =>
  typeof body === 'object' && body !== null ? { ...body } : {};
