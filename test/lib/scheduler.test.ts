import { afterEach, expect, test } from '@jest/globals';
import type { Clock } from '../../src/lib/clock.ts';
import { createScheduler, type Scheduler } from '../../src/lib/scheduler.ts';

/** A clock that stands still until it is moved; sleepers are woken in the order of their times. */
function handClock() {
  let now = 0;
  let naps = 0;
  const sleepers = new Set<{ at: number; wake: () => void }>();
  const settle = async () => {
    for (let i = 0; i < 50; i += 1) await Promise.resolve();
  };
  const clock: Clock = {
    now: () => now,
    sleep: (ms, signal) =>
      new Promise((resolve) => {
        naps += 1;
        const sleeper = { at: now + ms, wake: resolve };
        if (ms <= 0 || signal?.aborted) return resolve();
        sleepers.add(sleeper);
        signal?.addEventListener('abort', () => {
          sleepers.delete(sleeper);
          resolve();
        });
      }),
  };
  async function pass(ms: number) {
    await settle();
    const end = now + ms;
    for (;;) {
      const [next] = [...sleepers].filter(({ at }) => at <= end).sort((a, b) => a.at - b.at);
      if (!next) break;
      now = Math.max(now, next.at);
      sleepers.delete(next);
      next.wake();
      await settle();
    }
    now = end;
    await settle();
  }
  return { clock, pass, naps: () => naps };
}

let scheduler: Scheduler | undefined;
afterEach(() => scheduler?.stop());

function started(run: (key: string) => Promise<number | undefined>, most = 10) {
  const hand = handClock();
  const errors: unknown[] = [];
  const log: string[] = [];
  scheduler = createScheduler({
    clock: hand.clock,
    most,
    retryMs: 100,
    run: async (key) => {
      log.push(`${key}@${hand.clock.now()}`);
      return run(key);
    },
    onError: (error) => void errors.push(error),
  });
  return { ...hand, log, errors, scheduler };
}

test('a woken task runs now, and again when it says so', async () => {
  const { log, pass, scheduler } = started(async () => (log.length < 3 ? 50 : undefined));
  scheduler.wake('a');
  await pass(500);
  expect(log).toEqual(['a@0', 'a@50', 'a@100']);
});

test('within() keeps the earlier time', async () => {
  const { log, pass, scheduler } = started(async () => undefined);
  scheduler.within('a', 80);
  scheduler.within('a', 300);
  scheduler.within('a', 60);
  await pass(1000);
  expect(log).toEqual(['a@60']);
});

test('what is due later, and the end of a task, leave the loop asleep', async () => {
  const { naps, pass, scheduler } = started(async (key) => (key === 'a' ? 100 : undefined));
  scheduler.wake('a');
  await pass(10);
  const before = naps();
  for (const key of ['b', 'c', 'd']) scheduler.within(key, 500);
  await pass(10);
  expect(naps()).toBe(before);
  scheduler.within('e', 20);
  await pass(10);
  expect(naps()).toBe(before + 1);
});

test('a task that is woken while it runs runs once more, never beside itself', async () => {
  let end = () => {};
  const { log, pass, scheduler } = started(
    () =>
      new Promise((resolve) => {
        end = () => resolve(undefined);
      }),
  );
  scheduler.wake('a');
  await pass(10);
  scheduler.wake('a');
  scheduler.wake('a');
  await pass(10);
  expect(log).toEqual(['a@0']);
  end();
  await pass(10);
  expect(log).toEqual(['a@0', 'a@20']);
  end();
});

test('a bug ends one run of one task, and the task comes again', async () => {
  const { log, errors, pass, scheduler } = started(async (key) => {
    if (key === 'bad' && log.length === 1) throw new Error('a bug');
    return undefined;
  });
  scheduler.wake('bad');
  await pass(50);
  scheduler.wake('good');
  await pass(100);
  expect(log).toEqual(['bad@0', 'good@50', 'bad@100']);
  expect(errors).toHaveLength(1);
});

test('no more tasks run at once than allowed', async () => {
  const ends: (() => void)[] = [];
  const { log, pass, scheduler } = started(
    () => new Promise((resolve) => ends.push(() => resolve(undefined))),
    2,
  );
  for (const key of ['a', 'b', 'c']) scheduler.wake(key);
  await pass(10);
  expect(log).toEqual(['a@0', 'b@0']);
  ends[0]?.();
  await pass(10);
  expect(log).toEqual(['a@0', 'b@0', 'c@10']);
  for (const end of ends) end();
});

test('stop waits for what is under way and starts nothing more', async () => {
  let end = () => {};
  const { log, pass, scheduler } = started(
    () =>
      new Promise((resolve) => {
        end = () => resolve(0);
      }),
  );
  scheduler.wake('a');
  await pass(10);
  let hasStopped = false;
  const stopping = scheduler.stop().then(() => {
    hasStopped = true;
  });
  await pass(10);
  expect(hasStopped).toBe(false);
  end();
  await stopping;
  scheduler.wake('a');
  await pass(100);
  expect(log).toEqual(['a@0']);
});

test('settled() ends with a run that began after it was called', async () => {
  const ends: (() => void)[] = [];
  const { log, pass, scheduler } = started(
    () => new Promise((resolve) => ends.push(() => resolve(undefined))),
  );
  scheduler.wake('a');
  await pass(10);
  let isSettled = false;
  const settling = scheduler.settled('a').then(() => {
    isSettled = true;
  });
  ends[0]?.();
  await pass(10);
  expect(log).toEqual(['a@0', 'a@10']);
  expect(isSettled).toBe(false);
  ends[1]?.();
  await settling;
  expect(isSettled).toBe(true);
});
