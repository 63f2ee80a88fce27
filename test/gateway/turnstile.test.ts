import { expect, test } from '@jest/globals';
import { createTurnstile } from '../../src/gateway/turnstile.ts';

const MINUTE = 60_000;

/** Machines of one installation that come at once, and come again when they were told to. */
function comeAtOnce(count: number) {
  let now = 0;
  const turnstile = createTurnstile(() => now);
  const waits = Array.from({ length: count }, (_, i) => turnstile.enter(1, `i-${i}`));
  return {
    turnstile,
    waits,
    at(ms: number) {
      now = ms;
      return turnstile;
    },
  };
}

test('lets through what GitHub takes in a minute, and tells the rest their minute', () => {
  const { waits } = comeAtOnce(400);
  const counts = Map.groupBy(waits, (ms) => Math.round(ms / MINUTE));
  expect([...counts].map(([minute, all]) => [minute, all.length])).toEqual([
    [0, 180],
    [1, 180],
    [2, 40],
  ]);
});

test('keeps the place of who was told to wait, however late others come', () => {
  const { at } = comeAtOnce(181);
  expect(at(MINUTE / 2).enter(1, 'i-new')).toBeGreaterThan(0);
  expect(at(61_000).enter(1, 'i-180')).toBe(0);
});

test('asked too early, says the same time again', () => {
  const { waits, at } = comeAtOnce(181);
  const [wait = 0] = waits.slice(-1);
  expect(at(1_000).enter(1, 'i-180')).toBe(wait - 1_000);
});

test('sends nobody while GitHub says that it takes none', () => {
  const { turnstile, at } = comeAtOnce(200);
  turnstile.close(1, 5 * MINUTE);
  expect(at(61_000).enter(1, 'i-199')).toBe(5 * MINUTE - 61_000);
  expect(at(5 * MINUTE).enter(1, 'i-199')).toBe(0);
});

test('lets one installation not wait for another', () => {
  const { turnstile } = comeAtOnce(500);
  expect(turnstile.enter(2, 'i-other')).toBe(0);
});
