import { expect, test } from '@jest/globals';
import { createTurns } from '../../src/lib/turns.ts';

/** Work that ends when it is told to. */
function createWork() {
  const begun: string[] = [];
  const ends = new Map<string, (error?: Error) => void>();
  const work = (name: string) => () => {
    begun.push(name);
    return new Promise<string>((resolve, reject) =>
      ends.set(name, (error) => (error ? reject(error) : resolve(name))),
    );
  };
  const end = async (name: string, error?: Error) => {
    ends.get(name)?.(error);
    await new Promise(setImmediate);
  };
  return { begun, work, end };
}

test('so many for each key are under way, and the others come in their order', async () => {
  const { begun, work, end } = createWork();
  const turns = createTurns(2);
  const all = ['a', 'b', 'c', 'd'].map((name) => turns('one', work(name)));
  const other = turns('two', work('x'));
  expect(begun).toEqual(['a', 'b', 'x']);
  await end('b');
  expect(begun).toEqual(['a', 'b', 'x', 'c']);
  for (const name of ['x', 'a', 'c', 'd']) await end(name);
  expect(await Promise.all([...all, other])).toEqual(['a', 'b', 'c', 'd', 'x']);
});

test('what fails makes room, too', async () => {
  const { begun, work, end } = createWork();
  const turns = createTurns(1);
  const first = turns('one', work('a'));
  const second = turns('one', work('b'));
  const failed = expect(first).rejects.toThrow('no');
  await end('a', new Error('no'));
  await failed;
  expect(begun).toEqual(['a', 'b']);
  await end('b');
  expect(await second).toBe('b');
  void turns('one', work('c'));
  expect(begun).toEqual(['a', 'b', 'c']);
});
