import { describe, expect, test } from '@jest/globals';
import type { HookFault } from '../../src/sandbox/github-hooks.ts';
import { addJob, createWorld, jobActions, MINUTE_MS } from './github-world.ts';

const DAY_MS = 24 * 60 * MINUTE_MS;

/** A world in which the one job's webhook meets a fault. */
const worldWith = (fault: HookFault) =>
  createWorld({ hookFault: ({ event }) => (event === 'workflow_job' ? fault : undefined) });

describe('webhooks', () => {
  test.each<[HookFault['kind'], number, number]>([
    ['lost', 0, 1],
    ['outage', 0, 0],
    ['double', 2, 2],
    ['delay', 1, 1],
  ])('%s: %i arrive and %i are recorded', async (kind, arrived, recorded) => {
    const world = worldWith({ kind, ms: 5 * MINUTE_MS });
    addJob(world);
    await world.pass(MINUTE_MS);
    const early = jobActions(world.hooks).length;
    expect(early).toBe(kind === 'delay' ? 0 : arrived);
    await world.pass(10 * MINUTE_MS);
    expect(jobActions(world.hooks)).toHaveLength(arrived);
    const records = world.model.hooks.deliveries().filter((one) => one.event === 'workflow_job');
    expect(records).toHaveLength(recorded);
    expect(new Set(records.map(({ guid }) => guid)).size).toBe(Math.min(1, recorded));
  });

  test('are lost as often as it is said, however often they are asked for', async () => {
    const world = worldWith({ kind: 'lost', times: 3 });
    addJob(world);
    const records = () =>
      world.model.hooks.deliveries().filter(({ event }) => event === 'workflow_job');
    const statuses = () => records().map(({ statusCode }) => statusCode);
    await world.pass(MINUTE_MS);
    const id = records()[0]?.id ?? 0;
    for (let i = 0; i < 3; i += 1) {
      expect(world.model.hooks.redeliver(id)).toBe(true);
      await world.pass(MINUTE_MS);
    }
    expect(statuses()).toEqual([202, 502, 502, 502]);
    expect(jobActions(world.hooks)).toEqual(['queued']);
  });

  test('may overtake each other', async () => {
    const orders = new Set<string>();
    for (let seed = 0; seed < 20; seed += 1) {
      const world = createWorld({ seed });
      const job = addJob(world);
      world.model.runners.cancel(job);
      await world.pass(MINUTE_MS);
      orders.add(jobActions(world.hooks).join(' '));
    }
    expect([...orders].sort()).toEqual(['completed queued', 'queued completed']);
  });

  test.each<[string, number | null, number, string]>([
    ['a refusal', 500, 500, 'Invalid HTTP Response: 500'],
    ['no answer within 10 s', null, 504, 'timed out'],
    ['success', 202, 202, 'OK'],
  ])('are recorded with %s', async (_, answered, statusCode, status) => {
    const world = createWorld();
    world.model.onWebhook((_hook, answer) => {
      if (answered !== null) answer(answered);
    });
    addJob(world);
    await world.pass(MINUTE_MS);
    expect(world.model.hooks.deliveries()[0]).toMatchObject({ statusCode, status });
  });

  test('are recorded once, however often and late the receiver answers', async () => {
    const world = createWorld();
    world.model.onWebhook((_hook, answer) => {
      answer(202);
      answer(500);
      world.kernel.at(MINUTE_MS, 'late', () => answer(202));
    });
    await world.pass(10 * MINUTE_MS);
    expect(world.model.hooks.deliveries()).toHaveLength(1);
  });

  test('are delivered again under the same guid when asked to, for three days', async () => {
    const world = worldWith({ kind: 'lost' });
    addJob(world);
    await world.pass(MINUTE_MS);
    const lost = world.model.hooks.deliveries().find(({ event }) => event === 'workflow_job');
    if (lost === undefined) throw new Error('recorded');
    const { github } = world;
    const failed = await world.settle(github.failedDeliveries(0));
    expect(failed).toEqual({ ok: true, value: [{ id: lost.id, guid: lost.guid, at: lost.at }] });
    await world.settle(github.redeliver(lost.id));
    await world.pass(MINUTE_MS);
    expect(world.hooks.at(-1)).toMatchObject({ guid: lost.guid, payload: lost.payload });
    expect(world.model.hooks.deliveries()[0]).toMatchObject({ isRedelivery: true, status: 'OK' });
    expect(await world.settle(github.failedDeliveries(0))).toEqual({ ok: true, value: [] });
    await world.pass(3 * DAY_MS);
    expect(world.model.hooks.deliveries().map(({ id }) => id)).not.toContain(lost.id);
    expect(await world.settle(github.redeliver(lost.id))).toMatchObject({ reason: 'missing' });
  });

  test('are not sent for what the App is not installed on, or suspended', async () => {
    const world = createWorld();
    const { repos } = world.model;
    await world.pass(MINUTE_MS);
    world.hooks.length = 0;
    const stranger = repos.addOwner('stranger', 'User');
    addJob({ ...world, repo: repos.addRepo({ owner: stranger, name: 'x' }) });
    repos.suspend(world.installation.id);
    addJob(world);
    repos.select(world.installation.id, { remove: [world.repo] });
    repos.unsuspend(world.installation.id);
    addJob(world);
    await world.pass(MINUTE_MS);
    expect(world.hooks.map(({ event }) => event).sort()).toEqual([
      'installation',
      'installation',
      'installation_repositories',
    ]);
  });
});
