import { afterEach, beforeEach, expect, test } from '@jest/globals';
import type { GitHub } from '../../src/github/port.ts';
import { isoOf } from '../../src/lib/instant.ts';
import { NOW, next, startWire, type Told, type Wire } from './wire.ts';

let wire: Wire;
let github: GitHub;

beforeEach(async () => {
  wire = await startWire();
  ({ github } = wire);
});
afterEach(() => wire.stop());

const ok = (body: unknown, headers: object = {}): Told => ({ status: 200, headers, body });

const DELIVERIES = 'GET /app/hook/deliveries';
const at = (minutesAgo: number) => NOW - minutesAgo * 60_000;
const delivery = (id: number, guid: string, minutesAgo: number, status_code = 502) => ({
  id,
  guid,
  status_code,
  delivered_at: isoOf(at(minutesAgo)),
});

test('failed deliveries are those without a success, the oldest first, once each, by their first attempt', async () => {
  wire.on(DELIVERIES, ({ query }) =>
    query['status'] === 'failure'
      ? ok([delivery(6, 'c', 1), delivery(5, 'b', 2, 0), delivery(3, 'a', 3), delivery(1, 'b', 4)])
      : ok([delivery(7, 'a', 1, 202)]),
  );
  expect(await github.failedDeliveries(at(10))).toEqual({
    ok: true,
    value: [
      { id: 1, guid: 'b', at: at(4) },
      { id: 6, guid: 'c', at: at(1) },
    ],
  });
});

test('failed deliveries cost one call while there are none', async () => {
  wire.on(DELIVERIES, ok([]));
  expect(await github.failedDeliveries(at(10))).toEqual({ ok: true, value: [] });
  expect(wire.to(DELIVERIES)).toHaveLength(1);
});

test('failed deliveries are paged by cursor, no further than the time that was asked for', async () => {
  wire.on(DELIVERIES, ({ query }) => {
    if (query['status'] === 'success') return ok([]);
    return query['cursor'] === 'v1_9'
      ? ok([delivery(8, 'b', 9), delivery(7, 'c', 11)], next(wire.url, 'cursor=v1_7'))
      : ok([delivery(9, 'a', 1)], next(wire.url, 'cursor=v1_9'));
  });
  const reply = await github.failedDeliveries(at(10));
  expect(reply.ok && reply.value.map(({ id }) => id)).toEqual([8, 9]);
  expect(wire.to(DELIVERIES)).toHaveLength(3);
});

test('failed deliveries are found where GitHub does not know the filter', async () => {
  wire.on(DELIVERIES, ok([delivery(3, 'b', 1), delivery(2, 'a', 2, 200), delivery(1, 'a', 3)]));
  const reply = await github.failedDeliveries(at(10));
  expect(reply.ok && reply.value.map(({ guid }) => guid)).toEqual(['b']);
});

test('failed deliveries are delivered again by their exact id, even one beyond 2^53', async () => {
  const id = '151464126437662721';
  const text = JSON.stringify(delivery(0, 'a', 1)).replace('"id":0', `"id":${id}`);
  wire.on(DELIVERIES, ({ query }) => ({
    status: 200,
    text: query['status'] === 'failure' ? `[${text}]` : '[]',
    headers: { 'content-type': 'application/json' },
  }));
  const again = `POST /app/hook/deliveries/${id}/attempts`;
  wire.on(again, { status: 202, body: {} });
  const reply = await github.failedDeliveries(at(10));
  const [failed] = reply.ok ? reply.value : [];
  expect(await github.redeliver(failed?.id ?? 0)).toEqual({ ok: true, value: null });
  expect(wire.to(again)).toHaveLength(1);
});
