import { Bug } from '../lib/assert.ts';
import { type LaunchFailure, MEANINGS } from '../model/aws-codes.ts';
import type { Refusal, Refused } from '../model/reply.ts';
import type { LaunchAnswer } from './port.ts';

// From whatever the SDK throws to what port.ts promises. What the codes mean is in model/aws-codes.ts.

/** How the same trouble reads where nothing was to be launched. */
const REFUSALS: Readonly<Record<LaunchFailure, Refusal>> = {
  capacity: 'busy',
  price: 'invalid',
  quota: 'busy',
  denied: 'denied',
  invalid: 'invalid',
  throttled: 'throttled',
  unknown: 'unreachable',
};

/** AWS's messages can carry an encoded blob of kilobytes. */
const MESSAGE_MAX = 200;
/** It names the account in every ARN, and our sentences are read in public repositories. */
const ACCOUNT_ID = /\b\d{12}\b/g;

interface Trouble {
  readonly code: string;
  readonly message: string;
  /** undefined: no answer, or none that could be read. */
  readonly status: number | undefined;
}

export function launchFailure(error: unknown): LaunchAnswer & { readonly ok: false } {
  const trouble = troubleOf(error);
  const failure = failureOf(trouble);
  return { ok: false, failure, code: trouble.code, message: sentence(trouble, failure) };
}

export function refusal(error: unknown): Refused {
  const trouble = troubleOf(error);
  const failure = failureOf(trouble);
  const { code } = trouble;
  const reason = code.endsWith('NotFound') ? 'missing' : REFUSALS[failure];
  return { ok: false, reason, code, message: sentence(trouble, failure) };
}

function failureOf({ code, status }: Trouble): LaunchFailure {
  const known = MEANINGS.get(code);
  if (known) return known.failure;
  if (status === undefined || status < 400 || status >= 500) return 'unknown';
  if (status === 401 || status === 403) return 'denied';
  return status === 429 ? 'throttled' : 'invalid';
}

/** Ours where AWS's words say no more; with AWS's where they name the parameter or the missing right. */
function sentence({ code, message }: Trouble, failure: LaunchFailure): string {
  const tell = MEANINGS.get(code)?.tell;
  const theirs = message.replace(ACCOUNT_ID, '…').slice(0, MESSAGE_MAX);
  if (tell === undefined) return theirs;
  return failure === 'invalid' || failure === 'denied' ? `${tell} (${theirs})` : tell;
}

interface SdkError {
  readonly name: string;
  readonly message: string;
  /** A socket's: `ECONNRESET`. */
  readonly code: string;
  readonly $metadata: { readonly httpStatusCode?: number };
}

/** The border to whatever the SDK throws: a service's exception, a socket's error, an abort. */
function troubleOf(error: unknown): Trouble {
  if (error instanceof Bug) throw error;
  const { $metadata, code, name = '', message = '' } = error as Partial<SdkError>;
  const status = $metadata?.httpStatusCode;
  const word = status === undefined ? (code ?? name) : name;
  // Some answers of EC2 spell out whose fault it was: `Client.VolumeLimitExceeded`.
  return { code: word.replace(/^(?:Client|Server)\./, ''), message, status };
}
