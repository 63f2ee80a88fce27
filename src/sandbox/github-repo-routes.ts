import {
  type Call,
  notFound,
  ok,
  page,
  problem,
  type RepoCall,
  type RepoRoute,
  type Result,
  reply,
  type World,
} from './github-route.ts';
import type { Job, Permissions, Repo, Run, RunnerHost } from './github-state.ts';

// What an installation's token may ask about a repository: its runs, jobs and runners.

/** By owner and name whatever their case, or by id; the rest of the path is the route's. */
export function findRepo(
  { model }: World,
  path: string,
): { readonly repo: Repo; readonly rest: string; readonly isMoved: boolean } | undefined {
  const { repos, formerNames } = model.state;
  const byId = /^\/repositories\/(\d+)(\/.*)?$/.exec(path);
  if (byId !== null) {
    const repo = repos.get(Number(byId[1]));
    return repo && { repo, rest: byId[2] ?? '', isMoved: false };
  }
  const [, owner = '', name = '', rest = ''] =
    /^\/repos\/([^/]+)\/([^/]+)(\/.*)?$/.exec(path) ?? [];
  const wanted = `${owner}/${name}`.toLowerCase();
  const fullName = (repo: Repo) => `${repo.owner.login}/${repo.name}`.toLowerCase();
  const here = [...repos.values()].find((repo) => fullName(repo) === wanted);
  if (here !== undefined) return { repo: here, rest, isMoved: false };
  const moved = repos.get(formerNames.get(wanted) ?? 0);
  return moved && { repo: moved, rest, isMoved: true };
}

const runsSeen = ({ repo, reads, query }: RepoCall): readonly Run[] => {
  const wanted = query.get('status');
  return [...repo.runs.values()].reverse().filter((run) => {
    const seen = reads.statusOf(run);
    return seen && (!wanted || seen.status === wanted || seen.conclusion === wanted);
  });
};

const runJson = ({ model, reads }: Call, run: Run): object =>
  model.json.run(run, reads.statusOf(run) ?? { status: 'queued', conclusion: null });

const jobsJson = ({ model, reads }: Call, jobs: readonly Job[]): readonly object[] =>
  jobs.flatMap((job) => {
    const facts = reads.job(job);
    return facts === undefined ? [] : [model.json.job(job, facts)];
  });

const RUNS_MOST = 1000;

function runs(call: RepoCall): Result {
  const seen = runsSeen(call);
  const show = (items: readonly Run[]) => ({
    total_count: seen.length,
    workflow_runs: items.map((run) => runJson(call, run)),
  });
  return page(call.query, seen, show, RUNS_MOST);
}

function run(call: RepoCall): Result {
  const found = call.repo.runs.get(Number(call.args[0]));
  return found !== undefined && call.reads.statusOf(found) ? ok(runJson(call, found)) : notFound;
}

function jobsOfRun(call: RepoCall): Result {
  const found = call.repo.runs.get(Number(call.args[0]));
  if (found === undefined) return notFound;
  const seen = (job: Job) => call.reads.job(job) !== undefined;
  const { latest } = call.model.jobs;
  const wanted = call.query.get('filter') === 'all' ? found.jobs : latest(found, seen);
  const shown = jobsJson(call, wanted);
  return page(call.query, shown, (jobs) => ({ total_count: shown.length, jobs }));
}

function job(call: RepoCall): Result {
  const found = call.model.state.jobs.get(Number(call.args[0]));
  const [shown] = found?.run.repo === call.repo ? jobsJson(call, [found]) : [];
  return shown === undefined ? notFound : ok(shown);
}

const again = (isDone: boolean): Result =>
  isDone ? { status: 201, body: {} } : problem(403, 'This workflow run cannot be retried now');

function rerunFailed({ model, repo, args }: RepoCall): Result {
  const found = repo.runs.get(Number(args[0]));
  return found === undefined ? notFound : again(model.jobs.rerunFailed(found));
}

function rerunJob({ model, repo, args }: RepoCall): Result {
  const found = model.state.jobs.get(Number(args[0]));
  return found?.run.repo === repo ? again(model.jobs.rerunJob(found)) : notFound;
}

export function listRunners(
  { model, reads, query }: Call,
  of: Parameters<Call['reads']['runners']>[0],
): Result {
  const seen = reads.runners(of, query.get('name') ?? undefined);
  return page(query, seen, (items) => ({
    total_count: seen.length,
    runners: items.map(([runner, state]) => model.json.runner(runner, state)),
  }));
}

function runnerById({ model, repo, reads, args }: RepoCall): Result {
  const found = reads.runners(repo).find(([{ id }]) => id === Number(args[0]));
  return found === undefined ? notFound : ok(model.json.runner(...found));
}

/** Of a repository or of an organization; `hostOf` finds the group, or answers that there is none. */
export function registerAt(
  { model, input }: Call,
  hostOf: (groupId: number) => RunnerHost | undefined,
): Result {
  const { name, labels, runner_group_id: groupId } = input;
  const areTexts = Array.isArray(labels) && labels.every((label) => typeof label === 'string');
  if (typeof name !== 'string' || !areTexts || typeof groupId !== 'number') {
    return problem(422, 'Invalid request.');
  }
  const host = hostOf(groupId);
  if (host === undefined) return notFound;
  return reply(model.runners.register(host, { name, labels }), 201, (made) => ({
    runner: model.json.runner(made.runner),
    encoded_jit_config: made.jitConfig,
  }));
}

const register = (call: RepoCall): Result =>
  registerAt(call, (groupId) => (groupId === 1 ? { repo: call.repo } : undefined));

function downloads({ model }: Call): Result {
  const { url, sha256, version } = model.archive();
  const of = (os: string, architecture: string) => ({
    os,
    architecture,
    download_url: url,
    filename: `actions-runner-${os}-${architecture}-${version}.tar.gz`,
    sha256_checksum: sha256,
  });
  return ok([of('osx', 'x64'), of('linux', 'x64'), of('linux', 'arm64'), of('win', 'x64')]);
}

const reposRoute = ({ model, repo }: RepoCall): Result =>
  ok({
    ...model.json.repository(repo),
    has_discussions: false,
    network_count: 0,
    subscribers_count: 1,
  });

const admin = (access: 'read' | 'write'): Permissions => ({ administration: access });

/** Below a repository's path, `/repos/{owner}/{repo}` or `/repositories/{id}`. */
export const REPO_ROUTES: Readonly<Record<string, RepoRoute>> = {
  'GET {repo}': { who: 'repo', needs: { metadata: 'read' }, run: reposRoute },
  'GET {repo}/actions/runs': { who: 'repo', needs: { actions: 'read' }, run: runs },
  'GET {repo}/actions/runs/{id}': { who: 'repo', needs: { actions: 'read' }, run },
  'GET {repo}/actions/runs/{id}/jobs': { who: 'repo', needs: { actions: 'read' }, run: jobsOfRun },
  'POST {repo}/actions/runs/{id}/rerun-failed-jobs': {
    who: 'repo',
    needs: { actions: 'write' },
    run: rerunFailed,
  },
  'POST {repo}/actions/jobs/{id}/rerun': {
    who: 'repo',
    needs: { actions: 'write' },
    run: rerunJob,
  },
  'POST {repo}/actions/runs/{id}/cancel': {
    who: 'repo',
    needs: { actions: 'write' },
    run: ({ model, repo, args }) =>
      reply(model.runners.cancelRun(repo, Number(args[0])), 202, () => ({})),
  },
  'GET {repo}/actions/jobs/{id}': { who: 'repo', needs: { actions: 'read' }, run: job },
  'GET {repo}/actions/runners': {
    who: 'repo',
    needs: admin('read'),
    run: (call) => listRunners(call, call.repo),
  },
  'GET {repo}/actions/runners/downloads': { who: 'repo', needs: admin('read'), run: downloads },
  'GET {repo}/actions/runners/{id}': { who: 'repo', needs: admin('read'), run: runnerById },
  'DELETE {repo}/actions/runners/{id}': {
    who: 'repo',
    needs: admin('write'),
    run: ({ model, repo, args }) => reply(model.runners.remove(repo, Number(args[0])), 204),
  },
  'POST {repo}/actions/runners/generate-jitconfig': {
    who: 'repo',
    needs: admin('write'),
    run: register,
  },
};
