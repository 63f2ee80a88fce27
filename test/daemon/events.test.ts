import { afterEach, expect, test } from '@jest/globals';
import { createReporter, type Reporter } from '../../src/daemon/events.ts';
import type { HttpAnswer, HttpRequest } from '../../src/daemon/http.ts';
import { createLog } from '../../src/daemon/log.ts';
import { systemClock } from '../../src/lib/clock.ts';
import { systemRandom } from '../../src/lib/random.ts';

let reporter: Reporter | undefined;
afterEach(() => reporter?.close());

/** An app that answers with these statuses in turn, then with 200; what it was sent is kept. */
function stage(statuses: readonly number[]) {
  const sent: { id: string; kind: string }[][] = [];
  const http = async ({ body = '{}' }: HttpRequest): Promise<HttpAnswer> => {
    sent.push(JSON.parse(body).events);
    return { status: statuses[sent.length - 1] ?? 200, text: '{"next":"continue"}' };
  };
  const log = createLog({ clock: systemClock, write: () => {} });
  // Waits last as long as the microtasks of a test: no second is lost on a back-off.
  const clock = { now: systemClock.now, sleep: sleepBriefly };
  const deps = { clock, random: systemRandom, http, log };
  reporter = createReporter(deps, { url: 'http://x', session: 's', heartbeatMs: 3_600_000 });
  return { reporter, sent };
}

/** A long wait, such as the heartbeat's, ends by its signal alone; the others are over at once. */
const sleepBriefly = (ms: number, signal?: AbortSignal) =>
  systemClock.sleep(ms >= 60_000 ? ms : 1, signal);

const kinds = (batches: { kind: string }[][]) =>
  batches.filter((batch) => batch.length > 0).map((batch) => batch.map(({ kind }) => kind));

test('tells what is reported while a call is on its way with the next one', async () => {
  const { reporter, sent } = stage([]);
  reporter.report('online');
  reporter.report('job-started');
  await reporter.flush(60_000);
  expect(kinds(sent)).toEqual([['online', 'job-started']]);
});

test('tells the same events again, in order, until they are heard', async () => {
  const { reporter, sent } = stage([200, 503, 0, 429]);
  reporter.report('online');
  reporter.report('ending');
  await reporter.flush(60_000);
  const told = sent.filter((batch) => batch.length > 0);
  expect(kinds(told)).toEqual(Array.from({ length: 4 }, () => ['online', 'ending']));
  expect(new Set(told.map((batch) => batch.map(({ id }) => id).join())).size).toBe(1);
  expect(reporter.answer()?.next).toBe('continue');
});

test('does not stand still on events that the app refuses', async () => {
  const { reporter, sent } = stage([200, 413]);
  reporter.report('log');
  await reporter.flush(60_000);
  reporter.report('ending');
  await reporter.flush(60_000);
  expect(kinds(sent)).toEqual([['log'], ['ending']]);
});

test('keeps the newest hundred events of a time without an app', async () => {
  const { reporter, sent } = stage([200]);
  for (let i = 0; i < 120; i++) reporter.report('log');
  reporter.report('ending');
  await reporter.flush(60_000);
  expect(sent.at(-1)).toHaveLength(100);
  expect(sent.at(-1)?.at(-1)?.kind).toBe('ending');
});
