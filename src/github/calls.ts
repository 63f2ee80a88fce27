// Every call that we make to GitHub, and the least that it needs. Tokens are minted from this table
// and app.yml asks for what it sums up to, so neither can ask for more than a call uses.

export type Access = 'read' | 'write';
export type Permissions = Readonly<Record<string, Access>>;

export interface Call {
  readonly route: string;
  /** What its token may do; null: it goes as the App itself, with a person's token, or as nobody. */
  readonly needs: Permissions | null;
  /** It notifies people: GitHub has a limit of its own for those. */
  readonly isContent?: boolean;
}

const REPO = '/repos/{owner}/{repo}';
const RUNNERS = `${REPO}/actions/runners`;
const ORG_RUNNERS = '/orgs/{org}/actions/runners';
const COMMENTS = `${REPO}/issues/comments/{comment_id}`;
/** A comment may be an issue's or a pull request's, and GitHub wants the permission of either. */
const TALK = (access: Access): Permissions => ({ issues: access, pull_requests: access });

export const CALLS = {
  // `+path`: the path comes encoded, with its slashes left alone.
  file: { route: `GET ${REPO}/contents/{+path}`, needs: { contents: 'read' } },
  register: { route: `POST ${RUNNERS}/generate-jitconfig`, needs: { administration: 'write' } },
  removeRunner: { route: `DELETE ${RUNNERS}/{runner_id}`, needs: { administration: 'write' } },
  runners: { route: `GET ${RUNNERS}`, needs: { administration: 'read' } },
  // At organization level, where an owner's rules name a runner group.
  orgRegister: {
    route: `POST ${ORG_RUNNERS}/generate-jitconfig`,
    needs: { organization_self_hosted_runners: 'write' },
  },
  orgRemoveRunner: {
    route: `DELETE ${ORG_RUNNERS}/{runner_id}`,
    needs: { organization_self_hosted_runners: 'write' },
  },
  orgRunners: {
    route: `GET ${ORG_RUNNERS}`,
    needs: { organization_self_hosted_runners: 'read' },
  },
  runnerGroups: {
    route: 'GET /orgs/{org}/actions/runner-groups',
    needs: { organization_self_hosted_runners: 'read' },
  },
  actionsRunner: { route: `GET ${RUNNERS}/downloads`, needs: { administration: 'read' } },
  run: { route: `GET ${REPO}/actions/runs/{run_id}`, needs: { actions: 'read' } },
  cancelRun: { route: `POST ${REPO}/actions/runs/{run_id}/cancel`, needs: { actions: 'write' } },
  job: { route: `GET ${REPO}/actions/jobs/{job_id}`, needs: { actions: 'read' } },
  runs: { route: `GET ${REPO}/actions/runs`, needs: { actions: 'read' } },
  // The only calls that let a workflow run: no other token can.
  rerunFailed: {
    route: `POST ${REPO}/actions/runs/{run_id}/rerun-failed-jobs`,
    needs: { actions: 'write' },
  },
  rerunJob: { route: `POST ${REPO}/actions/jobs/{job_id}/rerun`, needs: { actions: 'write' } },
  jobs: { route: `GET ${REPO}/actions/runs/{run_id}/jobs`, needs: { actions: 'read' } },
  permission: {
    route: `GET ${REPO}/collaborators/{username}/permission`,
    needs: { metadata: 'read' },
  },
  comment: {
    route: `POST ${REPO}/issues/{issue_number}/comments`,
    needs: TALK('write'),
    isContent: true,
  },
  editComment: { route: `PATCH ${COMMENTS}`, needs: TALK('write') },
  comments: { route: `GET ${REPO}/issues/{issue_number}/comments`, needs: TALK('read') },
  react: { route: `POST ${COMMENTS}/reactions`, needs: TALK('write') },
  unreact: { route: `DELETE ${COMMENTS}/reactions/{reaction_id}`, needs: TALK('write') },
  fileToEdit: { route: `GET ${REPO}/contents/{+path}`, needs: { contents: 'read' } },
  files: { route: `GET ${REPO}/contents/{+path}`, needs: { contents: 'read' } },
  commitFile: { route: `PUT ${REPO}/contents/{+path}`, needs: { contents: 'write' } },
  ref: { route: `GET ${REPO}/git/ref/{+ref}`, needs: { contents: 'read' } },
  makeRef: { route: `POST ${REPO}/git/refs`, needs: { contents: 'write' } },
  moveRef: { route: `PATCH ${REPO}/git/refs/{+ref}`, needs: { contents: 'write' } },
  deleteRef: { route: `DELETE ${REPO}/git/refs/{+ref}`, needs: { contents: 'write' } },
  openPull: {
    route: `POST ${REPO}/pulls`,
    needs: { pull_requests: 'write' },
    isContent: true,
  },
  pull: { route: `GET ${REPO}/pulls/{pull_number}`, needs: { pull_requests: 'read' } },
  pullFiles: {
    route: `GET ${REPO}/pulls/{pull_number}/files`,
    needs: { pull_requests: 'read' },
  },
  pulls: { route: `GET ${REPO}/pulls`, needs: { pull_requests: 'read' } },
  changePull: { route: `PATCH ${REPO}/pulls/{pull_number}`, needs: { pull_requests: 'write' } },
  makeCheck: { route: `POST ${REPO}/check-runs`, needs: { checks: 'write' } },
  changeCheck: { route: `PATCH ${REPO}/check-runs/{check_run_id}`, needs: { checks: 'write' } },
  checks: { route: `GET ${REPO}/commits/{ref}/check-runs`, needs: { checks: 'read' } },
  app: { route: 'GET /app', needs: null },
  hook: { route: 'GET /app/hook/config', needs: null },
  // Also for one repository: its token reaches no other. `GET /repositories/{id}` is not documented.
  repositories: { route: 'GET /installation/repositories', needs: { metadata: 'read' } },
  installations: { route: 'GET /app/installations', needs: null },
  deliveries: { route: 'GET /app/hook/deliveries', needs: null },
  redeliver: { route: 'POST /app/hook/deliveries/{delivery_id}/attempts', needs: null },
  checkToken: { route: 'POST /applications/{client_id}/token', needs: null },
  user: { route: 'GET /user', needs: null },
  seen: { route: `GET ${REPO}`, needs: null },
  /** As a question: the commit that it names does not exist. */
  mayPush: { route: `POST ${REPO}/git/refs`, needs: null },
  convert: { route: 'POST /app-manifests/{code}/conversions', needs: null },
  mint: { route: 'POST /app/installations/{installation_id}/access_tokens', needs: null },
} as const satisfies Readonly<Record<string, Call>>;

export type CallName = keyof typeof CALLS;

/** Which call needs what; the calls that need nothing are left out. */
export const PERMISSIONS: Readonly<Record<string, Permissions>> = Object.fromEntries(
  Object.entries(CALLS).flatMap(([name, call]) => (call.needs ? [[name, call.needs]] : [])),
);

/** What the App has to ask its users for: the most that any call needs. */
export function permissionsOfApp(): Permissions {
  const sum: Record<string, Access> = {};
  for (const needs of Object.values(PERMISSIONS)) {
    for (const [name, access] of Object.entries(needs)) {
      if (sum[name] !== 'write') sum[name] = access;
    }
  }
  return sum;
}

/** The deliveries that our webhook reads. Those of installations come without being asked for. */
export const EVENTS: readonly string[] = [
  'workflow_job',
  'push',
  'repository',
  'issue_comment',
  'pull_request',
];
