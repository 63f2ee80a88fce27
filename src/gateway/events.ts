import type { Clock } from '../lib/clock.ts';
import { type Answer, failure } from '../lib/http.ts';
import { instantOf } from '../lib/instant.ts';
import type { Keys } from '../lib/keys.ts';
import type { Log } from '../lib/log.ts';
import { createRate } from '../lib/rate.ts';
import type { ScopeId } from '../model/ids.ts';
import type { Instance, InstanceState } from '../model/launch.ts';
import { parseSession } from '../model/tokens.ts';
import type { InstancePatch, Store } from '../store/port.ts';
import { type MachineEvent, parseEvents } from './asks.ts';
import { type Next, type NextJobDeps, nextJob, sameJob } from './next-job.ts';

export interface EventsDeps extends NextJobDeps {
  readonly store: Store;
  readonly clock: Clock;
  readonly log: Log;
  readonly keys: Keys;
  readonly refused: (why: string) => void;
  readonly wake: (scope: ScopeId) => void;
  readonly look: () => void;
}

/** What an event changes, and from which states; a state that is further on is left alone. */
interface Change {
  readonly from: readonly InstanceState[];
  readonly patch: InstancePatch;
}

/** `POST /runner/v1/events`. Whoever runs jobs can read the session, so it can only report. */
export function createEvents(
  deps: EventsDeps,
): (session: string | undefined, body: unknown) => Promise<Answer> {
  const { store, clock, keys } = deps;
  const told = createRate(clock, { most: EVENTS_A_MINUTE, perMs: 60_000 });
  return async (session, body) => {
    const who = session === undefined ? undefined : parseSession(keys, session);
    if (!who) {
      deps.refused('session');
      return failure(401, 'session', 'the bearer session is missing or not ours');
    }
    const events = parseEvents(body);
    if (!events) {
      deps.refused('shape');
      return failure(400, 'shape', 'events must be a list of at most 100 {id, at, kind}');
    }
    const instance = await store.instanceById(who.instance);
    if (!instance) {
      // The database was lost; until EC2 was listed again, reports must be sent again.
      deps.look();
      if (events.length === 0) return { status: 200, body: { next: 'continue' } };
      return failure(503, 'not-yet', 'the machine is not known again yet');
    }
    // EC2 says that it is gone: whoever still holds its session has nothing to tell.
    if (instance.state === 'gone') return { status: 200, body: STOP };
    // A heartbeat is free: its answer is how the machine hears that it is to stop.
    const waitMs = events.length > 0 ? told.take(who.instance, events.length) : 0;
    if (waitMs > 0) {
      deps.refused('pace');
      const headers = { 'retry-after': String(Math.ceil(waitMs / 1000)) };
      return { ...failure(429, 'pace', 'too many events in a minute'), headers };
    }
    const after = events.length > 0 ? await note(deps, instance, events) : instance;
    return { status: 200, body: await answerFor(after) };
  };

  /** A machine that waits for its job is only told to go on. */
  async function answerFor(one: Instance): Promise<Next> {
    if (isDone(one)) return STOP;
    if (one.finishedAt !== null) return nextJob(deps, one);
    return sameJob(deps, one);
  }

  async function note(
    { log, wake }: EventsDeps,
    instance: Instance,
    events: readonly MachineEvent[],
  ): Promise<Instance> {
    let after = instance;
    const ids = events.map((event) => event.id);
    const id = instance.id ?? '';
    // Noted before it is applied: what a crash between the two loses, EC2's and GitHub's word brings.
    const fresh = await store.noteEvents(id, ids, clock.now());
    for (const [i, event] of events.entries()) {
      if (!fresh[i]) continue;
      const { kind, fields } = event;
      const facts = { instance: id, kind, ...brief(fields) };
      log.info(facts, 'machine reported');
      const change = changeFor(event, after, clock.now());
      if (change && (await store.changeInstance({ key: instance.key, ...change }))) {
        after = { ...after, ...change.patch };
      }
      if (kind === 'online') await store.dropRegistration(id);
    }
    if (after !== instance) wake(instance.scope);
    // What somebody else changed meanwhile, the next heartbeat tells.
    return after;
  }
}

/** A machine has about five to tell for each job; who runs jobs has its session, and all are kept. */
const EVENTS_A_MINUTE = 300;

const STOP: Next = { next: 'stop' };

/** It is to take no job any more; one that runs goes on. */
const isDone = (one: Instance): boolean =>
  one.state === 'ending' || one.state === 'gone' || one.noticeAt !== null;

/** EC2 tells two minutes before; whoever has the session may say anything. */
const NOTICE_MS = 120_000;
const LONGEST_NOTICE_MS = 600_000;

const noticeOf = (fields: MachineEvent['fields'], now: number): InstancePatch => ({
  noticeAt: Math.min(instantOf(fields['time']) ?? now + NOTICE_MS, now + LONGEST_NOTICE_MS),
  noticeAction: textIn(fields['action'], 40) ?? 'terminate',
  noticedAt: now,
});

/** A time stands as it was first told, or a machine could put off its own end. */
function changeFor({ kind, fields }: MachineEvent, one: Instance, now: number): Change | undefined {
  switch (kind) {
    case 'online':
      return { from: ['pending'], patch: { state: 'online', onlineAt: now } };
    case 'job-started':
      return { from: ['pending', 'online'], patch: { state: 'busy', startedAt: now } };
    case 'job-finished':
      return {
        from: ['pending', 'online', 'busy'],
        patch: { finishedAt: one.finishedAt ?? now, saidDoneAt: one.saidDoneAt ?? now },
      };
    case 'interruption':
      if (one.noticeAt !== null) return undefined;
      return { from: ['pending', 'online', 'busy', 'ending'], patch: noticeOf(fields, now) };
    case 'ending':
      return {
        from: ['pending', 'online', 'busy'],
        patch: { state: 'ending', reason: `powers itself off: ${reasonOf(fields)}` },
      };
    case 'rebalance':
      return { from: ['pending', 'online', 'busy'], patch: { advisedAt: now } };
    case 'log':
      return undefined;
  }
}

const textIn = (value: unknown, most: number): string | undefined =>
  typeof value === 'string' ? value.slice(0, most) : undefined;

const reasonOf = (fields: MachineEvent['fields']): string =>
  textIn(fields['reason'], 80) ?? 'no reason given';

const LOG_LINES = 20;

/** What of an event goes to the log: short, and nothing that is no text. */
function brief(fields: Readonly<Record<string, unknown>>): object {
  const { job, repository, run, result, reason, lines } = fields;
  const isText = (one: unknown): one is string => typeof one === 'string';
  return {
    ...(isText(job) ? { job: job.slice(0, 200) } : {}),
    ...(isText(repository) ? { repository: repository.slice(0, 200) } : {}),
    ...(typeof run === 'number' ? { run } : isText(run) ? { run: run.slice(0, 40) } : {}),
    ...(isText(result) ? { result: result.slice(0, 40) } : {}),
    ...(isText(reason) ? { reason: reason.slice(0, 200) } : {}),
    ...(Array.isArray(lines)
      ? {
          lines: lines
            .filter(isText)
            .slice(-LOG_LINES)
            .map((line) => line.slice(0, 500)),
        }
      : {}),
  };
}
