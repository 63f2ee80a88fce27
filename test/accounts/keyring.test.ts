import { describe, expect, test } from '@jest/globals';
import { done } from '../../src/model/reply.ts';
import { AWS_ACCOUNT, handWorld, KEYS, keptFor, MINUTE, no, ROLE } from './world.ts';

const SCOPE = 'repo-7';
const countOf = (calls: readonly string[], call: string) =>
  calls.filter((one) => one === call).length;

function serving(more: object = {}) {
  const world = handWorld();
  world.kept.set(SCOPE, keptFor(SCOPE, more));
  return world;
}

describe('what is kept for a scope', () => {
  test('is read once in five minutes and tried once', async () => {
    const { ring, clock, calls } = serving();
    expect(await ring.open(SCOPE)).toMatchObject({ kind: 'account' });
    clock.advance(4 * MINUTE);
    await ring.open(SCOPE);
    expect(calls).toEqual([`read ${SCOPE}`, `caller ${KEYS.accessKeyId}`]);
    clock.advance(MINUTE);
    await ring.open(SCOPE);
    expect(countOf(calls, `read ${SCOPE}`)).toBe(2);
    expect(countOf(calls, `caller ${KEYS.accessKeyId}`)).toBe(1);
  });

  test('is read one at a time, however many ask', async () => {
    const { ring, calls, hold } = serving();
    const open = hold();
    const all = Array.from({ length: 20 }, () => ring.open(SCOPE));
    open();
    expect(new Set((await Promise.all(all)).map(({ kind }) => kind))).toEqual(new Set(['account']));
    expect(calls).toEqual([`read ${SCOPE}`, `caller ${KEYS.accessKeyId}`]);
  });

  test.each([
    ['another scope', keptFor('repo-8'), 'does not name repo-7'],
    ['no scope', JSON.stringify({ account: AWS_ACCOUNT, ...KEYS }), 'does not name repo-7'],
    ['no JSON', 'AKIA', 'no JSON'],
    ['no account', JSON.stringify({ scope: SCOPE, ...KEYS }), 'account is missing'],
    [
      'a key with a line break',
      keptFor(SCOPE, { secretAccessKey: `${'x'.repeat(40)}\n` }),
      'line break',
    ],
  ])('with %s is refused', async (_, value, why) => {
    const { ring, kept, calls } = handWorld();
    kept.set(SCOPE, value);
    expect(await ring.open(SCOPE)).toEqual({
      kind: 'refused',
      account: null,
      why: expect.stringContaining(why),
    });
    expect(calls).toEqual([`read ${SCOPE}`]);
  });

  test('that signs for another AWS account is refused, and no call is signed with it', async () => {
    const { ring, callers } = serving();
    callers.set(KEYS.accessKeyId, done({ account: '999999999999', arn: 'arn:aws:iam::9:user/x' }));
    expect(await ring.open(SCOPE)).toMatchObject({ why: expect.stringContaining('another AWS') });
    expect(await ring.keysOf(SCOPE)).toMatchObject({ ok: false, code: 'CredentialsRefused' });
  });

  test('that AWS refuses is tried again once a minute, and serves again by itself', async () => {
    const { ring, callers, clock, calls } = serving();
    callers.set(KEYS.accessKeyId, no('denied', 'InvalidClientTokenId'));
    for (let second = 0; second < 60; second += 5) {
      expect(await ring.open(SCOPE)).toMatchObject({
        kind: 'refused',
        why: expect.stringMatching(/InvalidClientTokenId.*dstack aws configure/),
      });
      clock.advance(5_000);
    }
    expect(countOf(calls, `caller ${KEYS.accessKeyId}`)).toBe(1);
    callers.delete(KEYS.accessKeyId);
    expect(await ring.open(SCOPE)).toMatchObject({ kind: 'account' });
    expect(countOf(calls, `read ${SCOPE}`)).toBe(2);
  });

  test('is rotated without a restart: after a refusal the new key is read within a minute', async () => {
    const { ring, callers, kept, clock } = serving();
    await ring.open(SCOPE);
    callers.set(KEYS.accessKeyId, no('denied', 'InvalidClientTokenId'));
    kept.set(SCOPE, keptFor(SCOPE, { accessKeyId: 'AKIAI44QH8DHBEXAMPLE' }));
    clock.advance(MINUTE);
    ring.suspect(SCOPE);
    expect(await ring.keysOf(SCOPE)).toMatchObject({
      value: { accessKeyId: 'AKIAI44QH8DHBEXAMPLE' },
    });
  });

  test('is not tried anew for every refusal that is about something else', async () => {
    const { ring, clock, calls } = serving();
    await ring.open(SCOPE);
    for (let second = 0; second < 120; second += 5) {
      clock.advance(5_000);
      ring.suspect(SCOPE);
      expect(await ring.open(SCOPE)).toMatchObject({ kind: 'account' });
    }
    expect(countOf(calls, `caller ${KEYS.accessKeyId}`)).toBe(3);
  });

  test('serves on while STS does not answer, if it was good before', async () => {
    const { ring, clock, callers } = serving();
    await ring.open(SCOPE);
    callers.set(KEYS.accessKeyId, no('unreachable', 'TimeoutError'));
    clock.advance(MINUTE);
    ring.suspect(SCOPE);
    expect(await ring.open(SCOPE)).toMatchObject({ kind: 'account' });
    callers.set(KEYS.accessKeyId, no('denied', 'InvalidClientTokenId'));
    clock.advance(MINUTE);
    expect(await ring.open(SCOPE)).toMatchObject({ kind: 'refused' });
  });

  test('that was not tried yet waits for STS', async () => {
    const { ring, clock, callers } = serving();
    callers.set(KEYS.accessKeyId, no('unreachable', 'TimeoutError'));
    expect(await ring.open(SCOPE)).toMatchObject({ why: expect.stringContaining('every minute') });
    callers.clear();
    clock.advance(MINUTE);
    expect(await ring.open(SCOPE)).toMatchObject({ kind: 'account' });
  });

  test('that is written during a read is what the next one sees', async () => {
    const { ring, kept, hold } = handWorld();
    const open = hold();
    const early = ring.open(SCOPE);
    kept.set(SCOPE, keptFor(SCOPE));
    ring.forget(SCOPE);
    open();
    await early;
    expect(await ring.open(SCOPE)).toMatchObject({ kind: 'account' });
  });

  test('serves on while the vault is out of reach, for an hour', async () => {
    const { ring, kept, clock } = serving();
    await ring.open(SCOPE);
    kept.set(SCOPE, no('unreachable', 'ECONNREFUSED'));
    clock.advance(50 * MINUTE);
    expect(await ring.open(SCOPE)).toMatchObject({ kind: 'account' });
    clock.advance(20 * MINUTE);
    expect(await ring.open(SCOPE)).toMatchObject({
      kind: 'refused',
      why: expect.stringContaining('ECONNREFUSED'),
    });
  });

  test('stays readable while a machine lives there, although it was removed', async () => {
    const { ring, kept, clock, living } = serving();
    await ring.open(SCOPE);
    kept.delete(SCOPE);
    living.add(SCOPE);
    clock.advance(10 * MINUTE);
    expect(await ring.keysOf(SCOPE)).toMatchObject({ ok: true });
    living.clear();
    clock.advance(10 * MINUTE);
    expect(await ring.open(SCOPE)).toEqual({ kind: 'none' });
  });

  test('is none where the app has no right to read secrets', async () => {
    const { ring, kept } = handWorld();
    kept.set(SCOPE, no('denied', 'AccessDeniedException'));
    expect(await ring.open(SCOPE)).toEqual({ kind: 'none' });
  });

  test.each([
    ['its KMS key is disabled', no('invalid', 'DecryptionFailure')],
    ["the app's own session ended", no('denied', 'ExpiredTokenException')],
  ])('is not none where %s, and serves when that is over', async (_, answer) => {
    const { ring, kept, clock } = handWorld();
    kept.set(SCOPE, answer);
    expect(await ring.open(SCOPE)).toEqual({
      kind: 'refused',
      account: null,
      why: expect.stringContaining(answer.code),
    });
    kept.set(SCOPE, keptFor(SCOPE));
    clock.advance(MINUTE);
    expect(await ring.open(SCOPE)).toMatchObject({ kind: 'account' });
  });
});

describe('a role', () => {
  const role = () => {
    const world = handWorld();
    const { accessKeyId: _, secretAccessKey: __, ...rest } = JSON.parse(keptFor(SCOPE));
    world.kept.set(SCOPE, JSON.stringify({ ...rest, roleArn: ROLE, externalId: 'e'.repeat(32) }));
    return world;
  };

  test('is assumed once, and anew five minutes before its session ends', async () => {
    const { ring, clock, calls } = role();
    const assumed = () => calls.filter((call) => call.startsWith('assume')).length;
    expect(await ring.keysOf(SCOPE)).toMatchObject({ value: { sessionToken: 's' } });
    clock.advance(54 * MINUTE);
    await ring.keysOf(SCOPE);
    expect(assumed()).toBe(1);
    clock.advance(MINUTE);
    await ring.keysOf(SCOPE);
    expect(assumed()).toBe(2);
    expect(calls).toContain(`assume with ${'e'.repeat(32)}`);
  });

  test('keeps its session while STS is out', async () => {
    const world = role();
    await world.ring.keysOf(SCOPE);
    world.assume = async () => no('unreachable', 'TimeoutError');
    world.clock.advance(57 * MINUTE);
    expect(await world.ring.keysOf(SCOPE)).toMatchObject({ ok: true });
    world.clock.advance(4 * MINUTE);
    expect(await world.ring.keysOf(SCOPE)).toMatchObject({ ok: false });
  });
});
