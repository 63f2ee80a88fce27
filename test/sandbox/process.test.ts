import { describe, expect, test } from '@jest/globals';
import { createKernel, type Fault, type KernelOptions } from '../../src/sandbox/kernel.ts';
import type { Gate } from '../../src/sandbox/process.ts';

const answers = { unanswered: () => 'nothing', throttled: () => 'not now' };

/** One call under one fault: what the caller saw, and how often the effect ran. */
async function callWith(fault: Fault | undefined) {
  const kernel = createKernel({ seed: 1, startAt: 0, fault: () => fault });
  const process = kernel.process('app');
  let effects = 0;
  let seen = '';
  process.at(0, 'go', async () => {
    seen = await process.call(
      'ec2.launch',
      () => {
        effects += 1;
        return 'launched';
      },
      { ...answers, timeoutMs: 5000 },
    );
    kernel.trace('heard');
  });
  await kernel.run({});
  return { seen, effects, atMs: Number(kernel.lines[0]?.split(' ')[0]) * 1000 };
}

/** A program with a catch and a finally, killed at one gate; what it wrote. */
async function writesWhenKilledAt(gate: number, options: Partial<KernelOptions> = {}) {
  const kernel = createKernel({
    seed: 1,
    ...options,
    onGate: (at, process) => {
      if (at.gate === gate) process.kill();
    },
  });
  const process = kernel.process('app');
  const wrote: string[] = [];
  const write = (what: string) => process.call('store', () => wrote.push(what), { isLocal: true });
  process.at(0, 'go', async () => {
    try {
      await write('intent');
      await process.call('ec2', () => wrote.push('launch'));
      await write('outcome');
    } catch {
      await write('failed');
    } finally {
      await write('released');
    }
  });
  await kernel.run({});
  return { wrote, isAlive: process.isAlive };
}

describe('calls', () => {
  test.each<[string, Fault | undefined, string, number]>([
    ['no fault', undefined, 'launched', 1],
    ['a lost request', { kind: 'lost-request' }, 'nothing', 0],
    ['a lost answer', { kind: 'lost-answer' }, 'nothing', 1],
    ['a refusal for now', { kind: 'throttled' }, 'not now', 0],
    ['a slow way', { kind: 'slow', ms: 3000 }, 'launched', 1],
    ['a way slower than the time limit', { kind: 'slow', ms: 6000 }, 'nothing', 1],
  ])('%s', async (_, fault, seen, effects) => {
    expect(await callWith(fault)).toMatchObject({ seen, effects });
  });

  test('the caller of a lost call waits for its own time limit', async () => {
    expect((await callWith({ kind: 'lost-answer' })).atMs).toBe(5000);
    expect((await callWith({ kind: 'slow', ms: 3000 })).atMs).toBeGreaterThanOrEqual(3000);
  });

  test('an effect that throws rejects the caller', async () => {
    const kernel = createKernel({ seed: 1 });
    const process = kernel.process('app');
    process.at(0, 'go', async () => {
      await process
        .call('bad', () => {
          throw new Error('no');
        })
        .catch(() => kernel.mark('caught'));
    });
    await kernel.run({});
    expect(kernel.marks.get('caught')).toBe(1);
  });

  test('calls and gates are numbered over all lives of a name', async () => {
    const gates: Gate[] = [];
    const kernel = createKernel({ seed: 1, onGate: (gate) => gates.push(gate) });
    for (const life of [1, 2]) {
      const process = kernel.process('app');
      process.at(0, 'go', () => void process.call('x', () => life));
      await kernel.run({});
      process.kill();
    }
    expect(gates.map(({ gate, side, nth }) => [gate, side, nth])).toEqual([
      [1, 'arrival', 1],
      [2, 'answer', 1],
      [3, 'arrival', 2],
      [4, 'answer', 2],
    ]);
  });
});

describe('a kill', () => {
  test('leaves nothing to run at any gate, neither catch nor finally', async () => {
    const whole = ['intent', 'launch', 'outcome', 'released'];
    expect((await writesWhenKilledAt(99)).wrote).toEqual(whole);
    for (let gate = 1; gate <= 8; gate += 1) {
      const { wrote, isAlive } = await writesWhenKilledAt(gate);
      expect(isAlive).toBe(false);
      // Gates come in pairs, arrival and answer; gate 3 is the arrival of the call to the outside.
      const done = gate === 3 ? wrote.filter((what) => what !== 'launch') : wrote;
      expect(done).toEqual(whole.slice(0, Math.floor(gate / 2)));
    }
  });

  test('a request already sent lands for some seeds, and never in the dead one’s own store', async () => {
    const landed = new Set<number>();
    for (let seed = 0; seed < 20; seed += 1) {
      expect((await writesWhenKilledAt(1, { seed })).wrote).toEqual([]);
      landed.add((await writesWhenKilledAt(3, { seed })).wrote.length);
    }
    expect([...landed].sort()).toEqual([1, 2]);
  });

  test('ends timers and what would come in', async () => {
    const kernel = createKernel({ seed: 1 });
    const process = kernel.process('app');
    process.at(0, 'go', async () => {
      await process.clock.sleep(1000);
      kernel.mark('woke');
    });
    process.at(2000, 'webhook', () => kernel.mark('heard'));
    kernel.at(500, 'kill', () => process.kill());
    await kernel.run({});
    expect(kernel.marks.size).toBe(0);
  });

  test('is refused while code of a process is on the stack', async () => {
    const kernel = createKernel({ seed: 1 });
    const process = kernel.process('app');
    process.at(0, 'go', () => process.kill());
    await expect(kernel.run({})).rejects.toThrow('between events');
  });
});

describe('a pause', () => {
  test('holds back answers and timers while the world goes on', async () => {
    const kernel = createKernel({ seed: 1, startAt: 0 });
    const process = kernel.process('app');
    let landedAt = 0;
    const woke: number[] = [];
    process.at(0, 'go', async () => {
      await process.call('ec2', () => {
        landedAt = kernel.now();
      });
      woke.push(kernel.now());
    });
    process.at(0, 'timer', async () => {
      await process.clock.sleep(1000);
      woke.push(kernel.now());
    });
    kernel.at(1, 'pause', () => kernel.pause(process, 30_000));
    await kernel.run({});
    expect(landedAt).toBeLessThan(100);
    expect(woke).toEqual([30_001, 30_001]);
  });
});

describe('a sleep', () => {
  test('ends early, without an error, when its signal aborts', async () => {
    const kernel = createKernel({ seed: 1, startAt: 0 });
    const process = kernel.process('app');
    const abort = new AbortController();
    const woke: number[] = [];
    const sleep = async () => {
      await process.clock.sleep(5000, abort.signal);
      woke.push(kernel.now());
    };
    process.at(0, 'go', () => void sleep());
    process.at(700, 'abort', () => abort.abort());
    process.at(800, 'late', () => void sleep());
    await kernel.run({});
    expect(woke).toEqual([700, 800]);
  });
});
