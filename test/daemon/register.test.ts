import { expect, test } from '@jest/globals';
import type { HttpRequest } from '../../src/daemon/http.ts';
import { createImds } from '../../src/daemon/imds.ts';
import { createLog } from '../../src/daemon/log.ts';
import { register } from '../../src/daemon/register.ts';
import { systemRandom } from '../../src/lib/random.ts';
import { IDENTITY } from './stage.ts';

const METADATA: Readonly<Record<string, string>> = {
  'api/token': 'imds-token',
  'meta-data/instance-id': 'i-1',
  'meta-data/placement/region': 'eu-west-1',
  'meta-data/services/domain': 'amazonaws.com',
  'meta-data/identity-credentials/ec2/security-credentials/ec2-instance': JSON.stringify(IDENTITY),
};

/** A machine whose app always answers with this status; its clock moves by its sleeps alone. */
async function ask(status: number, metadata = METADATA, retryAfterMs?: number) {
  let now = 0;
  const waits: number[] = [];
  const sent: { request: string; proof: { date: string } }[] = [];
  const clock = {
    now: () => now,
    sleep: async (ms: number) => {
      waits.push(ms);
      now += ms;
    },
  };
  const http = async ({ url, body = '' }: HttpRequest) => {
    const path = url.replace('http://imds/latest/', '');
    if (path !== url) return { status: path in metadata ? 200 : 404, text: metadata[path] ?? '' };
    sent.push(JSON.parse(body));
    const text = '{"error":{"message":"so it is"}}';
    return { status, text, ...(retryAfterMs === undefined ? {} : { retryAfterMs }) };
  };
  const log = createLog({ clock, write: () => {} });
  const imds = createImds({ clock, http }, 'http://imds/');
  const order = { url: 'https://app', launch: 'l', token: 't', deadline: 900_000 };
  const registered = await register({ clock, random: systemRandom, http, imds, log }, order);
  return { registered, sent, waits };
}

test.each([0, 429, 500, 503])('asks until the deadline when the answer is %i', async (status) => {
  const { registered, sent, waits } = await ask(status);
  expect(registered).toEqual({ ok: false, reason: 'not registered in time' });
  // 0.5 s doubling to 15 s, each half to one and a half times as long.
  expect(waits[0]).toBeLessThan(1_000);
  expect(Math.max(...waits)).toBeLessThanOrEqual(22_500);
  expect(sent.length).toBeGreaterThan(40);
  expect(new Set(sent.map(({ request }) => request)).size).toBe(1);
  // Signed anew for each try; those within one second carry the same date.
  expect(new Set(sent.map(({ proof }) => proof.date)).size).toBeGreaterThan(40);
});

test('comes again when the app says so, and no sooner', async () => {
  const { waits } = await ask(503, METADATA, 61_000);
  expect(waits).toEqual(Array.from({ length: 15 }, () => 61_000));
});

test.each([301, 400, 401, 404, 409, 410])('asks once when the answer is %i', async (status) => {
  const { registered, sent } = await ask(status);
  expect(registered).toEqual({
    ok: false,
    reason: `register refused with ${status}: so it is`,
  });
  expect(sent).toHaveLength(1);
});

test('never asks without an identity, and gives up at the deadline', async () => {
  const { registered, sent } = await ask(201, { 'api/token': 'imds-token' });
  expect(registered).toEqual({ ok: false, reason: 'not registered in time' });
  expect(sent).toEqual([]);
});
