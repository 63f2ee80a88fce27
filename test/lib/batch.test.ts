import { expect, test } from '@jest/globals';
import { createBatch } from '../../src/lib/batch.ts';

/** A flush that ends when it is told to. */
function gated() {
  const calls: { items: readonly number[]; end: () => void; fail: (error: Error) => void }[] = [];
  const flush = (items: readonly number[]) =>
    new Promise<readonly string[]>((resolve, reject) => {
      calls.push({ items, end: () => resolve(items.map((n) => `did ${n}`)), fail: reject });
    });
  return { calls, flush };
}

const turn = () => new Promise((resolve) => setImmediate(resolve));

/** More turns than a batch gathers in. */
async function turns(): Promise<void> {
  for (let i = 0; i < 10; i++) await turn();
}

test('what arrives in a few turns, or during a flush, shares one call, in order', async () => {
  const { calls, flush } = gated();
  const add = createBatch(flush, 10);
  const first = [add(1)];
  await turn();
  first.push(add(2));
  await turns();
  const second = [add(3), add(4), add(5)];
  await turn();
  expect(calls.map(({ items }) => items)).toEqual([[1, 2]]);
  calls[0]?.end();
  expect(await Promise.all(first)).toEqual(['did 1', 'did 2']);
  await turn();
  expect(calls.map(({ items }) => items)).toEqual([
    [1, 2],
    [3, 4, 5],
  ]);
  calls[1]?.end();
  expect(await Promise.all(second)).toEqual(['did 3', 'did 4', 'did 5']);
});

test('a batch has a bound, and the rest follows', async () => {
  const add = createBatch(async (items: readonly number[]) => items, 2);
  expect(await Promise.all([1, 2, 3, 4, 5].map(add))).toEqual([1, 2, 3, 4, 5]);
});

test('a flush that fails fails its own items only', async () => {
  const { calls, flush } = gated();
  const add = createBatch(flush, 10);
  const first = add(1);
  await turns();
  const second = add(2);
  calls[0]?.fail(new Error('disk full'));
  await expect(first).rejects.toThrow('disk full');
  await turn();
  calls[1]?.end();
  expect(await second).toBe('did 2');
});
