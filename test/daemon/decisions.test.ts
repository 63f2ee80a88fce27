// What the daemon makes of what it reads: no process, no network.
import { describe, expect, test } from '@jest/globals';
import { jobEnvironment, parseEnvironment } from '../../src/daemon/environment.ts';
import { type Answer, parseAnswer } from '../../src/daemon/events.ts';
import { parseStarted } from '../../src/daemon/hooks.ts';
import { isLeftToEc2 } from '../../src/daemon/life.ts';
import { parseLine } from '../../src/daemon/listener.ts';
import { createLog } from '../../src/daemon/log.ts';
import { parseRegistration } from '../../src/daemon/register.ts';
import { endReason, type Situation } from '../../src/daemon/serve.ts';
import { parseNotice } from '../../src/daemon/watch.ts';
import { systemClock } from '../../src/lib/clock.ts';

describe('a line of the listener', () => {
  test.each([
    ['2026-01-02 03:04:05Z: Listening for Jobs', { kind: 'listening' }],
    ['2026-01-02T03:04:05.678Z: Listening for Jobs', { kind: 'listening' }],
    ['Listening for Jobs', { kind: 'listening' }],
    ['2026-01-02 03:04:05Z: Running job: build (1)', { kind: 'running', name: 'build (1)' }],
    ['Running job: a / b: c', { kind: 'running', name: 'a / b: c' }],
    ['Job build completed with result: Succeeded', { kind: 'completed', result: 'succeeded' }],
    [
      '2026-01-02 03:04:05Z: Job b completed with result: Canceled',
      { kind: 'completed', result: 'cancelled' },
    ],
    ['Job build completed with result: Abandoned', { kind: 'completed', result: 'failed' }],
    ['Running job:', undefined],
    ['√ Connected to GitHub', undefined],
  ])('%s', (line, said) => {
    expect(parseLine(line)).toEqual(said);
  });
});

describe('the spool of the hooks', () => {
  const line = 'started\tocto/hello\t77\t2\tbuild\tpush\n';
  const facts = { repository: 'octo/hello', run: 77, attempt: 2, job: 'build', event: 'push' };
  test.each([
    ['names the job', line, facts],
    [
      'keeps to the first line, whatever the job adds',
      `${line}started\tx/y\t1\t1\tz\tpush\n`,
      facts,
    ],
    ['is not read before the line is whole', line.slice(0, -1), undefined],
    ['is nothing when empty', '', undefined],
    ['is nothing without a run', 'started\tocto/hello\t\t2\tbuild\tpush\n', undefined],
    ['is nothing without a repository', 'started\t\t77\t2\tbuild\tpush\n', undefined],
  ])('%s', (_title, text, expected) => {
    expect(parseStarted(text)).toEqual(expected);
  });
});

describe('a runner', () => {
  const said = (next: Answer['next'], at: number): Answer => ({
    next,
    jitConfig: undefined,
    runner: undefined,
    at,
  });
  const waiting: Situation = {
    now: 1_000_000,
    isBusy: false,
    onlineAt: 900_000,
    reclaimAt: undefined,
    answer: said('continue', 999_000),
    idleTimeoutMs: 60_000,
    expiresAt: 2_000_000,
  };
  test.each<[string, Partial<Situation>, string | undefined]>([
    ['waits on while the app says so, however long', {}, undefined],
    ['ends when the app says stop', { answer: said('stop', 999_000) }, 'the app says stop'],
    ['ends at a spot notice', { reclaimAt: 1_120_000 }, 'spot notice'],
    ['ends when the app is silent', { answer: said('continue', 940_000) }, 'no job and no word'],
    ['ends when the app never spoke', { answer: undefined }, 'no job and no word'],
    ['is given its time first', { answer: undefined, onlineAt: 950_000 }, undefined],
    ['may still be connecting', { answer: undefined, onlineAt: undefined }, undefined],
    ['ends with its longest life', { expiresAt: 1_000_000 }, 'end of the longest life'],
    [
      'ends with it in a job too',
      { isBusy: true, expiresAt: 1_000_000 },
      'end of the longest life',
    ],
    ['is busy: no stop', { isBusy: true, answer: said('stop', 999_000) }, undefined],
    ['is busy: its job runs on', { isBusy: true, reclaimAt: 1_025_001 }, undefined],
    ['is busy: cut 25 s before', { isBusy: true, reclaimAt: 1_025_000 }, 'spot notice'],
    [
      'is busy: cut at once when less is left',
      { isBusy: true, reclaimAt: 1_009_000 },
      'spot notice',
    ],
    ['is busy: no silence', { isBusy: true, answer: undefined }, undefined],
  ])('%s', (_title, change, reason) => {
    const ends = endReason({ ...waiting, ...change });
    if (reason === undefined) expect(ends).toBeUndefined();
    else expect(ends).toMatch(reason);
  });
});

describe('after a notice the machine', () => {
  const HOUR_MS = 3_600_000;
  const notice = (endsAt: number, action = 'terminate') => ({ action, time: '', endsAt });
  test.each<[string, Parameters<typeof isLeftToEc2>[0], boolean]>([
    ['is left to EC2', { isCut: false, notice: notice(HOUR_MS - 1), bornAt: 0 }, true],
    ['ends after its first hour', { isCut: false, notice: notice(HOUR_MS), bornAt: 0 }, false],
    ['is left then too, when cut', { isCut: true, notice: notice(HOUR_MS), bornAt: 0 }, true],
    ['ends when EC2 only stops it', { isCut: false, notice: notice(9, 'stop'), bornAt: 0 }, false],
  ])('%s', (_title, of, isLeft) => {
    expect(isLeftToEc2(of)).toBe(isLeft);
  });
});

describe("the app's answer", () => {
  test.each([
    [200, '{"next":"continue"}', 'continue'],
    [200, '{"next":"stop"}', 'stop'],
    [200, '{"next":"job","jitConfig":"x"}', 'job'],
    [200, '{"next":"job"}', 'continue'],
    [200, 'no JSON', 'continue'],
    [401, '{"error":{}}', 'stop'],
    [413, '', undefined],
    [404, '{"next":"continue"}', undefined],
  ])('%i %s means %s', (status, text, next) => {
    expect(parseAnswer(status, text, 1)?.next).toBe(next);
  });
});

describe("register's answer", () => {
  const whole = {
    runner: 'r',
    jitConfig: 'j',
    session: 's',
    actionsRunner: { version: '2', url: 'https://x', sha256: 'AB' },
  };
  test('has defaults for every setting', () => {
    expect(parseRegistration(JSON.stringify(whole))?.settings).toEqual({
      heartbeatMs: 10_000,
      idleTimeoutMs: 300_000,
      maxDurationMs: 21_600_000,
      noticePollMs: 5_000,
      reuseWaitMs: 0,
      setupInfo: undefined,
      forks: 'allow',
    });
  });
  test.each(['runner', 'jitConfig', 'session', 'actionsRunner'])('is none without %s', (name) => {
    expect(parseRegistration(JSON.stringify({ ...whole, [name]: undefined }))).toBeUndefined();
  });
});

test('a notice says when; one that cannot be read is one all the same, two minutes long', () => {
  const time = '2026-01-02T03:04:05Z';
  const endsAt = Date.parse(time);
  expect(parseNotice(JSON.stringify({ action: 'stop', time }), 1_000)).toEqual({
    action: 'stop',
    time,
    endsAt,
  });
  expect(parseNotice('<html>', 1_000)).toEqual({ action: 'terminate', time: '', endsAt: 121_000 });
});

describe('the log', () => {
  test('masks what is hidden, also where a line is cut, and keeps the last 20 lines', () => {
    const written: string[] = [];
    const log = createLog({ clock: systemClock, write: (line) => written.push(line) });
    log.hide('secret-0123456789');
    for (let i = 0; i < 30; i++) log.info({ i }, 'line');
    log.error({ text: `${'x'.repeat(455)}secret-0123456789` }, 'fault');
    expect(written.join()).not.toContain('secret');
    expect(log.tail()).toEqual(written.slice(-20));
    expect(log.tail().every((line) => line.length <= 500)).toBe(true);
  });
});

describe('the environment', () => {
  const env = { DSTACK_URL: 'https://x.example/', DSTACK_LAUNCH: 'l', DSTACK_TOKEN: 't' };
  test('has defaults for what user data does not say', () => {
    expect(parseEnvironment(env)).toMatchObject({
      ok: true,
      environment: {
        url: 'https://x.example',
        home: '/opt/dstack',
        runnerUser: 'runner',
        metadataEndpoint: 'http://169.254.169.254',
      },
    });
  });
  test.each([
    ['DSTACK_LAUNCH', '', false],
    ['DSTACK_TOKEN', '', true],
    ['DSTACK_URL', '', true],
    ['DSTACK_URL', 'ftp://x', true],
  ])('with %s=%s is a problem', (name, value, isMachine) => {
    const parsed = parseEnvironment({ ...env, [name]: value });
    expect(parsed).toMatchObject({ ok: false, isMachine, problem: expect.stringContaining(name) });
  });
  test("gives a job nothing of the daemon's own", () => {
    const user = { name: 'runner', home: '/home/runner' };
    const job = { jitConfig: 'jit', startedHook: '/s', completedHook: '/c', user };
    const variables = {
      ...env,
      AWS_EC2_METADATA_SERVICE_ENDPOINT: 'http://x',
      NODE_USE_ENV_PROXY: '1',
      PATH: '/bin',
      HOME: '/root',
      HTTPS_PROXY: 'http://p',
    };
    expect(jobEnvironment(variables, job)).toEqual({
      LANG: 'C.UTF-8',
      PATH: '/bin',
      HTTPS_PROXY: 'http://p',
      HOME: '/home/runner',
      USER: 'runner',
      LOGNAME: 'runner',
      ACTIONS_RUNNER_INPUT_JITCONFIG: 'jit',
      ACTIONS_RUNNER_HOOK_JOB_STARTED: '/s',
      ACTIONS_RUNNER_HOOK_JOB_COMPLETED: '/c',
    });
  });
});
