import { beforeEach, describe, expect, test } from '@jest/globals';
import type { InstanceId } from '../../src/model/ids.ts';
import { sessionFor } from '../../src/model/tokens.ts';
import { launched, T } from '../store/rows.ts';
import { anAsk, aSession, createDoor, type Door, KEYS, outcomeOf } from './door.ts';

let door: Door;
let count = 0;

beforeEach(async () => {
  door = createDoor();
  await launched(door.store, ['i-1', 'i-2']);
  await door.register(anAsk());
  door.woken.length = 0;
});

const anEvent = (kind: string, more: object = {}) => {
  count += 1;
  return { id: `e-${count}`, at: '2023-11-14T22:13:20Z', kind, ...more };
};
const send = (events: readonly object[], instance: InstanceId = 'i-1') =>
  door.events(aSession(instance), { events });
const instance = async (id: InstanceId = 'i-1') => {
  const one = await door.store.instanceById(id);
  return Object.fromEntries(
    Object.keys(PENDING).map((key) => [key, one?.[key as keyof typeof one]]),
  );
};
const CONTINUE = { status: 200, body: { next: 'continue' } };
const STOP = { status: 200, body: { next: 'stop' } };
const PENDING = {
  state: 'pending',
  onlineAt: null,
  startedAt: null,
  finishedAt: null,
  saidDoneAt: null,
  noticeAt: null,
  noticeAction: null,
  noticedAt: null,
  advisedAt: null,
  reason: '',
};

describe('each kind', () => {
  const now = T + 60_000;
  const noticeAt = Date.parse('2023-11-14T22:16:00Z');
  const cases: readonly (readonly [kind: string, more: object, after: object, next: object])[] = [
    ['online', {}, { state: 'online', onlineAt: now }, CONTINUE],
    ['job-started', { job: 'build' }, { state: 'busy', startedAt: now }, CONTINUE],
    ['job-finished', { result: 'succeeded' }, { finishedAt: now, saidDoneAt: now }, STOP],
    [
      'interruption',
      { action: 'terminate', time: '2023-11-14T22:16:00Z' },
      { noticeAt, noticeAction: 'terminate', noticedAt: now },
      STOP,
    ],
    [
      'interruption',
      { time: 'soon' },
      { noticeAt: now + 120_000, noticeAction: 'terminate', noticedAt: now },
      STOP,
    ],
    // Whoever runs jobs can send this: the machine is not left alone for long.
    [
      'interruption',
      { action: 'stop', time: '2099-01-01T00:00:00Z' },
      { noticeAt: now + 600_000, noticeAction: 'stop', noticedAt: now },
      STOP,
    ],
    ['rebalance', {}, { advisedAt: now }, CONTINUE],
    ['log', { lines: ['a line'] }, {}, CONTINUE],
    ['ending', { reason: 'idle' }, { state: 'ending', reason: 'powers itself off: idle' }, STOP],
    [
      'ending',
      { reason: 7 },
      { state: 'ending', reason: 'powers itself off: no reason given' },
      STOP,
    ],
    ['of-a-newer-daemon', {}, {}, CONTINUE],
  ];
  test.each(cases)('%s %j', async (kind, more, after, next) => {
    expect(await send([anEvent(kind, more)])).toEqual(next);
    expect(await instance()).toEqual({ ...PENDING, ...after });
  });

  test('wakes the scope; a heartbeat without events does not', async () => {
    expect(await send([])).toEqual(CONTINUE);
    expect(door.woken).toEqual([]);
    await send([anEvent('online')]);
    expect(door.woken).toEqual(['repo-1']);
  });
});

test('an event that is sent again is taken once', async () => {
  const online = anEvent('online');
  const started = anEvent('job-started');
  await send([online]);
  door.now += 1_000;
  expect(await send([online, started])).toEqual(CONTINUE);
  const onlineAt = T + 60_000;
  expect(await instance()).toMatchObject({ state: 'busy', onlineAt, startedAt: onlineAt + 1_000 });
});

test('a late event takes no machine back', async () => {
  await send([anEvent('online'), anEvent('job-started'), anEvent('job-finished')]);
  const after = await instance();
  door.now += 1_000;
  expect(await send([anEvent('online'), anEvent('job-started')])).toEqual(STOP);
  expect(await instance()).toEqual(after);
});

test('a machine that finished, ends or is gone is told to stop', async () => {
  await send([anEvent('online'), anEvent('job-finished')]);
  expect(await send([])).toEqual(STOP);
  await door.store.sighted('i-1', 'shutting-down', '', T);
  expect(await send([])).toEqual(STOP);
  const patch = { state: 'ending' } as const;
  await door.store.changeInstance({ key: 'l1.1', from: ['pending'], patch });
  expect(await send([], 'i-2')).toEqual(STOP);
});

test('a machine puts off its end by no word that it says again', async () => {
  await send([anEvent('online'), anEvent('job-finished'), anEvent('interruption')]);
  const after = await instance();
  door.now += 3_600_000;
  await send([anEvent('job-finished'), anEvent('interruption')]);
  expect(await instance()).toEqual(after);
});

test('what a machine says that is gone is not noted', async () => {
  await door.store.sighted('i-1', 'terminated', '', T);
  const event = anEvent('log');
  expect(await send([event])).toEqual(STOP);
  expect(await door.store.noteEvents('i-1', [event.id], T)).toEqual([true]);
});

test('a flood of events is refused for a minute, and nobody else is', async () => {
  const hundred = () => send(Array.from({ length: 100 }, () => anEvent('log')));
  for (let i = 0; i < 3; i += 1) expect(await hundred()).toEqual(CONTINUE);
  const refused = await hundred();
  expect(outcomeOf(refused)).toBe('429 pace');
  expect(door.counts).toEqual({ pace: 1 });
  expect(await send([])).toEqual(CONTINUE);
  expect(refused.headers).toEqual({ 'retry-after': '60' });
  expect(await send([anEvent('online')], 'i-2')).toEqual(CONTINUE);
  door.now += 60_000;
  expect(await hundred()).toEqual(CONTINUE);
});

test('a session speaks for its own instance alone', async () => {
  await send([anEvent('online', { instance: 'i-1' })], 'i-2');
  expect(await instance()).toEqual(PENDING);
  expect(await instance('i-2')).toMatchObject({ state: 'online' });
});

describe('refuses', () => {
  const mac = aSession().split('.')[2];
  const sessions: readonly (readonly [string, string | undefined])[] = [
    ['no session', undefined],
    ['an empty session', ''],
    ['a session that is none', 'l1'],
    ['a forged session', `l1.i-1.${'x'.repeat(43)}`],
    ["another instance's session under this name", `l1.i-2.${mac}`],
    ['another launch', `l2.i-1.${mac}`],
  ];
  test.each(sessions)('%s', async (_, session) => {
    const answer = await door.events(session, { events: [anEvent('online')] });
    expect(outcomeOf(answer)).toBe('401 session');
    expect(door.counts).toEqual({ session: 1 });
    expect(await instance('i-1')).toEqual(PENDING);
    expect(await instance('i-2')).toEqual(PENDING);
  });

  const bodies: readonly (readonly [string, unknown])[] = [
    ['no object', null],
    ['no list', { events: 'online' }],
    ['a longer batch', { events: Array.from({ length: 101 }, () => anEvent('log')) }],
    ['an event without id', { events: [{ kind: 'online' }] }],
    ['an event with an empty id', { events: [{ id: '', kind: 'online' }] }],
    ['an event with a long id', { events: [{ id: 'x'.repeat(101), kind: 'online' }] }],
    ['an event that is no object', { events: ['online'] }],
  ];
  test.each(bodies)('%s', async (_, body) => {
    expect(outcomeOf(await door.events(aSession(), body))).toBe('400 shape');
    expect(door.counts).toEqual({ shape: 1 });
  });

  test('nothing of a batch of the greatest length', async () => {
    const events = Array.from({ length: 100 }, () => anEvent('log'));
    expect(await send(events)).toEqual(CONTINUE);
  });
});

describe('a machine that the store does not know', () => {
  test('keeps its events and goes on, and EC2 is looked at', async () => {
    const session = sessionFor(KEYS, 'l7', 'i-7');
    const answer = await door.events(session, { events: [anEvent('online')] });
    expect(outcomeOf(answer)).toBe('503 not-yet');
    expect(await door.events(session, { events: [] })).toEqual(CONTINUE);
    expect(door.looks).toBe(2);
    expect(door.counts).toEqual({});
  });
});
