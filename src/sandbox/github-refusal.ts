import type { Refusal, Refused } from '../model/reply.ts';

const REASON_OF = {
  403: 'denied',
  404: 'missing',
  409: 'conflict',
  410: 'missing',
  422: 'invalid',
} as const satisfies Readonly<Record<number, Refusal>>;

/** GitHub's no, by REST's status; the in-process port hands out the same. */
export const refuse = (status: keyof typeof REASON_OF, message: string): Refused => ({
  ok: false,
  reason: REASON_OF[status],
  code: String(status),
  message,
});

export const NOT_FOUND: Refused = refuse(404, 'Not Found');
