import { createHmac, createSecretKey, timingSafeEqual } from 'node:crypto';
import { createBatch } from '../lib/batch.ts';
import type { Clock } from '../lib/clock.ts';
import { type Answer, failure, type Handler, noRoom, parseObject } from '../lib/http.ts';
import type { Log } from '../lib/log.ts';
import type { Secret } from '../lib/secret.ts';
import type { Delivery } from '../model/event.ts';
import type { Store } from '../store/port.ts';
import { parseEvent } from './parse.ts';

/** GitHub sends up to 25 MB; what we read of (a push of 2,048 commits) stays far below this. */
const BODY_LIMIT_BYTES = 10 * 1024 * 1024;
/** Deliveries in one transaction: bounds how long the others wait for a commit. */
const MOST_IN_A_COMMIT = 500;

export interface ListenerDeps {
  readonly store: Pick<Store, 'receive'>;
  readonly clock: Clock;
  readonly log: Log;
  readonly secret: Secret;
  readonly label: string;
  /** Counts a delivery that changed nothing; `why` is one of a few words. */
  readonly count: (why: string) => void;
  /** Called with what is new, after it is durable; must not throw. */
  readonly onFresh: (deliveries: readonly Delivery[]) => void;
}

/**
 * The webhook's door: bounded, verified, parsed, written down, answered. It never waits for EC2 or
 * GitHub, and GitHub is told that all is well only when the event is on the disk.
 */
export function createListener(deps: ListenerDeps): Handler {
  const { log, clock } = deps;
  const receive = createBatch<Delivery, boolean>(async (batch) => {
    const fresh = await deps.store.receive(batch);
    const news = batch.filter((_, i) => fresh[i]);
    if (news.length > 0) deps.onFresh(news);
    return fresh;
  }, MOST_IN_A_COMMIT);
  const isSigned = createVerifier(deps.secret);
  const toldOf = new Set<string>();

  /** Each kind of trouble is logged once: a flood of it must not fill the disk. */
  function refuse(why: string, answer: Answer): Answer {
    deps.count(why);
    if (!toldOf.has(why)) {
      toldOf.add(why);
      log.warn({ why, status: answer.status }, 'webhook refused; further ones are only counted');
    }
    return answer;
  }

  return async (request) => {
    const { headers } = request;
    if (!(headers['content-type'] ?? '').startsWith('application/json')) {
      return refuse('content-type', failure(415, 'content-type', 'send application/json'));
    }
    const id = headers['x-github-delivery'];
    const name = headers['x-github-event'];
    if (typeof id !== 'string' || typeof name !== 'string' || id.length > 100) {
      return refuse('headers', failure(400, 'headers', 'X-GitHub-Delivery or -Event is missing'));
    }
    const given = /^sha256=([0-9a-f]{64})$/i.exec(String(headers['x-hub-signature-256']))?.[1];
    if (given === undefined) {
      return refuse('signature', failure(401, 'signature', 'X-Hub-Signature-256 is missing'));
    }
    const body = await request.body(BODY_LIMIT_BYTES);
    if (body === 'too-large') {
      return refuse('too-large', failure(413, 'too-large', `at most ${BODY_LIMIT_BYTES} bytes`));
    }
    if (body === 'broken') return refuse('broken', failure(400, 'broken', 'the body ended early'));
    if (body === 'no-room') return refuse('no-room', noRoom);
    if (!isSigned(body, given)) {
      return refuse('signature', failure(401, 'signature', 'X-Hub-Signature-256 does not match'));
    }
    const payload = parseObject(body);
    if (!payload) return refuse('json', failure(400, 'json', 'the body must be a JSON object'));
    const parsed = parseEvent(name, payload, deps.label);
    if (!parsed.ok) {
      const answer = { status: 202, body: { taken: false, why: parsed.why } };
      if (parsed.why === 'malformed') return refuse(`malformed ${name}`.slice(0, 60), answer);
      deps.count('ignored');
      return answer;
    }
    const isNew = await receive({ id, at: clock.now(), event: parsed.event });
    if (!isNew) deps.count('double');
    return { status: 202, body: { taken: isNew } };
  };
}

function createVerifier(secret: Secret) {
  const key = createSecretKey(secret.reveal(), 'utf8');
  return (body: Buffer, given: string): boolean =>
    timingSafeEqual(createHmac('sha256', key).update(body).digest(), Buffer.from(given, 'hex'));
}
