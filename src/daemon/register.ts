import type { Clock, Instant } from '../lib/clock.ts';
import type { Random } from '../lib/random.ts';
import { backoffMs, type Http, isTransient } from './http.ts';
import { type Imds, readCredentials, readMachine } from './imds.ts';
import { isObject, numberOf, parseObject, textOf } from './json.ts';
import type { DaemonLog } from './log.ts';
import { signProof } from './proof.ts';

export interface ActionsRunnerRelease {
  readonly version: string;
  readonly url: string;
  readonly sha256: string;
}

export interface Settings {
  readonly heartbeatMs: number;
  /** How long the runner may wait for a job while the app does not answer. */
  readonly idleTimeoutMs: number;
  /** How long the machine may live, from the daemon's start. */
  readonly maxDurationMs: number;
  readonly noticePollMs: number;
  /** How long it waits after a job for a further one of the same run; 0: it ends at once. */
  readonly reuseWaitMs: number;
  /** Shown in the job's "Set up job" step. */
  readonly setupInfo: string | undefined;
  /** deny: a pull request's job from a fork fails before its first step. */
  readonly forks: 'deny' | 'allow';
}

export interface Registration {
  readonly runner: string;
  readonly jitConfig: string;
  readonly session: string;
  readonly actionsRunner: ActionsRunnerRelease;
  readonly settings: Settings;
}

export type Registered =
  | { readonly ok: true; readonly registration: Registration }
  | { readonly ok: false; readonly reason: string };

export interface RegisterDeps {
  readonly clock: Clock;
  readonly random: Random;
  readonly http: Http;
  readonly imds: Imds;
  readonly log: DaemonLog;
}

export interface RegisterOrder {
  readonly url: string;
  readonly launch: string;
  readonly token: string;
  readonly deadline: Instant;
}

/** The app reads GitHub while it answers, so it may take its time. */
const TIMEOUT_MS = 60_000;

/** Asks until the app says yes, says no, or the deadline has passed. */
export async function register(deps: RegisterDeps, order: RegisterOrder): Promise<Registered> {
  // The same for every try, so that an answer lost on its way is given again.
  const request = deps.random.hex(16);
  for (let attempt = 0; deps.clock.now() < order.deadline; attempt++) {
    const body = await signedBody(deps, order, request);
    const answer = body
      ? await deps.http({
          method: 'POST',
          url: `${order.url}/runner/v1/register`,
          headers: { 'content-type': 'application/json' },
          body,
          timeoutMs: TIMEOUT_MS,
        })
      : { status: 0, text: 'the metadata service gives no identity', retryAfterMs: 0 };
    if (answer.status === 201) return accept(answer.text);
    const said = messageOf(answer.text);
    if (!isTransient(answer.status)) {
      return { ok: false, reason: `register refused with ${answer.status}: ${said}` };
    }
    deps.log.warn({ status: answer.status, said }, 'register gave no result, trying again');
    await deps.clock.sleep(Math.max(answer.retryAfterMs ?? 0, backoffMs(attempt, deps.random)));
  }
  return { ok: false, reason: 'not registered in time' };
}

/** The proof is signed anew for each try: STS takes none that is older than 15 minutes. */
async function signedBody(
  deps: RegisterDeps,
  order: RegisterOrder,
  request: string,
): Promise<string | undefined> {
  const [machine, credentials] = await Promise.all([
    readMachine(deps.imds),
    readCredentials(deps.imds),
  ]);
  if (!machine || !credentials) return undefined;
  deps.log.hide(credentials.secretAccessKey);
  deps.log.hide(credentials.token);
  const { launch, token } = order;
  const audience = new URL(order.url).host;
  const proof = await signProof({ credentials, machine, audience, now: deps.clock.now() });
  return JSON.stringify({ launch, token, instance: machine.instance, request, proof });
}

/**
 * The app's own words, `{"error":{"message"}}`, else the first of whatever answered in its place.
 */
function messageOf(text: string): string {
  const { error } = parseObject(text);
  return (isObject(error) ? textOf(error, 'message') : undefined) ?? text.slice(0, 200);
}

function accept(text: string): Registered {
  const registration = parseRegistration(text);
  return registration
    ? { ok: true, registration }
    : { ok: false, reason: 'register answered 201 without what a runner needs' };
}

export function parseRegistration(text: string): Registration | undefined {
  const answer = parseObject(text);
  const runner = textOf(answer, 'runner');
  const jitConfig = textOf(answer, 'jitConfig');
  const session = textOf(answer, 'session');
  const release = isObject(answer['actionsRunner']) ? answer['actionsRunner'] : {};
  const version = textOf(release, 'version');
  const url = textOf(release, 'url');
  const sha256 = textOf(release, 'sha256')?.toLowerCase();
  if (!runner || !jitConfig || !session || !version || !url || !sha256) return undefined;
  const settings = parseSettings(answer['settings']);
  return { runner, jitConfig, session, actionsRunner: { version, url, sha256 }, settings };
}

function parseSettings(value: unknown): Settings {
  const given = isObject(value) ? value : {};
  return {
    heartbeatMs: numberOf(given, 'heartbeatMs', 10_000),
    idleTimeoutMs: numberOf(given, 'idleTimeoutMs', 300_000),
    maxDurationMs: numberOf(given, 'maxDurationMs', 21_600_000),
    noticePollMs: numberOf(given, 'noticePollMs', 5_000),
    reuseWaitMs: numberOf(given, 'reuseWaitMs', 0),
    setupInfo: textOf(given, 'setupInfo'),
    forks: given['forks'] === 'deny' ? 'deny' : 'allow',
  };
}
