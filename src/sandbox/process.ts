import { assert } from '../lib/assert.ts';
import type { Clock, Instant } from '../lib/clock.ts';
import type { Random } from '../lib/random.ts';
import type { Fault, Kernel, Phase } from './kernel.ts';

/** One call of a process to the world; `nth` counts this name's calls by this process, from 1. */
export interface PortCall {
  readonly process: string;
  readonly name: string;
  readonly nth: number;
}

/** A moment to crash at: a call lands, or its answer comes. Numbered for each process, from 1. */
export interface Gate extends PortCall {
  readonly gate: number;
  readonly side: 'arrival' | 'answer';
}

export interface CallOptions<T> {
  /** Each way; drawn between the two. */
  readonly latencyMs?: readonly [number, number];
  /** What the caller sees after its own time limit; without it no request or answer gets lost. */
  readonly unanswered?: () => T;
  readonly timeoutMs?: number;
  /** What the caller sees when the other side refuses for now; without it, it never does. */
  readonly throttled?: () => T;
  /** The called lives in the caller's process, as SQLite does: a dead caller's call never lands. */
  readonly isLocal?: boolean;
  /**
   * The answer comes in the event that the call lands in, between the same two gates. Half as many
   * events, and nothing is lost by it: what is between two calls of a process nobody else sees.
   */
  readonly isPrompt?: boolean;
}

/** One life of a program. Everything that it awaits goes through here, so it can be killed anywhere. */
export interface Process {
  readonly name: string;
  readonly isAlive: boolean;
  readonly clock: Clock;
  readonly random: Random;
  /** The effect runs once, in an event of its own, between two gates. */
  call<T>(name: string, effect: () => T, options?: CallOptions<T>): Promise<T>;
  /** Runs code of the process later, such as a request that comes in; not once it is dead. */
  at(delayMs: number, label: string, effect: () => void): () => void;
  /** As kill -9: none of its code runs again, `finally` included. Between events only. */
  kill(): void;
  /** The kernel's pause uses it. */
  holdUntil(instant: Instant): void;
}

const LATENCY_MS: readonly [number, number] = [2, 40];
const TIMEOUT_MS = 10_000;

/** What goes on in the next life of the same name: the numbers of its gates and of its calls. */
export interface Past {
  gates: number;
  readonly calls: Map<string, Called>;
}

/** One name's calls so far, and the labels of what comes of them, which chance goes by. */
interface Called {
  nth: number;
  readonly there: string;
  readonly back: string;
  readonly arrival: string;
  readonly answer: string;
  readonly orphan: string;
}

function calledOf({ calls }: Past, process: string, name: string): Called {
  const known = calls.get(name);
  if (known) return known;
  const label = (part: string) => `${process} ${name} ${part}`;
  const made: Called = {
    nth: 0,
    there: label('there'),
    back: label('back'),
    arrival: label('arrival'),
    answer: label('answer'),
    orphan: label('orphan'),
  };
  calls.set(name, made);
  return made;
}

export interface ProcessDeps {
  readonly name: string;
  readonly kernel: Kernel;
  readonly isCalm: boolean;
  readonly past: Past;
  readonly fault: (call: PortCall) => Fault | undefined;
  readonly onGate: (gate: Gate, process: Process) => void;
  readonly phase: () => Phase;
  /** From here on in this event, code of the process is on the stack. */
  readonly enter: () => void;
}

export function createProcess(deps: ProcessDeps): Process {
  const { name, kernel, past } = deps;
  const asleep = `${name} sleep`;
  const chance = `${name} random`;
  let isAlive = true;
  let heldUntil: Instant = 0;

  /** Lets the process go on, unless it is dead; later, if it is paused. */
  const resume = (label: string, effect: () => void) => {
    if (!isAlive) return;
    const heldMs = heldUntil - kernel.now();
    if (heldMs > 0) {
      kernel.at(heldMs, label, () => resume(label, effect));
      return;
    }
    deps.enter();
    effect();
  };

  const at = (delayMs: number, label: string, effect: () => void) =>
    kernel.at(delayMs, label, () => resume(label, effect));

  const latency = (label: string, [least, most]: readonly [number, number]): number =>
    deps.isCalm ? least : least + Math.floor(kernel.rand(label) * (most - least + 1));

  const pass = ({ process, name, nth }: PortCall, side: Gate['side']) => {
    past.gates += 1;
    deps.onGate({ process, name, nth, side, gate: past.gates }, self);
  };

  function send<T>(
    called: string,
    effect: () => T,
    options: CallOptions<T>,
    settle: { resolve: (value: T) => void; reject: (error: unknown) => void },
  ) {
    const its = calledOf(past, name, called);
    its.nth += 1;
    const call: PortCall = { process: name, name: called, nth: its.nth };
    const { unanswered, throttled, timeoutMs = TIMEOUT_MS } = options;
    const fault = deps.fault(call);
    const thereMs =
      latency(its.there, options.latencyMs ?? LATENCY_MS) +
      (fault?.kind === 'slow' ? (fault.ms ?? timeoutMs) : 0);
    const backMs = latency(its.back, options.latencyMs ?? LATENCY_MS);
    const isThrottled = fault?.kind === 'throttled' && throttled !== undefined;
    const isHeard =
      unanswered === undefined ||
      (fault?.kind !== 'lost-request' &&
        fault?.kind !== 'lost-answer' &&
        thereMs + backMs <= timeoutMs);
    const hear = (value: () => T) => {
      if (isAlive) pass(call, 'answer');
      resume(its.answer, () => {
        try {
          settle.resolve(value());
        } catch (error) {
          settle.reject(error);
        }
      });
    };
    const answer = (afterMs: number, value: () => T) =>
      kernel.at(afterMs, its.answer, () => hear(value));
    if (!isHeard) {
      kernel.mark(`call ${fault?.kind ?? 'timeout'}`);
      answer(timeoutMs, unanswered);
      if (fault?.kind === 'lost-request') return;
    }
    kernel.at(thereMs, its.arrival, () => {
      if (isAlive) pass(call, 'arrival');
      // What was sent by one who is dead now is on the wire: it lands, or it does not.
      if (!isAlive && (options.isLocal === true || kernel.rand(its.orphan) < 0.5)) return;
      let value: () => T;
      try {
        const result = isThrottled ? throttled() : effect();
        value = () => result;
      } catch (error) {
        value = () => {
          throw error;
        };
      }
      if (isThrottled) kernel.mark('call throttled');
      if (options.isPrompt === true) hear(value);
      else if (isHeard) answer(backMs, value);
    });
  }

  const self: Process = {
    name,
    get isAlive() {
      return isAlive;
    },
    clock: {
      now: () => kernel.now(),
      sleep: (ms, signal) =>
        new Promise((resolve) => {
          // A promise of its own each time: one shared promise would hold every abandoned frame.
          if (!isAlive) return;
          if (signal?.aborted) return resolve();
          const done = () => {
            cancel();
            signal?.removeEventListener('abort', done);
            if (isAlive) resolve();
          };
          const cancel = at(ms, asleep, done);
          signal?.addEventListener('abort', done, { once: true });
        }),
    },
    random: {
      hex: (bytes) =>
        Array.from({ length: bytes }, () =>
          Math.floor(kernel.rand(chance) * 256)
            .toString(16)
            .padStart(2, '0'),
        ).join(''),
      unit: () => kernel.rand(chance),
    },
    call: (called, effect, options = {}) =>
      new Promise((resolve, reject) => {
        if (!isAlive) return;
        send(called, effect, options, { resolve, reject });
      }),
    at,
    kill() {
      if (!isAlive) return;
      assert(deps.phase() !== 'process', 'a process is killed between events only');
      isAlive = false;
      kernel.trace(`${name}: killed`);
    },
    holdUntil(instant) {
      heldUntil = Math.max(heldUntil, instant);
    },
  };
  return self;
}
