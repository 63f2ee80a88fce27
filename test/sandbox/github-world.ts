import type { RepoRef } from '../../src/github/port.ts';
import type { Reply } from '../../src/model/reply.ts';
import { createGitHubModel, type GitHubModel } from '../../src/sandbox/github.ts';
import type { HookCall, HookFault, Webhook } from '../../src/sandbox/github-hooks.ts';
import { createSandboxGitHub } from '../../src/sandbox/github-port.ts';
import type { GitHubKnobs, Job, Repo, Runner } from '../../src/sandbox/github-state.ts';
import { createKernel, type KernelOptions } from '../../src/sandbox/kernel.ts';
import { drive } from './drive.ts';

export const MINUTE_MS = 60_000;

export interface WorldOptions extends Partial<KernelOptions> {
  readonly knobs?: Partial<GitHubKnobs>;
  readonly hookFault?: (call: HookCall) => HookFault | undefined;
  readonly ownerType?: 'User' | 'Organization';
}

/** One owner, one repository with the App installed, one process that calls, and every webhook kept. */
export function createWorld({ knobs, hookFault, ownerType, ...options }: WorldOptions = {}) {
  const kernel = createKernel({ seed: 1, ...options });
  const model = createGitHubModel(kernel, {
    ...knobs,
    ...(hookFault === undefined ? {} : { hookFault }),
  });
  const hooks: Webhook[] = [];
  model.onWebhook((hook, answer) => {
    hooks.push(hook);
    answer(202);
  });
  const owner = model.repos.addOwner('acme', ownerType);
  const installation = model.repos.install(owner);
  const repo = model.repos.addRepo({ owner, name: 'app' });
  const ref: RepoRef = { id: repo.id, owner: 'acme', name: 'app', installation: installation.id };
  const github = createSandboxGitHub(model, kernel.process('app'));
  /** Runs the world for a while. */
  const pass = (ms: number) => kernel.run({ untilMs: kernel.now() + ms });
  const settle = <T>(promise: Promise<T>) => drive(kernel, promise);
  return { kernel, model, hooks, owner, installation, repo, ref, github, pass, settle };
}

export type World = ReturnType<typeof createWorld>;

export const jobActions = (hooks: readonly Webhook[]): string[] =>
  hooks
    .filter(({ event }) => event === 'workflow_job')
    .map(({ payload }) => ('action' in payload ? String(payload.action) : ''));

export function addJob(
  { model, repo }: { model: GitHubModel; repo: Repo },
  labels: readonly string[] = ['dstack'],
  more: { environment?: string; result?: 'success' | 'failure' } = {},
): Job {
  const run = model.jobs.addRun(repo, {
    jobs: [{ name: 'build', labels, durationMs: 5 * MINUTE_MS, ...more }],
  });
  const job = run.jobs[0];
  if (job === undefined) throw new Error('a run has its job');
  return job;
}

/** A registered runner, not connected. */
export function addRunner(
  { model, repo }: { model: GitHubModel; repo: Repo },
  name = 'runner-1',
  labels: readonly string[] = ['self-hosted', 'dstack'],
): Runner {
  const reply = model.runners.register({ repo }, { name, labels });
  if (!reply.ok) throw new Error(reply.message);
  return reply.value.runner;
}

/** A machine that connects, runs what it is given for the job's duration, and notes what it heard. */
export function startMachine({ kernel, model }: World, runner: Runner): string[] {
  const heard: string[] = [];
  const reply = model.runners.connect(runner.secret, {
    onJob: (job) => {
      heard.push('job');
      kernel.at(job.spec.durationMs, 'work', () =>
        model.runners.finish(runner, job.spec.result ?? 'success'),
      );
    },
    onRemoved: () => heard.push('removed'),
    onCancel: () => {
      heard.push('cancel');
      kernel.at(1000, 'cancel', () => model.runners.finish(runner, 'cancelled'));
    },
  });
  if (!reply.ok) throw new Error(reply.message);
  return heard;
}

export function value<T>(reply: Reply<T>): T {
  if (!reply.ok) throw new Error(`${reply.code} ${reply.message}`);
  return reply.value;
}
