import { createEvents } from '../../src/gateway/events.ts';
import { createRegister } from '../../src/gateway/register.ts';
import type { GitHub, RunnerFacts } from '../../src/github/port.ts';
import type { Answer } from '../../src/lib/http.ts';
import { createKeys } from '../../src/lib/keys.ts';
import { type Log, silentLog } from '../../src/lib/log.ts';
import { systemRandom } from '../../src/lib/random.ts';
import { fieldsOf } from '../../src/model/github-json.ts';
import type { InstanceId } from '../../src/model/ids.ts';
import { done, type Refused, type Reply } from '../../src/model/reply.ts';
import { registrationToken, sessionFor } from '../../src/model/tokens.ts';
import { createMemoryStore } from '../../src/store/memory.ts';
import type { Store } from '../../src/store/port.ts';
import { T } from '../store/rows.ts';

// The machines' door on a store in memory, before a GitHub and an STS that remember what they are
// told. A machine proves itself by the word `signed by <its id>`.

export const AUDIENCE = 'app.example';
export const ACCOUNT = '123456789012';
export const REGISTER_TIMEOUT_MS = 300_000;
export const REQUEST = 'a'.repeat(32);
export const KEYS = createKeys('a secret of the tests');

type GitHubHere = Pick<GitHub, 'register' | 'removeRunner' | 'runners' | 'actionsRunner'>;

export interface FakeGitHub extends GitHubHere {
  /** By id, those that are there now. */
  readonly there: Map<number, RunnerFacts>;
  registered: number;
  /** Where each was registered: `repository`, or in a group of its organization. */
  readonly places: string[];
  /** What registering is answered instead, once the runner is made or not. */
  refusal: Refused | null;
  /** Runs when a runner was made, before anybody hears of it; may throw, as a crash does. */
  onMade: () => Promise<void>;
}

export function createFakeGitHub(): FakeGitHub {
  const there = new Map<number, RunnerFacts>();
  const github: FakeGitHub = {
    there,
    registered: 0,
    places: [],
    refusal: null,
    onMade: async () => {},
    async register({ group }, { name }) {
      github.places.push(group ?? 'repository');
      if (github.refusal) return github.refusal;
      const isTaken = [...there.values()].some((one) => one.name === name);
      if (isTaken) return { ok: false, reason: 'conflict', code: '409', message: '' };
      github.registered += 1;
      const id = github.registered;
      there.set(id, { id, name, isOnline: false, isBusy: false });
      await github.onMade();
      return done({ runnerId: id, jitConfig: `jit of ${name}` });
    },
    async removeRunner(_, id): Promise<Reply<null>> {
      const isThere = there.delete(id);
      return isThere ? done(null) : { ok: false, reason: 'missing', code: '404', message: '' };
    },
    runners: async (_, name) => done([...there.values()].filter((one) => one.name === name)),
    actionsRunner: async () =>
      done({ version: '2.300.0', url: 'https://x', sha256: 'c'.repeat(64) }),
  };
  return github;
}

export interface Door {
  readonly store: Store;
  readonly github: FakeGitHub;
  readonly counts: Record<string, number>;
  readonly woken: string[];
  /** Warnings in the log. */
  readonly warnings: string[];
  looks: number;
  now: number;
  /** When the process began that answers here. */
  startedAt: number;
  /** What STS answers instead of judging. */
  stsRefusal: Refused | null;
  account: string;
  /** What the plan says of a machine that has just finished. */
  nextLabels: readonly string[] | 'wait' | null;
  /** What the world says that it is to register with. */
  labels: readonly string[];
  register(body: unknown): Promise<Answer>;
  events(session: string | undefined, body: unknown): Promise<Answer>;
  /** The same door after a restart: what is not in the store is forgotten. */
  restarted(): Door;
}

export function createDoor(
  given: { store?: Store; github?: FakeGitHub; audience?: string } = {},
): Door {
  const { store = createMemoryStore(), github = createFakeGitHub(), audience = AUDIENCE } = given;
  const door: Door = {
    store,
    github,
    counts: {},
    woken: [],
    warnings: [],
    looks: 0,
    now: T + 60_000,
    startedAt: T,
    stsRefusal: null,
    account: ACCOUNT,
    nextLabels: null,
    labels: ['self-hosted', 'linux', 'x64', 'dstack'],
    register: (body) => register(body),
    events: (session, body) => events(session, body),
    restarted: () => Object.assign(createDoor({ store, github, audience }), { now: door.now }),
  };
  const deps = {
    store,
    github,
    sts: {
      callerOf: async ({ authorization }: { readonly authorization: string }) => {
        if (door.stsRefusal) return door.stsRefusal;
        const id = /^signed by (.+)$/.exec(authorization)?.[1];
        if (id === undefined) return DENIED;
        return done({ arn: `arn:aws:sts::${door.account}:assumed-role/aws:ec2-instance/${id}` });
      },
    },
    clock: { now: () => door.now, sleep: () => Promise.resolve() },
    random: systemRandom,
    log: { ...silentLog, warn: (_, message) => void door.warnings.push(message) } satisfies Log,
    keys: KEYS,
    audience,
    nextLabels: async () => door.nextLabels,
    registerTimeoutMs: REGISTER_TIMEOUT_MS,
    get startedAt() {
      return door.startedAt;
    },
    resyncMs: 60_000,
    termsFor: async () => ({
      labels: door.labels,
      maxDurationMs: 3_600_000,
      areForksFine: false,
      reuses: true,
    }),
    refused: (why: string) => {
      door.counts[why] = (door.counts[why] ?? 0) + 1;
    },
    wake: (scope: string) => void door.woken.push(scope),
    look: () => {
      door.looks += 1;
    },
  };
  const register = createRegister(deps);
  const events = createEvents(deps);
  return door;
}

const DENIED: Refused = { ok: false, reason: 'denied', code: 'SignatureDoesNotMatch', message: '' };

export const refusal = (reason: Refused['reason'], code: string): Refused => ({
  ok: false,
  reason,
  code,
  message: `refused with ${code}`,
});

/** What the daemon of an instance of launch `l1` sends. */
export const anAsk = (instance: InstanceId = 'i-1', more: object = {}) => ({
  launch: 'l1',
  token: registrationToken(KEYS, 'l1'),
  instance,
  request: REQUEST,
  proof: aProof(instance),
  ...more,
});

export const aProof = (instance: InstanceId, more: object = {}) => ({
  authorization: `signed by ${instance}`,
  date: '20231114T221320Z',
  securityToken: 'token',
  audience: AUDIENCE,
  ...more,
});

export const aSession = (instance: InstanceId = 'i-1') => sessionFor(KEYS, 'l1', instance);

/** `503 not-yet`, and the words for people are not compared. */
export function outcomeOf({ status, body }: Answer): string {
  const { code } = fieldsOf(fieldsOf(body)['error']);
  return code === undefined ? String(status) : `${status} ${code}`;
}
