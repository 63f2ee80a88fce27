// Makes test/fixtures/github-openapi.json: GitHub's published description, cut down to the routes that
// we call or play, as plain JSON Schema. The whole package is 385 MB, so it is no dependency.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const PACKAGE = '@octokit/openapi@23.0.2';
const DESCRIPTION = 'package/generated/api.github.com.json';
const OUT = new URL('../test/fixtures/github-openapi.json', import.meta.url);

const ROUTES = [
  'GET /app',
  'GET /app/installations',
  'GET /app/installations/{installation_id}',
  'POST /app/installations/{installation_id}/access_tokens',
  'GET /app/hook/deliveries',
  'GET /app/hook/deliveries/{delivery_id}',
  'POST /app/hook/deliveries/{delivery_id}/attempts',
  'POST /app-manifests/{code}/conversions',
  'GET /installation/repositories',
  'GET /rate_limit',
  'GET /repos/{owner}/{repo}',
  'GET /repos/{owner}/{repo}/installation',
  'GET /repos/{owner}/{repo}/contents/{path}',
  'GET /repos/{owner}/{repo}/actions/runs',
  'GET /repos/{owner}/{repo}/actions/runs/{run_id}',
  'GET /repos/{owner}/{repo}/actions/runs/{run_id}/jobs',
  'POST /repos/{owner}/{repo}/actions/runs/{run_id}/cancel',
  'GET /repos/{owner}/{repo}/actions/jobs/{job_id}',
  'POST /repos/{owner}/{repo}/actions/runs/{run_id}/rerun-failed-jobs',
  'POST /repos/{owner}/{repo}/actions/jobs/{job_id}/rerun',
  'GET /repos/{owner}/{repo}/actions/runners',
  'GET /repos/{owner}/{repo}/actions/runners/downloads',
  'POST /repos/{owner}/{repo}/actions/runners/generate-jitconfig',
  'GET /repos/{owner}/{repo}/actions/runners/{runner_id}',
  'DELETE /repos/{owner}/{repo}/actions/runners/{runner_id}',
  'GET /orgs/{org}/actions/runner-groups',
  'GET /orgs/{org}/actions/runners',
  'POST /orgs/{org}/actions/runners/generate-jitconfig',
  'DELETE /orgs/{org}/actions/runners/{runner_id}',
  'GET /repos/{owner}/{repo}/collaborators/{username}/permission',
  'GET /repos/{owner}/{repo}/issues/{issue_number}/comments',
  'POST /repos/{owner}/{repo}/issues/{issue_number}/comments',
  'PATCH /repos/{owner}/{repo}/issues/comments/{comment_id}',
  'POST /repos/{owner}/{repo}/issues/comments/{comment_id}/reactions',
  'DELETE /repos/{owner}/{repo}/issues/comments/{comment_id}/reactions/{reaction_id}',
  'PUT /repos/{owner}/{repo}/contents/{path}',
  'GET /repos/{owner}/{repo}/git/ref/{ref}',
  'POST /repos/{owner}/{repo}/git/refs',
  'PATCH /repos/{owner}/{repo}/git/refs/{ref}',
  'DELETE /repos/{owner}/{repo}/git/refs/{ref}',
  'GET /repos/{owner}/{repo}/pulls',
  'POST /repos/{owner}/{repo}/pulls',
  'GET /repos/{owner}/{repo}/pulls/{pull_number}',
  'PATCH /repos/{owner}/{repo}/pulls/{pull_number}',
  'GET /repos/{owner}/{repo}/pulls/{pull_number}/files',
  'POST /repos/{owner}/{repo}/check-runs',
  'PATCH /repos/{owner}/{repo}/check-runs/{check_run_id}',
  'GET /repos/{owner}/{repo}/commits/{ref}/check-runs',
];

/** Words for people; in `properties` the same names are names of fields, so those are kept. */
const PROSE = ['description', 'example', 'examples', 'title', 'externalDocs', 'deprecated'];

function download() {
  const folder = mkdtempSync(join(tmpdir(), 'openapi-'));
  try {
    execFileSync('npm', ['pack', PACKAGE, '--silent', '--pack-destination', folder]);
    const archive = execFileSync('find', [folder, '-name', '*.tgz'], { encoding: 'utf8' }).trim();
    const options = { encoding: 'utf8', maxBuffer: 2 ** 28 };
    return JSON.parse(execFileSync('tar', ['-xzOf', archive, DESCRIPTION], options));
  } finally {
    rmSync(folder, { recursive: true });
  }
}

const api = download();
const defs = {};

/** `#/components/parameters/owner` and the like. */
function resolve(value) {
  if (value?.$ref === undefined) return value;
  const path = value.$ref.slice(2).split('/');
  return resolve(path.reduce((at, key) => at[key], api));
}

/** OpenAPI 3.0 to JSON Schema: `nullable` becomes a choice, references point into $defs. */
function plain(schema) {
  if (Array.isArray(schema)) return schema.map(plain);
  if (typeof schema !== 'object' || schema === null) return schema;
  if (schema.$ref !== undefined) return { $ref: `#/$defs/${define(schema.$ref)}` };
  const { nullable, ...rest } = schema;
  const out = {};
  for (const [key, value] of Object.entries(rest)) {
    if (PROSE.includes(key) || key.startsWith('x-')) continue;
    out[key] = key === 'properties' ? mapValues(value, plain) : plain(value);
  }
  return nullable === true ? { anyOf: [out, { type: 'null' }] } : out;
}

const mapValues = (object, fn) =>
  Object.fromEntries(Object.entries(object).map(([key, value]) => [key, fn(value)]));

function define(ref) {
  const name = ref.split('/').at(-1);
  if (!(name in defs)) {
    defs[name] = null;
    defs[name] = plain(resolve({ $ref: ref }));
  }
  return name;
}

const schemaOf = (body) => {
  const schema = resolve(body)?.content?.['application/json']?.schema;
  return schema === undefined ? null : plain(schema);
};

function trim(route) {
  const [method, path] = route.split(' ');
  const operation = api.paths[path]?.[method.toLowerCase()];
  if (operation === undefined) throw new Error(`no such route: ${route}`);
  const parameters = (operation.parameters ?? []).map(resolve);
  const query = parameters.filter((parameter) => parameter.in === 'query');
  return {
    query: Object.fromEntries(query.map((each) => [each.name, plain(each.schema)])),
    request: schemaOf(operation.requestBody),
    responses: mapValues(operation.responses, schemaOf),
  };
}

const routes = Object.fromEntries(ROUTES.map((route) => [route, trim(route)]));
// The list's own schema wants an account to be a user and an enterprise at once; one installation's is right.
routes['GET /app/installations'].responses['200'] = {
  type: 'array',
  items: plain({ $ref: '#/components/schemas/installation' }),
};
// Its two errors are one to a validator: neither has a field that it must have.
const refusals = routes['PUT /repos/{owner}/{repo}/contents/{path}'].responses;
refusals['409'] = { anyOf: refusals['409'].oneOf };
const line = ([key, value]) => `${JSON.stringify(key)}: ${JSON.stringify(value)}`;
const lines = (object) => Object.entries(object).sort().map(line).join(',\n');
writeFileSync(
  OUT,
  `{"source": "${PACKAGE}",\n"routes": {\n${lines(routes)}\n},\n"$defs": {\n${lines(defs)}\n}}\n`,
);
