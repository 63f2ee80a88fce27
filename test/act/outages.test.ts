import { describe, expect, test } from '@jest/globals';
import { isRunning, MINUTE, openStage, rulesText, SECOND, type Stage } from '../stage.ts';

// While machines boot, the app or GitHub is silent: that says nothing of their type or image.

/** Four machines boot, and have not registered. */
async function bootingStage() {
  const stage = await openStage({ seed: 1, rules: rulesText({ 'm5.large': 10 }) });
  const jobs = stage.addJobs(4, { durationMs: 20 * MINUTE });
  await stage.until(() => stage.live().length === 4, MINUTE);
  await stage.pass(5 * SECOND);
  return { stage, jobs };
}

const isGitHub = (name: string) =>
  name.startsWith('github.') && !/connect|finish/.test(name.slice('github.'.length));

const outages: Readonly<Record<string, (name: string) => boolean>> = {
  'registers no runner': (name) => name === 'github.register',
  'is away': isGitHub,
};

async function silence(stage: Stage, what: (name: string) => boolean, ms: number) {
  stage.knobs.fault = ({ name, process }) =>
    process === 'app0' && what(name) ? { kind: 'lost-request' } : undefined;
  await stage.pass(ms);
  stage.knobs.fault = () => undefined;
}

test('the app is down for six minutes: the machines register then, and run the jobs', async () => {
  const { stage, jobs } = await bootingStage();
  stage.kill();
  await stage.pass(6 * MINUTE);
  stage.start();
  await stage.until(isRunning(jobs), 2 * MINUTE);
  expect(stage.ec2.counts().launched).toBe(4);
});

test('it is down for longer than a machine tries: others are launched at once', async () => {
  const { stage, jobs } = await bootingStage();
  stage.kill();
  await stage.pass(18 * MINUTE);
  stage.start();
  await stage.until(isRunning(jobs), 5 * MINUTE);
});

describe('GitHub', () => {
  test.each(
    Object.keys(outages).flatMap(
      (what) =>
        [
          [what, 6],
          [what, 10],
        ] as const,
    ),
  )('%s for %i minutes: no rule is sick of it', async (what, minutes) => {
    const { stage, jobs } = await bootingStage();
    await silence(stage, outages[what] ?? isGitHub, minutes * MINUTE);
    await stage.until(isRunning(jobs), 5 * MINUTE);
  });

  test('makes all wait in line for longer than they have: no rule is sick of it', async () => {
    const { stage, jobs } = await bootingStage();
    const until = stage.kernel.now() + 7 * MINUTE;
    stage.knobs.fault = ({ name }) =>
      name === 'github.register' ? { kind: 'throttled', retryAt: until } : undefined;
    await stage.pass(7 * MINUTE);
    stage.knobs.fault = () => undefined;
    await stage.until(isRunning(jobs), 5 * MINUTE);
  });
});
