import { describe, expect, test } from '@jest/globals';
import type { Window } from '../../src/model/window.ts';
import { createWindows, type Facts, ownFacts } from '../../src/model/windows.ts';

const WRITES: Window = { name: 'write', most: 180, ms: 60_000 };
const HEALING: Window = { name: 'healing', most: 50, ms: 3_600_000 };

/** Processes on one store, which counts what it is asked; `aheadMs` is how wrong a clock is. */
function processes() {
  let now = 0;
  let asked = 0;
  const clock = { now: () => now, sleep: async () => {} };
  const own = ownFacts(clock);
  const facts: Facts = {
    fact: (key) => own.fact(key),
    swapFact: (...change) => {
      asked += 1;
      return own.swapFact(...change);
    },
  };
  return {
    create: (aheadMs = 0) =>
      createWindows({ clock: { ...clock, now: () => now + aheadMs }, facts, name: 'test' }),
    asked: () => asked,
    pass: (ms: number) => {
      now += ms;
    },
  };
}

test('a clock that was a minute ahead keeps nobody waiting', async () => {
  const { create } = processes();
  expect(await create(61_000).take('7', [WRITES])).toBeUndefined();
  expect(await create().take('7', [WRITES])).toBeUndefined();
});

describe('the store', () => {
  test('is asked eight times for all of a burst', async () => {
    const { create, asked } = processes();
    const one = create();
    const all = Array.from({ length: 200 }, () => one.take('7', [WRITES]));
    const later = (await Promise.all(all)).filter((at) => at !== undefined);
    expect(later).toHaveLength(20);
    expect(asked()).toBe(8);
  });

  test('is asked once for a call that is alone', async () => {
    const { create, asked } = processes();
    await create().take('7', [WRITES, HEALING]);
    expect(asked()).toBe(1);
  });
});

test('what one took for later and did not use is there for the other', async () => {
  const { create, pass } = processes();
  const [one, other] = [create(), create()];
  // Of 1, 2, 4, … 128 there are 127 in seven times, and 53 in the eighth.
  for (let i = 0; i < 128; i += 1) await one.take('7', [WRITES]);
  expect(await other.take('7', [WRITES])).toBeDefined();
  pass(1_000);
  await one.take('7', [WRITES]);
  for (let i = 0; i < 51; i += 1) expect(await other.take('7', [WRITES])).toBeUndefined();
  expect(await other.take('7', [WRITES])).toBeDefined();
});

test('of several windows all are taken, or none', async () => {
  const { create } = processes();
  const one = create();
  for (let i = 0; i < 50; i += 1) await one.take('7', [HEALING]);
  for (let i = 0; i < 200; i += 1) {
    expect(await one.take('7', [WRITES, HEALING])).toBeDefined();
  }
  for (let i = 0; i < 180; i += 1) expect(await one.take('7', [WRITES])).toBeUndefined();
});

test('that a window is full, another process knows within seconds', async () => {
  const { create, pass } = processes();
  const [one, other] = [create(), create()];
  expect(await other.fullUntil('7', HEALING)).toBeUndefined();
  for (let i = 0; i < 50; i += 1) await one.take('7', [HEALING]);
  pass(10_000);
  expect(await other.fullUntil('7', HEALING)).toBe(62 * 60_000);
  expect(await other.fullUntil('8', HEALING)).toBeUndefined();
});

test('a clock that is half a second ahead keeps no other process from its calls', async () => {
  const { create, pass } = processes();
  const [one, other] = [create(500), create()];
  for (let i = 0; i < 100; i += 1) {
    expect(await one.take('7', [WRITES])).toBeUndefined();
    expect(await other.take('7', [WRITES])).toBeUndefined();
    pass(730);
  }
});
