import { describe, expect, test } from '@jest/globals';
import { createTurnstile } from '../../src/gateway/turnstile.ts';
import { ownFacts } from '../../src/model/windows.ts';

const MINUTE = 60_000;

/** Machines of one installation that come at once, and come again when they were told to. */
async function comeAtOnce(count: number) {
  let now = 0;
  const clock = { now: () => now, sleep: async () => {} };
  const facts = ownFacts(clock);
  const [turnstile, other] = [createTurnstile({ clock, facts }), createTurnstile({ clock, facts })];
  const waits: number[] = [];
  for (let i = 0; i < count; i += 1) waits.push(await turnstile.enter(1, `i-${i}`));
  return {
    turnstile,
    other,
    waits,
    at(ms: number) {
      now = ms;
      return turnstile;
    },
  };
}

test('lets through what GitHub takes in a minute, and tells the rest their minute', async () => {
  const { waits } = await comeAtOnce(400);
  const counts = Map.groupBy(waits, (ms) => Math.round(ms / MINUTE));
  expect([...counts].map(([minute, all]) => [minute, all.length])).toEqual([
    [0, 180],
    [1, 180],
    [2, 40],
  ]);
});

test('keeps the place of who was told to wait, however late others come', async () => {
  const { at, waits } = await comeAtOnce(181);
  expect(await at(MINUTE / 2).enter(1, 'i-new')).toBeGreaterThan(0);
  expect(await at(waits[180] ?? 0).enter(1, 'i-180')).toBe(0);
});

test('asked too early, says the same time again', async () => {
  const { waits, at } = await comeAtOnce(181);
  const [wait = 0] = waits.slice(-1);
  expect(await at(1_000).enter(1, 'i-180')).toBe(wait - 1_000);
});

test('sends nobody while GitHub says that it takes none', async () => {
  const { turnstile, at } = await comeAtOnce(200);
  await turnstile.close(1, 5 * MINUTE);
  expect(await at(61_000).enter(1, 'i-199')).toBe(5 * MINUTE - 61_000);
  expect(await at(5 * MINUTE).enter(1, 'i-199')).toBe(0);
});

test('lets one installation not wait for another', async () => {
  const { turnstile } = await comeAtOnce(500);
  expect(await turnstile.enter(2, 'i-other')).toBe(0);
});

describe('two processes on one store', () => {
  test('have one line: who comes to the other one waits as long', async () => {
    const { other, waits } = await comeAtOnce(181);
    expect(await other.enter(1, 'i-new')).toBe(waits[180]);
  });

  test('know each who was told what by the other', async () => {
    const { other, at, waits } = await comeAtOnce(400);
    at(1_000);
    expect(await other.enter(1, 'i-399')).toBe((waits[399] ?? 0) - 1_000);
    at(waits[399] ?? 0);
    expect(await other.enter(1, 'i-399')).toBe(0);
  });

  test('that are closed by one let nobody in', async () => {
    const { turnstile, other } = await comeAtOnce(1);
    await turnstile.close(1, MINUTE);
    expect(await other.enter(1, 'i-new')).toBe(MINUTE);
  });
});
