import type { GitHub } from '../github/port.ts';
import type { Clock } from '../lib/clock.ts';
import type { Keys } from '../lib/keys.ts';
import type { Log } from '../lib/log.ts';
import type { Random } from '../lib/random.ts';
import { fieldsOf, textOf } from '../model/github-json.ts';
import { runOf } from '../model/labels.ts';
import type { Instance } from '../model/launch.ts';
import { runnerPlace } from '../model/repo.ts';
import { nextRunnerName } from '../model/runner-name.ts';
import type { InstancePatch, Store } from '../store/port.ts';

export interface NextJobDeps {
  readonly store: Store;
  readonly github: Pick<GitHub, 'register' | 'removeRunner'>;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly keys: Keys;
  /** Of a machine that has just finished, by the plan: what it registers with next, or that it waits. */
  readonly nextLabels: (instance: Instance) => Promise<readonly string[] | 'wait' | null>;
}

/** What a machine is told to do next. */
export type Next =
  | { readonly next: 'continue' | 'stop' }
  | { readonly next: 'job'; readonly jitConfig: string; readonly runner: string };

const CONTINUE: Next = { next: 'continue' };
const STOP: Next = { next: 'stop' };
/** Its own runner is gone with its job, and its next one is a fresh row in all but the machine. */
const FRESH = {
  onlineAt: null,
  startedAt: null,
  finishedAt: null,
  saidDoneAt: null,
  lastRun: null,
};

/** For a machine whose job has ended: a further job of the same run gets a runner of its own. */
export async function nextJob(deps: NextJobDeps, instance: Instance): Promise<Next> {
  const { store, github } = deps;
  const { key, runnerName, saidDoneAt, lastRun } = instance;
  // Most machines are for one job: that much is known without looking around.
  if (runnerName === null || lastRun === null || lastRun !== runOf(instance.labels)) return STOP;
  const labels = saidDoneAt === null ? null : await deps.nextLabels(instance);
  if (labels === null) return STOP;
  const repo = labels === 'wait' ? null : await store.repo(instance.repo);
  if (labels === 'wait' || !repo) return CONTINUE;
  const place = runnerPlace(repo, instance);
  const name = nextRunnerName(runnerName);
  const change = (from: 'busy' | 'online' | 'pending', patch: InstancePatch) =>
    store.changeInstance({ key, from: [from], patch });
  // Written down first, so that a crash leaves no runner unknown, and two questions get one answer.
  const registeredAt = deps.clock.now();
  const fresh = { ...FRESH, runnerName: name, runnerId: null, registeredAt };
  const claim = { ...fresh, state: 'pending' } as const;
  const { state } = instance;
  if ((state !== 'busy' && state !== 'online') || !(await change(state, claim))) return CONTINUE;
  const made = await github.register(place, { name, labels });
  if (!made.ok) {
    deps.log.warn({ instance: instance.id, code: made.code }, 'no runner for a further job');
    const { onlineAt, startedAt, finishedAt, lastRun, runnerId } = instance;
    const before = { state, onlineAt, startedAt, finishedAt, saidDoneAt, lastRun };
    await change('pending', { ...before, runnerName, runnerId });
    return CONTINUE;
  }
  const { runnerId, jitConfig } = made.value;
  if (!(await change('pending', { runnerId, labels }))) {
    await github.removeRunner(place, runnerId);
    return STOP;
  }
  const next = { next: 'job', jitConfig, runner: name } as const;
  const sealed = deps.keys.seal('next-job', JSON.stringify(next), deps.random.hex(12));
  await store.saveRegistration({ instance: instance.id ?? '', request: name, answer: sealed });
  deps.log.info({ instance: instance.id, runner: name }, 'registered for a further job');
  return next;
}

/** The answer that named its runner was lost: until the machine is online, it is given again. */
export async function sameJob(deps: NextJobDeps, instance: Instance): Promise<Next> {
  const { id, runnerName, state, onlineAt } = instance;
  if (id === null || state !== 'pending' || onlineAt !== null) return CONTINUE;
  const kept = await deps.store.registration(id);
  if (!kept || kept.request !== runnerName) return CONTINUE;
  const text = deps.keys.open('next-job', kept.answer);
  const fields = text === undefined ? {} : fieldsOf(JSON.parse(text));
  const [jitConfig, runner] = [textOf(fields['jitConfig']), textOf(fields['runner'])];
  return jitConfig && runner ? { next: 'job', jitConfig, runner } : CONTINUE;
}
