import { expect, test } from '@jest/globals';
import { atMost } from '../../src/lib/at-most.ts';

/** Work that ends when it is told to. */
function createWork() {
  const begun: number[] = [];
  const ends = new Map<number, () => void>();
  const work = (item: number) => {
    begun.push(item);
    return new Promise<void>((resolve) => ends.set(item, resolve));
  };
  const end = async (item: number) => {
    ends.get(item)?.();
    await new Promise(setImmediate);
  };
  return { begun, work, end };
}

test('so many are under way at once, and each that ends makes room for the next', async () => {
  const { begun, work, end } = createWork();
  const all = atMost(2, [1, 2, 3, 4], work);
  expect(begun).toEqual([1, 2]);
  await end(2);
  expect(begun).toEqual([1, 2, 3]);
  await end(1);
  await end(3);
  await end(4);
  await all;
  expect(begun).toEqual([1, 2, 3, 4]);
});

test('what fails is thrown when all others have ended', async () => {
  const done: number[] = [];
  const work = async (item: number) => {
    if (item === 1) throw new Error('no');
    await new Promise(setImmediate);
    done.push(item);
  };
  await expect(atMost(2, [1, 2, 3], work)).rejects.toThrow('no');
  expect(done).toEqual([2, 3]);
});
