import { describe, expect, test } from '@jest/globals';
import type { Store } from '../../src/store/port.ts';
import { T } from './rows.ts';

type Open = () => Promise<Store>;

const LIMIT = { size: 5, perSecond: 2 };
const SECOND = 1_000;
const of = (count: number, key = 'a') => ({ key, limit: LIMIT, count });

export function bucketsContract(open: Open): void {
  describe('a bucket of tokens', () => {
    const reserve = (store: Store, count: number, now = T, mostMs = 60 * SECOND) =>
      store.reserve([of(count)], { now, mostMs });

    test('has its size at once, then turns in line at its rate', async () => {
      const store = await open();
      const turns = [];
      for (let i = 0; i < 8; i += 1) turns.push(((await reserve(store, 1)) ?? 0) - T);
      expect(turns).toEqual([0, 0, 0, 0, 0, 500, 1_000, 1_500]);
    });

    test('fills again in time, and never above its size', async () => {
      const store = await open();
      await reserve(store, 5);
      expect(await reserve(store, 1, T + 500)).toBe(T + 500);
      expect(await reserve(store, 1, T + 500)).toBe(T + SECOND);
      const later = T + 3_600 * SECOND;
      expect(await reserve(store, 5, later)).toBe(later);
      expect(await reserve(store, 1, later)).toBe(later + 500);
    });

    test('takes nothing of what would wait for too long', async () => {
      const store = await open();
      await reserve(store, 5);
      expect(await reserve(store, 1, T, 0)).toBeNull();
      expect(await reserve(store, 3, T, SECOND)).toBeNull();
      expect(await reserve(store, 2, T, SECOND)).toBe(T + SECOND);
    });

    test('takes of all buckets or of none, and the fullest line counts', async () => {
      const store = await open();
      await store.reserve([of(5, 'b')], { now: T, mostMs: 0 });
      expect(await store.reserve([of(1), of(4, 'b')], { now: T, mostMs: SECOND })).toBeNull();
      expect(await store.reserve([of(5), of(1, 'b')], { now: T, mostMs: SECOND })).toBe(T + 500);
      expect(await store.reserve([of(1)], { now: T, mostMs: SECOND })).toBe(T + 500);
    });

    test('says how long the line is, and takes nothing for that', async () => {
      const store = await open();
      expect(await store.lineMs([of(1)], T)).toBe(0);
      await reserve(store, 7);
      expect(await store.lineMs([of(1)], T)).toBe(1_500);
      expect(await store.lineMs([of(1), of(9, 'b')], T)).toBe(2_000);
      expect(await store.lineMs([of(1)], T)).toBe(1_500);
    });

    test('gets back what was not used', async () => {
      const store = await open();
      await reserve(store, 7);
      await reserve(store, -2);
      expect(await reserve(store, 1)).toBe(T + 500);
      await reserve(store, -99);
      await reserve(store, 5);
      expect(await reserve(store, 1)).toBe(T + 500);
    });

    test('that is emptied has nothing left, and those in line keep their turns', async () => {
      const store = await open();
      await reserve(store, 1);
      await store.emptyBucket(of(0), T);
      expect(await reserve(store, 1)).toBe(T + 500);
      await store.emptyBucket(of(0), T);
      expect(await reserve(store, 1)).toBe(T + SECOND);
      await store.emptyBucket(of(0, 'new'), T);
      expect(await store.lineMs([of(1, 'new')], T)).toBe(500);
    });
  });
}
