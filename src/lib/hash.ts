import { createHash } from 'node:crypto';

/** Stands for a token where something is remembered of it: the token itself is kept nowhere. */
export const hashOf = (token: string): string =>
  createHash('sha256').update(token).digest('base64url');

const ALL = 2 ** 32;

/** At least 0 and less than 1, the same for the same text: spreads many over a time or a place. */
export const shareOf = (text: string): number =>
  createHash('sha256').update(text).digest().readUInt32BE(0) / ALL;
