import { readFileSync } from 'node:fs';
import { Ajv, type ValidateFunction } from 'ajv';
import formats from 'ajv-formats';

// GitHub's own description (scripts/openapi.mjs makes the fixture) as the judge of what we send and of
// what the sandbox answers. What GitHub would pass over in silence, such as a misspelt key, fails here.

interface Schema {
  readonly $ref?: string;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly items?: Schema;
  readonly anyOf?: readonly Schema[];
  readonly allOf?: readonly Schema[];
  readonly oneOf?: readonly Schema[];
}

interface Route {
  readonly query: Readonly<Record<string, Schema>>;
  readonly request: Schema | null;
  readonly responses: Readonly<Record<string, Schema | null>>;
}

interface Description {
  readonly routes: Readonly<Record<string, Route>>;
  readonly $defs: Readonly<Record<string, Schema>>;
}

export interface Exchange {
  readonly method: string;
  /** With its query; with or without `/api/v3` in front. */
  readonly path: string;
  readonly requestBody?: unknown;
  readonly status: number;
  readonly body?: unknown;
}

const FIXTURE = new URL('../fixtures/github-openapi.json', import.meta.url);
const description: Description = JSON.parse(readFileSync(FIXTURE, 'utf8'));

/** Works, and Octokit uses it, but is in no description: the same answer as by name. */
const ALIASES: readonly (readonly [RegExp, string])[] = [
  [/^\/repositories\/\d+(?=\/|$)/, '/repos/owner/repo'],
];

const ajv = new Ajv({ strict: false, allErrors: true, coerceTypes: false });
formats.default(ajv);
/** A query is text: `per_page=100` is a number to GitHub. */
const queryAjv = new Ajv({ strict: false, coerceTypes: true });
formats.default(queryAjv);
/** GitHub's own name for `owner/name`, which no validator knows. */
for (const judge of [ajv, queryAjv]) judge.addFormat('repo.nwo', true);
const compiled = new Map<Schema, ValidateFunction>();

function validate(schema: Schema, value: unknown, judge: Ajv = ajv): string[] {
  let check = compiled.get(schema);
  if (check === undefined) {
    check = judge.compile({ ...schema, $defs: description.$defs });
    compiled.set(schema, check);
  }
  if (check(value)) return [];
  return (check.errors ?? []).map((error) => `${error.instancePath} ${error.message}`);
}

/** The template with the most literal parts that fits: `runners/downloads` before `runners/{runner_id}`. */
function routeOf(method: string, path: string): [string, Route] | undefined {
  const fits = Object.entries(description.routes).filter(([name]) => {
    const [verb, template = ''] = name.split(' ');
    const pattern = template.replace(/\{(?:path|ref)\}/, '.+').replace(/\{\w+\}/g, '[^/]+');
    return verb === method && new RegExp(`^${pattern}$`).test(path);
  });
  return fits.sort(([a], [b]) => a.split('{').length - b.split('{').length)[0];
}

/** The keys of a request that the description does not name. */
function unknownKeys(schema: Schema, value: unknown, at = ''): string[] {
  if (schema.$ref !== undefined) {
    const target = description.$defs[schema.$ref.replace('#/$defs/', '')];
    return target === undefined ? [] : unknownKeys(target, value, at);
  }
  const choices = schema.anyOf ?? schema.oneOf ?? schema.allOf;
  if (choices !== undefined) {
    // What stands beside a choice is known to each of them.
    const both = (choice: Schema): Schema =>
      schema.properties === undefined
        ? choice
        : { ...choice, properties: { ...choice.properties, ...schema.properties } };
    const all = choices.map((choice) => unknownKeys(both(choice), value, at));
    return all.sort((a, b) => a.length - b.length)[0] ?? [];
  }
  if (Array.isArray(value)) {
    const { items } = schema;
    return items === undefined ? [] : value.flatMap((each) => unknownKeys(items, each, `${at}[]`));
  }
  const { properties } = schema;
  if (properties === undefined || typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([key, inner]) => {
    const known = properties[key];
    return known === undefined ? [`${at}.${key}`] : unknownKeys(known, inner, `${at}.${key}`);
  });
}

function queryProblems(route: Route, query: URLSearchParams): string[] {
  return [...query].flatMap(([name, value]) => {
    const schema = route.query[name];
    if (schema === undefined) return [`query ${name} is not known`];
    const problems = validate({ properties: { [name]: schema } }, { [name]: value }, queryAjv);
    return problems.map((problem) => `query ${name}: ${problem}`);
  });
}

function requestProblems(route: Route, body: unknown): string[] {
  if (route.request === null) return body === undefined ? [] : ['request: no body is expected'];
  if (body === undefined) {
    // GitHub takes an absent body for an empty one.
    return validate(route.request, {}).map((problem) => `request: ${problem}`);
  }
  const unknown = unknownKeys(route.request, body).map((key) => `request: ${key} is not known`);
  return [...unknown, ...validate(route.request, body).map((problem) => `request: ${problem}`)];
}

function answerProblems(route: Route, status: number, body: unknown): string[] {
  const schema = route.responses[String(status)];
  if (schema === undefined) {
    // Few routes list the redirects and errors that all of them have; those share one shape.
    const hasMessage = typeof body === 'object' && body !== null && 'message' in body;
    return status === 304 || (status > 300 && hasMessage) ? [] : [`status ${status} is not known`];
  }
  return schema === null ? [] : validate(schema, body).map((problem) => `answer: ${problem}`);
}

/** Everything in which an exchange differs from GitHub's description; empty when it agrees. */
export function openApiProblems(exchange: Exchange): readonly string[] {
  const url = new URL(exchange.path, 'http://github');
  let path = url.pathname.replace(/^\/api\/v3(?=\/)/, '');
  for (const [pattern, name] of ALIASES) path = path.replace(pattern, name);
  const found = routeOf(exchange.method, path);
  if (found === undefined) return [`${exchange.method} ${path} is not described`];
  const [name, route] = found;
  const problems = [
    ...queryProblems(route, url.searchParams),
    // A request that GitHub refused as invalid may well be invalid.
    ...(exchange.status < 400 ? requestProblems(route, exchange.requestBody) : []),
    ...answerProblems(route, exchange.status, exchange.body),
  ];
  return problems.map((problem) => `${name}: ${problem}`);
}

export function assertMatchesOpenApi(exchange: Exchange): void {
  const problems = openApiProblems(exchange);
  if (problems.length === 0) return;
  const shown = JSON.stringify({ sent: exchange.requestBody, got: exchange.body }, null, 1);
  throw new Error(`${exchange.status} ${problems.join('\n')}\n${shown.slice(0, 4000)}`);
}
