import { randomBytes } from 'node:crypto';
import { afterEach, describe, expect, test } from '@jest/globals';
import { soundCode } from './code.ts';
import { generate } from './scenario.ts';
import { simulate } from './simulate.ts';
import { armTripwires } from './tripwires.ts';

const asks: Readonly<Record<string, () => unknown>> = {
  'Date.now': () => Date.now(),
  'new Date()': () => new Date(),
  'performance.now': () => performance.now(),
  'Math.random': () => Math.random(),
  setTimeout: () => setTimeout(() => {}, 0),
  setInterval: () => setInterval(() => {}, 1_000),
  setImmediate: () => setImmediate(() => {}),
  fetch: () => fetch('http://127.0.0.1:1'),
  'AbortSignal.timeout': () => AbortSignal.timeout(1),
  'crypto.randomUUID': () => crypto.randomUUID(),
  'crypto.getRandomValues': () => crypto.getRandomValues(new Uint8Array(1)),
};

describe('while they are armed', () => {
  let disarm = () => {};
  afterEach(() => disarm());

  test.each(Object.entries(asks))('%s throws, and is itself again afterwards', (what, ask) => {
    const told: string[] = [];
    disarm = armTripwires((one) => told.push(one));
    expect(ask).toThrow('handed in');
    disarm();
    expect(told).toEqual([what]);
    if (what.startsWith('crypto') || what.includes('now')) expect(ask).not.toThrow();
  });

  test('a date of a known time does not', () => {
    disarm = armTripwires(() => {});
    expect(new Date(0).toISOString()).toBe('1970-01-01T00:00:00.000Z');
    expect(Date.UTC(2026, 0)).toBeGreaterThan(0);
  });
});

describe('a scenario is told', () => {
  const played = (leak: () => unknown) =>
    simulate(generate(1), {
      code: {
        ...soundCode,
        parseEvent: (...args) => {
          try {
            leak();
          } catch {
            // As code would that takes any error for a broken webhook.
          }
          return soundCode.parseEvent(...args);
        },
      },
    });

  test('of code that reads the machine’s clock, even where its error is caught', async () => {
    expect(await played(() => Date.now())).toMatchObject({ rule: 'tripwire', text: 'Date.now' });
  });

  test('of none afterwards', async () => {
    expect(randomBytes(4)).toHaveLength(4);
    expect((await played(() => 0)).rule).toBeNull();
  });
});
