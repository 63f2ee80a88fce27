import type { Instant } from '../lib/clock.ts';
import { fieldsOf } from '../model/github-json.ts';
import type { Refusal, Refused } from '../model/reply.ts';
import { type Answer, headerOf, messageOf } from './answer.ts';

// One table: what each status of GitHub means for us. By number only, never by GitHub's words.

const REFUSAL_OF: Readonly<Record<number, Refusal>> = {
  401: 'denied',
  403: 'denied',
  404: 'missing',
  408: 'unreachable',
  409: 'conflict',
  410: 'missing',
  // By REST's own rule a 422 is about what was sent; removeRunner alone reads it as `busy`.
  422: 'invalid',
  451: 'denied',
};

export const isAnswer = (value: object): value is Answer => 'status' in value;

export interface Refusing {
  readonly what: string;
  readonly answer: Answer;
  /** Where the App's permissions are changed, if that is known. */
  readonly settingsUrl: string | undefined;
  /** A status that means something else for this call. */
  readonly meanings?: Readonly<Record<number, Refusal>>;
}

export function refusedBy({ what, answer, settingsUrl, meanings }: Refusing): Refused {
  const { status } = answer;
  const reason = meanings?.[status] ?? REFUSAL_OF[status] ?? otherwise(status);
  const grant = reason === 'denied' ? missingPermission(answer, settingsUrl) : '';
  const message = `${what}: ${withRequest(`${status} ${messageOf(answer)}`.trim(), answer)}${grant}`;
  return { ok: false, reason, code: String(status), message };
}

const otherwise = (status: number): Refusal =>
  status >= 400 && status < 500 ? 'invalid' : 'unreachable';

function missingPermission(answer: Answer, settingsUrl: string | undefined): string {
  const accepted = headerOf(answer, 'x-accepted-github-permissions');
  return accepted === undefined ? '' : neededPermission(accepted, settingsUrl);
}

/** `accepted` as GitHub writes it: `administration=write`, with alternatives after `;`. */
export function neededPermission(accepted: string, settingsUrl: string | undefined): string {
  const where = settingsUrl === undefined ? '' : ` at ${settingsUrl}`;
  return `; the App needs the permission ${accepted}: grant it${where}`;
}

export function throttled(what: string, retryAt: Instant, answer?: Answer): Refused {
  const why = answer
    ? withRequest(`${answer.status} ${messageOf(answer)}`.trim(), answer)
    : "not sent, to stay inside GitHub's limits";
  const code = answer ? String(answer.status) : 'pace';
  return { ok: false, reason: 'throttled', code, message: `${what}: ${why}`, retryAt };
}

export const unreachable = (what: string, code: string): Refused => ({
  ok: false,
  reason: 'unreachable',
  code,
  message: `${what}: GitHub did not answer (${code})`,
});

/** A 2xx that we cannot read: a proxy's page, or GitHub changed. Either may pass. */
export const unreadable = (what: string, answer: Answer): Refused => ({
  ok: false,
  reason: 'unreachable',
  code: 'shape',
  message: `${what}: ${withRequest(`the answer (${answer.status}) is not understood`, answer)}`,
});

function withRequest(text: string, answer: Answer): string {
  const request = headerOf(answer, 'x-github-request-id');
  return request === undefined ? text : `${text} (request ${request})`;
}

export const isRefused = (value: unknown): value is Refused => fieldsOf(value)['ok'] === false;
