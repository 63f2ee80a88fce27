import { createHash } from 'node:crypto';

/** Stands for a token where something is remembered of it: the token itself is kept nowhere. */
export const hashOf = (token: string): string =>
  createHash('sha256').update(token).digest('base64url');
