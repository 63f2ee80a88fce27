import { parseJobReport } from '../model/github-json.ts';
import type { JobId, RunId } from '../model/ids.ts';
import type { JobReport } from '../model/job.ts';
import { done, type Reply } from '../model/reply.ts';
import type { Client } from './client.ts';
import { parseRunId, within } from './parse.ts';
import type { RepoRef } from './port.ts';

/**
 * In the order in which a run goes through them, so that one that moves on meanwhile is met again.
 * `in_progress` too: such a run may have queued jobs.
 */
const STATUSES = ['pending', 'waiting', 'queued', 'in_progress'] as const;
/** GitHub lists at most 1,000 runs for a status. */
const MAX_RUN_PAGES = 10;
const MAX_RUNS = 1000;
/** A matrix has at most 256 jobs, and a run may have several. */
const MAX_JOB_PAGES = 10;
/** At a time; the rest of what GitHub allows at once is for registrations. */
const PARALLEL = 10;

/**
 * There is no list of queued jobs: the runs that are not complete, then the jobs of each. A job that
 * is not in it may have ended, or its run may have moved on between two of the reads.
 */
export async function listUnfinishedJobs(
  client: Client,
  repo: RepoRef,
): Promise<Reply<readonly JobReport[]>> {
  const runs = await listRuns(client, repo);
  if (!runs.ok) return runs;
  const jobs = new Map<JobId, JobReport>();
  for (let from = 0; from < runs.value.length; from += PARALLEL) {
    const some = runs.value.slice(from, from + PARALLEL);
    for (const reply of await Promise.all(some.map((run) => listJobs(client, repo, run)))) {
      // A run that was deleted since it was listed has no jobs.
      if (!reply.ok && reply.reason !== 'missing') return reply;
      for (const job of reply.ok ? reply.value : []) {
        if (job.state !== 'completed') jobs.set(job.id, job);
      }
    }
  }
  return done([...jobs.values()]);
}

async function listRuns(client: Client, repo: RepoRef): Promise<Reply<readonly RunId[]>> {
  const runs = new Set<RunId>();
  for (const status of STATUSES) {
    const reply = await client.list(
      {
        call: 'runs',
        at: { installation: repo.installation, repo: repo.id },
        params: { owner: repo.owner, repo: repo.name, status, exclude_pull_requests: true },
        what: `list the ${status} runs of ${repo.owner}/${repo.name}`,
      },
      { items: within('workflow_runs'), parse: parseRunId, maxPages: MAX_RUN_PAGES },
    );
    if (!reply.ok) return reply;
    for (const run of reply.value) runs.add(run);
  }
  return done([...runs].slice(0, MAX_RUNS));
}

export const listJobs = (client: Client, repo: RepoRef, run: RunId) =>
  client.list(
    {
      call: 'jobs',
      at: { installation: repo.installation, repo: repo.id },
      params: { owner: repo.owner, repo: repo.name, run_id: run, filter: 'latest' },
      what: `list the jobs of run ${run} of ${repo.owner}/${repo.name}`,
    },
    {
      items: within('jobs'),
      parse: (job) => parseJobReport(job, { repo: repo.id }),
      maxPages: MAX_JOB_PAGES,
    },
  );
