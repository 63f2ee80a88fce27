// Every call that we make to GitHub, and the least that it needs. Tokens are minted from this table
// and app.yml asks for what it sums up to, so neither can ask for more than a call uses.

export type Access = 'read' | 'write';
export type Permissions = Readonly<Record<string, Access>>;

interface Call {
  readonly route: string;
  /** What its token may do; null: it goes as the App itself, or as nobody. */
  readonly needs: Permissions | null;
}

const RUNNERS = '/repos/{owner}/{repo}/actions/runners';

export const CALLS = {
  // `+path`: the path comes encoded, with its slashes left alone.
  file: { route: 'GET /repos/{owner}/{repo}/contents/{+path}', needs: { contents: 'read' } },
  register: { route: `POST ${RUNNERS}/generate-jitconfig`, needs: { administration: 'write' } },
  removeRunner: { route: `DELETE ${RUNNERS}/{runner_id}`, needs: { administration: 'write' } },
  runners: { route: `GET ${RUNNERS}`, needs: { administration: 'read' } },
  actionsRunner: { route: `GET ${RUNNERS}/downloads`, needs: { administration: 'read' } },
  job: { route: 'GET /repos/{owner}/{repo}/actions/jobs/{job_id}', needs: { actions: 'read' } },
  runs: { route: 'GET /repos/{owner}/{repo}/actions/runs', needs: { actions: 'read' } },
  jobs: {
    route: 'GET /repos/{owner}/{repo}/actions/runs/{run_id}/jobs',
    needs: { actions: 'read' },
  },
  // Also for one repository: its token reaches no other. `GET /repositories/{id}` is not documented.
  repositories: { route: 'GET /installation/repositories', needs: { metadata: 'read' } },
  installations: { route: 'GET /app/installations', needs: null },
  deliveries: { route: 'GET /app/hook/deliveries', needs: null },
  redeliver: { route: 'POST /app/hook/deliveries/{delivery_id}/attempts', needs: null },
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
export const EVENTS: readonly string[] = ['workflow_job', 'push', 'repository'];
