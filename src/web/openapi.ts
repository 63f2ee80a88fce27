import type { Routes } from '../lib/http.ts';
import { AWS_REGION } from '../lib/units.ts';
import {
  FLAG,
  fields,
  listOf,
  OUTCOME,
  orNull,
  type Schema,
  TEXT,
  WHOLE,
} from './openapi-outcome.ts';

// The description of the HTTP API for people and tools, served as it is. A test sends every request
// and holds every answer against it.

const json = (schema: Schema) => ({ content: { 'application/json': { schema } } });
const plain = { content: { 'text/plain': { schema: TEXT } } };

const PROBLEM = fields({ code: TEXT, message: TEXT });
const ERROR = fields({ error: PROBLEM });
/** Of a command: `ok` is there whatever happens, but for a body that is none. */
const REFUSED = fields({
  'ok?': { const: false },
  error: PROBLEM,
  'text?': TEXT,
  'markdown?': TEXT,
  'data?': OUTCOME,
});

const CHECKS = listOf(fields({ name: TEXT, ok: FLAG, text: TEXT, 'fix?': TEXT }));
const ACCOUNT = fields({
  scope: TEXT,
  awsAccount: TEXT,
  accessKeyId: orNull(TEXT),
  roleArn: orNull(TEXT),
  region: orNull(TEXT),
  bucket: orNull(TEXT),
  repositories: listOf(WHOLE),
  problem: orNull(TEXT),
});

/** What each status means, for all calls alike. */
const MEANS: Readonly<Record<number, string>> = {
  200: 'Done, or said.',
  400: 'The body is not as it must be.',
  401: 'No token, or one that is not good.',
  403: 'The token is good, and may not do this.',
  404: 'No such repository is known here, or the token does not see it.',
  409: 'Not now: see the code.',
  413: 'The body is too large.',
  415: 'The body is not application/json.',
  422: 'AWS was asked, and does not agree: see the checks.',
  429: 'Too many calls; Retry-After says when to come again.',
  503: 'GitHub, AWS or the database does not answer: try again.',
};

function answers(good: object, codes: readonly number[], bad: Schema): object {
  const refusals = codes.map((code) => [code, { description: MEANS[code], ...json(bad) }]);
  return { 200: { description: MEANS[200], ...good }, ...Object.fromEntries(refusals) };
}

const COMMAND = {
  summary: 'Runs one command',
  description:
    'The commands of comments and of the command line. 200 whenever the command was looked at: `ok` is ' +
    'false where it could not be done. An OIDC token is good for one call.',
  security: [{ user: [] }, { workflow: [] }],
  requestBody: {
    required: true,
    ...json(
      fields({
        repository: { type: 'string', description: 'OWNER/NAME' },
        command: { type: 'string', maxLength: 1000, description: 'Such as `autoscale info`' },
      }),
    ),
  },
  responses: answers(
    json(fields({ ok: FLAG, text: TEXT, markdown: TEXT, data: OUTCOME })),
    [400, 401, 403, 404, 409, 413, 415, 429, 503],
    REFUSED,
  ),
};

const SCOPE = {
  name: 'scope',
  in: 'path',
  required: true,
  schema: { type: 'string', pattern: '^(repo|owner)-[1-9][0-9]{0,15}$' },
};
const security = [{ user: [] }];

const ACCOUNTS = {
  parameters: [SCOPE],
  get: {
    summary: 'Shows the AWS account of a repository or an owner; secrets are masked',
    security,
    responses: answers(
      json(
        fields({
          scope: TEXT,
          account: orNull(ACCOUNT),
          problem: orNull(TEXT),
          externalId: TEXT,
          principal: orNull(TEXT),
        }),
      ),
      [401, 403, 404, 429, 503],
      ERROR,
    ),
  },
  put: {
    summary: 'Checks credentials with AWS and keeps them',
    security,
    requestBody: { required: true, ...json({ type: 'object' }) },
    responses: answers(
      json(fields({ account: ACCOUNT, checks: CHECKS })),
      [400, 401, 403, 404, 409, 413, 415, 422, 429, 503],
      fields({ error: PROBLEM, 'checks?': CHECKS }),
    ),
  },
  delete: {
    summary: 'Forgets the credentials',
    security,
    parameters: [
      { name: 'force', in: 'query', schema: { const: '1' } },
      { name: 'only', in: 'query', schema: { const: 'security-group' } },
      { name: 'region', in: 'query', schema: { type: 'string', pattern: AWS_REGION } },
    ],
    responses: answers(
      json(
        fields({
          ended: WHOLE,
          'region?': { type: 'string' },
          'groups?': { type: 'array', items: { type: 'string' } },
        }),
      ),
      [400, 401, 403, 404, 409, 429, 503],
      ERROR,
    ),
  },
};

const text = (summary: string, codes: readonly number[] = []) => ({
  get: {
    summary,
    responses: {
      200: { description: MEANS[200], ...plain },
      ...Object.fromEntries(codes.map((code) => [code, { description: MEANS[code], ...plain }])),
    },
  },
});

const METRICS = {
  get: {
    summary: 'Metrics for Prometheus',
    security: [{}, { metrics: [] }],
    responses: {
      200: { description: MEANS[200], ...plain },
      401: { description: MEANS[401], ...json(ERROR) },
    },
  },
};

const ABOUT = {
  get: {
    summary: 'What a command line has to know before anybody is signed in',
    responses: {
      200: {
        description: MEANS[200],
        ...json(
          fields({
            version: TEXT,
            github: fields({ htmlUrl: TEXT, apiUrl: TEXT }),
            clientId: orNull(TEXT),
          }),
        ),
      },
    },
  },
};

const document = (summary: string) => ({
  get: { summary, responses: { 200: { description: MEANS[200], ...json({ type: 'object' }) } } },
});

const bearer = (description: string) => ({ type: 'http', scheme: 'bearer', description });

export const OPENAPI = {
  openapi: '3.1.0',
  info: {
    title: 'dstack autoscale',
    version: '1',
    description: 'GitHub Actions jobs on EC2 spot machines: rules, machines and accounts.',
    license: { name: 'MIT', identifier: 'MIT' },
  },
  servers: [{ url: '/' }],
  paths: {
    '/api/v1/command': { post: COMMAND },
    '/api/v1/accounts/{scope}': ACCOUNTS,
    '/api/v1/about': ABOUT,
    '/api/v1/openapi.json': document('This description'),
    '/schema/dstack.json': document('The JSON Schema of .github/dstack.yml'),
    '/healthz': text('Whether the process is there'),
    '/readyz': text('Whether it can do its work', [503]),
    '/metrics': METRICS,
  },
  components: {
    securitySchemes: {
      user: bearer('A GitHub token of a person; for accounts one of this App only'),
      workflow: bearer('The OIDC token of a GitHub Actions job, with PUBLIC_URL as its audience'),
      metrics: bearer('DSTACK_METRICS_TOKEN, where it is set'),
    },
  },
} as const;

export const openApiRoutes: Routes = {
  'GET /api/v1/openapi.json': async () => ({ status: 200, body: OPENAPI }),
};
