import type { Accounts } from '../src/accounts/port.ts';
import { createCatalogue } from '../src/act/catalogue.ts';
import type { ForgetAccount } from '../src/act/leave.ts';
import { type App, createApp } from '../src/app.ts';
import type { GitHub } from '../src/github/port.ts';
import { createKeys } from '../src/lib/keys.ts';
import type { Log } from '../src/lib/log.ts';
import { Secret } from '../src/lib/secret.ts';
import { createMeter, type Meter, type Purpose } from '../src/model/meter.ts';
import { createSandboxAccounts, createSandboxSts } from '../src/sandbox/aws-ports.ts';
import { createEc2 } from '../src/sandbox/ec2.ts';
import type { Ec2Instance } from '../src/sandbox/ec2-instance.ts';
import { isLive } from '../src/sandbox/ec2-instance.ts';
import type { Ec2Change } from '../src/sandbox/ec2-model.ts';
import { createGitHubModel, type GitHubModel } from '../src/sandbox/github.ts';
import type { HookCall, HookFault } from '../src/sandbox/github-hooks.ts';
import { createSandboxGitHub } from '../src/sandbox/github-port.ts';
import type { GitHubKnobs, Job, JobSpec, Repo } from '../src/sandbox/github-state.ts';
import { createSandboxTalk } from '../src/sandbox/github-talk-port.ts';
import { createKernel, type Fault, type Kernel } from '../src/sandbox/kernel.ts';
import { createMachines, type MachinesDeps } from '../src/sandbox/machine.ts';
import type { Behaviour } from '../src/sandbox/machine-daemon.ts';
import type { PortCall, Process } from '../src/sandbox/process.ts';
import { createMemoryStore } from '../src/store/memory.ts';
import type { Store } from '../src/store/port.ts';
import { parseEvent } from '../src/webhook/parse.ts';
import { lyingGitHub } from './simulation/faults.ts';

// The whole app on the sandbox's kernel: one repository, machines in process, and hours in a moment.
// Everything waits as long as it does by default: R is a minute, a tick five seconds.

export const SECOND = 1_000;
export const MINUTE = 60_000;
export const R = MINUTE;
export const REGION = 'eu-west-1';
export const RULE = `m5.large/${REGION}`;
const RULES_PATH = '.github/dstack.yml';
const PUBLIC_URL = 'http://app.example';
/** More than any of these tests needs: a run that spins ends here. */
const MOST_EVENTS = 500_000;

/** A rules file with these maxima by instance type. */
export const rulesText = (maxima: Readonly<Record<string, number>>, more = ''): string =>
  [
    `autoscale:\n  region: ${REGION}`,
    ...(more === '' ? [] : [`  ${more}`]),
    Object.keys(maxima).length === 0 ? '  rules: []' : '  rules:',
    ...Object.entries(maxima).map(
      ([type, max]) => `    - instance-type: ${type}\n      max: ${max}`,
    ),
    '',
  ].join('\n');

export interface StageOptions {
  /** null: there is no file. */
  readonly rules?: string | null;
  readonly behaviourOf?: (nth: number) => Behaviour;
  readonly replicas?: number;
  readonly hookFault?: (call: HookCall) => HookFault | undefined;
  /** Latencies and ties by chance; calm by default. */
  readonly seed?: number;
  /** The first is the stage's own; all have the same rules. */
  readonly repoNames?: readonly string[];
  readonly isPrivate?: boolean;
  readonly knobs?: Partial<GitHubKnobs>;
  readonly ec2?: Ec2Change;
  readonly machines?: Pick<MachinesDeps, 'startMs' | 'heartbeatMs'>;
  /** From a machine's own power-off until EC2 ends it. */
  readonly teardownMs?: number;
}

/** What a test may turn while the world runs. */
export interface Knobs {
  fault: (call: PortCall) => Fault | undefined;
  hookFault: (call: HookCall) => HookFault | undefined;
  /** GitHub answers 404, although what is asked for is there. */
  isHidden: (call: PortCall) => boolean;
  /** Of processes that start from now on. */
  tickMs: number;
  /** Where accounts are kept: by default there is nothing of those who left. */
  forgetAccount: ForgetAccount;
  /** Whose AWS account it is; by default one serves all. Of processes that start from now on. */
  accounts: (one: Accounts) => Accounts;
}

export interface Stage {
  readonly knobs: Knobs;
  readonly kernel: Kernel;
  readonly github: GitHubModel;
  readonly ec2: ReturnType<typeof createEc2>;
  readonly repo: Repo;
  readonly repos: readonly Repo[];
  readonly installation: ReturnType<GitHubModel['repos']['install']>;
  readonly apps: Map<string, { readonly process: Process; readonly app: App }>;
  /** Constant messages of the log, with their facts. */
  readonly log: { readonly message: string; readonly facts: object }[];
  /** How often each call was made, by any process of the app: `ec2.launch`. */
  readonly calls: Map<string, number>;
  /** Of all processes: a restart forgets it, which a test need not. */
  readonly meter: Meter;
  store: Store;
  start(name?: string): void;
  /** As kill -9. */
  kill(name?: string): void;
  /** The process is back at once, and knows nothing. */
  loseStore(): void;
  addJobs(count: number, spec?: Partial<JobSpec>): readonly Job[];
  push(text: string | null): void;
  pass(ms: number): Promise<void>;
  /** Runs the world until that is so, and fails when it takes longer. */
  until(what: () => boolean, withinMs?: number): Promise<void>;
  /** Pending or running, the oldest first. */
  live(): readonly Ec2Instance[];
  /** Codes of the reasons of all queued jobs, each once. */
  reasons(): Promise<readonly string[]>;
}

/** Answers when the rules are read and the first look at the region is over. */
export async function openStage(options: StageOptions = {}): Promise<Stage> {
  const stage = createStage(options);
  stage.start();
  for (let i = 1; i < (options.replicas ?? 1); i += 1) stage.start(`app${i}`);
  await stage.pass(R + 20 * SECOND);
  return stage;
}

export function createStage(options: StageOptions = {}): Stage {
  const { rules = rulesText({ 'm5.large': 4 }), behaviourOf, seed, isPrivate = true } = options;
  const knobs: Knobs = {
    fault: () => undefined,
    hookFault: options.hookFault ?? (() => undefined),
    isHidden: () => false,
    tickMs: 5 * SECOND,
    forgetAccount: async () => true,
    accounts: (one) => one,
  };
  const calls = new Map<string, number>();
  const kernel = createKernel({
    seed: seed ?? 1,
    isCalm: seed === undefined,
    fault: (call) => {
      calls.set(call.name, (calls.get(call.name) ?? 0) + 1);
      return knobs.fault(call);
    },
  });
  const github = createGitHubModel(kernel, {
    ...options.knobs,
    hookFault: (call) => knobs.hookFault(call),
  });
  const ec2 = createEc2(kernel, options.ec2);
  const owner = github.repos.addOwner('acme');
  const files = rules === null ? {} : { [RULES_PATH]: rules };
  const names = options.repoNames ?? ['app'];
  const repos = names.map((name) => github.repos.addRepo({ owner, name, isPrivate, files }));
  const [repo] = repos;
  if (!repo) throw new Error('a stage without a repository');
  const installation = github.repos.install(owner);
  let jobs = 0;

  const stage: Stage = {
    knobs,
    kernel,
    github,
    ec2,
    repo,
    repos,
    installation,
    apps: new Map(),
    log: [],
    calls,
    meter: createMeter(kernel),
    store: createMemoryStore(),
    start(name = 'app0') {
      const process = kernel.process(name);
      stage.apps.set(name, { process, app: createAppOn(stage, process) });
    },
    kill(name = 'app0') {
      stage.apps.get(name)?.process.kill();
      stage.apps.delete(name);
    },
    loseStore() {
      stage.kill();
      stage.store = createMemoryStore();
      stage.start();
    },
    addJobs(count, spec) {
      const specs = Array.from({ length: count }, (): JobSpec => {
        jobs += 1;
        const labels = ['self-hosted', 'dstack'];
        return { name: `job-${jobs}`, labels, durationMs: MINUTE, ...spec };
      });
      return github.jobs.addRun(repo, { jobs: specs }).jobs;
    },
    push: (text) => void github.repos.commit(repo, { [RULES_PATH]: text }),
    async pass(ms) {
      await kernel.run({ untilMs: kernel.now() + ms, maxEvents: MOST_EVENTS });
      checkBugs(stage);
    },
    async until(what, withinMs = 30 * MINUTE) {
      const end = await kernel.run({
        until: what,
        untilMs: kernel.now() + withinMs,
        maxEvents: MOST_EVENTS,
      });
      checkBugs(stage);
      if (end !== 'until')
        throw new Error(`${end}, and it is not so; the world's last lines:\n${tail(kernel)}`);
    },
    live: () => [...ec2.instances.values()].filter(isLive),
    async reasons() {
      const rows = await stage.store.recentJobs(1_000);
      const waiting = rows.filter(({ state }) => state === 'queued');
      return [...new Set(waiting.map(({ reason }) => reason?.code ?? 'none'))].sort();
    },
  };
  github.onWebhook((hook, answer) => receive(stage, hook, answer));
  createMachines({
    kernel,
    ec2: {
      on: ec2.on,
      powerOff: (id) => {
        if (options.teardownMs === undefined) ec2.powerOff(id);
        else kernel.at(options.teardownMs, 'machine off', () => ec2.powerOff(id));
      },
    },
    github,
    gateway: gatewayOf(stage),
    ...options.machines,
    ...(behaviourOf ? { behaviourOf: ({ order }) => behaviourOf(order) } : {}),
  });
  return stage;
}

const tail = ({ lines }: Kernel): string => lines.slice(-30).join('\n');

function checkBugs({ kernel, log }: Stage): void {
  if (kernel.violation) throw new Error(`${kernel.violation.text}\n${tail(kernel)}`);
  const bug = log.find(({ facts }) => 'err' in facts);
  if (bug) throw new Error(bug.message, { cause: 'err' in bug.facts ? bug.facts.err : undefined });
}

function createAppOn(stage: Stage, process: Process): App {
  const accounts = stage.knobs.accounts(createSandboxAccounts(stage.ec2, process));
  const { clock, random } = process;
  const { meter } = stage;
  return createApp({
    store: stage.store,
    log: logOf(stage),
    clock,
    random,
    accounts,
    catalogue: createCatalogue({ accounts, clock, store: stage.store }),
    github: githubOf(stage, process, 'work'),
    healing: githubOf(stage, process, 'healing'),
    meter,
    talk: createSandboxTalk(stage.github, process, { meter, purpose: 'work' }),
    sts: createSandboxSts(stage.ec2, process),
    keys: createKeys('one secret for all replicas'),
    forgetAccount: (scope) => stage.knobs.forgetAccount(scope),
    settings: {
      app: 'github.example/4711',
      label: 'dstack',
      htmlUrl: 'https://github.example',
      publicUrl: PUBLIC_URL,
      defaultRegion: null,
      resyncMs: R,
      registerTimeoutMs: 5 * MINUTE,
      daemonSha256: 'd'.repeat(64),
    },
    holder: `${process.name}/${stage.kernel.now()}`,
    tickMs: stage.knobs.tickMs,
    webhookSecret: new Secret('unused: webhooks come in by the store'),
    metricsToken: null,
    audience: new URL(PUBLIC_URL).host,
    daemon: Buffer.from('// what machines run'),
    isHomeOpen: false,
  });
}

/** GitHub as this process is told of it. */
const githubOf = ({ github, meter, knobs }: Stage, process: Process, purpose: Purpose): GitHub =>
  lyingGitHub(createSandboxGitHub(github, process, { meter, purpose }), process, {
    isLie: (call) => knobs.isHidden(call),
  });

function logOf({ log, kernel }: Stage): Log {
  const note = (facts: object, message: string) => {
    log.push({ message, facts });
    kernel.trace(`app: ${message} ${JSON.stringify(facts)}`);
  };
  return { debug() {}, info: note, warn: note, error: note };
}

type Receiver = Parameters<GitHubModel['onWebhook']>[0];

/** The listener without HTTP: the event is written down, and then it is answered. */
function receive(stage: Stage, ...[hook, answer]: Parameters<Receiver>): void {
  const up = anApp(stage);
  if (!up) answer(502);
  up?.process.at(0, 'webhook', async () => {
    const parsed = parseEvent(hook.event, hook.payload, 'dstack');
    if (!parsed.ok) return answer(202);
    const delivery = { id: hook.guid, at: stage.kernel.now(), event: parsed.event };
    const [isNew] = await stage.store.receive([delivery]);
    if (isNew) up.app.loop.take([delivery]);
    answer(202);
  });
}

/** Any process of the app, as a balancer chooses. */
function anApp({ apps, kernel }: Stage) {
  const up = [...apps.values()];
  return up[Math.floor(kernel.rand('balance') * up.length)];
}

function gatewayOf(stage: Stage) {
  type Call = (app: App) => ReturnType<App['register']>;
  const send = (call: Call): ReturnType<Call> => {
    const up = anApp(stage);
    if (!up) return Promise.resolve({ status: 502 });
    return new Promise((resolve, reject) => {
      up.process.at(0, 'request', () => void call(up.app).then(resolve, reject));
    });
  };
  return {
    register: (body: object) => send((app) => app.register(body)),
    events: (session: string, body: object) => send((app) => app.events(session, body)),
  };
}

export const isDone = (jobs: readonly Job[]) => (): boolean =>
  jobs.every((job) => job.facts.now.state === 'completed');
export const isRunning = (jobs: readonly Job[]) => (): boolean =>
  jobs.every((job) => job.facts.now.state === 'in_progress');
/** Every job ended well. */
export const conclusions = (jobs: readonly Job[]) => [
  ...new Set(jobs.map((job) => job.facts.now.conclusion)),
];
