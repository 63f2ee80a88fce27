import { generateKeyPairSync } from 'node:crypto';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { createGitHub } from '../../src/github/github.ts';
import { silentLog } from '../../src/lib/log.ts';
import { ownFacts } from '../../src/model/windows.ts';
import { startWire, type Wire } from './wire.ts';

let wire: Wire;

beforeEach(async () => {
  wire = await startWire();
});
afterEach(() => wire.stop());

const LIST = 'GET /app/installations';
const MINUTE = 60_000;
const { privateKey } = generateKeyPairSync('rsa', {
  modulusLength: 2048,
  privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
  publicKeyEncoding: { type: 'spki', format: 'pem' },
});

/** Processes on one store, of an App that GitHub allows so many calls an hour. */
function processes(limit = 50) {
  const { clock, url } = wire;
  const facts = ownFacts(clock);
  const headers = { 'x-ratelimit-limit': String(limit), 'x-ratelimit-remaining': '40' };
  wire.on(LIST, { status: 200, body: [], headers: { ...headers, etag: '"1"' } });
  const create = () =>
    createGitHub({
      ...{ appId: '4711', privateKey, apiUrl: url, clock, facts },
      ...{ log: silentLog, userAgent: 'dstack-test' },
    });
  return { create, headers };
}

test('healings of all processes together spend a tenth of the hour, and work goes on', async () => {
  const { create } = processes();
  const [one, other] = [create(), create()];
  for (let i = 0; i < 4; i += 1) expect((await one.healing.installations()).ok).toBe(true);
  expect((await other.healing.installations()).ok).toBe(true);
  for (const process of [one, other]) {
    wire.clock.pass(11_000);
    expect(await process.healing.installations()).toMatchObject({ reason: 'throttled' });
    expect((await process.installations()).ok).toBe(true);
  }
  wire.clock.pass(62 * MINUTE);
  expect((await other.healing.installations()).ok).toBe(true);
});

test('and fifty of it, or a sixth, in any ten minutes', async () => {
  const { create } = processes(1_000);
  const [one, other] = [create(), create()];
  let made = 0;
  for (let i = 0; i < 40; i += 1) {
    for (const { healing } of [one, other]) made += (await healing.installations()).ok ? 1 : 0;
  }
  // A process takes some calls ahead.
  expect(made).toBeGreaterThan(30);
  expect(made).toBeLessThanOrEqual(50);
  wire.clock.pass(11_000);
  expect(await one.healing.installations()).toMatchObject({ reason: 'throttled' });
  wire.clock.pass(11 * MINUTE);
  expect((await one.healing.installations()).ok).toBe(true);
});

test('what nothing had changed for costs healings nothing', async () => {
  const { create, headers } = processes();
  const github = create();
  expect((await github.healing.installations()).ok).toBe(true);
  wire.on(LIST, { status: 304, headers });
  for (let i = 0; i < 20; i += 1) expect((await github.healing.installations()).ok).toBe(true);
});
