import { type Cache, createCache } from '../lib/cache.ts';
import type { Clock } from '../lib/clock.ts';
import type { Log } from '../lib/log.ts';
import { parseJobReport, parseRepoFacts } from '../model/github-json.ts';
import type { InstallationId, RepoId } from '../model/ids.ts';
import type { Arch } from '../model/launch.ts';
import { createMeter, type Meter, type Purpose } from '../model/meter.ts';
import { createRemembered, type Remembered, RUNNER_GROUPS } from '../model/remember.ts';
import { done, type Reply } from '../model/reply.ts';
import type { RepoFacts } from '../model/repo.ts';
import { createWindows, type Facts, ownFacts } from '../model/windows.ts';
import { type Client, createClient } from './client.ts';
import { listFailedDeliveries } from './deliveries.ts';
import { createPace } from './pace.ts';
import { parseDownload, parseEntry, parseInstallation, parseRun, within } from './parse.ts';
import type { ActionsRunner, GitHub, RepoRef, Talk } from './port.ts';
import { runnerCalls } from './runners.ts';
import { listJobs, listUnfinishedJobs } from './runs.ts';
import { createTalk } from './talk.ts';
import { encodePath, target } from './target.ts';
import { createTokens } from './tokens.ts';
import { createTransport, type Transport } from './transport.ts';

// Both ports by REST, over one client: GitHub's limits are the same for both. Made by main.ts. It
// keeps what port.ts promises: refusals are values, nothing is repeated, and no token can do more
// than its call.

export interface GitHubDeps {
  readonly appId: string;
  /** PEM. */
  readonly privateKey: string;
  /** `https://api.github.com`, or `https://<host>/api/v3`. */
  readonly apiUrl: string;
  readonly clock: Clock;
  readonly log: Log;
  readonly userAgent: string;
  /** Where the App's permissions are changed, for messages: `https://<host>/settings/apps/…`. */
  readonly settingsUrl?: string;
  /** Where what was sent is counted for all processes; left out: this one is alone. */
  readonly facts?: Facts;
  /** Where calls are counted, so that somebody can be told. */
  readonly meter?: Meter;
  /** For a proxy. */
  readonly fetch?: typeof globalThis.fetch;
}

const MAX_INSTALLATION_PAGES = 100;
const MAX_REPOSITORY_PAGES = 100;
/** GitHub moves its version every few weeks. */
const RUNNER_MAX_AGE_MS = 3_600_000;
const MAX_ARCHES = 4;
const MAX_EXACT_IDS = 1000;

export interface GitHubClient extends GitHub, Talk {
  /** The same calls, refused as `throttled` when the hour's part for healings is spent. */
  readonly healing: GitHub;
}

export function createGitHub(deps: GitHubDeps): GitHubClient {
  const { clock, settingsUrl } = deps;
  const facts = deps.facts ?? ownFacts(clock);
  const windows = createWindows({ clock, facts, name: 'github' });
  const pace = createPace(clock, windows);
  const meter = deps.meter ?? createMeter(clock);
  const transportFor = (purpose: Purpose) =>
    createTransport({ ...deps, pace, counted: { meter, purpose, windows } });
  const work = transportFor('work');
  const tokens = createTokens({ ...deps, transport: work, settingsUrl });
  const clientBy = (transport: Transport) =>
    createClient({ ...deps, tokens, transport, settingsUrl });
  const runnerOf = createCache<ActionsRunner>(clock, MAX_ARCHES);
  const groupOf = createRemembered<{ readonly id: number }>(clock, RUNNER_GROUPS);
  const shared = { clock, runnerOf, groupOf };
  const client = clientBy(work);
  return {
    ...portOf(client, shared),
    ...createTalk(client, deps.appId),
    hourOf: pace.hourOf,
    healing: portOf(clientBy(transportFor('healing')), shared),
  };
}

/** What both of them remember. */
interface Shared {
  readonly clock: Clock;
  readonly runnerOf: Cache<ActionsRunner>;
  readonly groupOf: Remembered<{ readonly id: number }>;
}

function portOf(client: Client, { clock, runnerOf, groupOf }: Shared): GitHub {
  const repositories = (installation: InstallationId, repo: RepoId | null) =>
    listRepositories(client, installation, repo);
  return {
    ...runnerCalls(client, groupOf),
    ...jobCalls(client),
    ...deliveryCalls(client, clock),
    file: (repo, path, ref) => readFile(client, repo, { path, ref }),
    async actionsRunner(repo, arch) {
      const known = runnerOf.get(arch, RUNNER_MAX_AGE_MS);
      if (known) return done(known);
      const reply = await readActionsRunner(client, repo, arch);
      if (reply.ok) runnerOf.set(arch, reply.value);
      return reply;
    },
    async repository(installation, id) {
      const reply = await repositories(installation, id);
      if (!reply.ok) return reply;
      const found = reply.value.find((repo) => repo.id === id);
      if (found) return done(found);
      const message = `read repository ${id}: not among those of installation ${installation}`;
      return { ok: false, reason: 'missing', code: '404', message };
    },
    repositories: (installation) => repositories(installation, null),
    installations: () =>
      client.list(
        { call: 'installations', at: null, params: {}, what: 'list the installations' },
        { items: (data) => data, parse: parseInstallation, maxPages: MAX_INSTALLATION_PAGES },
      ),
  };
}

async function readFile(
  client: Client,
  repo: RepoRef,
  { path, ref }: { readonly path: string; readonly ref: string },
): Promise<Reply<{ readonly text: string }>> {
  const params = { path: encodePath(path), ref };
  const asked = target(repo, 'file', `read ${path} at ${ref}`, params);
  const reply = await client.call(asked, ({ data }) => parseEntry(data));
  if (!reply.ok) return reply;
  if ('bytes' in reply.value) return done({ text: reply.value.bytes.toString('utf8') });
  // A link that leads to a file was followed.
  const code = reply.value.code === 'no-text' ? 'no-text' : 'no-file';
  const message = `${asked.what}: it is no file, or larger than 1 MB`;
  return { ok: false, reason: 'invalid', code, message };
}

function jobCalls(
  client: Client,
): Pick<
  GitHub,
  'run' | 'runJobs' | 'rerunFailed' | 'rerunJob' | 'cancelRun' | 'job' | 'unfinishedJobs'
> {
  return {
    run: (repo, id) =>
      client.call(target(repo, 'run', `read run ${id}`, { run_id: id }), ({ data }) =>
        parseRun(data, repo.id),
      ),
    runJobs: (repo, id) => listJobs(client, repo, id),
    rerunFailed: (repo, id) =>
      client.call(
        target(repo, 'rerunFailed', `run failed jobs of ${id} again`, { run_id: id }),
        () => null,
      ),
    rerunJob: (repo, id) =>
      client.call(target(repo, 'rerunJob', `run job ${id} again`, { job_id: id }), () => null),
    cancelRun: (repo, id) =>
      client.call(target(repo, 'cancelRun', `cancel run ${id}`, { run_id: id }), () => null),
    job: (repo, id) =>
      client.call(target(repo, 'job', `read job ${id}`, { job_id: id }), ({ data }) =>
        parseJobReport(data, { repo: repo.id }),
      ),
    unfinishedJobs: (repo) => listUnfinishedJobs(client, repo),
  };
}

function deliveryCalls(
  client: Client,
  clock: Clock,
): Pick<GitHub, 'failedDeliveries' | 'redeliver'> {
  /** GitHub's ids may be beyond 2^53; the port's numbers then stand for the exact ones, kept here. */
  const exact = createCache<bigint>(clock, MAX_EXACT_IDS);
  return {
    async failedDeliveries(since) {
      const reply = await listFailedDeliveries(client, since);
      if (!reply.ok) return reply;
      const failed = reply.value.map(({ id, guid, at }) => {
        if (typeof id === 'bigint') exact.set(String(Number(id)), id);
        return { id: Number(id), guid, at };
      });
      return done(failed);
    },
    redeliver: (id) =>
      client.call(
        {
          call: 'redeliver',
          at: null,
          params: { delivery_id: String(exact.get(String(id), Number.POSITIVE_INFINITY) ?? id) },
          what: `redeliver ${id}`,
        },
        () => null,
      ),
  };
}

const listRepositories = (
  client: Client,
  installation: InstallationId,
  repo: RepoId | null,
): Promise<Reply<readonly RepoFacts[]>> =>
  client.list(
    {
      call: 'repositories',
      at: { installation, repo },
      params: {},
      what: `list the repositories of installation ${installation}`,
    },
    {
      items: within('repositories'),
      parse: (value) => parseRepoFacts(value, installation),
      maxPages: MAX_REPOSITORY_PAGES,
    },
  );

async function readActionsRunner(
  client: Client,
  repo: RepoRef,
  arch: Arch,
): Promise<Reply<ActionsRunner>> {
  const asked = target(repo, 'actionsRunner', 'read the runner downloads');
  const reply = await client.call(asked, ({ data }) =>
    Array.isArray(data) ? data.flatMap((each) => parseDownload(each) ?? []) : undefined,
  );
  if (!reply.ok) return reply;
  const found = reply.value.find((each) => each.os === 'linux' && each.arch === arch);
  const missing = (message: string): Reply<never> => ({
    ok: false,
    reason: 'missing',
    code: 'runner-download',
    message: `${asked.what}: ${message}`,
  });
  if (found === undefined) return missing(`GitHub offers no Actions runner for linux ${arch}`);
  const { version, url, sha256 } = found;
  // Without it a machine could not tell that it runs what GitHub published.
  if (sha256 === null) return missing(`GitHub gives no sha256_checksum for ${url}`);
  return done({ version, url, sha256 });
}
