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
  test('may spend their part at once, and then wait until it is an hour old', () => {
    const { clock, meter, heal } = createWatched();
    heal(499);
    expect(meter.closedUntil('7', 'healing')).toBeUndefined();
    heal(1);
    expect(meter.closedUntil('7', 'healing')).toBe(HOUR);
    clock.ms = HOUR - 1;
    expect(meter.closedUntil('7', 'healing')).toBe(HOUR);
    clock.ms = HOUR;
    expect(meter.closedUntil('7', 'healing')).toBeUndefined();
  });

  test('have a tenth of what GitHub says that it allows', () => {
    const { meter, heal } = createWatched();
    meter.learn('7', 15_000);
    heal(500);
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
