import { execFileSync, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect, test } from '@jest/globals';
import { type HttpWorld, startHttpWorld } from './github-http-world.ts';
import { value } from './github-world.ts';

let world: HttpWorld;
afterEach(() => world.stop());

const addJob = (durationMs: number) => {
  const spec = { name: 'build', labels: ['dstack'], durationMs };
  const [job] = world.model.jobs.addRun(world.repo, { jobs: [spec] }).jobs;
  if (job === undefined) throw new Error('a run has its job');
  return job;
};

const post = async (verb: string, body: object) => {
  const answer = await fetch(`${world.url}/_runner/${verb}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
  return { status: answer.status, body: await answer.json() };
};

const register = async () => {
  const made = await world.github.register(world.ref, { name: 'one', labels: ['dstack'] });
  return value(made).jitConfig;
};

const secretIn = (jit: string): string => {
  const decode = (text: string) => JSON.parse(Buffer.from(text, 'base64').toString());
  return decode(decode(jit)['.credentials']).data.clientId;
};

test('the runner that GitHub offers runs one job from its configuration, as a real process', async () => {
  world = await startHttpWorld();
  const { url, sha256 } = value(await world.github.actionsRunner(world.ref, 'x64'));
  const archive = Buffer.from(await (await fetch(url)).arrayBuffer());
  expect(createHash('sha256').update(archive).digest('hex')).toBe(sha256);
  const home = mkdtempSync(join(tmpdir(), 'runner-'));
  execFileSync('tar', ['-xzf', '-', '-C', home], { input: archive });
  const job = addJob(10);
  const process = spawn(join(home, 'run.sh'), {
    env: { PATH: globalThis.process.env['PATH'], ACTIONS_RUNNER_INPUT_JITCONFIG: await register() },
    stdio: 'ignore',
  });
  const [code] = await once(process, 'exit');
  rmSync(home, { recursive: true });
  expect(code).toBe(0);
  expect(job.facts.now).toMatchObject({ state: 'completed', conclusion: 'success' });
  expect(world.repo.runners.size).toBe(0);
});

test('a configuration is good once, and only while its runner is registered', async () => {
  world = await startHttpWorld();
  const jit = await register();
  expect(await post('connect', { jit })).toEqual({ status: 200, body: { name: 'one' } });
  expect((await post('connect', { jit })).status).toBe(404);
  const secret = secretIn(jit);
  const [runner] = world.repo.runners.values();
  const waiting = post('poll', { secret });
  await world.github.removeRunner(world.ref, runner?.id ?? 0);
  expect((await waiting).status).toBe(404);
  expect((await post('finish', { secret, conclusion: 'success' })).status).toBe(404);
  expect((await post('connect', { jit: 'nonsense' })).status).toBe(404);
});

test('a runner that is no longer heard of is dead, and its job fails later', async () => {
  world = await startHttpWorld({ silentMs: 50, knobs: { leaseMs: [100, 100] } });
  const jit = await register();
  await post('connect', { jit });
  const job = addJob(60_000);
  const polled = await post('poll', { secret: secretIn(jit) });
  expect(polled.body).toMatchObject({ job: { name: 'build', repository: 'acme/app', ms: 60_000 } });
  while (job.facts.now.state !== 'completed') {
    await new Promise<void>((resolve) => {
      world.kernel.at(50, 'look', resolve);
    });
  }
  expect(job.facts.now.conclusion).toBe('failure');
});
