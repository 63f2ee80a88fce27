import { generateKeyPairSync } from 'node:crypto';
import { afterAll, afterEach, beforeEach, expect, test } from '@jest/globals';
import nock from 'nock';
import { readIdentity } from '../../src/github/identity.ts';

const { privateKey } = generateKeyPairSync('rsa', {
  modulusLength: 2048,
  privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
  publicKeyEncoding: { type: 'spki', format: 'pem' },
});

const app = {
  id: 7,
  slug: 'ours',
  html_url: 'https://github.com/apps/ours',
  owner: { login: 'octo-org', type: 'Organization' },
  permissions: {
    administration: 'write',
    organization_self_hosted_runners: 'write',
    actions: 'write',
    contents: 'write',
    metadata: 'read',
    issues: 'write',
    pull_requests: 'write',
    checks: 'write',
  },
  events: ['workflow_job', 'push', 'repository', 'issue_comment', 'pull_request'],
};

const deps = { appId: 7, privateKey, webhookSecret: 's', apiUrl: 'https://api.github.com' };

beforeEach(() => nock.disableNetConnect());
afterEach(() => {
  nock.cleanAll();
  nock.enableNetConnect();
});
// It replaces the node:http that all files of this worker share, and lets no body through unended.
afterAll(() => nock.restore());

function answers(said: object, hook: object = { url: 'https://us.example/api/github/webhooks' }) {
  return nock('https://api.github.com', { reqheaders: { authorization: /^bearer eyJ/i } })
    .get('/app')
    .reply(200, { ...app, ...said })
    .get('/app/hook/config')
    .reply(200, hook);
}

test('an App that has what we use lacks nothing', async () => {
  const wire = answers({});
  expect(await readIdentity(deps)).toEqual({
    slug: 'ours',
    settingsUrl: 'https://github.com/organizations/octo-org/settings/apps/ours/permissions',
    missingPermissions: [],
    missingEvents: [],
    hookUrl: 'https://us.example/api/github/webhooks',
  });
  expect(wire.isDone()).toBe(true);
});

test('names each permission and event that is missing, and where it is granted', async () => {
  answers({
    owner: { login: 'octocat', type: 'User' },
    permissions: { administration: 'read', metadata: 'read' },
    events: ['push'],
  });
  expect(await readIdentity(deps)).toMatchObject({
    settingsUrl: 'https://github.com/settings/apps/ours/permissions',
    missingPermissions: [
      'contents: write',
      'administration: write',
      'organization_self_hosted_runners: write',
      'actions: write',
      'issues: write',
      'pull_requests: write',
      'checks: write',
    ],
    missingEvents: ['workflow_job', 'repository', 'issue_comment', 'pull_request'],
  });
});

test('an App of GitHub Enterprise Server has its settings there', async () => {
  answers({ html_url: 'https://ghe.example/github-apps/ours' }, {});
  expect(await readIdentity(deps)).toMatchObject({
    settingsUrl: 'https://ghe.example/organizations/octo-org/settings/apps/ours/permissions',
    hookUrl: null,
  });
});
