import { once } from 'node:events';
import { createServer } from 'node:http';
import { json } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { Vault } from '../../src/accounts/port.ts';
import { createAwsVault } from '../../src/accounts/vault-aws.ts';
import { createLocalVault } from '../../src/accounts/vault-local.ts';
import { systemClock as clock } from '../../src/lib/clock.ts';
import { createKeys } from '../../src/lib/keys.ts';
import { systemRandom as random } from '../../src/lib/random.ts';
import { createMemoryStore } from '../../src/store/memory.ts';
import { type Moto, motoServer, startMoto } from '../moto.ts';

const GONE = 'InvalidRequestException';
const UNREADABLE = 'DecryptionFailure';
const TEXT = 'AKIA and a secret that nobody reads';

function vaultContract(name: string, vault: () => Vault): void {
  describe(`a vault: ${name}`, () => {
    test('knows nothing of a scope that was never written', async () => {
      expect(await vault().read('repo-1')).toMatchObject({ ok: false, reason: 'missing' });
      expect(await vault().remove('repo-1')).toMatchObject({ ok: true });
    });

    test('gives back what was written last, for that scope alone', async () => {
      await vault().write('repo-2', TEXT);
      await vault().write('owner-2', 'other');
      expect(await vault().read('repo-2')).toEqual({ ok: true, value: TEXT });
      await vault().write('repo-2', 'newer');
      expect(await vault().read('repo-2')).toEqual({ ok: true, value: 'newer' });
      expect(await vault().read('owner-2')).toEqual({ ok: true, value: 'other' });
    });

    test('can be written again after it was removed', async () => {
      await vault().write('repo-3', TEXT);
      expect(await vault().remove('repo-3')).toEqual({ ok: true, value: null });
      expect(await vault().read('repo-3')).toMatchObject({ ok: false, reason: 'missing' });
      expect(await vault().write('repo-3', 'again')).toEqual({ ok: true, value: null });
      expect(await vault().read('repo-3')).toEqual({ ok: true, value: 'again' });
    });
  });
}

const store = createMemoryStore();
const keys = createKeys('a secret key of today');
const local = (with_: Partial<Parameters<typeof createLocalVault>[0]> = {}) =>
  createLocalVault({ store, clock, random, keys, oldKeys: null, ...with_ });

vaultContract('the database', () => local());

describe('the database', () => {
  const rowOf = async (scope: string) => (await store.fact(`account:${scope}`))?.value ?? '';

  test('holds nothing readable', async () => {
    await local().write('repo-4', TEXT);
    expect(await rowOf('repo-4')).not.toContain('AKIA');
    const first = await rowOf('repo-4');
    await local().write('repo-4', TEXT);
    expect(await rowOf('repo-4')).not.toBe(first);
  });

  test('does not open for another scope, another key, or with one bit changed', async () => {
    await local().write('repo-5', TEXT);
    const sealed = await rowOf('repo-5');
    await store.saveFact('account:repo-6', sealed, clock.now());
    expect(await local().read('repo-6')).toMatchObject({ code: 'sealed' });
    const other = local({ keys: createKeys('another secret key') });
    expect(await other.read('repo-5')).toMatchObject({ reason: 'conflict', code: 'sealed' });
    const [iv = '', body = '', tag = ''] = sealed.split('.');
    const bent = body.startsWith('A') ? `B${body.slice(1)}` : `A${body.slice(1)}`;
    await store.saveFact('account:repo-5', [iv, bent, tag].join('.'), clock.now());
    expect(await local().read('repo-5')).toMatchObject({ code: 'sealed' });
  });

  test('is sealed anew under a new key when it is read, and then needs the old one no more', async () => {
    const oldKeys = createKeys('the secret key of yesterday');
    await local({ keys: oldKeys }).write('repo-7', TEXT);
    expect(await local({ oldKeys }).read('repo-7')).toEqual({ ok: true, value: TEXT });
    expect(await local().read('repo-7')).toEqual({ ok: true, value: TEXT });
  });
});

describe('Secrets Manager that denies a secret', () => {
  const DENIED = 'AccessDeniedException';
  const MISSING = 'ResourceNotFoundException';
  let answers: Readonly<Record<string, string>> = {};
  let endpoint = '';
  const server = createServer(async (request, response) => {
    const { SecretId } = Object(await json(request));
    response.writeHead(400, { 'content-type': 'application/x-amz-json-1.1' });
    const message = 'arn:aws:sts::123456789012:assumed-role/app/i-1 is not authorized';
    response.end(JSON.stringify({ __type: answers[SecretId] ?? MISSING, message }));
  });
  beforeAll(async () => {
    process.env['AWS_ACCESS_KEY_ID'] = 'AKIAIOSFODNN7EXAMPLE';
    process.env['AWS_SECRET_ACCESS_KEY'] = 'secret';
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    endpoint = `http://127.0.0.1:${Object(server.address()).port}`;
  });
  afterAll(() => void server.close());

  test.each([
    ['that one, by its policy or its key', { 'dstack/repo-7': DENIED }, 'invalid', DENIED],
    ['all', { 'dstack/repo-7': DENIED, 'dstack/repo-0': DENIED }, 'denied', DENIED],
    ['none', {}, 'missing', MISSING],
    ['none that is marked for deletion', { 'dstack/repo-7': GONE }, 'missing', GONE],
    ['one whose key is disabled', { 'dstack/repo-7': UNREADABLE }, 'invalid', UNREADABLE],
  ])('tells what is denied: %s', async (_, given, reason, code) => {
    answers = given;
    const vault = createAwsVault({ region: 'eu-west-1', prefix: 'dstack/', endpoint });
    const answer = await vault.read('repo-7');
    expect(answer).toMatchObject({ ok: false, reason, code });
    if (code === DENIED) expect(JSON.stringify(answer)).not.toContain('arn:');
  });
});

if (motoServer === undefined) {
  test.skip('Secrets Manager needs moto_server', () => {});
} else {
  let moto: Moto;
  beforeAll(async () => {
    moto = await startMoto();
    process.env['AWS_ACCESS_KEY_ID'] = 'AKIAIOSFODNN7EXAMPLE';
    process.env['AWS_SECRET_ACCESS_KEY'] = 'secret';
  });
  afterAll(() => moto.stop());
  vaultContract('Secrets Manager', () =>
    createAwsVault({ region: 'eu-west-1', prefix: 'dstack/', endpoint: moto.url }),
  );

  test('Secrets Manager that is out of reach is no missing secret', async () => {
    const away = { region: 'eu-west-1', prefix: 'dstack/', endpoint: 'http://127.0.0.1:9' };
    expect(await createAwsVault(away).read('repo-2')).toMatchObject({ reason: 'unreachable' });
  });
}
