import { createHmac, randomBytes } from 'node:crypto';

// workflow_job webhooks as GitHub sends them, of one size, each another delivery, as whole HTTP
// requests: what is sent is made and signed before any clock starts.

export const SECRET = 'the secret of the benchmarks';
export const PATH = '/api/github/webhooks';
const BODY_BYTES = 12 * 1024;
/** Ids as large as GitHub's are. */
const FIRST_REPO = 1_000_000_000;
const FIRST_JOB = 58_000_000_000;
const FIRST_RUN = 20_000_000_000;
const OWNER = { id: 5_000_001, login: 'octo' };
const INSTALLATION = 60_000_001;

/** A repository has 46 addresses in each payload: most of what makes a webhook long. */
const REPO_URLS = [
  'archive assignees blobs branches collaborators comments commits compare contents contributors',
  'deployments downloads events forks git_commits git_refs git_tags hooks issue_comment',
  'issue_events issues keys labels languages merges milestones notifications pulls releases',
  'stargazers statuses subscribers subscription tags teams trees',
].flatMap((line) => line.split(' '));
const USER_URLS = 'events followers following gists organizations received_events repos'.split(' ');

const urls = (names: readonly string[], base: string) =>
  Object.fromEntries(names.map((name) => [`${name}_url`, `${base}/${name}{/${name}}`]));

const STEPS = ['Set up job', 'Check out', 'Install', 'Build', 'Test', 'Complete job'];

const user = (login: string, id: number) => ({
  login,
  id,
  node_id: `MDQ6VXNlcj${id}`,
  avatar_url: `https://avatars.githubusercontent.com/u/${id}?v=4`,
  url: `https://api.github.com/users/${login}`,
  ...urls(USER_URLS, `https://api.github.com/users/${login}`),
  type: 'User',
  site_admin: false,
});

export interface JobHook {
  readonly action: 'queued' | 'in_progress' | 'completed';
  /** Counts from 0; so does `repo`. */
  readonly job: number;
  readonly repo: number;
  readonly labels: readonly string[];
}

export const repoFacts = (repo: number) => ({
  id: FIRST_REPO + repo,
  owner: OWNER.login,
  ownerId: OWNER.id,
  name: `web-${repo}`,
  defaultBranch: 'main',
  isPrivate: true,
  installation: INSTALLATION,
});

function payload({ action, job, repo, labels }: JobHook, padding: string) {
  const now = new Date().toISOString();
  const { id, name, owner } = repoFacts(repo);
  const api = `https://api.github.com/repos/${owner}/${name}`;
  const run = FIRST_RUN + job;
  const isRun = action !== 'queued';
  return {
    action,
    workflow_job: {
      id: FIRST_JOB + job,
      run_id: run,
      workflow_name: 'CI',
      head_branch: 'main',
      run_url: `${api}/actions/runs/${run}`,
      run_attempt: 1,
      node_id: `CR_${job}`,
      head_sha: 'c0ffee0000000000000000000000000000000000',
      url: `${api}/actions/jobs/${FIRST_JOB + job}`,
      html_url: `https://github.com/${owner}/${name}/actions/runs/${run}/job/${FIRST_JOB + job}`,
      status: action,
      conclusion: action === 'completed' ? 'success' : null,
      created_at: now,
      started_at: now,
      completed_at: action === 'completed' ? now : null,
      name: `test (${job})`,
      steps: STEPS.map((step, i) => ({
        name: step,
        status: 'completed',
        conclusion: 'success',
        number: i + 1,
        started_at: now,
        completed_at: now,
      })),
      check_run_url: `${api}/check-runs/${FIRST_JOB + job}`,
      labels,
      runner_id: isRun ? job + 1 : null,
      runner_name: isRun ? `machine-${job}` : null,
      runner_group_id: isRun ? 1 : null,
      runner_group_name: isRun ? 'Default' : null,
    },
    repository: {
      id,
      node_id: `R_${id}`,
      name,
      full_name: `${owner}/${name}`,
      private: true,
      owner: user(owner, OWNER.id),
      description: padding,
      fork: false,
      url: api,
      ...urls(REPO_URLS, api),
      default_branch: 'main',
      topics: [],
      visibility: 'private',
    },
    organization: user(owner, OWNER.id),
    sender: user('octocat', 583_231),
    installation: { id: INSTALLATION, node_id: 'MDIz' },
  };
}

function bodyOf(hook: JobHook): Buffer {
  const missing = BODY_BYTES - Buffer.byteLength(JSON.stringify(payload(hook, '')));
  return Buffer.from(JSON.stringify(payload(hook, 'a word '.repeat(BODY_BYTES).slice(0, missing))));
}

let ticks = 0x2f_51_b6_5a;

/** As GitHub's: a UUID of version 1, which begins with the low part of a time, in 100 ns. */
function deliveryId(): string {
  ticks = (ticks + 1_231) >>> 0;
  return `${ticks.toString(16).padStart(8, '0')}-c9d4-11f0-${randomBytes(2).toString('hex')}-0242ac120002`;
}

/** The HTTP request that GitHub would send. */
export function requestOf(hook: JobHook): Buffer {
  const body = bodyOf(hook);
  const mac = createHmac('sha256', SECRET).update(body).digest('hex');
  const head = [
    `POST ${PATH} HTTP/1.1`,
    'host: 127.0.0.1',
    'accept: */*',
    'user-agent: GitHub-Hookshot/abc1234',
    'content-type: application/json',
    `content-length: ${body.length}`,
    'x-github-event: workflow_job',
    `x-github-delivery: ${deliveryId()}`,
    'x-github-hook-id: 400000001',
    'x-github-hook-installation-target-id: 100001',
    'x-github-hook-installation-target-type: integration',
    `x-hub-signature-256: sha256=${mac}`,
  ];
  return Buffer.concat([Buffer.from(`${head.join('\r\n')}\r\n\r\n`), body]);
}
