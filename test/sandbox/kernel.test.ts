import { describe, expect, test } from '@jest/globals';
import { systemClock } from '../../src/lib/clock.ts';
import { createKernel, type Kernel, type KernelOptions } from '../../src/sandbox/kernel.ts';

const MINUTE_MS = 60_000;

/** Three processes that call and sleep in loops; every step leaves a line. */
function busyWorld(options: KernelOptions): Kernel {
  const kernel = createKernel(options);
  for (const name of ['a', 'b', 'c']) {
    const process = kernel.process(name);
    const loop = async () => {
      for (let i = 0; i < 5; i += 1) {
        await process.call('work', () => kernel.trace(`${name} works ${kernel.id('i')}`));
        await process.clock.sleep(10 * process.random.unit());
      }
    };
    kernel.at(0, 'start', () => void loop());
  }
  return kernel;
}

const traceOf = async (options: KernelOptions): Promise<readonly string[]> => {
  const kernel = busyWorld(options);
  expect(await kernel.run({})).toBe('idle');
  return kernel.lines;
};

/** Two processes add one each, with a read and a write; 2 unless an update was lost. */
async function countOfTwo(seed: number): Promise<number> {
  const kernel = createKernel({ seed });
  let value = 0;
  for (const [name, delayMs] of [
    ['a', 0],
    ['b', 60],
  ] as const) {
    const process = kernel.process(name);
    process.at(delayMs, name, async () => {
      const read = await process.call('read', () => value);
      await process.call('write', () => {
        value = read + 1;
      });
    });
  }
  await kernel.run({});
  return value;
}

describe('determinism', () => {
  test('the same seed gives the same trace, another seed another', async () => {
    const first = await traceOf({ seed: 7 });
    expect(first).toHaveLength(15);
    expect(await traceOf({ seed: 7 })).toEqual(first);
    expect(await traceOf({ seed: 8 })).not.toEqual(first);
  });

  test('events of equal time come in an order that the seed chooses', async () => {
    const orderOf = async (options: KernelOptions) => {
      const kernel = createKernel(options);
      let order = '';
      for (const name of 'abcd') {
        kernel.at(5, name, () => {
          order += name;
        });
      }
      await kernel.run({});
      return order;
    };
    const orders = new Set<string>();
    for (let seed = 0; seed < 200; seed += 1) orders.add(await orderOf({ seed }));
    expect(orders.size).toBe(24);
    expect(await orderOf({ seed: 3, isCalm: true })).toBe('abcd');
  });

  test('a label that is drawn no more moves no other label', () => {
    const both = createKernel({ seed: 5 });
    const one = createKernel({ seed: 5 });
    const mixed: number[] = [];
    for (let i = 0; i < 4; i += 1) {
      both.rand('other');
      mixed.push(both.rand('mine'));
    }
    const alone = Array.from({ length: 4 }, () => one.rand('mine'));
    expect(mixed).toEqual(alone);
    expect(new Set(alone).size).toBe(4);
  });

  test('draws are spread over the whole range', () => {
    const kernel = createKernel({ seed: 1 });
    const tenths = new Array<number>(10).fill(0);
    for (let i = 0; i < 10_000; i += 1) {
      const tenth = Math.floor(kernel.rand('spread') * 10);
      tenths[tenth] = (tenths[tenth] ?? 0) + 1;
    }
    for (const n of tenths) expect(Math.abs(n - 1000)).toBeLessThan(150);
  });

  test('some seeds find a lost update and others do not', async () => {
    const counts = new Set<number>();
    for (let seed = 0; seed < 50; seed += 1) counts.add(await countOfTwo(seed));
    expect([...counts].sort()).toEqual([1, 2]);
  });

  test('drains a long chain of microtasks before the next event', async () => {
    const kernel = createKernel({ seed: 1 });
    let depth = 0;
    kernel.at(0, 'chain', async () => {
      for (; depth < 1000; depth += 1) await null;
    });
    let seen = 0;
    kernel.at(1, 'look', () => {
      seen = depth;
    });
    await kernel.run({});
    expect(seen).toBe(1000);
  });
});

describe('runs', () => {
  test('stops at a condition, an instant, a number of events, or when nothing is left', async () => {
    const kernel = createKernel({ seed: 1, startAt: 0 });
    let n = 0;
    const again = () => {
      n += 1;
      if (n < 100) kernel.at(1000, 'again', again);
    };
    kernel.at(1000, 'again', again);
    expect(await kernel.run({ until: () => n === 3 })).toBe('until');
    expect(kernel.now()).toBe(3000);
    expect(await kernel.run({ untilMs: 10_500 })).toBe('time');
    expect([kernel.now(), n]).toEqual([10_500, 10]);
    expect(await kernel.run({ maxEvents: 5 })).toBe('events');
    expect(n).toBe(15);
    expect(await kernel.run({})).toBe('idle');
    expect(n).toBe(100);
  });

  test('the first broken promise ends the run and stays the one recorded', async () => {
    const kernel = createKernel({ seed: 1, startAt: 0 });
    kernel.at(5, 'a', () => {
      kernel.invariant(true, 'kept', '');
      kernel.invariant(false, 'max', '3 of 2');
      kernel.invariant(false, 'later', '');
    });
    kernel.at(6, 'b', () => kernel.mark('never'));
    expect(await kernel.run({})).toBe('violation');
    expect(kernel.violation).toEqual({ rule: 'max', text: '3 of 2', at: 5 });
    expect(kernel.marks.get('never')).toBeUndefined();
  });

  test('an event called off does not happen', async () => {
    const kernel = createKernel({ seed: 1 });
    const cancel = kernel.at(5, 'a', () => kernel.mark('a'));
    cancel();
    await kernel.run({});
    expect(kernel.marks.size).toBe(0);
  });

  test('the pump runs the same events by the machine’s time, and hears visitors', async () => {
    const kernel = createKernel({ seed: 1, startAt: 0 });
    const ran = new Promise((resolve) => {
      kernel.at(MINUTE_MS, 'later', () => resolve(kernel.now()));
    });
    const pump = kernel.pump(systemClock, { speed: 6000 });
    const visited = await kernel.visit('visit', () => kernel.now());
    expect(await ran).toBe(MINUTE_MS);
    expect(visited).toBeLessThanOrEqual(MINUTE_MS);
    await expect(
      kernel.visit('bug', () => {
        throw new Error('of the model');
      }),
    ).rejects.toThrow('of the model');
    await pump.stop();
    expect(kernel.now()).toBe(kernel.now());
  });
});
