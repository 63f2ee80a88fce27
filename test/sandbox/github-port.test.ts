import { expect, test } from '@jest/globals';
import { addJob, addRunner, createWorld, startMachine, value } from './github-world.ts';

// What the contract of the port (test/github/contract.ts) leaves open: faults, stale reads and limits.

test.each([
  ['lost-request', 'unreachable', 0],
  ['lost-answer', 'unreachable', 1],
  ['throttled', 'throttled', 0],
] as const)('%s is %s, and %i runners are registered', async (kind, reason, registered) => {
  const world = createWorld({ fault: () => ({ kind }) });
  const { github, ref, repo, settle } = world;
  const reply = await settle(github.register(ref, { name: 'one', labels: ['a'] }));
  expect(reply).toMatchObject({ ok: false, reason });
  expect(repo.runners.size).toBe(registered);
});

test.each([
  ['an empty label', { name: 'x', labels: [''] }],
  ['a label too long', { name: 'x', labels: ['l'.repeat(257)] }],
  ['a bad name', { name: 'x y', labels: ['a'] }],
])('refuses a registration with %s', async (_, runner) => {
  const { github, ref, settle } = createWorld();
  const reply = await settle(github.register(ref, runner));
  expect(reply).toMatchObject({ ok: false, reason: 'invalid' });
});

test('reads are as stale as the knob says; removing a runner is not', async () => {
  const world = createWorld({ knobs: { readLagMs: 5_000 } });
  const { github, ref, settle, pass } = world;
  const job = addJob(world);
  const runner = addRunner(world);
  expect(await settle(github.job(ref, job.id))).toMatchObject({ reason: 'missing' });
  expect(value(await settle(github.runners(ref)))).toEqual([]);
  expect(value(await settle(github.unfinishedJobs(ref)))).toEqual([]);
  await pass(5_000);
  expect(value(await settle(github.job(ref, job.id))).state).toBe('queued');
  startMachine(world, runner);
  await pass(3_000);
  expect(job.chosen).toBe(runner);
  expect(value(await settle(github.runners(ref)))[0]?.isBusy).toBe(false);
  expect(await settle(github.removeRunner(ref, runner.id))).toMatchObject({ reason: 'busy' });
});

test('a runner just removed is still listed for a while when reads are stale', async () => {
  const world = createWorld({ knobs: { readLagMs: 5_000 } });
  const { github, ref, settle, pass } = world;
  const runner = addRunner(world);
  await pass(5_000);
  await settle(github.removeRunner(ref, runner.id));
  expect(value(await settle(github.runners(ref)))).toHaveLength(1);
  expect(await settle(github.removeRunner(ref, runner.id))).toMatchObject({ reason: 'missing' });
  await pass(5_000);
  expect(value(await settle(github.runners(ref)))).toEqual([]);
});

test('a runner that is removed while it waits is told so', async () => {
  const world = createWorld();
  const runner = addRunner(world);
  const heard = startMachine(world, runner);
  await world.settle(world.github.removeRunner(world.ref, runner.id));
  expect(heard).toEqual(['removed']);
});

test('a runner that never connects is removed after a day', async () => {
  const world = createWorld();
  addRunner(world);
  await world.pass(24 * 3_600_000 - 1);
  expect(world.repo.runners.size).toBe(1);
  await world.pass(2);
  expect(world.repo.runners.size).toBe(0);
});

test('calls are counted by kind, and refused beyond the hour’s limit until it is over', async () => {
  const world = createWorld({ knobs: { rateLimit: 2 } });
  const { github, ref, settle, pass, model, kernel } = world;
  const read = () => settle(github.runners(ref));
  const startAt = kernel.now();
  expect([(await read()).ok, (await read()).ok]).toEqual([true, true]);
  const refused = await read();
  expect(refused).toMatchObject({ ok: false, reason: 'throttled' });
  const retryAt = refused.ok ? 0 : (refused.retryAt ?? 0);
  expect(retryAt).toBeGreaterThan(startAt + 3_500_000);
  await pass(retryAt - kernel.now());
  expect((await read()).ok).toBe(true);
  expect(model.calls.get('runners')).toBe(4);
});
