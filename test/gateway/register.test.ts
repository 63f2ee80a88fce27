import { beforeEach, describe, expect, test } from '@jest/globals';
import { registrationToken } from '../../src/model/tokens.ts';
import { aLease, anIntent, aRepo, launched, T } from '../store/rows.ts';
import {
  anAsk,
  aProof,
  aSession,
  createDoor,
  type Door,
  KEYS,
  outcomeOf,
  REGISTER_TIMEOUT_MS,
  refusal,
} from './door.ts';

let door: Door;

beforeEach(async () => {
  door = createDoor();
  await launched(door.store, ['i-1', 'i-2']);
});

const outcome = async (body: unknown, at = door) => outcomeOf(await at.register(body));
const runners = () => [...door.github.there.values()].map(({ name }) => name);
const report = (kind: string) =>
  door.events(aSession(), { events: [{ id: `e-${kind}`, at: '2023-11-14T22:13:20Z', kind }] });

test('a machine of ours gets a runner, a session and what it must know', async () => {
  const answer = await door.register(anAsk());
  const [name] = runners();
  expect(answer).toEqual({
    status: 201,
    body: {
      runner: name,
      jitConfig: `jit of ${name}`,
      session: aSession(),
      actionsRunner: { version: '2.300.0', url: 'https://x', sha256: 'c'.repeat(64) },
      settings: {
        heartbeatMs: 10_000,
        idleTimeoutMs: 360_000,
        maxDurationMs: 3_600_000,
        noticePollMs: 5_000,
        setupInfo: 'm5.large (spot) in eu-west-1a, i-1\nlaunch l1: job 11 waits',
      },
    },
  });
  expect(name).toBe('dstack-i-1-l1');
  expect(await door.store.instanceById('i-1')).toMatchObject({
    state: 'pending',
    runnerId: 1,
    runnerName: name,
    labels: ['self-hosted', 'linux', 'x64', 'dstack'],
    registeredAt: door.now,
  });
  expect(door).toMatchObject({ counts: {}, woken: ['repo-1'] });
});

test('a machine registers at its repository, or in the group that its launch names', async () => {
  const ask = { ...anAsk('i-3'), launch: 'l2', token: registrationToken(KEYS, 'l2') };
  await launched(door.store, ['i-3'], 'l2', 'CI');
  expect([await outcome(anAsk()), await outcome(ask)]).toEqual(['201', '201']);
  expect(door.github.places).toEqual(['repository', 'CI']);
});

describe('refuses', () => {
  const without = (ask: object, key: string) => ({ ...ask, [key]: undefined });
  const fields = ['launch', 'token', 'instance', 'request', 'proof'];
  const proofFields = ['authorization', 'date', 'securityToken', 'audience'];

  test.each(fields)('an ask without %s', async (field) => {
    expect(await outcome(without(anAsk(), field))).toBe('400 shape');
    expect(await outcome({ ...anAsk(), [field]: 7 })).toBe('400 shape');
    expect(await outcome({ ...anAsk(), [field]: 'x'.repeat(8_193) })).toBe('400 shape');
    expect(door.counts).toEqual({ shape: 3 });
  });

  test.each(proofFields)('a proof without %s', async (field) => {
    expect(await outcome(anAsk('i-1', { proof: without(aProof('i-1'), field) }))).toBe('400 shape');
    const wrong = aProof('i-1', { [field]: [] });
    expect(await outcome(anAsk('i-1', { proof: wrong }))).toBe('400 shape');
  });

  test.each([null, [], 'text', 7])('the body %p', async (body) => {
    expect(await outcome(body)).toBe('400 shape');
  });

  const cases: readonly (readonly [what: string, outcome: string, ask: object])[] = [
    ['a forged token', '401 token', anAsk('i-1', { token: 'x'.repeat(43) })],
    ['an empty token', '401 token', anAsk('i-1', { token: '' })],
    ["another launch's token", '401 token', anAsk('i-1', { token: registrationToken(KEYS, 'l2') })],
    ['a launch that the token is not of', '401 token', anAsk('i-1', { launch: 'l2' })],
    ["another machine's proof", '401 proof', anAsk('i-1', { proof: aProof('i-2') })],
    [
      'a proof that STS does not accept',
      '401 proof',
      anAsk('i-1', { proof: aProof('i-1', { authorization: 'forged' }) }),
    ],
    [
      'a proof for another audience',
      '401 proof',
      anAsk('i-1', { proof: aProof('i-1', { audience: 'evil.example' }) }),
    ],
    ['an instance that no launch of ours started', '401 proof', anAsk('i-9')],
  ];
  test.each(cases)('%s', async (_, refused, ask) => {
    expect(await outcome(ask)).toBe(refused);
    expect(door.counts).toEqual({ [refused.slice(4)]: 1 });
    expect(door.github.registered).toBe(0);
  });

  test('an instance of another launch, with a token and a proof that are both good', async () => {
    await launched(door.store, ['i-3'], 'l2');
    expect(await outcome(anAsk('i-3'))).toBe('401 proof');
  });

  test('the same instance id in another account', async () => {
    door.account = '999999999999';
    expect(await outcome(anAsk())).toBe('401 proof');
  });

  test('a caller that is no machine', async () => {
    const proof = aProof('i-1', { authorization: 'signed by i-1/../x' });
    expect(await outcome(anAsk('i-1', { proof }))).toBe('401 proof');
  });

  test('every proof where the app has no public address', async () => {
    const closed = createDoor({ store: door.store, audience: '' });
    expect(await outcome(anAsk('i-1'), closed)).toBe('401 proof');
  });

  test.each(['failed', 'cancelled'] as const)('a launch that is %s', async (outcomeNow) => {
    const other = createDoor();
    const { store } = other;
    await store.noteRepos([aRepo()], T);
    await launchedUnknown(other);
    const lease = await aLease(store);
    await store.settle('l1', { outcome: outcomeNow, code: 'x', reason: 'x', lease }, T);
    expect(await outcome(anAsk(), other)).toBe('410 gone');
    expect(other.counts).toEqual({ gone: 1 });
  });

  test('a machine that comes after the time to register', async () => {
    door.now = T + REGISTER_TIMEOUT_MS;
    expect(await outcome(anAsk())).toBe('201');
    door.now = T + REGISTER_TIMEOUT_MS + 1;
    expect(await outcome(anAsk('i-2'))).toBe('410 gone');
  });

  test('but not while the process has just begun, which it may have called in vain', async () => {
    door.startedAt = T + REGISTER_TIMEOUT_MS;
    door.now = door.startedAt + 1;
    expect(await outcome(anAsk())).toBe('201');
    door.now = door.startedAt + REGISTER_TIMEOUT_MS + 1;
    expect(await outcome(anAsk('i-2'))).toBe('410 gone');
  });

  test.each(['ending', 'gone'])('a machine that is %s', async (state) => {
    const change = { key: 'l1.0', from: ['pending'] as const, patch: { state: 'ending' } as const };
    if (state === 'ending') await door.store.changeInstance(change);
    else await door.store.sighted('i-1', 'terminated', '', T);
    expect(await outcome(anAsk())).toBe('410 gone');
  });

  test('a machine of a repository that is gone', async () => {
    await door.store.removeRepo(1, T);
    expect(await outcome(anAsk())).toBe('410 gone');
  });

  test('a second ask with another request, and any ask once it is online', async () => {
    expect(await outcome(anAsk())).toBe('201');
    expect(await outcome(anAsk('i-1', { request: 'b'.repeat(32) }))).toBe('409 used');
    await report('online');
    expect(await outcome(anAsk())).toBe('409 used');
    expect(door.counts).toEqual({ used: 2 });
    expect(door.github.registered).toBe(1);
  });

  test('one of two requests that come at once for one machine', async () => {
    const both = [anAsk(), anAsk('i-1', { request: 'b'.repeat(32) })].map((ask) => outcome(ask));
    expect(await Promise.all(both)).toEqual(['201', '409 used']);
    expect(door.github.registered).toBe(1);
  });
});

async function launchedUnknown({ store }: Door) {
  await store.intend(await aLease(store), [anIntent()], T);
}

test('a flood of refusals writes few lines to the log', async () => {
  for (let i = 0; i < 100; i += 1) await door.register({ launch: 'l1' });
  expect(door.counts).toEqual({ shape: 100 });
  expect(door.warnings.length).toBe(20);
  door.now += 60_000;
  await door.register({});
  expect(door.warnings.length).toBe(21);
});

describe('names the first thing that is wrong', () => {
  const forged = { token: 'forged', proof: aProof('i-2') };

  test('shape before token, token before age, age before proof, proof before a second call', async () => {
    await door.register(anAsk());
    door.now = T + REGISTER_TIMEOUT_MS + 1;
    const second = { ...forged, request: 'b'.repeat(32) };
    expect(await outcome({ ...anAsk('i-1', second), request: 7 })).toBe('400 shape');
    expect(await outcome(anAsk('i-1', second))).toBe('401 token');
    const token = registrationToken(KEYS, 'l1');
    expect(await outcome(anAsk('i-1', { ...second, token }))).toBe('410 gone');
    door.now = T + 60_000;
    expect(await outcome(anAsk('i-1', { ...second, token }))).toBe('401 proof');
    const proof = aProof('i-1');
    expect(await outcome(anAsk('i-1', { ...second, token, proof }))).toBe('409 used');
  });
});

describe('puts off', () => {
  test('a machine whose launch EC2 has not answered yet', async () => {
    const other = createDoor();
    await other.store.noteRepos([aRepo()], T);
    await launchedUnknown(other);
    const answer = await other.register(anAsk());
    expect(outcomeOf(answer)).toBe('503 not-yet');
    expect(answer.headers).toEqual({ 'retry-after': '2' });
    expect(other.counts).toEqual({});
  });

  test('a machine of a launch that is not known any more, and looks at EC2', async () => {
    const other = createDoor();
    expect(await outcome(anAsk(), other)).toBe('503 not-yet');
    expect(other.looks).toBe(1);
  });

  test.each(['unreachable', 'throttled'] as const)('all while STS is %s', async (reason) => {
    door.stsRefusal = refusal(reason, 'x');
    expect(await outcome(anAsk())).toBe('503 not-yet');
    door.stsRefusal = null;
    expect(await outcome(anAsk())).toBe('201');
  });

  test.each(['unreachable', 'throttled'] as const)('all while GitHub is %s', async (reason) => {
    door.github.refusal = refusal(reason, '403');
    expect(await outcome(anAsk())).toBe('503 not-yet');
    door.github.refusal = null;
    expect(await outcome(anAsk())).toBe('201');
    expect(runners()).toHaveLength(1);
  });

  test('all machines until the time that GitHub names, without asking it before', async () => {
    door.github.refusal = { ...refusal('throttled', '403'), retryAt: door.now + 30_000 };
    expect(await outcome(anAsk())).toBe('503 not-yet');
    door.github.refusal = null;
    const answer = await door.register(anAsk('i-2'));
    expect([outcomeOf(answer), answer.headers]).toEqual(['503 not-yet', { 'retry-after': '30' }]);
    door.now += 30_000;
    expect(await outcome(anAsk('i-2'))).toBe('201');
  });

  test.each([
    ['unreachable', true],
    ['throttled', true],
    ['denied', false],
    ['invalid', false],
  ] as const)(
    'one that GitHub answers `%s`, and notes that it came: %s',
    async (reason, isNoted) => {
      door.github.refusal = refusal(reason, '403');
      const { store } = door;
      for (let tries = 0; tries < 3; tries += 1) {
        expect(await outcome(anAsk())).toBe('503 not-yet');
        door.now += 1_000;
      }
      const noted = await store.fact('knocked:i-1');
      expect(noted?.at).toBe(isNoted ? door.now - 3_000 : undefined);
    },
  );

  test('one that stands in line, and notes that it came', async () => {
    door.github.refusal = { ...refusal('throttled', '403'), retryAt: door.now + 30_000 };
    await door.register(anAsk());
    await door.register(anAsk('i-2'));
    expect(door.github.places).toHaveLength(1);
    expect(await door.store.fact('knocked:i-2')).not.toBeNull();
  });

  test('all while GitHub does not say which Actions runner to use, leaving no runner', async () => {
    const { actionsRunner } = door.github;
    Object.assign(door.github, { actionsRunner: async () => refusal('unreachable', '502') });
    expect(await outcome(anAsk())).toBe('503 not-yet');
    expect(runners()).toEqual([]);
    Object.assign(door.github, { actionsRunner });
    expect(await outcome(anAsk())).toBe('201');
  });
});

describe('the same request', () => {
  test('gets the same answer, also from an app that was started anew', async () => {
    const first = await door.register(anAsk());
    expect(await door.register(anAsk())).toEqual(first);
    expect(await door.restarted().register(anAsk())).toEqual(first);
    expect(door.github.registered).toBe(1);
  });

  test('gets the same answer when it comes twice at once', async () => {
    const [first, second] = await Promise.all([door.register(anAsk()), door.register(anAsk())]);
    expect(first?.status).toBe(201);
    expect(second).toEqual(first);
    expect(door.github.registered).toBe(1);
  });

  test('is written down encrypted', async () => {
    await door.register(anAsk());
    const kept = await door.store.registration('i-1');
    expect(kept?.request).toBe(anAsk().request);
    expect(kept?.answer).not.toContain('jit');
    await report('online');
    expect(await door.store.registration('i-1')).toBeNull();
  });
});

test('asks GitHub for nothing while it is not known what the machine is for', async () => {
  door.labels = [];
  expect(await outcome(anAsk())).toBe('503 not-yet');
  expect(door.github.there.size).toBe(0);
  expect((await door.store.instanceById('i-1'))?.runnerName).toBeNull();
  door.labels = ['self-hosted', 'dstack'];
  expect(await outcome(anAsk())).toBe('201');
});

describe('leaves no runner behind', () => {
  test('when the app dies between the answer of GitHub and its own', async () => {
    door.github.onMade = () => Promise.reject(new Error('killed'));
    await expect(door.register(anAsk())).rejects.toThrow('killed');
    expect(runners()).toHaveLength(1);
    door.github.onMade = async () => {};
    expect(await outcome(anAsk(), door.restarted())).toBe('201');
    expect([...door.github.there.keys()]).toEqual([2]);
  });

  test('when a request of an app that is dead now lands before the next one', async () => {
    // As the dead app sent it: GitHub has the runner, and the store knows only that it may.
    await door.github.register(aRepo(), { name: 'dstack-i-1-l1', labels: [] });
    expect(await outcome(anAsk())).toBe('503 not-yet');
    expect(await outcome(anAsk())).toBe('201');
    expect([...door.github.there.keys()]).toEqual([2]);
  });

  test('when a request of an app that is dead now lands after the next one', async () => {
    expect(await outcome(anAsk())).toBe('201');
    const late = await door.github.register(aRepo(), { name: 'dstack-i-1-l1', labels: [] });
    expect(late).toMatchObject({ ok: false, reason: 'conflict' });
    expect([...door.github.there.keys()]).toEqual([1]);
  });

  test('when two processes are asked at once: the first to write it down answers', async () => {
    const other = door.restarted();
    let second: string | undefined;
    door.github.onMade = async () => {
      door.github.onMade = async () => {};
      second = await outcome(anAsk(), other);
    };
    expect(await outcome(anAsk())).toBe('503 not-yet');
    expect(second).toBe('201');
    expect([...door.github.there.keys()]).toEqual([2]);
    expect(await door.store.instanceById('i-1')).toMatchObject({ runnerId: 2 });
    const kept = await other.register(anAsk());
    expect(kept).toMatchObject({ status: 201, body: { jitConfig: 'jit of dstack-i-1-l1' } });
  });

  test('when the machine is to end at the same moment', async () => {
    door.github.onMade = async () => {
      const patch = { state: 'ending', reason: 'disabled' } as const;
      await door.store.changeInstance({ key: 'l1.0', from: ['pending'], patch });
    };
    expect(await outcome(anAsk())).toBe('410 gone');
    expect(runners()).toEqual([]);
    expect(await door.store.instanceById('i-1')).toMatchObject({ runnerId: null, state: 'ending' });
  });
});
