import { assert } from '../lib/assert.ts';
import type { Clock, Instant } from '../lib/clock.ts';
import { createHeap } from './heap.ts';
import { createProcess, type Gate, type Past, type PortCall, type Process } from './process.ts';

// sandbox: a world to run in. The kernel holds its time, its chance and its processes; the models of
// GitHub and EC2 stand on it, in process for tests and simulations, behind HTTP for the demo.
// Promise: the same seed and the same calls give the same trace, line by line. So nothing here reads
// the machine's clock or chance, and all that happens is an event: one effect, then every microtask
// that follows from it, then the next event.

export interface Fault {
  /** slow: `ms` more on the way there. The others: the caller hears nothing, or a refusal. */
  readonly kind: 'lost-request' | 'lost-answer' | 'slow' | 'throttled';
  readonly ms?: number;
}

export interface KernelOptions {
  readonly seed: number;
  readonly startAt?: Instant;
  /** Least latencies, and events of equal time in the order they were made: for shrinking. */
  readonly isCalm?: boolean;
  readonly fault?: (call: PortCall) => Fault | undefined;
  /** Called as each gate is reached, before it opens; may kill or pause the process. */
  readonly onGate?: (gate: Gate, process: Process) => void;
}

export interface Violation {
  readonly rule: string;
  readonly text: string;
  readonly at: Instant;
}

export interface RunLimits {
  readonly until?: () => boolean;
  /** The virtual instant to stop at; now stands there afterwards. */
  readonly untilMs?: Instant;
  readonly maxEvents?: number;
}

/** Why a run ended; `idle`: there are no more events. */
export type RunEnd = 'until' | 'time' | 'events' | 'idle' | 'violation';

export interface Kernel {
  now(): Instant;
  /** Runs the effect later, as one event; returns what calls it off. */
  at(delayMs: number, label: string, effect: () => void): () => void;
  /** Runs the effect as an event of now: the door for callers from outside, such as HTTP. */
  visit<T>(label: string, effect: () => T): Promise<T>;
  /** In [0, 1), by seed, label and how often the label was drawn: no label moves another's draws. */
  rand(label: string): number;
  /** `<prefix>-<17 hex digits>`, as EC2 writes ids. */
  id(prefix: string): string;
  trace(line: string): void;
  readonly lines: readonly string[];
  /** Counts that something was reached; a mark at 0 is a hole in a generator. */
  mark(name: string): void;
  readonly marks: ReadonlyMap<string, number>;
  /** Records the first broken promise, which ends the run. */
  invariant(isKept: boolean, rule: string, text: string): void;
  readonly violation: Violation | null;
  /** A new life under this name; its gates and calls are numbered on where the last life ended. */
  process(name: string): Process;
  /** Holds back answers and timers of a process while the world goes on. */
  pause(process: Process, ms: number): void;
  run(limits: RunLimits): Promise<RunEnd>;
  /** Lets the machine's time drive the same events, `speed` times as fast. */
  pump(real: Clock, options: { readonly speed: number }): { stop(): Promise<void> };
}

/** Whose code is on the stack: the world's own, a process's (or what follows from it), or none. */
export type Phase = 'idle' | 'event' | 'process';

interface Event {
  readonly at: Instant;
  readonly tie: number;
  readonly order: number;
  readonly effect: () => void;
  isOn: boolean;
}

const DEFAULT_START: Instant = Date.UTC(2026, 0, 5, 9);
/** The oldest half of the trace is dropped at twice this; a simulated run stays far below it. */
const TRACE_LIMIT = 200_000;
/** The pump lets sockets be heard after this many events, and looks up at least this often. */
const PUMP_SLICE = 200;
const PUMP_LOOK_MS = 50;

/** FNV-1a, one text after the other. */
const FNV_START = 0x811c9dc5;
function fnv(start: number, text: string): number {
  let h = start;
  for (let i = 0; i < text.length; i += 1) h = Math.imul(h ^ text.charCodeAt(i), 0x01000193);
  return h;
}

/** Murmur's finish, so that close texts give far numbers. */
function unitOf(hash: number): number {
  let h = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return ((h ^ (h >>> 16)) >>> 0) / 2 ** 32;
}

/** Numbers in [0, 1) by label and how often it was drawn; the label is hashed at its first draw. */
function createDraws(prefix: string): (label: string) => number {
  const known = new Map<string, { readonly start: number; n: number }>();
  return (label) => {
    let drawn = known.get(label);
    if (!drawn) {
      drawn = { start: fnv(FNV_START, `${prefix}${label} `), n: 0 };
      known.set(label, drawn);
    }
    drawn.n += 1;
    return unitOf(fnv(drawn.start, String(drawn.n)));
  };
}

/** Goes on when every microtask is done: a tick queued from a microtask waits for all of them. */
const whenDrained = (step: () => void) => queueMicrotask(() => process.nextTick(step));

const byTime = (a: Event, b: Event): boolean =>
  a.at !== b.at ? a.at < b.at : a.tie !== b.tie ? a.tie < b.tie : a.order < b.order;

export function createKernel(options: KernelOptions): Kernel {
  const { seed, isCalm = false } = options;
  const events = createHeap<Event>(byTime);
  const rand = createDraws(`${seed} `);
  const tieOf = createDraws(`${seed} tie `);
  const pasts = new Map<string, Past>();
  const marks = new Map<string, number>();
  const lines: string[] = [];
  let time = options.startAt ?? DEFAULT_START;
  let order = 0;
  let phase: Phase = 'idle';
  let violation: Violation | null = null;
  /** Where the pump's time stands; virtual time stands still between events. */
  let pumped: () => Instant = () => time;
  let wakePump = () => {};

  const now = (): Instant => {
    if (phase === 'idle') time = Math.max(time, pumped());
    return time;
  };

  const at = (delayMs: number, label: string, effect: () => void): (() => void) => {
    order += 1;
    const tie = isCalm ? 0 : tieOf(label);
    const event = { at: now() + Math.max(0, delayMs), tie, order, effect, isOn: true };
    events.push(event);
    if (phase === 'idle') wakePump();
    return () => {
      event.isOn = false;
    };
  };

  /** What was called off neither happens nor takes time. */
  const nextEvent = (): Event | undefined => {
    while (events.peek()?.isOn === false) events.pop();
    return events.peek();
  };

  const stopReason = (limits: RunLimits, done: number): RunEnd | undefined => {
    if (violation !== null) return 'violation';
    if (limits.until?.() === true) return 'until';
    const next = nextEvent();
    if (next === undefined && limits.untilMs === undefined) return 'idle';
    if (limits.untilMs !== undefined && (next === undefined || next.at > limits.untilMs)) {
      time = Math.max(time, limits.untilMs);
      return 'time';
    }
    return done >= (limits.maxEvents ?? Number.POSITIVE_INFINITY) ? 'events' : undefined;
  };

  const run = (limits: RunLimits): Promise<RunEnd> =>
    new Promise((resolve, reject) => {
      assert(phase === 'idle', 'a kernel runs once at a time');
      let done = 0;
      const step = () => {
        try {
          const end = stopReason(limits, done);
          const event = end === undefined ? events.pop() : undefined;
          if (event === undefined) {
            phase = 'idle';
            return resolve(end ?? 'idle');
          }
          done += 1;
          time = Math.max(time, event.at);
          phase = 'event';
          event.effect();
          phase = 'process';
          whenDrained(step);
        } catch (error) {
          phase = 'idle';
          reject(error);
        }
      };
      phase = 'process';
      whenDrained(step);
    });

  const kernel: Kernel = {
    now,
    at,
    visit: (label, effect) =>
      new Promise((resolve, reject) => {
        at(0, label, () => {
          try {
            resolve(effect());
          } catch (error) {
            reject(error);
          }
        });
      }),
    rand,
    id(prefix) {
      const part = () =>
        Math.floor(rand(`id ${prefix}`) * 2 ** 32)
          .toString(16)
          .padStart(8, '0');
      return `${prefix}-0${part()}${part()}`;
    },
    trace(line) {
      if (lines.length >= 2 * TRACE_LIMIT) lines.splice(0, TRACE_LIMIT);
      lines.push(`${((now() - (options.startAt ?? DEFAULT_START)) / 1000).toFixed(3)} ${line}`);
    },
    lines,
    mark: (name) => {
      marks.set(name, (marks.get(name) ?? 0) + 1);
    },
    marks,
    invariant(isKept, rule, text) {
      if (isKept || violation !== null) return;
      violation = { rule, text, at: now() };
      kernel.trace(`*** ${rule}: ${text}`);
    },
    get violation() {
      return violation;
    },
    process: (name) => {
      const past = pasts.get(name) ?? { gates: 0, calls: new Map() };
      pasts.set(name, past);
      return createProcess({
        name,
        kernel,
        isCalm,
        past,
        fault: options.fault ?? (() => undefined),
        onGate: options.onGate ?? (() => {}),
        phase: () => phase,
        enter: () => {
          phase = 'process';
        },
      });
    },
    pause(paused, ms) {
      kernel.trace(`${paused.name}: paused for ${ms} ms`);
      paused.holdUntil(now() + ms);
    },
    run,
    pump(real, { speed }) {
      const from = { real: real.now(), time };
      let wake = new AbortController();
      let isOn = true;
      pumped = () => from.time + (real.now() - from.real) * speed;
      wakePump = () => wake.abort();
      const loop = async () => {
        while (isOn) {
          const end = await run({ untilMs: pumped(), maxEvents: PUMP_SLICE });
          const next = nextEvent()?.at ?? Number.POSITIVE_INFINITY;
          const restMs = end === 'time' ? Math.max(0, next - pumped()) / speed : 0;
          wake = new AbortController();
          await real.sleep(Math.min(restMs, PUMP_LOOK_MS), wake.signal);
          if (end === 'violation') isOn = false;
        }
      };
      const ended = loop();
      return {
        async stop() {
          isOn = false;
          wake.abort();
          await ended;
          pumped = () => time;
          wakePump = () => {};
        },
      };
    },
  };
  return kernel;
}
