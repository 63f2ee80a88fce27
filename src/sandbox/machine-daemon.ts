import { assert } from '../lib/assert.ts';
import type { Instant } from '../lib/clock.ts';
import { isoOf } from '../lib/instant.ts';
import { assignmentsOf } from './assignments.ts';
import { signProof } from './aws-identity.ts';
import type { Ec2Instance } from './ec2-instance.ts';
import type { GitHubModel } from './github.ts';
import type { Conclusion, Job, Runner } from './github-state.ts';
import {
  ask,
  backoffMs,
  createReporter,
  fieldsOf,
  type Gateway,
  isTransient,
  type Reporter,
  WOKEN,
} from './machine-reporter.ts';
import type { Process } from './process.ts';

// The daemon, played on a machine in process: the same calls in the same order as the real one, without
// its files, children and hooks. What can go wrong on a machine is a behaviour.

/**
 * dead: never says a word. ghost: its runner connects and takes no job. dies-in-job: silent from the
 * middle of its job on. hangs: silent after its job. power-off-fails: does all but end.
 */
export type Behaviour = 'sound' | 'dead' | 'ghost' | 'dies-in-job' | 'hangs' | 'power-off-fails';

export interface DaemonDeps {
  readonly process: Process;
  readonly instance: Ec2Instance;
  readonly behaviour: Behaviour;
  readonly github: Pick<GitHubModel, 'runners'>;
  readonly gateway: Gateway;
  /** From `running` until the daemon registers. */
  readonly startMs: number;
  readonly heartbeatMs: number;
  readonly powerOff: () => void;
  /** The runner that works for the machine now: it goes when the machine goes. */
  readonly attach: (runner: Runner) => void;
  /** Calls back, as an event of the machine, when a poll for EC2's notice finds one. */
  readonly onNotice: (tell: () => void) => void;
}

/** The same as in the real daemon. */
const REGISTER_WITHIN_MS = 900_000;
const LAST_WORDS_MS = 20_000;
const IDLE_TIMEOUT_MS = 300_000;
const MAX_DURATION_MS = 21_600_000;
/** A job that runs is cut this long before EC2 takes the machine. */
const CUT_BEFORE_MS = 25_000;
const FREE_MS = 3_600_000;
const MOST_JOBS = 1_000;
const ASK_EACH_MS = 2_000;
const RESULTS: Readonly<Record<Conclusion, string>> = {
  success: 'succeeded',
  skipped: 'succeeded',
  failure: 'failed',
  cancelled: 'cancelled',
};

interface Registered {
  readonly name: string;
  readonly jitConfig: string;
  readonly session: string;
  readonly idleTimeoutMs: number;
  readonly maxDurationMs: number;
  readonly reuseWaitMs: number;
}

export async function runDaemon(deps: DaemonDeps): Promise<void> {
  const { process, behaviour } = deps;
  const { clock } = process;
  await clock.sleep(deps.startMs);
  if (behaviour === 'dead') return;
  const registered = await register(deps, clock.now() + REGISTER_WITHIN_MS);
  const end = registered === null ? 'off' : await serve(deps, registered);
  if (end === 'off' && behaviour !== 'power-off-fails')
    await process.call('power-off', deps.powerOff);
}

/** Asks until the app says yes or no, or it is too late; `request` is the same for every try. */
async function register(deps: DaemonDeps, deadline: Instant): Promise<Registered | null> {
  const { process, instance, gateway } = deps;
  const found = assignmentsOf(instance.userData);
  const [url, launch, token] = ['URL', 'LAUNCH', 'TOKEN'].map((name) =>
    found.get(`DSTACK_${name}`),
  );
  if (url === undefined || !URL.canParse(url)) return null;
  const { host: audience } = new URL(url);
  const request = process.random.hex(16);
  for (let attempt = 0; process.clock.now() < deadline; attempt++) {
    const { id, region } = instance;
    const proof = signProof({ instance: id, region, audience, now: process.clock.now() });
    const body = { launch, token, instance: id, request, proof };
    const answer = await ask(process, 'gateway.register', () => gateway.register(body));
    if (answer.status === 201) return parseRegistered(answer.body);
    if (!isTransient(answer)) return null;
    const retryAfterMs = Number(answer.headers?.['retry-after'] ?? 0) * 1000;
    await process.clock.sleep(Math.max(retryAfterMs, backoffMs(attempt, process)));
  }
  return null;
}

function parseRegistered(body: unknown): Registered | null {
  const { runner: name, jitConfig, session, settings } = fieldsOf(body);
  const isGood =
    typeof name === 'string' && typeof jitConfig === 'string' && typeof session === 'string';
  if (!isGood) return null;
  const number = (key: string, otherwise: number): number => {
    const value = fieldsOf(settings)[key];
    return typeof value === 'number' && value > 0 ? value : otherwise;
  };
  return {
    name,
    jitConfig,
    session,
    idleTimeoutMs: number('idleTimeoutMs', IDLE_TIMEOUT_MS),
    maxDurationMs: number('maxDurationMs', MAX_DURATION_MS),
    reuseWaitMs: number('reuseWaitMs', 0),
  };
}

/** `silent`: nothing more comes from this machine, its power-off included. */
type End = 'off' | 'silent';

async function serve(deps: DaemonDeps, registered: Registered): Promise<End> {
  const sitting = sit(deps, registered);
  const { reporter } = sitting;
  let { jitConfig } = registered;
  for (let jobs = 1; ; jobs++) {
    const served = await runOne(deps, sitting, jitConfig);
    if (served.kind === 'silent') {
      reporter.close();
      return 'silent';
    }
    await reporter.flush(LAST_WORDS_MS);
    const mayGoOn = served.kind === 'ran' && jobs < MOST_JOBS;
    const further = mayGoOn ? await furtherJob(deps, sitting) : null;
    if (further !== null) {
      jitConfig = further;
      continue;
    }
    reporter.report('ending', { reason: served.reason });
    await reporter.flush(LAST_WORDS_MS);
    reporter.close();
    return isLeftToEc2(deps, sitting, served) ? 'silent' : 'off';
  }
}

/** EC2 does not bill the first hour of a machine that it takes back itself: so it waits for that. */
function isLeftToEc2({ instance }: DaemonDeps, sitting: Sitting, { kind }: Served): boolean {
  const { hasNotice, bornAt } = sitting;
  return kind === 'cut' || (hasNotice && (instance.reclaimAt ?? 0) - bornAt < FREE_MS);
}

/** The app's answer to the end of a job may be another one, now or soon. */
async function furtherJob({ process }: DaemonDeps, sitting: Sitting): Promise<string | null> {
  const { clock } = process;
  const { reuseWaitMs, maxDurationMs } = sitting.registered;
  const until = clock.now() + reuseWaitMs;
  for (;;) {
    const { word } = sitting.reporter;
    const isOld = clock.now() > sitting.expiresAt - maxDurationMs / 2;
    if (sitting.hasNotice || isOld || word?.next === 'stop') return null;
    if (word?.next === 'job') return word.jitConfig;
    if (clock.now() >= until) return null;
    await clock.sleep(ASK_EACH_MS);
    sitting.reporter.ask();
  }
}

/** What one life of the daemon knows, over all its runners. */
interface Sitting {
  readonly reporter: Reporter;
  readonly registered: Registered;
  readonly bornAt: Instant;
  readonly expiresAt: Instant;
  hasNotice: boolean;
  /** Something changed: whoever rests looks again. */
  readonly poke: () => void;
  rest(ms: number): Promise<void>;
}

function sit(deps: DaemonDeps, registered: Registered): Sitting {
  const { process, gateway, instance, heartbeatMs } = deps;
  let look = new AbortController();
  const poke = () => look.abort(WOKEN);
  const events = (body: object) => gateway.events(registered.session, body);
  const bornAt = process.clock.now();
  const reporter = createReporter(process, { events, heartbeatMs, onWord: poke });
  const sitting: Sitting = {
    reporter,
    registered,
    bornAt,
    expiresAt: bornAt + registered.maxDurationMs,
    hasNotice: false,
    poke,
    async rest(ms) {
      look = new AbortController();
      await process.clock.sleep(ms, look.signal);
    },
  };
  deps.onNotice(() => {
    sitting.hasNotice = true;
    const time = isoOf(instance.reclaimAt ?? process.clock.now());
    reporter.report('interruption', { action: 'terminate', time });
    poke();
  });
  return sitting;
}

/** One runner, as the machine sees it. */
interface Listener {
  job: Job | null;
  /** It will get no job any more, or must let go of the one it has. */
  isOver: boolean;
}

/** cut: its job was ended for EC2's sake. silent: the machine died meanwhile. */
interface Served {
  readonly kind: 'idle' | 'ran' | 'cut' | 'silent';
  readonly reason: string;
}
const SILENT: Served = { kind: 'silent', reason: '' };

async function runOne(deps: DaemonDeps, sitting: Sitting, jitConfig: string): Promise<Served> {
  const { process, github, behaviour } = deps;
  const listener: Listener = { job: null, isOver: false };
  const tell = (change: () => void) =>
    process.at(0, 'runner', () => {
      change();
      sitting.poke();
    });
  const over = () => {
    listener.isOver = true;
  };
  const link = {
    onJob: (job: Job) =>
      void tell(() => {
        listener.job = job;
      }),
    onRemoved: () => void tell(over),
    onCancel: () => void tell(over),
  };
  const connected = await process.call('github.connect', () => {
    const reply = github.runners.connect(secretOf(jitConfig), link);
    if (reply.ok) deps.attach(reply.value);
    // The connection stands, and nothing answers on it.
    if (reply.ok && behaviour === 'ghost') github.runners.die(reply.value);
    return reply;
  });
  if (!connected.ok) return { kind: 'idle', reason: 'the runner could not connect' };
  sitting.reporter.report('online', { runner: sitting.registered.name });
  if (behaviour === 'ghost') return SILENT;
  const reason = await idle(deps, sitting, listener);
  if (listener.job !== null) return work(deps, sitting, { listener, runner: connected.value });
  // GitHub may have given it a job while it hung up: that one is ended at once.
  const isCut = await process.call('github.disconnect', () => {
    if (listener.job === null) github.runners.die(connected.value);
    else github.runners.finish(connected.value, 'cancelled');
    return listener.job !== null && sitting.hasNotice;
  });
  return { kind: isCut ? 'cut' : 'idle', reason };
}

/** Until a job comes, or there is a reason to wait no longer. */
async function idle(deps: DaemonDeps, sitting: Sitting, listener: Listener): Promise<string> {
  const { clock } = deps.process;
  const onlineAt = clock.now();
  while (listener.job === null) {
    const { word } = sitting.reporter;
    if (clock.now() >= sitting.expiresAt) return 'end of the longest life';
    if (sitting.hasNotice) return 'spot notice';
    if (listener.isOver) return 'the runner was removed';
    if (word?.next === 'stop') return 'the app says stop';
    const heardAt = Math.max(onlineAt, word?.at ?? onlineAt);
    const restMs = heardAt + sitting.registered.idleTimeoutMs - clock.now();
    if (restMs <= 0) return 'no job and no word from the app';
    await sitting.rest(Math.min(restMs, sitting.expiresAt - clock.now()));
  }
  return '';
}

async function work(
  deps: DaemonDeps,
  sitting: Sitting,
  at: { readonly listener: Listener; readonly runner: Runner },
): Promise<Served> {
  const { process, instance, behaviour, github } = deps;
  const { clock } = process;
  const { job } = at.listener;
  assert(job !== null, 'a runner works on a job');
  const { reporter, registered } = sitting;
  const about = {
    runner: registered.name,
    job: job.spec.name,
    repository: `${job.run.repo.owner.login}/${job.run.repo.name}`,
    run: job.run.id,
    attempt: job.attempt,
  };
  reporter.report('job-started', about);
  const doneAt = clock.now() + job.spec.durationMs;
  // A notice is known, and told, once the machine has asked for it.
  const cutAt = () =>
    ((sitting.hasNotice ? instance.reclaimAt : null) ?? Number.POSITIVE_INFINITY) - CUT_BEFORE_MS;
  if (behaviour === 'dies-in-job') {
    await clock.sleep(job.spec.durationMs / 2);
    await process.call('github.die', () => github.runners.die(at.runner));
    return SILENT;
  }
  while (clock.now() < Math.min(doneAt, cutAt(), sitting.expiresAt) && !at.listener.isOver) {
    await sitting.rest(Math.min(doneAt, cutAt(), sitting.expiresAt) - clock.now());
  }
  const isDone = clock.now() >= doneAt && !at.listener.isOver;
  const conclusion = isDone ? (job.spec.result ?? 'success') : 'cancelled';
  await process.call('github.finish', () => github.runners.finish(at.runner, conclusion));
  if (behaviour === 'hangs') return SILENT;
  reporter.report('job-finished', { ...about, result: RESULTS[conclusion] });
  const isCut = !isDone && clock.now() >= cutAt();
  return { kind: isCut ? 'cut' : 'ran', reason: `job ${RESULTS[conclusion]}` };
}

/** The name that GitHub's service knows a just-in-time configuration by. */
function secretOf(jitConfig: string): string {
  const parse = (text: string) =>
    fieldsOf(JSON.parse(Buffer.from(text, 'base64').toString() || '{}'));
  const { '.credentials': file } = parse(jitConfig);
  const { clientId } = fieldsOf(parse(String(file ?? ''))['data']);
  return String(clientId);
}
