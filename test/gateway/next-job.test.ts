import { beforeEach, expect, test } from '@jest/globals';
import type { Instance } from '../../src/model/launch.ts';
import { launched, T } from '../store/rows.ts';
import { anAsk, aSession, createDoor, type Door, outcomeOf } from './door.ts';

// What a machine that has just finished a job is told: to go, to wait, or its next runner.

const NAME = 'dstack-i-1-abc123';
const LABELS = ['self-hosted', 'dstack', 'run=111'];
let door: Door;
let ids = 0;

const send = (...kinds: readonly string[]) =>
  door.events(aSession('i-1'), {
    events: kinds.map((kind) => {
      ids += 1;
      return { id: `e${ids}`, kind };
    }),
  });
const instance = async (): Promise<Partial<Instance>> =>
  (await door.store.instanceById('i-1')) ?? {};
const change = (patch: Parameters<Door['store']['changeInstance']>[0]['patch']) =>
  door.store.changeInstance({ key: 'l1.0', from: ['pending', 'online', 'busy'], patch });

const JOB = {
  status: 200,
  body: { next: 'job', jitConfig: `jit of ${NAME}-2`, runner: `${NAME}-2` },
};
const says = (next: string) => ({ status: 200, body: { next } });

beforeEach(async () => {
  door = createDoor();
  await launched(door.store, ['i-1']);
  await change({ runnerName: NAME, runnerId: 9, labels: LABELS, registeredAt: T, lastRun: 111 });
  await send('online', 'job-started');
  door.nextLabels = LABELS;
});

test('a further job of its run, by a runner of its own', async () => {
  door.now += 1_000;
  expect(await send('job-finished')).toEqual(JOB);
  expect([...door.github.there.values()].map(({ name }) => name)).toEqual([`${NAME}-2`]);
  expect(await instance()).toMatchObject({
    state: 'pending',
    runnerName: `${NAME}-2`,
    runnerId: 1,
    labels: LABELS,
    registeredAt: door.now,
    onlineAt: null,
    startedAt: null,
    finishedAt: null,
    saidDoneAt: null,
    lastRun: null,
  });
});

test('the same runner, when the answer was lost, until it is online', async () => {
  await send('job-finished');
  expect(await send()).toEqual(JOB);
  expect(await send('online')).toEqual(says('continue'));
  expect(await send()).toEqual(says('continue'));
  expect(door.github.registered).toBe(1);
});

test('to nobody who asks for a registration by the name of that runner', async () => {
  await send('job-finished');
  const answer = await door.register(anAsk('i-1', { request: `${NAME}-2` }));
  expect(outcomeOf(answer)).toBe('409 used');
  expect(door.github.there.size).toBe(1);
});

test('one runner, when it asks twice at once', async () => {
  const answers = await Promise.all([send('job-finished'), send(), send()]);
  expect(answers.filter(({ body }) => JSON.stringify(body).includes('"job"'))).toHaveLength(1);
  expect(door.github.registered).toBe(1);
});

test('to wait while GitHub does not register it, and then its job', async () => {
  door.github.refusal = { ok: false, reason: 'throttled', code: '403', message: '' };
  expect(await send('job-finished')).toEqual(says('continue'));
  expect(await instance()).toMatchObject({ state: 'busy', runnerName: NAME, finishedAt: door.now });
  door.github.refusal = null;
  expect(await send()).toEqual(JOB);
});

test('to wait while the plan does', async () => {
  door.nextLabels = 'wait';
  expect(await send('job-finished')).toEqual(says('continue'));
  expect(await instance()).toMatchObject({ state: 'busy', finishedAt: door.now });
});

test.each<[string, () => Promise<unknown>]>([
  ['the plan has nothing for it', async () => (door.nextLabels = null)],
  ['GitHub has not said which run its job was of', () => change({ lastRun: null })],
  ['its job was of another run', () => change({ lastRun: 112 })],
  ['it is kept for no run', () => change({ labels: ['dstack'] })],
  ['EC2 takes it back', () => change({ noticeAt: T })],
  ['it is about to end', () => change({ state: 'ending' })],
])('to stop, when %s', async (_, given) => {
  await given();
  expect(await send('job-finished')).toEqual(says('stop'));
  expect(door.github.registered).toBe(0);
});

test('to stop, when only GitHub says that its job has ended: it may hang', async () => {
  await change({ finishedAt: T });
  expect(await send()).toEqual(says('stop'));
});
