import type { Clock, Instant } from '../lib/clock.ts';
import type { Answer, Reporter } from './events.ts';
import { emptySpool, type Hooks, type JobFacts, readStarted } from './hooks.ts';
import { type JobResult, type Listener, parseLine } from './listener.ts';
import type { DaemonLog } from './log.ts';
import type { Watch } from './watch.ts';

export interface Served {
  readonly hasRunJob: boolean;
  /** Its job was ended because EC2 takes the machine. */
  readonly isCut: boolean;
  /** Why it ended, for the app and the log. */
  readonly reason: string;
}

export interface ServeDeps {
  readonly clock: Clock;
  readonly log: DaemonLog;
  readonly reporter: Reporter;
  readonly watch: Watch;
  readonly hooks: Hooks;
  readonly runner: string;
  readonly idleTimeoutMs: number;
  readonly expiresAt: Instant;
  start(onLine: (line: string) => void): Listener;
}

/** How fast a line in the spool is seen; costs one read of a small file. */
const TICK_MS = 250;
/**
 * Taken for online when the listener lives this long without saying so, in words that may change.
 */
const QUIET_ONLINE_MS = 30_000;
/**
 * The listener gives its worker 30 s to end:
 * https://github.com/actions/runner/blob/main/src/Runner.Listener/Runner.cs
 */
const KILL_AFTER_MS = 40_000;
/** A job that runs is cut this long before EC2 takes the machine: GitHub then knows in seconds. */
const CUT_BEFORE_MS = 25_000;
const SPOT_NOTICE = 'spot notice';
/** Time for the hook to tell what the listener's line "Running job" does not. */
const HOOK_GRACE_MS = 5_000;

/** What is known of the one job while the listener lives. */
interface Session {
  readonly startedAt: Instant;
  onlineAt: Instant | undefined;
  runningAt: Instant | undefined;
  /** As GitHub shows it, from the listener; the hook knows only its key in the workflow file. */
  name: string | undefined;
  facts: JobFacts | undefined;
  isStartTold: boolean;
  result: JobResult | undefined;
  stop: { readonly reason: string; readonly at: Instant } | undefined;
}

/**
 * One life of the Actions runner: waits for its job, reports on it, obeys the app, and returns when
 * the process is gone.
 */
export async function serve(deps: ServeDeps): Promise<Served> {
  const { clock } = deps;
  const session: Session = {
    startedAt: clock.now(),
    onlineAt: undefined,
    runningAt: undefined,
    name: undefined,
    facts: undefined,
    isStartTold: false,
    result: undefined,
    stop: undefined,
  };
  await emptySpool(deps.hooks);
  const listener = deps.start((line) => hear(deps, session, line));
  const over = new AbortController();
  void listener.ended.then(() => over.abort());
  while (!listener.hasEnded()) {
    await clock.sleep(TICK_MS, over.signal);
    await lookForJob(deps, session);
    if (!listener.hasEnded()) steer(deps, session, listener);
  }
  // What the job left in the background ends with it.
  listener.signal('SIGKILL');
  return conclude(deps, session);
}

function hear(deps: ServeDeps, session: Session, line: string): void {
  if (line.trim() === '') return;
  deps.log.info({ line }, 'Actions runner:');
  const said = parseLine(line);
  if (said?.kind === 'listening') tellOnline(deps, session);
  if (said?.kind === 'running') {
    session.name = said.name;
    session.runningAt ??= deps.clock.now();
  }
  if (said?.kind === 'completed') session.result = said.result;
}

function tellOnline(deps: ServeDeps, session: Session): void {
  if (session.onlineAt !== undefined) return;
  session.onlineAt = deps.clock.now();
  deps.reporter.report('online', { runner: deps.runner });
}

async function lookForJob(deps: ServeDeps, session: Session): Promise<void> {
  if (session.facts) return;
  session.facts = await readStarted(deps.hooks);
  const now = deps.clock.now();
  if (session.facts) session.runningAt ??= now;
  const { runningAt } = session;
  const isOverdue = runningAt !== undefined && now - runningAt >= HOOK_GRACE_MS;
  if (session.facts || isOverdue) tellStart(deps, session);
}

function tellStart(deps: ServeDeps, session: Session): void {
  if (session.isStartTold) return;
  session.isStartTold = true;
  tellOnline(deps, session);
  deps.reporter.report('job-started', { runner: deps.runner, ...jobOf(session) });
}

/**
 * The job's name as GitHub shows it is what a webhook can be matched with; the key stands in for
 * it.
 */
function jobOf({ facts, name }: Session): object {
  const job = name ?? facts?.job;
  return facts
    ? { repository: facts.repository, run: facts.run, attempt: facts.attempt, job }
    : { job };
}

/** Ends the listener where it should not wait any longer; kills it where it does not end. */
function steer(deps: ServeDeps, session: Session, listener: Listener): void {
  const now = deps.clock.now();
  if (now - session.startedAt >= QUIET_ONLINE_MS) tellOnline(deps, session);
  const reason = endReason({
    now,
    isBusy: session.runningAt !== undefined,
    onlineAt: session.onlineAt,
    reclaimAt: deps.watch.notice()?.endsAt,
    answer: deps.reporter.answer(),
    idleTimeoutMs: deps.idleTimeoutMs,
    expiresAt: deps.expiresAt,
  });
  if (session.stop && now - session.stop.at >= KILL_AFTER_MS) listener.signal('SIGKILL');
  if (!reason || session.stop) return;
  session.stop = { reason, at: now };
  deps.log.info({ reason }, 'ending the Actions runner');
  // What comes later may not be told any more.
  if (reason === SPOT_NOTICE && session.runningAt !== undefined) {
    deps.reporter.report('log', { lines: deps.log.tail() });
  }
  listener.signal('SIGINT');
}

export interface Situation {
  readonly now: Instant;
  readonly isBusy: boolean;
  readonly onlineAt: Instant | undefined;
  /** When EC2 takes the machine back, by its notice. */
  readonly reclaimAt: Instant | undefined;
  readonly answer: Answer | undefined;
  readonly idleTimeoutMs: number;
  readonly expiresAt: Instant;
}

/**
 * Why a runner should go on no longer. A job that runs is cut by the end of the machine's longest
 * life, or shortly before EC2 takes the machine. An app that says "continue" is believed for as long as it says so: it knows whether
 * jobs are queued, and it deletes the runner before it says "stop".
 */
export function endReason(of: Situation): string | undefined {
  if (of.now >= of.expiresAt) return 'end of the longest life';
  if (of.reclaimAt !== undefined) {
    return of.isBusy && of.now < of.reclaimAt - CUT_BEFORE_MS ? undefined : SPOT_NOTICE;
  }
  if (of.isBusy) return undefined;
  if (of.answer?.next === 'stop') return 'the app says stop';
  if (of.onlineAt === undefined) return undefined;
  const heardAt = Math.max(of.onlineAt, of.answer?.at ?? of.onlineAt);
  return of.now - heardAt >= of.idleTimeoutMs ? 'no job and no word from the app' : undefined;
}

async function conclude(deps: ServeDeps, session: Session): Promise<Served> {
  await lookForJob(deps, session);
  if (session.runningAt === undefined) {
    if (session.stop) return { hasRunJob: false, isCut: false, reason: session.stop.reason };
    deps.reporter.report('log', { lines: deps.log.tail() });
    const reason = 'the Actions runner ended without a job';
    return { hasRunJob: false, isCut: false, reason };
  }
  tellStart(deps, session);
  // A listener that dies in a job says no result; GitHub will call that job failed.
  const result = session.result ?? (session.stop ? 'cancelled' : 'failed');
  const isCut = session.stop?.reason === SPOT_NOTICE && result !== 'succeeded';
  if (session.result === undefined || isCut) {
    deps.reporter.report('log', { lines: deps.log.tail() });
  }
  deps.reporter.report('job-finished', { result, ...jobOf(session) });
  return { hasRunJob: true, isCut, reason: session.stop?.reason ?? `job ${result}` };
}
