import type { GitHub } from '../../src/github/port.ts';
import { assert } from '../../src/lib/assert.ts';
import type { GitHubModel } from '../../src/sandbox/github.ts';
import type { Kernel } from '../../src/sandbox/kernel.ts';
import type { GitHubWorld } from './contract.ts';

// The contract's world on the sandbox's GitHub; whoever calls it brings the port to test.

const MINUTE_MS = 60_000;
/** Long enough that no job ends while a test looks. */
const JOB_MS = 24 * 60 * MINUTE_MS;

export interface Door {
  readonly kernel: Kernel;
  readonly model: GitHubModel;
  readonly github: GitHub;
  close(): Promise<void>;
}

export function sandboxWorld({ kernel, model, github, close }: Door): GitHubWorld {
  const { repos, jobs, runners, state } = model;
  let status = 202;
  model.onWebhook((_, answer) => answer(status));
  const owner = repos.addOwner('acme');
  const installation = repos.install(owner);
  const repo = repos.addRepo({ owner, name: 'app' });
  return {
    github,
    repo: { id: repo.id, owner: 'acme', name: 'app', installation: installation.id },
    ownerId: owner.id,
    now: kernel.now,
    commit: async (path, text) => repos.commit(repo, { [path]: text }),
    async addJob(labels, isHeld = false) {
      const environment = isHeld ? { environment: 'production' } : {};
      const spec = { name: 'build', labels, durationMs: JOB_MS, ...environment };
      const [job] = jobs.addRun(repo, { jobs: [spec] }).jobs;
      assert(job, 'a run has its job');
      return job.id;
    },
    async cancelJob(id) {
      const job = state.jobs.get(id);
      assert(job, `job ${id} is there`);
      runners.cancel(job);
    },
    async connect(jitConfig) {
      const quiet = { onJob() {}, onRemoved() {}, onCancel() {} };
      assert(runners.connect(secretIn(jitConfig), quiet).ok, 'the configuration is good');
    },
    rest: async () => void (await kernel.run({ untilMs: kernel.now() + MINUTE_MS })),
    async addRepo(name) {
      const added = repos.addRepo({ owner, name });
      return { id: added.id, owner: owner.login, name, installation: installation.id };
    },
    addGroup: async (name, some) => {
      const ids = some && new Set(some.map(({ id }) => id));
      repos.addGroup(owner, { name, repos: ids ?? null });
    },
    async withdrawRunners() {
      const { organization_self_hosted_runners: _, ...left } = installation.permissions;
      installation.permissions = left;
    },
    rename: async (name) => repos.rename(repo, name),
    deleteRepo: async () => repos.deleteRepo(repo),
    uninstall: async () => repos.uninstall(installation.id),
    suspend: async () => repos.suspend(installation.id),
    async exhaust() {
      for (let i = 0; i < state.knobs.rateLimit; i++) model.spend('other', installation.id);
    },
    async takeDeliveries(isTaken) {
      status = isTaken ? 202 : 500;
    },
    close,
  };
}

/** What the Actions runner would read from its configuration. */
function secretIn(jitConfig: string): string {
  const decode = (text: string) => JSON.parse(Buffer.from(text, 'base64').toString());
  return decode(decode(jitConfig)['.credentials']).data.clientId;
}

export type Settle = <T>(promise: Promise<T>) => Promise<T>;

/** The same port, each of whose calls runs the world until it is answered. */
export function driven(settle: Settle, github: GitHub): GitHub {
  return {
    file: (repo, path, ref) => settle(github.file(repo, path, ref)),
    register: (repo, runner) => settle(github.register(repo, runner)),
    removeRunner: (repo, id) => settle(github.removeRunner(repo, id)),
    runners: (repo, name) => settle(github.runners(repo, name)),
    runnerGroup: (repo, name) => settle(github.runnerGroup(repo, name)),
    actionsRunner: (repo, arch) => settle(github.actionsRunner(repo, arch)),
    run: (repo, id) => settle(github.run(repo, id)),
    runJobs: (repo, id) => settle(github.runJobs(repo, id)),
    rerunFailed: (repo, id) => settle(github.rerunFailed(repo, id)),
    rerunJob: (repo, id) => settle(github.rerunJob(repo, id)),
    cancelRun: (repo, id) => settle(github.cancelRun(repo, id)),
    job: (repo, id) => settle(github.job(repo, id)),
    unfinishedJobs: (repo) => settle(github.unfinishedJobs(repo)),
    repository: (installation, id) => settle(github.repository(installation, id)),
    installations: () => settle(github.installations()),
    repositories: (installation) => settle(github.repositories(installation)),
    failedDeliveries: (since) => settle(github.failedDeliveries(since)),
    redeliver: (id) => settle(github.redeliver(id)),
  };
}
