import { createHmac } from 'node:crypto';

// Payloads as GitHub documents them, whole where we read and short elsewhere.

export const SECRET = 'a secret of the test';
const INSTALLATION = { id: 4_500_000_001, node_id: 'MDI' };

export const repository = {
  id: 5_000_000_010,
  node_id: 'R_1',
  name: 'web',
  full_name: 'octo/web',
  private: true,
  default_branch: 'main',
  owner: { id: 77, login: 'octo', type: 'Organization' },
};

export const workflowJob = (more: object = {}) => ({
  id: 100_520_616_165,
  run_id: 26_900_000_001,
  run_attempt: 1,
  workflow_name: 'CI',
  name: 'test (1)',
  head_sha: 'c0ffee0000000000000000000000000000000000',
  status: 'queued',
  conclusion: null,
  labels: ['self-hosted', 'dstack'],
  runner_id: null,
  runner_name: null,
  created_at: '2026-11-24T10:00:00Z',
  started_at: '2026-11-24T10:00:00Z',
  completed_at: null,
  ...more,
});

export const jobEvent = (action: string, job: object = {}, more: object = {}) => ({
  action,
  workflow_job: workflowJob(job),
  repository,
  installation: INSTALLATION,
  sender: { id: 1, login: 'octocat', type: 'User' },
  ...more,
});

export const pushEvent = (more: object = {}) => ({
  ref: 'refs/heads/main',
  after: 'beef000000000000000000000000000000000000',
  deleted: false,
  repository,
  installation: INSTALLATION,
  ...more,
});

export const installationEvent = (action: string, more: object = {}) => ({
  action,
  installation: { ...INSTALLATION, account: { id: 77, login: 'octo' } },
  ...more,
});

export const sign = (body: string | Buffer, secret = SECRET): string =>
  `sha256=${createHmac('sha256', secret).update(body).digest('hex')}`;
