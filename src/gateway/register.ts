import type { Sts } from '../ec2/port.ts';
import type { GitHub, RunnerPlace } from '../github/port.ts';
import type { Clock, Instant } from '../lib/clock.ts';
import { type Answer, failure } from '../lib/http.ts';
import type { Keys } from '../lib/keys.ts';
import type { Log } from '../lib/log.ts';
import type { Random } from '../lib/random.ts';
import { createRate, type Rate } from '../lib/rate.ts';
import type { InstanceId, ScopeId } from '../model/ids.ts';
import { runOf } from '../model/labels.ts';
import type { Arch, Instance, Launch } from '../model/launch.ts';
import { knockedKey, registersBy } from '../model/register-time.ts';
import type { Refused } from '../model/reply.ts';
import { type Repo, runnerPlace } from '../model/repo.ts';
import { runnerName } from '../model/runner-name.ts';
import { isRegistrationToken, sessionFor } from '../model/tokens.ts';
import type { InstancePatch, Store } from '../store/port.ts';
import { parseRegister, type RegisterAsk } from './asks.ts';
import { createTurnstile, type Turnstile } from './turnstile.ts';

// gateway: the machines' door. A machine shows three things once: a token from its user data, a
// proof of its identity that only STS can judge, and that our own launch started it. Then it gets
// one just-in-time runner, and a session that can only report.

export interface RegisterDeps {
  readonly store: Store;
  readonly github: Pick<GitHub, 'register' | 'removeRunner' | 'runners' | 'actionsRunner'>;
  readonly sts: Sts;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly keys: Keys;
  /** The host that a proof must be made for: `new URL(PUBLIC_URL).host`. */
  readonly audience: string;
  readonly registerTimeoutMs: number;
  /** When this process began. */
  readonly startedAt: Instant;
  readonly resyncMs: number;
  readonly termsFor: (instance: Instance) => Promise<Terms>;
  readonly refused: (why: string) => void;
  /** Something changed for this scope. */
  readonly wake: (scope: ScopeId) => void;
  /** A machine of ours that we do not know: look at EC2. */
  readonly look: () => void;
}

/** What a machine gets to work by, as its scope's rules and jobs are now. */
export interface Terms {
  /** What the runner registers with: the neediest jobs' labels, which the plan knows. */
  readonly labels: readonly string[];
  /** How long a machine may live. */
  readonly maxDurationMs: number;
  /** The rules let jobs of forks run. */
  readonly areForksFine: boolean;
  /** Machines may take further jobs of the same run. */
  readonly reuses: boolean;
}

interface Refusal {
  readonly status: 400 | 401 | 409 | 410 | 503;
  readonly code: string;
  readonly message: string;
  /** With 503: when it is worth to ask again. */
  readonly retryAfterMs?: number;
  /** Nothing is wrong with the machine: it stands in line, or GitHub, AWS or the rules say nothing now. */
  readonly isKnock?: true;
}

/** What is certain once the checks are passed. */
interface Checked {
  readonly ask: RegisterAsk;
  readonly launch: Launch;
  readonly instance: Instance;
}

const later = (message: string, retryAfterMs = 2_000): Refusal => ({
  status: 503,
  code: 'not-yet',
  message,
  retryAfterMs,
});
/** What GitHub refuses for good is no knock: a rule that makes such machines is to be paused. */
const unanswered = ({ reason, code, message }: Refused): Refusal => ({
  ...later(`GitHub: ${code} ${message}`),
  ...((reason === 'throttled' || reason === 'unreachable') && { isKnock: true }),
});
const isRefusal = (value: object): value is Refusal => 'status' in value && 'code' in value;

/** `POST /runner/v1/register`. The order of the checks is a promise; see the docs of the HTTP faces. */
export function createRegister(deps: RegisterDeps): (body: unknown) => Promise<Answer> {
  const underWay = new Map<
    InstanceId,
    { readonly request: string; readonly work: Promise<Answer> }
  >();
  const { clock } = deps;
  const door: AdmitDeps = {
    ...deps,
    turnstile: createTurnstile({ clock, facts: deps.store }),
    logged: createRate(clock, { most: LOGGED_A_MINUTE, perMs: 60_000 }),
  };

  return async (body) => {
    const ask = parseRegister(body);
    const checked = 'missing' in ask ? badShape(ask.missing) : await check(deps, ask);
    if (isRefusal(checked)) return refuse(door, checked);
    // A machine may ask again while its first question is still at GitHub: both get one answer.
    const { instance, request } = checked.ask;
    const running = underWay.get(instance);
    if (running) return running.request === request ? running.work : refuse(door, USED);
    const work = admit(door, checked).finally(() => underWay.delete(instance));
    underWay.set(instance, { request, work });
    return work;
  };
}

const seconds = (ms: number): number => Math.ceil(ms / 1000);

const badShape = (field: string): Refusal => ({
  status: 400,
  code: 'shape',
  message: `${field} is missing or no string`,
});

/** Whoever knows the address may be refused: what that writes to the log is bounded. */
const LOGGED_A_MINUTE = 20;

function refuse(deps: AdmitDeps, { status, code, message, retryAfterMs = 0 }: Refusal): Answer {
  if (status === 503) {
    const headers = { 'retry-after': String(seconds(retryAfterMs)) };
    return { ...failure(status, code, message), headers };
  }
  deps.refused(code);
  if (deps.logged.take(code) === 0) deps.log.warn({ status, code }, 'registration refused');
  return failure(status, code, message);
}

async function check(deps: RegisterDeps, ask: RegisterAsk): Promise<Checked | Refusal> {
  const { store, keys } = deps;
  if (!isRegistrationToken(keys, ask.launch, ask.token)) {
    return { status: 401, code: 'token', message: 'launch and token do not belong together' };
  }
  const launch = await store.launch(ask.launch);
  if (!launch) {
    // Only we could have made the token: the database was lost, and EC2 knows more than we do.
    deps.look();
    return later('the launch is not known again yet');
  }
  const claimed = await store.instanceById(ask.instance);
  if (launch.outcome === 'failed' || launch.outcome === 'cancelled') return gone('cancelled');
  const { createdAt } = claimed ?? launch;
  const machine = { createdAt, launchedAt: claimed?.launchedAt ?? launch.createdAt };
  const time = { ...deps, reachableSince: deps.startedAt };
  if (deps.clock.now() > registersBy(machine, time)) return gone('too old');
  return identify(deps, { ask, launch, claimed });
}

const gone = (why: string): Refusal => ({
  status: 410,
  code: 'gone',
  message: `this launch is ${why}: power off`,
});

const ARN = /^arn:(aws[a-z-]*):sts::(\d{12}):assumed-role\/aws:ec2-instance\/(i-[0-9a-f]+)$/;

/** Is it the machine that it says it is, and one of this launch? */
async function identify(
  deps: RegisterDeps,
  found: { ask: RegisterAsk; launch: Launch; claimed: Instance | null },
): Promise<Checked | Refusal> {
  const { ask, launch, claimed } = found;
  const denied = (message: string): Refusal => ({ status: 401, code: 'proof', message });
  if (ask.proof.audience !== deps.audience) {
    return denied(`the proof is for ${ask.proof.audience.slice(0, 100)}, this is ${deps.audience}`);
  }
  const caller = await deps.sts.callerOf(ask.proof, launch.region);
  if (!caller.ok && caller.reason !== 'denied') return later(`STS: ${caller.code}`);
  const arn = caller.ok ? ARN.exec(caller.value.arn) : null;
  if (!arn || arn[3] !== ask.instance) return denied('STS does not see this instance behind it');
  if (claimed && claimed.launch === launch.id && claimed.ownerAccount === arn[2]) {
    return settleState(deps, { ask, launch, instance: claimed });
  }
  if (launch.outcome === 'unknown') return later('the outcome of the launch is not settled');
  return denied('this launch did not start this instance');
}

/** One machine registers once: the same question gets the same answer until it is online. */
async function settleState(deps: RegisterDeps, checked: Checked): Promise<Checked | Refusal> {
  const { ask, instance } = checked;
  if (instance.state === 'ending' || instance.state === 'gone') return gone('ending');
  const earlier = await deps.store.registration(ask.instance);
  const isFirst = earlier === null && instance.registeredAt === null;
  // What is kept of a further job goes by the name of its runner, and is no answer to this question.
  const isAsked = REQUEST.test(ask.request) && earlier?.request === ask.request;
  const isSame = isAsked && instance.state === 'pending';
  if (isFirst || isSame) return checked;
  return USED;
}

/** 128 bits of the daemon's. */
const REQUEST = /^[0-9a-f]{32}$/;

const USED: Refusal = {
  status: 409,
  code: 'used',
  message: 'this instance has registered already',
};

type AdmitDeps = RegisterDeps & { readonly turnstile: Turnstile; readonly logged: Rate };

async function admit(deps: AdmitDeps, checked: Checked): Promise<Answer> {
  const { store, keys } = deps;
  const earlier = await store.registration(checked.ask.instance);
  if (earlier && earlier.request !== checked.ask.request) {
    return refuse(deps, USED);
  }
  const kept = earlier ? keys.open('registration', earlier.answer) : undefined;
  if (kept !== undefined) return { status: 201, body: JSON.parse(kept) };
  const answer = await registerAtGitHub(deps, checked);
  if (isRefusal(answer) && answer.isKnock) await noteKnock(deps, checked.ask.instance);
  return isRefusal(answer) ? refuse(deps, answer) : { status: 201, body: answer };
}

/** Once, however often it asks. */
async function noteKnock({ store, clock }: AdmitDeps, machine: InstanceId): Promise<void> {
  const key = knockedKey(machine);
  if ((await store.fact(key)) === null) await store.saveFact(key, '', clock.now());
}

/**
 * Names the runner in the store before it is made at GitHub, so that a crash leaves none unknown. A
 * machine has one name: of a request that lands late, after its sender died, GitHub makes no second.
 * Of two processes that were asked, the first to write down its runner is the one that answers.
 */
async function registerAtGitHub(deps: AdmitDeps, checked: Checked): Promise<object | Refusal> {
  const { store, github, random, turnstile } = deps;
  const { instance, launch, ask } = checked;
  const repo = await store.repo(launch.repo);
  if (!repo || repo.removedAt !== null) return gone('of a repository that is gone');
  const waitMs = await turnstile.enter(repo.installation, ask.instance);
  if (waitMs > 0) {
    const told = later(`GitHub takes its registration in ${seconds(waitMs)} s`, waitMs);
    return { ...told, isKnock: true };
  }
  const place = runnerPlace(repo, launch);
  const cleaned = await dropEarlierRunner(deps, place, instance);
  if (cleaned) return cleaned;
  const name = runnerName(ask.instance, launch.id);
  const terms = await deps.termsFor(instance);
  const { labels } = terms;
  // AWS does not say now what its type is, or the rules are not read: GitHub takes no runner without labels.
  if (labels.length === 0) {
    return { ...later('what this machine is for is not known now'), isKnock: true };
  }
  const set = (patch: InstancePatch) =>
    store.changeInstance({ key: instance.key, from: ['pending'], patch, isUnregistered: true });
  if (!(await set({ runnerName: name, runnerId: null }))) return tooLate(deps, instance);
  const made = await github.register(place, { name, labels });
  if (!made.ok) {
    const { retryAt } = made;
    if (retryAt !== undefined) await turnstile.close(repo.installation, retryAt);
    return unanswered(made);
  }
  const { runnerId, jitConfig } = made.value;
  const arch = labels.includes('arm64') ? 'arm64' : 'x64';
  const body = await answerBody(deps, { checked, name, jitConfig, repo, arch, terms });
  const now = deps.clock.now();
  const isLost = isRefusal(body);
  if (isLost || !(await set({ runnerId, runnerName: name, labels, registeredAt: now }))) {
    await github.removeRunner(place, runnerId);
    return isLost ? body : tooLate(deps, instance);
  }
  const sealed = deps.keys.seal('registration', JSON.stringify(body), random.hex(12));
  const kept = { instance: ask.instance, request: ask.request, answer: sealed };
  await store.saveRegistration(kept);
  deps.log.info({ instance: ask.instance, runner: name, ms: now - launch.createdAt }, 'registered');
  deps.wake(instance.scope);
  return body;
}

/** It is about to end, or another process was asked as well and was faster: that answer is kept. */
async function tooLate({ store }: RegisterDeps, { id }: Instance): Promise<Refusal> {
  const found = id === null ? null : await store.instanceById(id);
  return found?.state === 'pending' ? later('another process registers it') : gone('ending');
}

/** An earlier answer of GitHub was lost: its runner cannot be used by anybody, so it goes. */
async function dropEarlierRunner(
  deps: RegisterDeps,
  place: RunnerPlace,
  instance: Instance,
): Promise<Refusal | undefined> {
  if (instance.runnerName === null) return undefined;
  const found = await deps.github.runners(place, instance.runnerName);
  if (!found.ok) return unanswered(found);
  for (const runner of found.value) {
    const removed = await deps.github.removeRunner(place, runner.id);
    if (!removed.ok && removed.reason !== 'missing') return unanswered(removed);
  }
  return undefined;
}

async function answerBody(
  deps: RegisterDeps,
  made: {
    checked: Checked;
    name: string;
    jitConfig: string;
    repo: Repo;
    arch: Arch;
    terms: Terms;
  },
): Promise<object | Refusal> {
  const { instance, launch, ask } = made.checked;
  // In a group jobs of public repositories may come, whichever it was launched for.
  const isPrivate = made.repo.isPrivate && launch.runnerGroup === null;
  const areForksFine = isPrivate || made.terms.areForksFine;
  const runner = await deps.github.actionsRunner(made.repo, made.arch);
  if (!runner.ok) return unanswered(runner);
  return {
    runner: made.name,
    jitConfig: made.jitConfig,
    session: sessionFor(deps.keys, launch.id, ask.instance),
    actionsRunner: runner.value,
    settings: {
      // A job of a fork that lands here all the same is failed before its first step.
      ...(areForksFine ? {} : { forks: 'deny' }),
      heartbeatMs: Math.max(500, Math.round(deps.resyncMs / 6)),
      idleTimeoutMs: 6 * deps.resyncMs,
      maxDurationMs: made.terms.maxDurationMs,
      // A runner that is kept for a run waits a little for its next job.
      ...(made.terms.reuses && runOf(made.terms.labels) !== null
        ? { reuseWaitMs: deps.resyncMs / 2 }
        : {}),
      noticePollMs: Math.min(5_000, Math.max(500, Math.round(deps.resyncMs / 2))),
      setupInfo:
        `${instance.type} (${instance.market}) in ${instance.zone}, ${ask.instance}\n` +
        `launch ${launch.id}: ${launch.reason}`,
    },
  };
}
