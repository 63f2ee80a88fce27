import { describe, expect, test } from '@jest/globals';
import { createMeter } from '../../src/model/meter.ts';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;

function createWatched() {
  const clock = { ms: 0, now: () => clock.ms };
  const meter = createMeter(clock);
  const heal = (calls: number) => {
    for (let i = 0; i < calls; i += 1) meter.count('7', 'healing', { isFree: false });
  };
  return { clock, meter, heal };
}

describe('healings', () => {
  test('may spend a sixth of their part at once, and then wait until that is ten minutes old', () => {
    const { clock, meter, heal } = createWatched();
    heal(83);
    expect(meter.closedUntil('7', 'healing')).toBeUndefined();
    expect(meter.healingLeft('7')).toBe(1);
    heal(1);
    expect(meter.closedUntil('7', 'healing')).toBe(10 * MINUTE);
    clock.ms = 10 * MINUTE - 1;
    expect(meter.closedUntil('7', 'healing')).toBe(10 * MINUTE);
    clock.ms = 10 * MINUTE;
    expect(meter.closedUntil('7', 'healing')).toBeUndefined();
  });

  test('spend no more than their part in an hour, however often they come', () => {
    const { clock, meter, heal } = createWatched();
    for (; clock.ms < 3 * HOUR; clock.ms += MINUTE / 6) {
      if (meter.closedUntil('7', 'healing') === undefined) heal(1);
      expect(meter.spending('7').healing).toBeLessThanOrEqual(500);
    }
    expect(meter.spending('7').healing).toBeGreaterThan(350);
  });

  test('may spend a part of fifty calls or less at once, and then wait until it is an hour old', () => {
    const { clock, meter, heal } = createWatched();
    meter.learn('7', 500);
    heal(49);
    expect(meter.closedUntil('7', 'healing')).toBeUndefined();
    heal(1);
    expect(meter.closedUntil('7', 'healing')).toBe(HOUR);
    clock.ms = HOUR;
    expect(meter.closedUntil('7', 'healing')).toBeUndefined();
  });

  test('have a tenth of what GitHub says that it allows', () => {
    const { meter, heal } = createWatched();
    meter.learn('7', 15_000);
    heal(249);
    expect(meter.closedUntil('7', 'healing')).toBeUndefined();
    expect(meter.spending('7').healingMost).toBe(1_500);
  });

  test('that find nothing new are not counted', () => {
    const { meter } = createWatched();
    for (let i = 0; i < 900; i += 1) meter.count('7', 'healing', { isFree: true });
    expect(meter.closedUntil('7', 'healing')).toBeUndefined();
    expect(meter.spending('7')).toMatchObject({ healing: 0, free: 900 });
  });

  test('of one installation take nothing from another', () => {
    const { meter, heal } = createWatched();
    heal(500);
    expect(meter.closedUntil('8', 'healing')).toBeUndefined();
  });
});

test('work is counted and never refused', () => {
  const { clock, meter, heal } = createWatched();
  heal(500);
  for (let i = 0; i < 9_000; i += 1) meter.count('7', 'work', { isFree: false });
  expect(meter.closedUntil('7', 'work')).toBeUndefined();
  expect(meter.spending('7')).toMatchObject({ work: 9_000 });
  clock.ms = HOUR;
  expect(meter.spending('7')).toMatchObject({ work: 0, healing: 0 });
});
