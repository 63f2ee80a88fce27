import type { App } from '../../src/app.ts';
import { Secret } from '../../src/lib/secret.ts';
import { createSandboxAccounts, createSandboxSts } from '../../src/sandbox/aws-ports.ts';
import { createEc2 } from '../../src/sandbox/ec2.ts';
import type { Ec2Model } from '../../src/sandbox/ec2-model.ts';
import { createGitHubModel, type GitHubModel } from '../../src/sandbox/github.ts';
import { createSandboxGitHub } from '../../src/sandbox/github-port.ts';
import type { Job, Repo, Runner } from '../../src/sandbox/github-state.ts';
import { createSandboxTalk } from '../../src/sandbox/github-talk-port.ts';
import { createKernel, type Kernel } from '../../src/sandbox/kernel.ts';
import { createMachines } from '../../src/sandbox/machine.ts';
import type { GatewayAnswer } from '../../src/sandbox/machine-reporter.ts';
import type { Process } from '../../src/sandbox/process.ts';
import type { Store } from '../../src/store/port.ts';
import { createBudgets } from './budgets.ts';
import type { Code } from './code.ts';
import { createFaults, type Faults, lyingGitHub } from './faults.ts';
import { createOwners, fileAt, homeOf, type Owners } from './owners.ts';
import { createPeople, type People } from './people.ts';
import { addJob, addRepos, RULES_PATH } from './population.ts';
import { breakingAccounts, logOf, losingAccounts, memoKeys, watchLaunches } from './ports.ts';
import { createPromises, type Promises } from './promises.ts';
import { neededAfterAll, race } from './races.ts';
import type { Fault, JobPlan, Scenario } from './scenario.ts';
import { gateStore, watchStore } from './store.ts';
import { createTerms } from './terms.ts';

export interface WorldOptions {
  readonly code: Code;
  readonly openStore: () => Promise<Store>;
  /** The app's own log in the trace as well. */
  readonly isVerbose: boolean;
  readonly blindTo: readonly string[];
}

type Crash = Extract<Fault, { kind: 'crash' }>;

export interface World {
  readonly scenario: Scenario;
  readonly kernel: Kernel;
  readonly github: GitHubModel;
  readonly ec2: Ec2Model;
  readonly faults: Faults;
  readonly promises: Promises;
  readonly people: People;
  readonly owners: Owners;
  /** Since when everybody is up and nothing goes wrong; undefined: not yet. */
  readonly calmSince: () => number | undefined;
  readonly repos: readonly Repo[];
  /** Ours, in the order of the scenario; those of races follow. */
  readonly jobs: Job[];
  readonly cancelled: Set<Job>;
  /**
   * Runners whose machine had ended when the database was lost: nothing tells of them any more. They
   * are offline, and GitHub removes them after a day.
   */
  readonly forgotten: Set<Runner>;
  readonly slots: readonly Slot[];
  /** Since the start. */
  nowMs(): number;
  store(): Store;
  openStore(): Promise<void>;
  start(slot: Slot): void;
  addJob(plan: JobPlan): void;
  /** In the file that the repository's rules are from. */
  writeRules(repo: number, text: string | null, isSilent?: boolean): void;
  /** In its own. */
  writeOwn(repo: number, text: string | null, isSilent?: boolean): void;
  /** Of `process`, or all of them where the store is lost. */
  crash(fault: Crash, process?: Process): void;
  /** GitHub does not list whose App we are for so long; `isListed`: it does list their repositories. */
  goBlind(how: { readonly ms: number; readonly isListed: boolean }): void;
}

/** A place that a process of the app runs in, one life after another. */
export interface Slot {
  readonly name: string;
  process: Process | null;
  app: App | null;
  lives: number;
}

/** From a look at the world until what follows from it is written down. */
const UNDER_WAY_MS = 20_000;
const PUBLIC_URL = 'http://app.example';
const APP_TAG = 'github.example/4711';
const DAEMON = Buffer.from('// what machines run');
const SECRET = 'the secret of a simulation';

/** GitHub's own long waits, shortened as R is. */
const GITHUB_KNOBS = {
  leaseMs: [60_000, 120_000],
  offlineMs: [10_000, 30_000],
  cancelMs: 30_000,
  acquireTimeoutMs: 30_000,
} as const;

export async function createWorld(scenario: Scenario, options: WorldOptions): Promise<World> {
  const { code } = options;
  const slots: Slot[] = Array.from({ length: scenario.replicas }, (_, i) => ({
    name: `app${i}`,
    process: null,
    app: null,
    lives: 0,
  }));
  let isSilentNow = false;
  let blind = { untilMs: 0, isListed: false };
  /** When the last process began, or began again after a pause. */
  let lastStartAt = 0;
  const kernel = createKernel({
    seed: scenario.seed,
    isCalm: scenario.isCalm,
    fault: (call) => {
      budgets.note(call);
      const asleep = faults.sending(call);
      if (!asleep) return faults.call(call);
      const its = slots.find(({ name }) => name === call.process)?.process;
      if (its) pause(its, asleep.ms);
      return { kind: 'slow', ms: asleep.ms };
    },
    onGate: (gate, process) => {
      const fault = faults.gate(gate);
      if (fault?.kind === 'crash') crashSlots(world, fault, process);
      if (fault?.kind === 'pause') pause(process, fault.ms);
    },
  });
  const pause = (process: Process, ms: number) => {
    kernel.mark('fault pause');
    kernel.pause(process, ms);
    lastStartAt = Math.max(lastStartAt, kernel.now() + ms);
  };
  const startedAt = kernel.now();
  const budgets = createBudgets(kernel, scenario);
  const faults = createFaults(scenario, {
    nowMs: () => kernel.now() - startedAt,
    mark: kernel.mark,
    isSilent: (event) => isSilentNow && event === 'push',
    isBlind: (isInstallations) =>
      kernel.now() - startedAt < blind.untilMs && (isInstallations || !blind.isListed),
    race: (fault) => void kernel.at(0, 'race', () => race(world, fault)),
  });
  const github = createGitHubModel(kernel, {
    ...GITHUB_KNOBS,
    readLagMs: scenario.readLagMs,
    hookFault: (call) => {
      if (call.event === 'push') people.looksAtPush();
      return faults.hook(call);
    },
  });
  const ec2 = createEc2(kernel, { visibleAfterMs: [0, scenario.lateMs] });
  const judge = judging(kernel, options.blindTo);
  const underWayMs = UNDER_WAY_MS + faults.of('pause').reduce((sum, { ms }) => sum + ms, 0);
  const promises = createPromises(judge, {
    github,
    ec2,
    owned: scenario,
    underWayMs,
    hasPrices: faults.of('price').length > 0,
    silentSince: () => faults.silentSince(underWayMs),
  });
  const checkTerms = createTerms(judge, { ec2, github });
  ec2.watch({
    ...promises,
    hasIntent(launch) {
      checkTerms(launch);
      return promises.hasIntent(launch);
    },
  });
  const owners = createOwners({ kernel, github, promises, owned: scenario });
  const people = createPeople({ kernel: judge, github, owners });
  const hasTalk = [...faults.of('command'), ...faults.of('at-once')].length > 0;
  const behaviours = new Map(faults.of('machine').map((one) => [one.nth, one.behaviour]));
  const slowMs = new Map(faults.of('slow-start').map((one) => [one.nth, one.ms]));
  createMachines({
    kernel,
    ec2,
    github,
    gateway: createGateway(kernel, slots),
    heartbeatMs: scenario.resyncMs,
    startMs: [3_000, 12_000],
    slowMsOf: ({ order }) => {
      const ms = slowMs.get(order) ?? 0;
      if (ms > 0) kernel.mark('machine slow');
      return ms;
    },
    behaviourOf: ({ id, order, type }) => {
      const isSick = faults.isSick(type);
      const behaviour = isSick ? 'dead' : (behaviours.get(order) ?? 'sound');
      if (behaviour !== 'sound') promises.excuse(id);
      return behaviour;
    },
  });
  const keys = memoKeys(code.createKeys(SECRET));
  const starts: number[] = [];
  const calmSince = () => {
    const isUp = slots.every(({ app }) => app !== null);
    const since = Math.max(startedAt + scenario.calmAt, lastStartAt);
    return isUp && kernel.now() > since ? since : undefined;
  };
  let store: Store;
  let stores = 0;

  const world: World = {
    scenario,
    kernel,
    github,
    ec2,
    faults,
    promises,
    people,
    owners,
    calmSince,
    repos: addRepos(github, scenario),
    jobs: [],
    cancelled: new Set(),
    forgotten: new Set(),
    slots,
    nowMs: () => kernel.now() - startedAt,
    store: () => store,
    async openStore() {
      promises.forgetLeases();
      stores += 1;
      const nth = stores;
      const isCurrent = () => stores === nth;
      const inner = await options.openStore();
      const { registerTimeoutMs } = scenario;
      const deps = { kernel: judge, promises, calmSince, isCurrent, registerTimeoutMs, starts };
      store = watchStore(inner, deps);
    },
    start(slot) {
      const process = kernel.process(slot.name);
      slot.lives += 1;
      lastStartAt = kernel.now();
      starts.push(lastStartAt);
      slot.process = process;
      kernel.trace(`${slot.name}: starts`);
      const holder = `${slot.name}/${slot.lives}`;
      process.at(0, 'start', () => {
        slot.app = createAppOf({ process, holder });
      });
    },
    addJob: (plan) => addJob(world, plan),
    writeRules(index, text, isSilent = false) {
      const repo = world.repos[index];
      if (repo) write(homeOf(scenario, github, repo), text, isSilent);
    },
    writeOwn(index, text, isSilent = false) {
      const repo = world.repos[index];
      if (repo) write(repo, text, isSilent);
    },
    crash: (fault, process) => crashSlots(world, fault, process),
    goBlind({ ms, isListed }) {
      blind = { untilMs: world.nowMs() + ms, isListed };
    },
  };

  function write(repo: Repo, text: string | null, isSilent: boolean) {
    owners.wrote(repo, text);
    isSilentNow = isSilent;
    github.repos.commit(repo, { [RULES_PATH]: text });
    isSilentNow = false;
  }

  function createAppOf({ process, holder }: { process: Process; holder: string }): App {
    const sandboxed = losingAccounts(createSandboxAccounts(ec2, process), faults.hasNoCredentials);
    const { isBroken } = faults;
    const breaking = breakingAccounts(sandboxed, { kernel, process, isBroken });
    const accounts = watchLaunches(breaking, {
      sends: (request) => promises.sends(holder, request),
      refused: budgets.refused,
    });
    const { clock } = process;
    const honest = createSandboxGitHub(github, process);
    const ports = neededAfterAll(world, process, { accounts, github: honest });
    const gated = gateStore(process, { store, kernel, isLocal: scenario.replicas === 1 });
    return code.createApp({
      store: gated,
      log: logOf(kernel, process, options.isVerbose),
      clock,
      random: process.random,
      accounts: ports.accounts,
      catalogue: code.createCatalogue({ accounts, clock, store: gated }),
      github: lyingGitHub(ports.github, process, faults),
      ...(hasTalk ? { talk: createSandboxTalk(github, process) } : {}),
      sts: createSandboxSts(ec2, process),
      keys,
      settings: {
        app: APP_TAG,
        htmlUrl: 'https://github.example',
        label: 'dstack',
        publicUrl: PUBLIC_URL,
        defaultRegion: null,
        resyncMs: scenario.resyncMs,
        registerTimeoutMs: scenario.registerTimeoutMs,
        daemonSha256: 'd'.repeat(64),
      },
      holder,
      tickMs: scenario.tickMs,
      webhookSecret: new Secret(SECRET),
      metricsToken: null,
      audience: new URL(PUBLIC_URL).host,
      daemon: DAEMON,
      isHomeOpen: false,
    });
  }

  github.onWebhook((hook, answer) => {
    const slot = aSlot(kernel, slots);
    if (!slot) return answer(502);
    const { process, app } = slot;
    process.at(0, 'webhook', async () => {
      const parsed = code.parseEvent(hook.event, hook.payload, 'dstack');
      if (!parsed.ok) return answer(202);
      const delivery = { id: hook.guid, at: process.clock.now(), event: parsed.event };
      const isLocal = scenario.replicas === 1;
      const [isNew] = await gateStore(process, { store, kernel, isLocal }).receive([delivery]);
      if (isNew) app.loop.take([delivery]);
      answer(202);
    });
  });
  for (const repo of github.state.repos.values()) owners.wrote(repo, fileAt(github, repo));
  await world.openStore();
  return world;
}

/** The same kernel, which does not judge these promises. */
const judging = (kernel: Kernel, blindTo: readonly string[]): Kernel =>
  Object.create(kernel, {
    invariant: {
      value: (isKept: boolean, rule: string, text: string) =>
        kernel.invariant(isKept || blindTo.includes(rule), rule, text),
    },
  });

type Running = Slot & { readonly process: Process; readonly app: App };

/** Any process that listens, as a balancer chooses. */
function aSlot(kernel: Kernel, slots: readonly Slot[]): Running | undefined {
  const up = slots.filter((slot): slot is Running => slot.app !== null && slot.process !== null);
  return up.length < 2 ? up[0] : up[Math.floor(kernel.rand('balance') * up.length)];
}

function createGateway(kernel: Kernel, slots: readonly Slot[]) {
  const send = (call: (app: App) => Promise<GatewayAnswer>): Promise<GatewayAnswer> => {
    const slot = aSlot(kernel, slots);
    if (!slot) return Promise.resolve({ status: 502 });
    const { process, app } = slot;
    return new Promise((resolve, reject) => {
      process.at(0, 'request', () => void call(app).then(resolve, reject));
    });
  };
  return {
    register: (body: object) => send((app) => app.register(body)),
    events: (session: string, body: object) => send((app) => app.events(session, body)),
  };
}

function crashSlots(world: World, crash: Crash, process?: Process): void {
  const { kernel, slots } = world;
  kernel.mark(crash.losesStore ? 'fault store lost' : 'fault crash');
  const down = slots.filter(
    (slot) => slot.process !== null && (crash.losesStore || slot.process === process),
  );
  for (const slot of down) {
    slot.process?.kill();
    slot.process = null;
    slot.app = null;
  }
  if (crash.losesStore) {
    kernel.trace('the store is lost');
    world.people.excuse();
    const { blindMs = 0, isListed = false } = crash;
    world.goBlind({ ms: crash.downMs + blindMs, isListed });
    forgetRunners(world);
    void world.openStore();
  }
  kernel.at(crash.downMs, 'restart', () => {
    // Nor does anything tell of those that ended meanwhile.
    if (crash.losesStore) forgetRunners(world);
    for (const slot of down) if (slot.process === null) world.start(slot);
  });
}

function forgetRunners({ repos, ec2, forgotten }: World): void {
  const live = [...ec2.instances.values()].filter(
    ({ state }) => state === 'pending' || state === 'running',
  );
  for (const { runners } of repos) {
    for (const runner of runners.values()) {
      if (!live.some(({ id }) => runner.name.includes(id))) forgotten.add(runner);
    }
  }
}
