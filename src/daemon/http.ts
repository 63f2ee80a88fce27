import type { Random } from '../lib/random.ts';

export interface HttpRequest {
  readonly method: 'GET' | 'PUT' | 'POST';
  readonly url: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
  readonly timeoutMs: number;
}

/** Status 0 stands for "no answer": the text then says why, for the log alone. */
export interface HttpAnswer {
  readonly status: number;
  readonly text: string;
  /** How long the other side asks us to wait. */
  readonly retryAfterMs?: number;
}

export type Http = (request: HttpRequest) => Promise<HttpAnswer>;

/**
 * Node's own fetch. A redirect is an answer, not an order: a token follows nobody to another host.
 */
export const fetchHttp: Http = async ({ method, url, headers, body, timeoutMs }) => {
  try {
    const answer = await fetch(url, {
      method,
      redirect: 'manual',
      signal: AbortSignal.timeout(timeoutMs),
      ...(headers && { headers }),
      ...(body !== undefined && { body }),
    });
    const seconds = Number(answer.headers.get('retry-after') ?? Number.NaN);
    return {
      status: answer.status,
      text: await answer.text(),
      ...(seconds > 0 ? { retryAfterMs: Math.min(LONGEST_ASKED_MS, seconds * 1000) } : {}),
    };
  } catch (error) {
    return { status: 0, text: causeOf(error) };
  }
};

/** fetch says only "fetch failed"; what helps a reader is in the cause. */
export function causeOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.cause instanceof Error ? error.cause.message || error.message : error.message;
}

/** Whether the same request may go better later. */
export const isTransient = (status: number): boolean =>
  status === 0 || status === 429 || status >= 500;

const FIRST_WAIT_MS = 500;
const LONGEST_WAIT_MS = 15_000;
/** A thousand machines may have to register one after the other, but not for longer than this. */
const LONGEST_ASKED_MS = 600_000;

/**
 * Doubles with each try, and half of it is chance, so that a burst of machines does not come back
 * as one.
 */
export function backoffMs(attempt: number, random: Random): number {
  const waitMs = Math.min(LONGEST_WAIT_MS, FIRST_WAIT_MS * 2 ** Math.min(attempt, 10));
  return waitMs * (0.5 + random.unit());
}
