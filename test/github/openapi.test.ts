import { expect, test } from '@jest/globals';
import { type Exchange, openApiProblems } from './openapi.ts';

const repo = '/repos/acme/app';
const jit = `${repo}/actions/runners/generate-jitconfig`;
const runner = { id: 21, name: 'r', os: 'unknown', status: 'offline', busy: false, labels: [] };
const registered: Exchange = {
  method: 'POST',
  path: jit,
  requestBody: { name: 'r', runner_group_id: 1, labels: ['dstack'] },
  status: 201,
  body: { runner, encoded_jit_config: 'e30=' },
};

test.each<[string, Exchange]>([
  ['a registration', registered],
  ['the GHES prefix', { ...registered, path: `/api/v3${jit}` }],
  [
    'a query',
    {
      method: 'GET',
      path: `${repo}/actions/runners?per_page=100`,
      status: 200,
      body: { total_count: 1, runners: [runner] },
    },
  ],
  [
    'a file deep down',
    {
      method: 'GET',
      path: `${repo}/contents/.github/dstack.yml?ref=main`,
      status: 404,
      body: { message: 'Not Found' },
    },
  ],
  ['nothing for no content', { method: 'DELETE', path: `${repo}/actions/runners/21`, status: 204 }],
  [
    'a literal path before a parameter',
    { method: 'GET', path: `${repo}/actions/runners/downloads`, status: 200, body: [] },
  ],
  ['an error that the route does not list', { ...registered, status: 503, body: { message: 'x' } }],
  [
    'a repository by its id',
    { method: 'GET', path: '/repositories/5', status: 404, body: { message: 'Not Found' } },
  ],
])('takes %s', (_, exchange) => {
  expect(openApiProblems(exchange)).toEqual([]);
});

test.each<[string, Exchange, RegExp]>([
  [
    'a key that is not known',
    {
      ...registered,
      requestBody: { name: 'r', runner_group_id: 1, labels: ['a'], ephemeral: true },
    },
    /\.ephemeral is not known/,
  ],
  [
    'a key that is not known beside a choice',
    {
      method: 'PATCH',
      path: `${repo}/check-runs/5`,
      requestBody: { status: 'in_progress', outputs: {} },
      status: 200,
      body: {},
    },
    /\.outputs is not known/,
  ],
  [
    'a permission that is not known',
    {
      method: 'POST',
      path: '/app/installations/1/access_tokens',
      requestBody: { permissions: { 'pull-requests': 'read' } },
      status: 201,
      body: { token: 'ghs_x', expires_at: '2026-01-01T00:00:00Z' },
    },
    /pull-requests is not known/,
  ],
  [
    'a missing key',
    { ...registered, requestBody: { name: 'r', labels: ['a'] } },
    /request:.*runner_group_id/,
  ],
  [
    'a value of the wrong type',
    { ...registered, body: { runner: { ...runner, id: 'x' }, encoded_jit_config: '' } },
    /answer: \/runner\/id/,
  ],
  [
    'null where it is not allowed',
    { ...registered, body: { runner: { ...runner, name: null }, encoded_jit_config: '' } },
    /answer: \/runner\/name/,
  ],
  [
    'a query that is not known',
    {
      method: 'GET',
      path: `${repo}/actions/runners?status=x`,
      status: 200,
      body: { total_count: 0, runners: [] },
    },
    /query status/,
  ],
  [
    'a query of the wrong type',
    {
      method: 'GET',
      path: `${repo}/actions/runners?per_page=x`,
      status: 200,
      body: { total_count: 0, runners: [] },
    },
    /query per_page/,
  ],
  ['a route that is not described', { method: 'PUT', path: repo, status: 200 }, /not described/],
  ['a status that is not known', { ...registered, status: 200 }, /status 200/],
])('refuses %s', (_, exchange, problem) => {
  expect(openApiProblems(exchange).join('\n')).toMatch(problem);
});
