import { expect, test } from '@jest/globals';
import type { Answer } from '../../src/github/answer.ts';
import { createPace, type Pace, type Payer } from '../../src/github/pace.ts';
import { manualClock, NOW } from './wire.ts';

const OK: Answer = { status: 200, headers: {}, data: null };

const refusal = (status: number, headers: Answer['headers'] = {}, page = ''): Answer => ({
  status,
  headers,
  data: { message: 'no', documentation_url: page },
});

function world() {
  const clock = manualClock();
  const pace = createPace(clock);
  const write = (payer: Payer = 7, kind = 'register') =>
    pace.enter({ payer, kind, isWrite: true, isContent: false });
  return { clock, pace, write };
}

/** One call there and back. */
function exchange(pace: Pace, answer: Answer, call: { payer?: Payer; kind?: string } = {}) {
  const pass = pace.enter({ payer: 7, kind: 'runs', isWrite: false, isContent: false, ...call });
  if (!pass.ok) throw new Error('not let out');
  return pass.leave(answer);
}

const retryAt = (pass: { ok: boolean; retryAt?: number }) => pass.retryAt;

test('lets 180 registrations of a minute out in one burst, and the next when the minute is over', () => {
  const { clock, write } = world();
  for (let i = 0; i < 180; i++) {
    const pass = write();
    if (pass.ok) pass.leave(OK);
    clock.pass(10);
  }
  expect(write()).toEqual({ ok: false, retryAt: NOW + 61_000 });
  clock.pass(61_000 - 1800);
  expect(write().ok).toBe(true);
  expect(write()).toEqual({ ok: false, retryAt: NOW + 61_010 });
});

test('lets 900 reads of a minute out', () => {
  const { pace } = world();
  for (let i = 0; i < 900; i++) exchange(pace, OK);
  const next = pace.enter({ payer: 7, kind: 'runs', isWrite: false, isContent: false });
  expect(next.ok).toBe(false);
});

test('counts each endpoint and each installation alone', () => {
  const { write } = world();
  for (let i = 0; i < 180; i++) {
    const pass = write();
    if (pass.ok) pass.leave(OK);
  }
  expect(write(7, 'register').ok).toBe(false);
  expect(write(7, 'removeRunner').ok).toBe(true);
  expect(write(8, 'register').ok).toBe(true);
});

test('never exceeds 180 registrations in any minute, however long it goes on', () => {
  const { clock, write } = world();
  const out: number[] = [];
  for (let i = 0; i < 2000; i++) {
    const pass = write();
    if (pass.ok) {
      out.push(clock.now());
      pass.leave(OK);
    }
    clock.pass(i % 7 === 0 ? 900 : 40);
  }
  const most = Math.max(...out.map((at) => out.filter((t) => t > at - 60_000 && t <= at).length));
  expect(most).toBe(180);
});

test('has at most 80 calls of an installation under way, and says so at once to the next', () => {
  const { write } = world();
  const passes = Array.from({ length: 80 }, () => write());
  expect(passes.every(({ ok }) => ok)).toBe(true);
  expect(retryAt(write())).toBe(NOW + 1000);
  expect(write(8).ok).toBe(true);
  const [first] = passes;
  if (first?.ok) first.leave(null);
  expect(write().ok).toBe(true);
});

/** One thing that notifies people, there and back. */
function say(pace: Pace, kind = 'comment') {
  const pass = pace.enter({ payer: 7, kind, isWrite: true, isContent: true });
  if (pass.ok) pass.leave(OK);
  return pass;
}

test('lets 80 comments of a minute out, whatever the endpoint, and other writes beside them', () => {
  const { clock, pace, write } = world();
  for (let i = 0; i < 80; i++) {
    expect(say(pace, i % 2 ? 'comment' : 'openPull').ok).toBe(true);
    clock.pass(10);
  }
  expect(say(pace)).toEqual({ ok: false, retryAt: NOW + 61_000 });
  expect(write(7, 'editComment').ok).toBe(true);
  clock.pass(61_000 - 800);
  expect(say(pace).ok).toBe(true);
});

test('lets 500 comments of an hour out', () => {
  const { clock, pace } = world();
  for (let i = 0; i < 500; i++) {
    expect(say(pace).ok).toBe(true);
    clock.pass(1000);
  }
  expect(say(pace)).toEqual({ ok: false, retryAt: NOW + 3_601_000 });
  clock.pass(3_601_000 - 500_000);
  expect(say(pace).ok).toBe(true);
  expect(say(pace)).toEqual({ ok: false, retryAt: NOW + 3_602_000 });
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
])('after %s sends nothing more for the installation until then', (_, answer, ms) => {
  const { clock, pace, write } = world();
  expect(exchange(pace, answer)).toBe(NOW + ms);
  expect(write()).toEqual({ ok: false, retryAt: NOW + ms });
  expect(write(8).ok).toBe(true);
  clock.pass(ms);
  expect(write().ok).toBe(true);
});

test.each<[string, Answer]>([
  ['a permission that is missing', refusal(403, { 'x-ratelimit-remaining': '4000' })],
  ['what is not there', refusal(404)],
  ['an error of GitHub', refusal(502)],
])('goes on after %s', (_, answer) => {
  const { pace, write } = world();
  expect(exchange(pace, answer)).toBeUndefined();
  expect(write().ok).toBe(true);
});

test('stops when a success was the last of the hour', () => {
  const { pace, write } = world();
  expect(exchange(pace, { ...OK, headers: SPENT })).toBeUndefined();
  expect(retryAt(write())).toBe(NOW + 900_000);
});

test('an empty bucket of one endpoint closes that endpoint alone', () => {
  const { pace, write } = world();
  const headers = { ...SPENT, 'x-ratelimit-resource': 'actions_runner_registration' };
  exchange(pace, refusal(403, headers), { kind: 'register' });
  expect(write(7, 'register').ok).toBe(false);
  expect(write(7, 'removeRunner').ok).toBe(true);
});

test('doubles the wait while GitHub names none, up to 16 minutes, and forgets after a success', () => {
  const { clock, pace } = world();
  const waits = Array.from({ length: 6 }, () => {
    const waitMs = (exchange(pace, refusal(429)) ?? 0) - clock.now();
    clock.pass(waitMs);
    return waitMs / 60_000;
  });
  expect(waits).toEqual([1, 2, 4, 8, 16, 16]);
  exchange(pace, OK);
  expect((exchange(pace, refusal(429)) ?? 0) - clock.now()).toBe(60_000);
});

test('takes refusals of calls that were under way together for one', () => {
  const { clock, pace, write } = world();
  const passes = [write(), write(), write()];
  expect(passes.map((pass) => pass.ok && pass.leave(refusal(429)))).toEqual([
    NOW + 60_000,
    NOW + 60_000,
    NOW + 60_000,
  ]);
  clock.pass(60_000);
  expect((exchange(pace, refusal(429)) ?? 0) - clock.now()).toBe(120_000);
});
