import type { Clock, Instant } from '../lib/clock.ts';
import { isoOf } from '../lib/instant.ts';
import { fieldsOf } from '../model/github-json.ts';
import type { GitHubModel } from './github.ts';
import type { Conclusion, Job, Runner } from './github-state.ts';

// GitHub's side of a runner that is a real process, as the stand-in of actions-runner.ts speaks to it.

export interface ServiceAnswer {
  readonly status: number;
  readonly body: object;
}

export interface RunnerService {
  /** `connect`, `poll`, `beat` or `finish`. */
  answer(verb: string, input: Readonly<Record<string, unknown>>): Promise<ServiceAnswer>;
  /** Lets those die that have not been heard of. */
  sweep(): Promise<void>;
}

export interface ServiceDeps {
  readonly model: GitHubModel;
  /** The machine's clock: processes live by it, however fast the world goes. */
  readonly real: Clock;
  /** World's time by the machine's time: a job of a minute is a second's sleep at 60. */
  readonly speed: number;
  /** A process beats every second while it works and polls all the time otherwise. */
  readonly silentMs: number;
}

interface Session {
  readonly runner: Runner;
  job: Job | null;
  heardAt: Instant;
  wake: AbortController;
}

const POLL_MS = 3_000;
const GONE: ServiceAnswer = { status: 404, body: {} };
const DONE: ServiceAnswer = { status: 200, body: {} };

function secretOf(jit: unknown): string {
  const decode = (value: unknown) => {
    try {
      return fieldsOf(JSON.parse(Buffer.from(String(value), 'base64').toString()));
    } catch {
      return {};
    }
  };
  return String(fieldsOf(decode(decode(jit)['.credentials'])['data'])['clientId']);
}

const CONCLUSIONS: readonly Conclusion[] = ['success', 'failure', 'cancelled'];

export function createRunnerService(deps: ServiceDeps): RunnerService {
  const { model, real, speed } = deps;
  const { kernel } = model.state;
  const sessions = new Map<string, Session>();

  /** As the stand-in takes it. */
  const order = (job: Job): object => ({
    name: job.spec.name,
    key: job.spec.name.replace(/\W+/g, '-'),
    run: job.run.id,
    attempt: job.attempt,
    repository: `${job.run.repo.owner.login}/${job.run.repo.name}`,
    event: job.run.event,
    ms: Math.ceil(job.spec.durationMs / speed),
    conclusion: job.spec.result ?? 'success',
  });

  const connect = (secret: string): ServiceAnswer => {
    const close = () => {
      sessions.get(secret)?.wake.abort();
      sessions.delete(secret);
    };
    const reply = model.runners.connect(secret, {
      onJob(job) {
        const session = sessions.get(secret);
        if (session === undefined) return;
        session.job = job;
        session.wake.abort();
      },
      onRemoved: close,
      // The protocol has no word for it: the job ends when its time to cancel is over.
      onCancel: () => kernel.trace(`github: cancel of ${secret.slice(0, 6)} is not heard`),
    });
    if (!reply.ok) return GONE;
    const wake = new AbortController();
    sessions.set(secret, { runner: reply.value, job: null, heardAt: real.now(), wake });
    return { status: 200, body: { name: reply.value.name } };
  };

  /** Answers as soon as there is a job, or with none after a while. */
  const poll = async (secret: string): Promise<ServiceAnswer> => {
    const session = sessions.get(secret);
    if (session === undefined) return GONE;
    if (session.job === null) {
      session.wake = new AbortController();
      await real.sleep(POLL_MS, session.wake.signal);
    }
    if (!sessions.has(secret) || !session.runner.state.now.isThere) return GONE;
    session.heardAt = real.now();
    const { job } = session;
    return { status: 200, body: job === null ? {} : { job: order(job) } };
  };

  return {
    async answer(verb, input) {
      if (verb === 'connect') {
        return kernel.visit('runner connect', () => connect(secretOf(input['jit'])));
      }
      const secret = String(input['secret']);
      const session = sessions.get(secret);
      if (session === undefined || !session.runner.state.now.isThere) return GONE;
      session.heardAt = real.now();
      if (verb === 'poll') return poll(secret);
      if (verb === 'beat') return DONE;
      if (verb !== 'finish') return GONE;
      const conclusion = CONCLUSIONS.find((one) => one === input['conclusion']) ?? 'failure';
      await kernel.visit('runner finish', () => model.runners.finish(session.runner, conclusion));
      sessions.delete(secret);
      return DONE;
    },
    async sweep() {
      for (const [secret, session] of sessions) {
        if (real.now() - session.heardAt <= deps.silentMs) continue;
        sessions.delete(secret);
        await kernel.visit('runner silent', () => {
          kernel.trace(
            `github: runner ${session.runner.name} last heard ${isoOf(session.heardAt)}`,
          );
          model.runners.die(session.runner);
        });
      }
    },
  };
}
