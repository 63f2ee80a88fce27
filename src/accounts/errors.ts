import { Bug } from '../lib/assert.ts';
import type { Refusal, Refused } from '../model/reply.ts';

// What the error codes of STS, Secrets Manager, IAM and S3 mean for us; by code only, since AWS
// rewords its messages.

/** AWS knows who asks, or does not, and says no either way. */
const DENIED = new Set([
  'AccessDenied',
  'AccessDeniedException',
  'AuthFailure',
  'CredentialsProviderError',
  'ExpiredToken',
  'ExpiredTokenException',
  'InvalidAccessKeyId',
  'InvalidClientTokenId',
  'InvalidSignatureException',
  'SignatureDoesNotMatch',
  'UnrecognizedClientException',
]);
const MISSING = new Set(['ResourceNotFoundException', 'NoSuchEntity', 'NoSuchBucket', 'NotFound']);
const THROTTLED = new Set([
  'Throttling',
  'ThrottlingException',
  'RequestLimitExceeded',
  'SlowDown',
]);

/** The credentials themselves are refused, whatever was asked for. */
export const isBadKeys = (code: string): boolean => BAD_KEYS.has(code);

const BAD_KEYS = new Set([
  'AuthFailure',
  'ExpiredToken',
  'ExpiredTokenException',
  'InvalidAccessKeyId',
  'InvalidClientTokenId',
  'InvalidSignatureException',
  'SignatureDoesNotMatch',
  'UnrecognizedClientException',
]);

const MESSAGE_MAX = 200;

interface SdkError {
  readonly name: string;
  readonly message: string;
  /** A socket's: `ECONNRESET`. A DOMException has a number here. */
  readonly code: unknown;
  readonly $metadata: { readonly httpStatusCode?: number };
}

export function refusal(error: unknown): Refused {
  if (error instanceof Bug) throw error;
  const { $metadata, code: socket, name = '', message = '' } = error as Partial<SdkError>;
  const status = $metadata?.httpStatusCode;
  const code = status === undefined && typeof socket === 'string' ? socket : name;
  return {
    ok: false,
    reason: reasonOf(code, status),
    code,
    message: message.slice(0, MESSAGE_MAX),
  };
}

function reasonOf(code: string, status: number | undefined): Refusal {
  if (MISSING.has(code)) return 'missing';
  if (DENIED.has(code)) return 'denied';
  if (THROTTLED.has(code) || status === 429) return 'throttled';
  if (status === undefined || status >= 500) return 'unreachable';
  return status === 401 || status === 403 ? 'denied' : 'invalid';
}
