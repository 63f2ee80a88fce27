import type {
  ActionsRunner,
  FailedDelivery,
  GitHub,
  RunnerFacts,
  RunnerPlace,
} from '../github/port.ts';
import { parseJobReport, parseRepoFacts } from '../model/github-json.ts';
import type { InstallationId } from '../model/ids.ts';
import type { JobReport } from '../model/job.ts';
import { createRemembered, RUNNER_GROUPS } from '../model/remember.ts';
import { done, type Refused, type Reply } from '../model/reply.ts';
import type { RepoFacts } from '../model/repo.ts';
import type { GitHubModel } from './github.ts';
import {
  type Counted,
  createCalls,
  findRepo,
  NOT_FOUND,
  SUSPENDED,
  UNINSTALLED,
} from './github-call.ts';
import { contentAt } from './github-contents.ts';
import type { HookDelivery } from './github-hooks.ts';
import { CONTENT_LIMIT_BYTES } from './github-json.ts';
import { createReads, type Reads } from './github-reads.ts';
import { refuse } from './github-refusal.ts';
import {
  isVisible,
  type Job,
  type Owner,
  type Repo,
  type Run,
  type RunnerHost,
  reposOf,
  WORKFLOW_PATH,
} from './github-state.ts';
import type { Process } from './process.ts';

/** Oldest first, the first attempt of each webhook of which no attempt succeeded. */
function stillFailed(deliveries: readonly HookDelivery[]): readonly FailedDelivery[] {
  const healed = new Set(
    deliveries.filter(({ status }) => status === 'OK').map(({ guid }) => guid),
  );
  const failed = new Map<string, FailedDelivery>();
  for (const { id, guid, at } of deliveries.toReversed()) {
    if (!healed.has(guid) && !failed.has(guid)) failed.set(guid, { id, guid, at });
  }
  return [...failed.values()];
}

const NOT_GRANTED = refuse(403, 'Resource not accessible by integration');
const NOT_COMPLETE = refuse(403, 'This workflow run cannot be retried now');
/** As long as the adapter remembers which Actions runner there is. */
const ARCHIVE_MAX_AGE_MS = 3_600_000;
/**
 * The adapter lists the runs of each status, and the jobs of each run; the first list is the call, and no
 * run here is ever `pending`.
 */
const NO_RUNS = { ok: true, value: [] };
const OTHER_LISTS = ['waiting', 'queued', 'in_progress'] as const;

/** The adapter's further requests for one sweep; the first that is refused ends it. */
function listFurther(
  byRun: ReadonlyMap<Run, readonly unknown[]>,
  of: {
    readonly repo: Repo;
    readonly ask: (
      further: { readonly name: 'runs' | 'jobs'; readonly about: string },
      answer: unknown,
    ) => Refused | undefined;
    readonly statusOf: Reads['statusOf'];
  },
): Refused | undefined {
  const runs = [...byRun.keys()].map((run) => ({ id: run.id, ...of.statusOf(run) }));
  for (const status of OTHER_LISTS) {
    const its = runs.filter((run) => run.status === status);
    const refused = of.ask({ name: 'runs', about: `${of.repo.id} ${status}` }, its);
    if (refused) return refused;
  }
  for (const [run, jobs] of byRun) {
    const refused = of.ask({ name: 'jobs', about: String(run.id) }, jobs);
    if (refused) return refused;
  }
  return undefined;
}

function hostIn(at: Repo | Owner, groupId: number | undefined): RunnerHost | undefined {
  if (!('groups' in at)) return { repo: at };
  const group = at.groups.find(({ id }) => id === groupId);
  return group && { owner: at, group };
}

/** The port, in process: what a process sees of the model, through its own gates and faults. */
const unread = (code: string): Refused => ({
  ok: false,
  reason: 'invalid',
  code,
  message: 'it is no file of text',
});

export function createSandboxGitHub(
  model: GitHubModel,
  process: Process,
  counted?: Counted,
): GitHub {
  const { state, json, runners, hooks, jobs } = model;
  const reads = createReads(model);

  const { call, ofRepo, also } = createCalls(model, process, counted);
  let archive: { readonly at: number; readonly value: ActionsRunner } | undefined;

  const report = (job: Job): JobReport | undefined => {
    const facts = reads.job(job);
    return facts && parseJobReport(json.job(job, facts), { repo: job.run.repo.id });
  };

  const factsOf = (repo: Repo, installation: InstallationId): readonly RepoFacts[] => {
    const facts = parseRepoFacts(json.repository(repo), installation);
    return facts === undefined ? [] : [facts];
  };

  /** An organization's list of runners is reached without a look at any of its repositories. */
  const ofPlace = <T>(
    name: string,
    ref: RunnerPlace,
    effect: (host: Repo | Owner) => Reply<T>,
  ): Promise<Reply<T>> =>
    ref.group == null
      ? ofRepo(name, ref, effect)
      : call(name, ref.installation, () => {
          const found = organization(ref.installation);
          return found.ok ? effect(found.value) : found;
        });

  const organization = (installation: InstallationId): Reply<Owner> => {
    const of = state.installations.get(installation);
    if (of === undefined) return UNINSTALLED;
    if (of.suspendedAt !== null) return SUSPENDED;
    if (of.permissions['organization_self_hosted_runners'] === undefined) return NOT_GRANTED;
    return of.owner.type === 'Organization' ? done(of.owner) : NOT_FOUND;
  };

  const groupOf = createRemembered<{ readonly id: number }>(process.clock, RUNNER_GROUPS);
  const runnerGroup: GitHub['runnerGroup'] = (ref, name) =>
    groupOf(JSON.stringify([ref.installation, ref.id, name]), () =>
      ofRepo('runnerGroup', ref, (repo) => {
        const owner = organization(ref.installation);
        if (!owner.ok) return owner;
        const found = repo.owner.groups.find((one) => one.name === name && isVisible(one, repo));
        return found ? done({ id: found.id }) : NOT_FOUND;
      }),
    );

  return {
    file: (ref, path, at) =>
      ofRepo('file', ref, (repo) => {
        const found = contentAt(repo, at, path);
        if (found === undefined) return NOT_FOUND;
        if (found.kind !== 'file') return unread('no-file');
        const isShown = Buffer.byteLength(found.text) <= CONTENT_LIMIT_BYTES;
        return isShown ? done({ text: found.text }) : unread('no-text');
      }),
    runnerGroup,
    async register(ref, { name, labels }) {
      const found = ref.group == null ? undefined : await runnerGroup(ref, ref.group);
      if (found?.ok === false) return found;
      return ofPlace('register', ref, (at) => {
        const host = hostIn(at, found?.value.id);
        if (host === undefined) return NOT_FOUND;
        const reply = runners.register(host, { name, labels });
        if (!reply.ok) return reply;
        return done({ runnerId: reply.value.runner.id, jitConfig: reply.value.jitConfig });
      });
    },
    removeRunner: (ref, id) => ofPlace('removeRunner', ref, (host) => runners.remove(host, id)),
    runners: (ref, name) =>
      ofPlace('runners', ref, (host) => {
        const facts: RunnerFacts[] = [];
        for (const [runner, { isOnline, isBusy }] of reads.runners(host, name)) {
          facts.push({ id: runner.id, name: runner.name, isOnline, isBusy });
        }
        return done(facts);
      }),
    async actionsRunner(ref) {
      const now = process.clock.now();
      if (archive && now - archive.at < ARCHIVE_MAX_AGE_MS) return done(archive.value);
      const reply = await ofRepo<ActionsRunner>('actionsRunner', ref, () => {
        const { version, url, sha256 } = model.archive();
        return done({ version, url, sha256 });
      });
      if (reply.ok) archive = { at: now, value: reply.value };
      return reply;
    },
    run: (ref, id) =>
      ofRepo('run', ref, (repo) => {
        const run = repo.runs.get(id);
        const seen = run && reads.statusOf(run);
        if (run === undefined || seen === undefined) return NOT_FOUND;
        const { status, conclusion } = seen;
        const isComplete = status === 'completed';
        const { isFork, sha } = run;
        const attempt = reads.attemptOf(run);
        return done({ isFork, attempt, isComplete, conclusion, path: WORKFLOW_PATH, sha });
      }),
    runJobs: (ref, id) =>
      ofRepo('runJobs', ref, (repo) => {
        const run = repo.runs.get(id);
        if (run === undefined) return NOT_FOUND;
        const seen = jobs.latest(run, (job) => reads.job(job) !== undefined);
        return done(seen.flatMap((job) => report(job) ?? []));
      }),
    rerunFailed: (ref, id) =>
      ofRepo('rerunFailed', ref, (repo) => {
        const run = repo.runs.get(id);
        if (run === undefined) return NOT_FOUND;
        return jobs.rerunFailed(run) ? done(null) : NOT_COMPLETE;
      }),
    rerunJob: (ref, id) =>
      ofRepo('rerunJob', ref, (repo) => {
        const job = state.jobs.get(id);
        if (job?.run.repo !== repo) return NOT_FOUND;
        return jobs.rerunJob(job) ? done(null) : NOT_COMPLETE;
      }),
    cancelRun: (ref, id) => ofRepo('cancelRun', ref, (repo) => runners.cancelRun(repo, id)),
    job: (ref, id) =>
      ofRepo('job', ref, (repo) => {
        const job = state.jobs.get(id);
        const seen = job?.run.repo === repo ? report(job) : undefined;
        return seen === undefined ? NOT_FOUND : done(seen);
      }),
    unfinishedJobs: (ref) => {
      const read = (repo: Repo): Reply<readonly JobReport[]> => {
        const found = reads.unfinished(repo).map((job) => ({ run: job.run, seen: report(job) }));
        const byRun = [...Map.groupBy(found, ({ run }) => run)].map(
          ([run, its]) => [run, its.map(({ seen }) => seen)] as const,
        );
        const refused = listFurther(new Map(byRun), {
          repo,
          ask: (further, answer) => also({ ...further, installation: ref.installation }, answer),
          statusOf: reads.statusOf,
        });
        return refused ?? done(found.flatMap(({ seen }) => seen ?? []));
      };
      return ofRepo('unfinishedJobs', ref, read, (reply) => (reply.ok ? NO_RUNS : reply));
    },
    repository: (installation, id) =>
      call('repository', installation, () => {
        const found = findRepo(model, installation, id);
        if (!found.ok) return found;
        const facts = factsOf(found.value, installation)[0];
        return facts === undefined ? NOT_FOUND : done(facts);
      }),
    installations: () =>
      call('installations', undefined, () =>
        done([...state.installations.values()].map(({ id, owner }) => ({ id, ownerId: owner.id }))),
      ),
    repositories: (installation) =>
      call('repositories', installation, () => {
        const of = state.installations.get(installation);
        if (of === undefined) return UNINSTALLED;
        if (of.suspendedAt !== null) return SUSPENDED;
        return done(reposOf(state, of).flatMap((repo) => factsOf(repo, installation)));
      }),
    failedDeliveries: (since) =>
      call('failedDeliveries', undefined, () => done(stillFailed(hooks.deliveries(since)))),
    redeliver: (id) =>
      call('redeliver', undefined, () => (hooks.redeliver(id) ? done(null) : NOT_FOUND)),
  };
}
