import type { Instant } from '../../lib/clock.ts';
import type { Limit } from '../../model/ec2-limits.ts';
import type { Want } from '../capacity.ts';

/** Tokens that were there at a time; below zero are those promised to calls that wait in line. */
export interface BucketRow {
  readonly key: string;
  readonly level: number;
  readonly at: Instant;
}

type Row = BucketRow | undefined;

const levelAt = (row: Row, { size, perSecond }: Limit, now: Instant): number =>
  row === undefined ? size : Math.min(size, row.level + ((now - row.at) / 1000) * perSecond);

/** How long a call that comes now waits for its tokens. */
function waitMs(row: Row, { limit, count }: Want, now: Instant): number {
  const missing = count - levelAt(row, limit, now);
  return missing <= 0 ? 0 : Math.ceil((missing / limit.perSecond) * 1000);
}

export interface Reserved {
  /** When the call may go out; null: the line is too long, and nothing was taken. */
  readonly at: Instant | null;
  readonly rows: readonly BucketRow[];
}

export const lineMs = (
  rows: ReadonlyMap<string, BucketRow>,
  wants: readonly Want[],
  now: Instant,
): number => Math.max(0, ...wants.map((want) => waitMs(rows.get(want.key), want, now)));

/** Takes tokens of all of them, or of none; what is given back is a count below zero. */
export function reserved(
  rows: ReadonlyMap<string, BucketRow>,
  wants: readonly Want[],
  { now, mostMs }: { readonly now: Instant; readonly mostMs: number },
): Reserved {
  const ms = lineMs(rows, wants, now);
  if (ms > mostMs) return { at: null, rows: [] };
  const taken = wants.map(({ key, limit, count }) => {
    const level = Math.min(limit.size, levelAt(rows.get(key), limit, now) - count);
    return { key, level, at: now };
  });
  return { at: now + ms, rows: taken };
}

/** AWS says that nothing is left in it; those in line keep their turns. */
export const emptied = (
  row: Row,
  { key, limit }: Omit<Want, 'count'>,
  now: Instant,
): BucketRow => ({ key, level: Math.min(0, levelAt(row, limit, now)), at: now });
