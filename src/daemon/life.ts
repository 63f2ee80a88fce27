// dstack-runner: what runs on an instance. main.ts starts it from the user data; it proves who it
// is, registers, runs GitHub's Actions runner for one job (or as many as the app wants), reports to
// the app, and powers the machine off. It promises that the machine ends, whatever else fails, and
// that no secret it was given is printed or handed to a job.
import type { Clock, Instant } from '../lib/clock.ts';
import type { Random } from '../lib/random.ts';
import { provideActionsRunner, writeSetupInfo } from './actions-runner.ts';
import { clearAway, readHidden } from './clear-away.ts';
import { findUser } from './command.ts';
import { type Environment, jobEnvironment } from './environment.ts';
import { type Answer, createReporter, type Reporter } from './events.ts';
import { type Hooks, writeHooks } from './hooks.ts';
import type { Http } from './http.ts';
import type { Imds } from './imds.ts';
import { startListener } from './listener.ts';
import type { DaemonLog } from './log.ts';
import type { Power } from './power.ts';
import { type Registration, register } from './register.ts';
import { type Served, serve } from './serve.ts';
import { type Notice, type Watch, watchNotices } from './watch.ts';

export interface LifeDeps {
  readonly clock: Clock;
  readonly random: Random;
  readonly http: Http;
  readonly imds: Imds;
  readonly log: DaemonLog;
  readonly power: Power;
  readonly environment: Environment;
  /** The process's own variables, of which the job sees some. */
  readonly variables: Readonly<Record<string, string | undefined>>;
}

/** Armed before anything else; long enough for an app that is being restarted. */
export const REGISTER_WITHIN_MS = 900_000;
/** From the end of the longest life, when the job is cut, to when the guard acts without asking. */
const END_GRACE_MS = 90_000;
/** The last words are worth this much of a machine's time, but not more. */
const LAST_WORDS_MS = 20_000;
/** A notice that came to nothing: beyond this the machine ends itself after all. */
const LEFT_TO_EC2_MS = 600_000;
/** https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/billing-for-interrupted-spot-instances.html */
const FREE_MS = 3_600_000;
/** What a machine may run, at most, whatever the app says. */
const MOST_JOBS = 1_000;
/** While it waits for a further job. */
const ASK_EACH_MS = 2_000;

/** From registration to the last word; the caller powers off whatever this returns or throws. */
export async function live(deps: LifeDeps): Promise<Served> {
  const { clock, environment, log } = deps;
  const bornAt = clock.now();
  const { url, launch, token } = environment;
  const deadline = bornAt + REGISTER_WITHIN_MS;
  const registered = await register(deps, { url, launch, token, deadline });
  if (!registered.ok) return { hasRunJob: false, isCut: false, reason: registered.reason };
  const { registration } = registered;
  const { session, settings, runner } = registration;
  log.hide(session);
  const expiresAt = bornAt + settings.maxDurationMs;
  deps.power.arm(expiresAt + END_GRACE_MS - clock.now());
  log.info({ runner, launch }, 'registered');
  const reporter = createReporter(deps, { url, session, heartbeatMs: settings.heartbeatMs });
  const watch = watchNotices({ ...deps, reporter }, settings.noticePollMs);
  const served = await serveAll(deps, { registration, reporter, watch, expiresAt });
  watch.close();
  reporter.report('ending', { reason: served.reason });
  await reporter.flush(LAST_WORDS_MS);
  reporter.close();
  const notice = watch.notice();
  const { isCut } = served;
  if (notice && isLeftToEc2({ notice, bornAt, isCut })) await leaveToEc2(deps, notice);
  return served;
}

/**
 * EC2 does not bill the first hour of a machine that it ends itself, so one with a notice waits for
 * that, whatever became of its job; later it would be billed for waiting. One whose job was cut waits
 * in any case: only by EC2's own word, that it ended the machine, is the job run again. EC2 counts
 * from the launch, about a minute before us: between the two a machine waits two minutes for nothing.
 */
export function isLeftToEc2(of: {
  readonly notice: Notice;
  readonly bornAt: Instant;
  readonly isCut: boolean;
}): boolean {
  const { action, endsAt } = of.notice;
  return of.isCut || (action === 'terminate' && endsAt - of.bornAt < FREE_MS);
}

async function leaveToEc2({ clock, log, power }: LifeDeps, { endsAt }: Notice): Promise<void> {
  const lifeMs = Math.max(0, endsAt + LEFT_TO_EC2_MS - clock.now());
  power.arm(lifeMs + END_GRACE_MS);
  log.info({ lifeMs }, 'leaving it to EC2 to end this machine');
  await clock.sleep(lifeMs);
}

interface Registered {
  readonly registration: Registration;
  readonly reporter: Reporter;
  readonly watch: Watch;
  readonly expiresAt: Instant;
}

async function serveAll(deps: LifeDeps, registered: Registered): Promise<Served> {
  const { log, environment } = deps;
  const { registration, reporter } = registered;
  const { actionsRunner, settings } = registration;
  const { home } = environment;
  const user = findUser(environment.runnerUser);
  const provided = await provideActionsRunner({ ...deps, home, user }, actionsRunner);
  if (!provided.ok) {
    log.error({ reason: provided.reason }, 'no Actions runner');
    reporter.report('log', { lines: log.tail() });
    return { hasRunJob: false, isCut: false, reason: provided.reason };
  }
  await writeSetupInfo(provided.folder, settings.setupInfo);
  const hidden = await readHidden(provided.folder);
  const hooks = await writeHooks(home, settings.forks);
  let { jitConfig, runner } = registration;
  for (let jobs = 1; ; jobs++) {
    const env = environmentOf(deps, { hooks, jitConfig, user });
    const served = await serve({
      ...deps,
      ...registered,
      hooks,
      runner,
      idleTimeoutMs: settings.idleTimeoutMs,
      start: (onLine) =>
        startListener({ ...deps, home, folder: provided.folder, user, env, onLine }),
    });
    if (!served.hasRunJob || served.isCut || jobs === MOST_JOBS) return served;
    const next = await furtherJob(deps, registered);
    if (!next?.jitConfig) return served;
    // What the last job left is none of the next one's business.
    if (!(await clearAway({ folder: provided.folder, user, hidden }))) {
      log.error({}, 'the last job could not be cleared away');
      return served;
    }
    ({ jitConfig } = next);
    runner = next.runner ?? runner;
  }
}

/** The answer to "job-finished", or one soon after it, says whether there is more to do here. */
async function furtherJob(
  { clock }: LifeDeps,
  { registration, reporter, watch, expiresAt }: Registered,
): Promise<Answer | undefined> {
  const { reuseWaitMs, maxDurationMs } = registration.settings;
  await reporter.flush(LAST_WORDS_MS);
  const until = clock.now() + reuseWaitMs;
  for (;;) {
    const answer = reporter.answer();
    // A job that begins later may be cut by the end of the machine's longest life.
    const isOld = clock.now() > expiresAt - maxDurationMs / 2;
    if (watch.notice() || isOld || answer?.next === 'stop') return undefined;
    if (answer?.next === 'job') return answer;
    if (clock.now() >= until) return undefined;
    await clock.sleep(ASK_EACH_MS);
    reporter.ask();
  }
}

function environmentOf(
  deps: LifeDeps,
  of: { hooks: Hooks; jitConfig: string; user: ReturnType<typeof findUser> },
): Record<string, string> {
  deps.log.hide(of.jitConfig);
  return jobEnvironment(deps.variables, {
    jitConfig: of.jitConfig,
    startedHook: of.hooks.started,
    completedHook: of.hooks.completed,
    user: of.user,
  });
}
