// The bundled daemon as a process, from its start to the power-off.
import { spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, test } from '@jest/globals';
import { createPower } from '../../src/daemon/power.ts';
import { systemClock } from '../../src/lib/clock.ts';
import { silentLog } from '../../src/lib/log.ts';
import { expectedAuthorization } from './sigv4.ts';
import {
  aJob,
  BUNDLE,
  createStage,
  IDENTITY,
  jitConfig,
  olderNode,
  type Plan,
  SESSION,
  type Stage,
  TOKEN,
} from './stage.ts';

let stage: Stage | undefined;
afterEach(() => stage?.close());

async function play(plan: Plan, node = process.execPath) {
  stage = await createStage(plan);
  const ended = await stage.run([node, BUNDLE, 'start']);
  return { stage, ...ended };
}

const older = olderNode();
const nodes = older ? [process.execPath, older] : [process.execPath];

describe.each(nodes)('on %s', (node) => {
  test('runs one job, reports it in order, and powers off', async () => {
    const settings = { setupInfo: 'm5.large, eu-west-1a, spot' };
    const { stage, code, output } = await play({ jobs: [aJob()], settings }, node);
    expect(stage.kinds()).toEqual(['online', 'job-started', 'job-finished', 'ending']);
    const job = { repository: 'octo/hello', run: 77, attempt: 2, job: 'build (1)' };
    expect(stage.event('online')).toMatchObject({ runner: 'dstack-1' });
    expect(stage.event('job-started')).toMatchObject({ runner: 'dstack-1', ...job });
    expect(stage.event('job-finished')).toMatchObject({ result: 'succeeded', ...job });
    expect(stage.event('ending')).toMatchObject({ reason: 'job succeeded' });
    expect([...stage.authorizations]).toEqual([`Bearer ${SESSION}`]);
    expect({ code, offs: stage.offs(), finished: stage.finished }).toEqual({
      code: 0,
      offs: 1,
      finished: ['success'],
    });
    const info = readFileSync(join(stage.home, 'actions-runner', '.setup_info'), 'utf8');
    expect(JSON.parse(info)).toEqual([{ group: 'dstack', detail: settings.setupInfo }]);
    const secrets = [TOKEN, SESSION, jitConfig(stage.url, 'one'), IDENTITY.SecretAccessKey];
    const told = output + JSON.stringify(stage.events);
    expect(secrets.filter((secret) => told.includes(secret))).toEqual([]);
  });
});

test('proves who it is with a signature that verifies', async () => {
  const { stage } = await play({ jobs: [aJob()] });
  const [body] = stage.registers;
  expect(body).toMatchObject({
    launch: 'launch-1',
    token: TOKEN,
    instance: 'i-0123456789abcdef0',
    request: expect.stringMatching(/^[0-9a-f]{32}$/),
    proof: { audience: new URL(stage.url).host, securityToken: IDENTITY.Token },
  });
  expect(body.proof.authorization).toBe(
    expectedAuthorization(body.proof, {
      accessKeyId: IDENTITY.AccessKeyId,
      secretAccessKey: IDENTITY.SecretAccessKey,
      region: 'eu-west-1',
      domain: 'amazonaws.com',
    }),
  );
});

test('powers off when it is refused, and says why', async () => {
  const error = { code: 'token', message: 'this token was used before' };
  const { stage, code, output } = await play({ refusals: [[401, { error }]] });
  expect(output).toContain('register refused with 401: this token was used before');
  expect({ code, offs: stage.offs(), calls: stage.registers.length }).toEqual({
    code: 1,
    offs: 1,
    calls: 1,
  });
});

test('asks again with the same request while the app is not ready', async () => {
  const busy = [503, { error: { code: 'busy', message: 'not settled' } }] as const;
  const { stage } = await play({ refusals: [busy, busy, busy], jobs: [aJob()] });
  expect(stage.registers).toHaveLength(4);
  expect(new Set(stage.registers.map((body) => body.request)).size).toBe(1);
  expect(stage.event('job-finished')).toMatchObject({ result: 'succeeded' });
});

test('starts no Actions runner with another SHA-256, and tells the app why', async () => {
  const { stage, code } = await play({ jobs: [aJob()], archiveSha256: 'ab'.repeat(32) });
  expect(stage.kinds()).toEqual(['ending']);
  expect(stage.event('ending').reason).toMatch(/^Actions runner not fetched: its SHA-256 is /);
  expect(stage.event('log').lines.join()).toContain('no Actions runner');
  expect({ code, offs: stage.offs() }).toEqual({ code: 1, offs: 1 });
});

test('ends at once when the app says stop while no job runs', async () => {
  const { stage } = await play({
    next: (kinds) => (kinds.includes('online') ? 'stop' : undefined),
  });
  expect(stage.kinds()).toEqual(['online', 'ending']);
  expect(stage.event('ending').reason).toBe('the app says stop');
  expect(stage.offs()).toBe(1);
});

test('lets a job end when the app says stop while it runs', async () => {
  const { stage } = await play({
    jobs: [aJob({ ms: 1_500 })],
    next: (kinds) => (kinds.includes('job-started') ? 'stop' : undefined),
  });
  expect(stage.event('job-finished')).toMatchObject({ result: 'succeeded' });
});

test.each([
  ['failure', 'failed'],
  ['cancelled', 'cancelled'],
] as const)('reports a job with conclusion %s as %s', async (conclusion, result) => {
  const { stage, code } = await play({ jobs: [aJob({ conclusion })] });
  expect(stage.event('job-finished')).toMatchObject({ result, run: 77 });
  expect({ code, offs: stage.offs() }).toEqual({ code: 0, offs: 1 });
});

test('takes a further job when the app hands one out', async () => {
  const { stage } = await play({
    jobs: [aJob(), aJob({ name: 'test', run: 78 })],
    next: (kinds) => (kinds.filter((kind) => kind === 'job-finished').length === 1 ? 'job' : ''),
  });
  const runs = stage.events.filter(({ kind }) => kind === 'job-finished').map(({ run }) => run);
  expect(runs).toEqual([77, 78]);
  expect(stage.kinds().at(-1)).toBe('ending');
});

test('waits for a further job, and leaves nothing of the last one to it', async () => {
  let asked = 0;
  let left = 0;
  const { stage } = await play({
    jobs: [aJob(), aJob({ name: 'test', run: 78 })],
    settings: { reuseWaitMs: 20_000 },
    next: (kinds, { home }) => {
      const work = join(home, 'actions-runner', '_work');
      const finished = kinds.filter((kind) => kind === 'job-finished').length;
      if (kinds.at(-1) === 'job-started' && finished === 0) mkdirSync(work, { recursive: true });
      if (kinds.at(-1) === 'job-started' && finished === 1) left = Number(existsSync(work));
      if (finished === 1 && kinds.at(-1) === 'job-finished') {
        asked += 1;
        return asked > 1 ? 'job' : 'continue';
      }
      return finished > 1 ? 'stop' : 'continue';
    },
  });
  const runs = stage.events.filter(({ kind }) => kind === 'job-finished').map(({ run }) => run);
  expect(runs).toEqual([77, 78]);
  expect({ left, offs: stage.offs() }).toEqual({ left: 0, offs: 1 });
});

test.each<[string, object, string | undefined]>([
  ['says stop', { reuseWaitMs: 60_000 }, 'stop'],
  ['has none in time', { reuseWaitMs: 1_000 }, 'continue'],
  // Half of it is over before the job is.
  ['has one too late', { reuseWaitMs: 60_000, maxDurationMs: 2_000 }, 'job'],
])('takes no further job when the app %s', async (_, settings, word) => {
  const { stage } = await play({
    jobs: [aJob({ ms: 1_100 }), aJob({ run: 78 })],
    settings,
    next: (kinds) => (kinds.includes('job-finished') ? word : 'continue'),
  });
  expect(stage.kinds()).toEqual(['online', 'job-started', 'job-finished', 'ending']);
});

const MINUTE_MS = 60_000;
const LEFT = 'leaving it to EC2 to end this machine';

/** EC2's notice comes after this, for a time from now. */
function noticeAfter(kind: string, ms: number): NonNullable<Plan['next']> {
  const time = new Date(Date.now() + ms).toISOString();
  return (kinds, { imds }) => {
    if (kinds.includes(kind)) imds.setNotice({ action: 'terminate', time });
    return kinds.includes('job-finished') ? 'job' : undefined;
  };
}

test.each<[string, Plan, readonly string[]]>([
  [
    'while no job runs',
    { next: noticeAfter('online', 2 * MINUTE_MS) },
    ['online', 'interruption', 'ending'],
  ],
  [
    'and its job ends before the cut',
    { jobs: [aJob({ ms: 1_000 }), aJob()], next: noticeAfter('job-started', 2 * MINUTE_MS) },
    ['online', 'job-started', 'interruption', 'job-finished', 'ending'],
  ],
])(
  'takes no job any more when EC2 takes it back, and leaves the end to it: %s',
  async (_, plan, kinds) => {
    stage = await createStage(plan);
    const running = stage.run([process.execPath, BUNDLE, 'start']);
    await stage.said(LEFT);
    expect(stage.kinds()).toEqual(kinds);
    const isCut = stage.finished.includes('cancelled');
    expect({ isCut, offs: stage.offs() }).toEqual({ isCut: false, offs: 0 });
    // As EC2 ends the machine.
    stage.kill();
    await running;
  },
);

test.each([
  ['EC2 does not', -598_000, true],
  ['its first hour is over when EC2 would', 61 * MINUTE_MS, false],
])('powers itself off after a notice when %s', async (_, ms, isLeft) => {
  const { stage, output } = await play({ next: noticeAfter('online', ms) });
  expect(stage.kinds()).toEqual(['online', 'interruption', 'ending']);
  expect(stage.event('ending').reason).toBe('spot notice');
  expect({ offs: stage.offs(), isLeft: output.includes(LEFT) }).toEqual({ offs: 1, isLeft });
});

test('cuts its job shortly before EC2 takes the machine, and leaves it on', async () => {
  const soon = () => new Date(Date.now() + 26_500).toISOString();
  stage = await createStage({
    jobs: [aJob({ ms: 60_000 })],
    next: (kinds, { imds }) => {
      if (kinds.at(-1) === 'job-started') imds.setNotice({ action: 'terminate', time: soon() });
      return 'continue';
    },
  });
  const running = stage.run([process.execPath, BUNDLE, 'start']);
  await stage.said(LEFT);
  expect(stage.kinds()).toEqual([
    'online',
    'job-started',
    'interruption',
    'job-finished',
    'ending',
  ]);
  expect(stage.event('job-finished')).toMatchObject({ result: 'cancelled', run: 77 });
  expect(stage.event('log').lines.join()).toContain('EC2 takes this machine back');
  const at = (kind: string) => Date.parse(stage?.event(kind).at);
  expect(at('job-finished')).toBeGreaterThanOrEqual(at('interruption') + 1_000);
  expect({ offs: stage.offs(), finished: stage.finished }).toEqual({
    offs: 0,
    finished: ['cancelled'],
  });
  // As EC2 ends the machine.
  stage.kill();
  await running;
});

test('reports the advice to move away once', async () => {
  const { stage } = await play({
    jobs: [aJob({ ms: 800 })],
    next: (kinds, { imds }) => {
      if (kinds.includes('job-started')) imds.setRebalance('2026-01-02T03:04:05Z');
      return undefined;
    },
  });
  const told = stage.events.filter(({ kind }) => kind === 'rebalance');
  expect(told.map(({ time }) => time)).toEqual(['2026-01-02T03:04:05Z']);
});

test('cuts a job at the end of the longest life', async () => {
  const { stage } = await play({
    jobs: [aJob({ ms: 60_000 })],
    settings: { maxDurationMs: 2_500 },
  });
  expect(stage.event('job-finished')).toMatchObject({ result: 'cancelled' });
  expect(stage.event('ending').reason).toBe('end of the longest life');
  expect({ offs: stage.offs(), finished: stage.finished }).toEqual({
    offs: 1,
    finished: ['cancelled'],
  });
});

test('the guard powers off a machine whose daemon hangs', async () => {
  stage = await createStage();
  const { home } = stage;
  const { DSTACK_POWEROFF: command = '', PATH: searchPath } = stage.variables();
  const power = createPower({ clock: systemClock, log: silentLog, command, home, searchPath });
  power.arm(60_000);
  power.arm(1_000);
  await stage.off;
  expect(stage.offs()).toBe(1);
});

test('powers a machine off that lacks its token, and leaves any other computer on', async () => {
  stage = await createStage();
  const machine = { ...stage.variables(), DSTACK_TOKEN: '' };
  const onMachine = await stage.run([process.execPath, BUNDLE, 'start'], machine);
  expect(onMachine).toMatchObject({
    code: 78,
    output: expect.stringContaining('DSTACK_TOKEN is not set'),
  });
  expect(stage.offs()).toBe(1);
  const elsewhere = await stage.run([process.execPath, BUNDLE, 'start'], {
    ...machine,
    DSTACK_LAUNCH: '',
  });
  expect(elsewhere).toMatchObject({
    code: 78,
    output: expect.stringMatching(/^DSTACK_LAUNCH is not set.*\n$/),
  });
  expect(stage.offs()).toBe(1);
});

test('uses the Actions runner of the image when it is the wanted version', async () => {
  // Nothing can be fetched: what the app names has another SHA-256.
  stage = await createStage({ jobs: [aJob()], archiveSha256: 'ab'.repeat(32) });
  const folder = join(stage.home, 'actions-runner');
  mkdirSync(folder);
  spawnSync('tar', ['-xz', '-C', folder], { input: stage.archive });
  await stage.run([process.execPath, BUNDLE, 'start']);
  expect(stage.event('job-finished')).toMatchObject({ result: 'succeeded' });
});

test('asks for the power-off again when it fails', async () => {
  stage = await createStage({ refusals: [[410, {}]] });
  const tried = join(stage.home, 'tried');
  const { DSTACK_POWEROFF, ...others } = stage.variables();
  const command = `test -e ${tried} || { touch ${tried}; exit 1; }; ${DSTACK_POWEROFF}`;
  const env = { ...others, DSTACK_POWEROFF: command };
  const { output } = await stage.run([process.execPath, BUNDLE, 'start'], env);
  expect(output).toContain('power-off failed, trying again');
  expect(stage.offs()).toBe(1);
});

test('a job survives the daemon, and the machine is powered off after it', async () => {
  stage = await createStage({
    jobs: [aJob({ ms: 1_000 })],
    next: (kinds, { kill }) => (kinds.includes('job-started') ? void kill() : undefined),
  });
  const { code } = await stage.run([process.execPath, BUNDLE, 'start']);
  await stage.off;
  expect({ code, finished: stage.finished }).toEqual({ code: null, finished: ['success'] });
});

// Only root can become somebody else.
const isRoot = process.getuid?.() === 0 && spawnSync('setpriv', ['--version']).status === 0;
(isRoot ? test : test.skip)('runs the job as another user, who owns its folder', async () => {
  stage = await createStage({ jobs: [aJob()] });
  // The folder of a machine is open to read; a temporary one is not.
  chmodSync(stage.home, 0o755);
  const env = { ...stage.variables(), DSTACK_RUNNER_USER: 'nobody' };
  await stage.run([process.execPath, BUNDLE, 'start'], env);
  expect(stage.event('job-started')).toMatchObject({ repository: 'octo/hello', run: 77 });
  // Written by the runner itself.
  const owner = statSync(join(stage.home, 'actions-runner', '.runner')).uid;
  expect(owner).toBe(Number(spawnSync('id', ['-u', 'nobody']).stdout));
});
