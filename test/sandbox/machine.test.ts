import { describe, expect, test } from '@jest/globals';
import type { Instant } from '../../src/lib/clock.ts';
import { signerOf } from '../../src/sandbox/aws-identity.ts';
import { createEc2 } from '../../src/sandbox/ec2.ts';
import type { Job } from '../../src/sandbox/github-state.ts';
import { createMachines } from '../../src/sandbox/machine.ts';
import type { Behaviour } from '../../src/sandbox/machine-daemon.ts';
import type { GatewayAnswer } from '../../src/sandbox/machine-reporter.ts';
import { aCall, MINUTE_MS, one, PLAIN, REGION, SECOND_MS } from './ec2-world.ts';
import { addJob, createWorld } from './github-world.ts';

interface Heard {
  readonly kind: string;
  readonly id: string;
  readonly [field: string]: unknown;
}

interface Plan {
  readonly behaviour?: Behaviour;
  /** The app's answers before the good one. */
  readonly refusals?: readonly GatewayAnswer[];
  /** The app's word, given the kinds heard so far. */
  readonly next?: (kinds: readonly string[]) => object;
  readonly settings?: object;
}

/** One machine, and an app that says yes to it. */
function createStage(plan: Plan = {}) {
  const world = createWorld();
  const { kernel, model: github, repo } = world;
  const ec2 = createEc2(kernel, PLAIN);
  const asks: Record<string, unknown>[] = [];
  const heard: Heard[] = [];
  const times: Instant[] = [];
  const refusals = [...(plan.refusals ?? [])];
  let runners = 0;

  const jitConfig = () => {
    const name = `runner-${++runners}`;
    const reply = github.runners.register({ repo }, { name, labels: ['dstack'] });
    if (!reply.ok) throw new Error(reply.message);
    return reply.value.jitConfig;
  };
  const gateway = {
    async register(body: object): Promise<GatewayAnswer> {
      asks.push({ ...body });
      const refusal = refusals.shift();
      if (refusal) return refusal;
      const answer = { runner: 'runner-1', jitConfig: jitConfig(), session: 'session' };
      return { status: 201, body: { ...answer, settings: plan.settings ?? {} } };
    },
    async events(session: string, body: { readonly events?: readonly Heard[] }) {
      expect(session).toBe('session');
      heard.push(...(body.events ?? []));
      times.push(kernel.now());
      const next = plan.next?.(kinds()) ?? { next: 'continue' };
      return { status: 200, body: 'jit' in next ? { next: 'job', jitConfig: jitConfig() } : next };
    },
  };
  const kinds = () => heard.map(({ kind }) => kind);
  createMachines({
    kernel,
    ec2,
    github,
    gateway,
    startMs: [5_000, 5_000],
    behaviourOf: () => plan.behaviour ?? 'sound',
  });
  const userData = '#!/bin/bash\nexport DSTACK_URL=http://app.test:3000\nDSTACK_LAUNCH=l1\n';
  const instance = one(
    ec2.runInstances(REGION, aCall({ userData: `${userData}export DSTACK_TOKEN=t1\nset -eu\n` })),
  );
  const job = (): Job => addJob(world);
  return { ...world, ec2, instance, asks, heard, kinds, times, job };
}

/** Boot, start and the first calls are over; no job has come. */
const ONLINE_MS = MINUTE_MS;
const reason = ({ instance }: ReturnType<typeof createStage>) => instance.stateReason?.code;

describe('a machine in process', () => {
  test('registers with its own proof, runs its job and powers off', async () => {
    const stage = createStage();
    const job = stage.job();
    await stage.pass(10 * MINUTE_MS);
    expect(stage.asks).toMatchObject([
      {
        launch: 'l1',
        token: 't1',
        instance: stage.instance.id,
        proof: { audience: 'app.test:3000' },
      },
    ]);
    expect(stage.asks[0]?.['request']).toMatch(/^[0-9a-f]{32}$/);
    expect(stage.kinds()).toEqual(['online', 'job-started', 'job-finished', 'ending']);
    expect(stage.heard[1]).toMatchObject({ job: 'build', repository: 'acme/app', attempt: 1 });
    expect(stage.heard[2]).toMatchObject({ result: 'succeeded' });
    expect(job.facts.now).toMatchObject({ state: 'completed', conclusion: 'success' });
    expect(reason(stage)).toBe('Client.InstanceInitiatedShutdown');
  });

  test('asks again, with the same request, while the app cannot say', async () => {
    const stage = createStage({ refusals: [{ status: 503 }, { status: 0 }] });
    await stage.pass(2 * MINUTE_MS);
    expect(stage.asks).toHaveLength(3);
    expect(new Set(stage.asks.map(({ request }) => request)).size).toBe(1);
    expect(stage.kinds()).toContain('online');
  });

  test('powers off when the app says no', async () => {
    const stage = createStage({ refusals: [{ status: 410 }] });
    await stage.pass(2 * MINUTE_MS);
    expect(stage.asks).toHaveLength(1);
    expect(reason(stage)).toBe('Client.InstanceInitiatedShutdown');
  });

  test('asks what is wanted while it waits, and stops when told', async () => {
    let order = 'continue';
    const stage = createStage({ next: () => ({ next: order }) });
    await stage.pass(ONLINE_MS);
    const before = stage.times.length;
    await stage.pass(MINUTE_MS);
    expect(stage.times.length - before).toBeGreaterThan(4);
    expect(stage.instance.state).toBe('running');
    order = 'stop';
    await stage.pass(MINUTE_MS);
    expect(stage.heard.at(-1)).toMatchObject({ kind: 'ending', reason: 'the app says stop' });
    expect(reason(stage)).toBe('Client.InstanceInitiatedShutdown');
  });

  test('powers off when its runner is deleted', async () => {
    const stage = createStage();
    await stage.pass(ONLINE_MS);
    const [runner] = stage.repo.runners.keys();
    stage.model.runners.remove(stage.repo, runner ?? 0);
    await stage.pass(MINUTE_MS);
    expect(reason(stage)).toBe('Client.InstanceInitiatedShutdown');
  });

  test('takes a second job when the app has one for it', async () => {
    const isFirst = (kinds: readonly string[]) =>
      kinds.at(-1) === 'job-finished' && kinds.filter((kind) => kind === 'online').length === 1;
    const stage = createStage({ next: (kinds) => (isFirst(kinds) ? { jit: true } : {}) });
    const jobs = [stage.job(), stage.job()];
    await stage.pass(20 * MINUTE_MS);
    expect(jobs.map(({ facts }) => facts.now.conclusion)).toEqual(['success', 'success']);
    expect(stage.kinds().filter((kind) => kind === 'job-finished')).toHaveLength(2);
    expect(stage.ec2.counts()).toMatchObject({ launched: 1, left: 0 });
  });

  test('lives no longer than the app allows', async () => {
    const stage = createStage({ settings: { maxDurationMs: 3 * MINUTE_MS } });
    const job = stage.job();
    await stage.pass(5 * MINUTE_MS);
    expect(job.facts.now.conclusion).toBe('cancelled');
    expect(reason(stage)).toBe('Client.InstanceInitiatedShutdown');
  });

  test('ends its job when a person cancels it', async () => {
    const stage = createStage();
    const job = stage.job();
    await stage.pass(2 * MINUTE_MS);
    stage.model.runners.cancel(job);
    await stage.pass(MINUTE_MS);
    expect(job.facts.now.conclusion).toBe('cancelled');
    expect(stage.heard.at(-2)).toMatchObject({ kind: 'job-finished', result: 'cancelled' });
  });
});

describe('a machine with a spot notice', () => {
  test('tells it at once, cuts its job 25 s before the end, and leaves the end to EC2', async () => {
    const stage = createStage();
    const job = stage.job();
    await stage.pass(MINUTE_MS);
    stage.ec2.reclaim(stage.instance.id, true);
    await stage.pass(10 * SECOND_MS);
    expect(stage.heard.at(-1)).toMatchObject({ kind: 'interruption', action: 'terminate' });
    expect(job.facts.now.state).toBe('in_progress');
    await stage.pass(90 * SECOND_MS);
    expect(job.facts.now).toMatchObject({ state: 'completed', conclusion: 'cancelled' });
    expect(stage.instance.state).toBe('running');
    await stage.pass(MINUTE_MS);
    expect(reason(stage)).toBe('Server.SpotInstanceTermination');
  });

  test('takes no job any more, and leaves the end to EC2', async () => {
    const stage = createStage();
    await stage.pass(ONLINE_MS);
    stage.ec2.reclaim(stage.instance.id, true);
    await stage.pass(10 * SECOND_MS);
    expect(stage.kinds()).toEqual(['online', 'interruption', 'ending']);
    expect(stage.instance.state).toBe('running');
    await stage.pass(2 * MINUTE_MS);
    expect(reason(stage)).toBe('Server.SpotInstanceTermination');
  });

  test('powers off when its first hour is over by then', async () => {
    const stage = createStage();
    await stage.pass(61 * MINUTE_MS);
    stage.ec2.reclaim(stage.instance.id, true);
    await stage.pass(10 * SECOND_MS);
    expect(stage.kinds()).toEqual(['online', 'interruption', 'ending']);
    expect(reason(stage)).toBe('Client.InstanceInitiatedShutdown');
  });

  test('is silent from the moment that EC2 takes it without one', async () => {
    const stage = createStage();
    const job = stage.job();
    await stage.pass(2 * MINUTE_MS);
    stage.ec2.reclaim(stage.instance.id, false);
    const before = stage.times.length;
    await stage.pass(5 * MINUTE_MS);
    expect(stage.times.length).toBe(before);
    expect(job.facts.now.state).toBe('in_progress');
    await stage.pass(15 * MINUTE_MS);
    expect(job.facts.now.conclusion).toBe('failure');
  });
});

describe('a machine that is', () => {
  test.each<[Behaviour, readonly string[], string]>([
    ['dead', [], 'queued'],
    ['ghost', ['online'], 'queued'],
    ['dies-in-job', ['online', 'job-started'], 'in_progress'],
    ['hangs', ['online', 'job-started'], 'completed'],
    ['power-off-fails', ['online', 'job-started', 'job-finished', 'ending'], 'completed'],
  ])('%s stays until somebody ends it', async (behaviour, kinds, state) => {
    const stage = createStage({ behaviour });
    const job = stage.job();
    await stage.pass(8 * MINUTE_MS);
    expect(stage.kinds()).toEqual(kinds);
    expect(job.facts.now.state).toBe(state);
    expect(stage.instance.state).toBe('running');
    expect(stage.kernel.marks.get(`machine ${behaviour}`)).toBe(1);
  });
});

test('the same seed gives the same lives, line by line', async () => {
  const linesOf = async () => {
    const stage = createStage();
    stage.job();
    await stage.pass(10 * MINUTE_MS);
    return stage.kernel.lines;
  };
  const lines = await linesOf();
  expect(lines.length).toBeGreaterThan(5);
  expect(await linesOf()).toEqual(lines);
});

test('the proof of a machine names the machine that signed it', async () => {
  const stage = createStage();
  await stage.pass(ONLINE_MS);
  const { proof } = stage.asks[0] as { proof: Record<string, string> };
  const headers = {
    authorization: proof['authorization'] ?? '',
    'content-type': 'application/x-www-form-urlencoded; charset=utf-8',
    host: `sts.${REGION}.amazonaws.com`,
    'x-amz-date': proof['date'] ?? '',
    'x-amz-security-token': proof['securityToken'] ?? '',
    'x-dstack-audience': proof['audience'] ?? '',
  };
  const body = 'Action=GetCallerIdentity&Version=2011-06-15';
  const signed = { method: 'POST', path: '/', headers, body };
  expect(signerOf(signed)).toBe(stage.instance.id);
  expect(signerOf({ ...signed, headers: { ...headers, 'x-dstack-audience': 'other' } })).toBe(
    undefined,
  );
});
