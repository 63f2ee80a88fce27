import { describe, expect, test } from '@jest/globals';
import type { Answer } from '../../src/github/answer.ts';
import { createPace, type Pace, type Payer } from '../../src/github/pace.ts';
import { createWindows, ownFacts } from '../../src/model/windows.ts';
import { manualClock, NOW } from './wire.ts';

const OK: Answer = { status: 200, headers: {}, data: null };

const refusal = (status: number, headers: Answer['headers'] = {}, page = ''): Answer => ({
  status,
  headers,
  data: { message: 'no', documentation_url: page },
});

/** Two processes on one store. */
function world() {
  const clock = manualClock();
  const facts = ownFacts(clock);
  const create = () => createPace(clock, createWindows({ clock, facts, name: 'github' }));
  const pace = create();
  const other = create();
  const write = (payer: Payer = 7, kind = 'register') =>
    pace.enter({ payer, kind, isWrite: true, isContent: false });
  return { clock, pace, other, write };
}

/** One call there and back. */
async function exchange(pace: Pace, answer: Answer, call: { payer?: Payer; kind?: string } = {}) {
  const pass = await pace.enter({
    payer: 7,
    kind: 'runs',
    isWrite: false,
    isContent: false,
    ...call,
  });
  if (!pass.ok) throw new Error('not let out');
  return pass.leave(answer);
}

const retryAt = (pass: { ok: boolean; retryAt?: number }) => pass.retryAt;

test('lets 180 registrations of a minute out in one burst, and the next when the minute is over', async () => {
  const { clock, write } = world();
  for (let i = 0; i < 180; i++) {
    const pass = await write();
    if (pass.ok) await pass.leave(OK);
    clock.pass(10);
  }
  expect(await write()).toEqual({ ok: false, retryAt: NOW + 62_000 });
  clock.pass(62_000 - 1800);
  expect((await write()).ok).toBe(true);
});

test('lets 900 reads of a minute out', async () => {
  const { pace } = world();
  for (let i = 0; i < 900; i++) await exchange(pace, OK);
  const next = await pace.enter({ payer: 7, kind: 'runs', isWrite: false, isContent: false });
  expect(next.ok).toBe(false);
});

test('counts each endpoint and each installation alone', async () => {
  const { write } = world();
  for (let i = 0; i < 180; i++) {
    const pass = await write();
    if (pass.ok) await pass.leave(OK);
  }
  expect((await write(7, 'register')).ok).toBe(false);
  expect((await write(7, 'removeRunner')).ok).toBe(true);
  expect((await write(8, 'register')).ok).toBe(true);
});

test('never exceeds 180 registrations in any minute, however long it goes on', async () => {
  const { clock, write } = world();
  const out: number[] = [];
  for (let i = 0; i < 2000; i++) {
    const pass = await write();
    if (pass.ok) {
      out.push(clock.now());
      await pass.leave(OK);
    }
    clock.pass(i % 7 === 0 ? 900 : 40);
  }
  const most = Math.max(...out.map((at) => out.filter((t) => t > at - 60_000 && t <= at).length));
  expect(most).toBeLessThanOrEqual(180);
  expect(most).toBeGreaterThan(170);
});

test('has at most 40 calls of an installation under way, and says so at once to the next', async () => {
  const { write } = world();
  const passes = await Promise.all(Array.from({ length: 40 }, () => write()));
  expect(passes.every(({ ok }) => ok)).toBe(true);
  expect(retryAt(await write())).toBe(NOW + 1000);
  expect((await write(8)).ok).toBe(true);
  const [first] = passes;
  if (first?.ok) await first.leave(null);
  expect((await write()).ok).toBe(true);
});

/** One thing that notifies people, there and back. */
async function say(pace: Pace, kind = 'comment') {
  const pass = await pace.enter({ payer: 7, kind, isWrite: true, isContent: true });
  if (pass.ok) await pass.leave(OK);
  return pass;
}

test('lets 80 comments of a minute out, whatever the endpoint, and other writes beside them', async () => {
  const { clock, pace, write } = world();
  for (let i = 0; i < 80; i++) {
    expect((await say(pace, i % 2 ? 'comment' : 'openPull')).ok).toBe(true);
    clock.pass(10);
  }
  expect(await say(pace)).toEqual({ ok: false, retryAt: NOW + 62_000 });
  expect((await write(7, 'editComment')).ok).toBe(true);
  clock.pass(62_000 - 800);
  expect((await say(pace)).ok).toBe(true);
});

test('lets 500 comments of an hour out', async () => {
  const { clock, pace } = world();
  for (let i = 0; i < 500; i++) {
    expect((await say(pace)).ok).toBe(true);
    clock.pass(1000);
  }
  const next = await say(pace);
  expect(next.ok).toBe(false);
  const hourMs = (next.ok ? 0 : next.retryAt) - NOW;
  expect(hourMs).toBeGreaterThan(60 * 60_000);
  expect(hourMs).toBeLessThanOrEqual(62 * 60_000);
  clock.pass(hourMs - 500_000);
  expect((await say(pace)).ok).toBe(true);
});

describe('two processes on one store', () => {
  test('send no more than one may: 180 registrations in any minute', async () => {
    const { clock, pace, other } = world();
    const out: number[] = [];
    for (let i = 0; i < 2000; i++) {
      const by = i % 3 === 0 ? other : pace;
      const pass = await by.enter({ payer: 7, kind: 'register', isWrite: true, isContent: false });
      if (pass.ok) {
        out.push(clock.now());
        await pass.leave(OK);
      }
      clock.pass(i % 7 === 0 ? 900 : 40);
    }
    const inMinute = (at: number) => out.filter((t) => t > at - 60_000 && t <= at).length;
    const most = Math.max(...out.map(inMinute));
    expect(most).toBeLessThanOrEqual(180);
    expect(most).toBeGreaterThan(170);
  });

  test('both stop when GitHub refuses one of them', async () => {
    const { clock, pace, other } = world();
    await exchange(other, OK);
    await exchange(pace, refusal(429, { 'retry-after': '17' }));
    clock.pass(1000);
    const pass = await other.enter({ payer: 7, kind: 'x', isWrite: false, isContent: false });
    expect(pass).toEqual({ ok: false, retryAt: NOW + 17_000 });
  });
});

const SPENT = { 'x-ratelimit-remaining': '0', 'x-ratelimit-reset': String(NOW / 1000 + 900) };

test.each<[string, Answer, number]>([
  ['403 with retry-after', refusal(403, { 'retry-after': '17' }), 17_000],
  ['429 with retry-after', refusal(429, { 'retry-after': '17' }), 17_000],
  ['403 with nothing left', refusal(403, SPENT), 900_000],
  ['429 without a word', refusal(429), 60_000],
  [
    '403 that refers to the limits',
    refusal(403, {}, 'https://d/rest#secondary-rate-limits'),
    60_000,
  ],
  ['a reset that is past', refusal(403, { ...SPENT, 'x-ratelimit-reset': '1' }), 1000],
  ['a wait of a day', refusal(403, { 'retry-after': '86400' }), 3_600_000],
])('after %s sends nothing more for the installation until then', async (_, answer, ms) => {
  const { clock, pace, write } = world();
  expect(await exchange(pace, answer)).toBe(NOW + ms);
  expect(await write()).toEqual({ ok: false, retryAt: NOW + ms });
  expect((await write(8)).ok).toBe(true);
  clock.pass(ms);
  expect((await write()).ok).toBe(true);
});

test.each<[string, Answer]>([
  ['a permission that is missing', refusal(403, { 'x-ratelimit-remaining': '4000' })],
  ['what is not there', refusal(404)],
  ['an error of GitHub', refusal(502)],
])('goes on after %s', async (_, answer) => {
  const { pace, write } = world();
  expect(await exchange(pace, answer)).toBeUndefined();
  expect((await write()).ok).toBe(true);
});

test('stops when a success was the last of the hour', async () => {
  const { pace, write } = world();
  expect(await exchange(pace, { ...OK, headers: SPENT })).toBeUndefined();
  expect(retryAt(await write())).toBe(NOW + 900_000);
});

test('an empty bucket of one endpoint closes that endpoint alone', async () => {
  const { pace, write } = world();
  const headers = { ...SPENT, 'x-ratelimit-resource': 'actions_runner_registration' };
  await exchange(pace, refusal(403, headers), { kind: 'register' });
  expect((await write(7, 'register')).ok).toBe(false);
  expect((await write(7, 'removeRunner')).ok).toBe(true);
});

test('doubles the wait while GitHub names none, up to 16 minutes, and forgets after a success', async () => {
  const { clock, pace } = world();
  const waits: number[] = [];
  for (let i = 0; i < 6; i++) {
    const waitMs = ((await exchange(pace, refusal(429))) ?? 0) - clock.now();
    clock.pass(waitMs);
    waits.push(waitMs / 60_000);
  }
  expect(waits).toEqual([1, 2, 4, 8, 16, 16]);
  await exchange(pace, OK);
  expect(((await exchange(pace, refusal(429))) ?? 0) - clock.now()).toBe(60_000);
});

test('takes refusals of calls that were under way together for one', async () => {
  const { clock, pace, write } = world();
  const passes = await Promise.all([write(), write(), write()]);
  const until = passes.map((pass) => pass.ok && pass.leave(refusal(429)));
  expect(await Promise.all(until)).toEqual([NOW + 60_000, NOW + 60_000, NOW + 60_000]);
  clock.pass(60_000);
  expect(((await exchange(pace, refusal(429))) ?? 0) - clock.now()).toBe(120_000);
});
