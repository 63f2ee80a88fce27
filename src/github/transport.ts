import { Octokit } from '@octokit/rest';
import type { Clock, Instant } from '../lib/clock.ts';
import type { Log } from '../lib/log.ts';
import { fieldsOf, textOf } from '../model/github-json.ts';
import { BURST_MINUTES, burstOf, type Meter, type Purpose } from '../model/meter.ts';
import type { Refused } from '../model/reply.ts';
import type { Window } from '../model/window.ts';
import type { Windows } from '../model/windows.ts';
import { type Answer, countOf, headerOf } from './answer.ts';
import { CALLS, type Call, type CallName } from './calls.ts';
import type { Pace, Payer } from './pace.ts';
import { isAnswer, throttled, unreachable } from './refused.ts';

/** One call on the wire, once: no retries here, because the next tick is the retry. */
export interface Sending {
  readonly call: CallName;
  readonly payer: Payer;
  readonly params: Readonly<Record<string, unknown>>;
  readonly headers: Readonly<Record<string, string>>;
  /** For messages: what the call is for, such as `read .github/dstack.yml of octo/hello`. */
  readonly what: string;
}

/** Any HTTP answer is a value; a refusal means that none came, or that none was asked for. */
export type Transport = (sending: Sending) => Promise<Answer | Refused>;

export interface TransportDeps {
  readonly apiUrl: string;
  readonly userAgent: string;
  readonly clock: Clock;
  readonly log: Log;
  readonly pace: Pace;
  /** Where calls are counted, and what these are for; left out: nobody asks. */
  readonly counted?: {
    readonly meter: Meter;
    readonly purpose: Purpose;
    readonly windows: Windows;
  };
  readonly fetch?: typeof globalThis.fetch;
}

/** The one whose shapes we read; GitHub's default moves. */
const API_VERSION = '2022-11-28';
/** For the whole answer, its body too. By the clock that is handed in, so that tests need not wait. */
const TIMEOUT_MS = 10_000;

export function createTransport(deps: TransportDeps): Transport {
  const { clock, log, pace } = deps;
  const octokit = octokitOf(deps);
  return async (sending) => {
    const { call, payer, what } = sending;
    const { route, isContent = false }: Call = CALLS[call];
    const isWrite = !route.startsWith('GET ');
    const spentUntil = await spentBy(deps, String(payer));
    if (spentUntil !== undefined) return throttled(what, spentUntil);
    const pass = await pace.enter({ payer, kind: call, isWrite, isContent });
    if (!pass.ok) return throttled(what, pass.retryAt);
    const startedAt = clock.now();
    const result = await withTimeout(clock, (signal) => send(octokit, sending, signal));
    const limitedUntil = await pass.leave(isAnswer(result) ? result : null);
    const ms = clock.now() - startedAt;
    if (!isAnswer(result)) {
      log.debug({ call, payer, ms, code: result.code }, 'github did not answer');
      return unreachable(what, result.code);
    }
    const request = headerOf(result, 'x-github-request-id');
    log.debug({ call, payer, ms, status: result.status, request }, 'github answered');
    if (call !== 'mint') await note(deps, String(payer), result);
    return limitedUntil === undefined ? result : throttled(what, limitedUntil, result);
  };
}

/** Healings have their part of the hour, all processes together, and a share of it at once. */
function healings(meter: Meter, payer: string): readonly Window[] {
  const most = meter.spending(payer).healingMost;
  return [
    { name: 'healing', most, ms: 3_600_000 },
    { name: 'healing at once', most: burstOf(most), ms: BURST_MINUTES * 60_000 },
  ];
}

/** Until when healings have spent their part; undefined: a call may go out. */
async function spentBy({ counted }: TransportDeps, payer: string): Promise<Instant | undefined> {
  if (counted?.purpose !== 'healing') return undefined;
  const { meter, windows } = counted;
  const own = meter.closedUntil(payer, 'healing');
  if (own !== undefined) return own;
  for (const window of healings(meter, payer)) {
    const until = await windows.fullUntil(payer, window);
    if (until !== undefined) return until;
  }
  return undefined;
}

/** GitHub does not count what nothing had changed for, and neither do we. */
async function note({ counted }: TransportDeps, payer: string, answer: Answer): Promise<void> {
  if (!counted) return;
  const { meter, purpose, windows } = counted;
  const limit = countOf(answer, 'x-ratelimit-limit');
  // Some endpoints have a bucket of their own, with a limit of its own.
  const isCore = (headerOf(answer, 'x-ratelimit-resource') ?? 'core') === 'core';
  if (isCore && limit !== undefined && limit > 0) meter.learn(payer, limit);
  const isFree = answer.status === 304;
  meter.count(payer, purpose, { isFree });
  if (purpose === 'healing' && !isFree) await windows.take(payer, healings(meter, payer));
}

/** Plain: the throttling plugin sends one write a second, the retry plugin repeats lost writes. */
function octokitOf(deps: TransportDeps): Octokit {
  const { log } = deps;
  const quiet = () => {};
  return new Octokit({
    baseUrl: deps.apiUrl,
    userAgent: deps.userAgent,
    log: {
      debug: quiet,
      info: quiet,
      warn: (warning) => log.warn({ warning }, 'octokit warns'),
      error: quiet,
    },
    ...(deps.fetch ? { request: { fetch: deps.fetch } } : {}),
  });
}

interface Failure {
  readonly code: string;
}

async function send(
  octokit: Octokit,
  { call, params, headers }: Sending,
  signal: AbortSignal,
): Promise<Answer | Failure> {
  try {
    const versioned = { ...headers, 'x-github-api-version': API_VERSION };
    const request = { ...params, headers: versioned, request: { signal } };
    const { status, headers: got, data } = await octokit.request(CALLS[call].route, request);
    return { status, headers: got, data };
  } catch (error) {
    // Octokit throws for every status from 300 on, and for a connection that failed.
    const { response, cause } = fieldsOf(error);
    const { status, headers: got, data } = fieldsOf(response);
    if (typeof status !== 'number') return { code: networkCode(cause) };
    return { status, headers: got as Answer['headers'], data };
  }
}

/** `ECONNREFUSED` and the like, which undici hides one level further down. */
function networkCode(cause: unknown): string {
  const { code, cause: inner } = fieldsOf(cause);
  return textOf(code) ?? textOf(fieldsOf(inner)['code']) ?? 'network';
}

async function withTimeout(
  clock: Clock,
  work: (signal: AbortSignal) => Promise<Answer | Failure>,
): Promise<Answer | Failure> {
  const abort = new AbortController();
  const isDone = new AbortController();
  let isLate = false;
  const timer = clock.sleep(TIMEOUT_MS, isDone.signal).then(() => {
    if (isDone.signal.aborted) return;
    isLate = true;
    abort.abort();
  });
  const result = await work(abort.signal);
  isDone.abort();
  await timer;
  // An answer whose body was cut off has a status too, but nothing to read.
  return isLate ? { code: 'timeout' } : result;
}
