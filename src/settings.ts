// settings: the environment, once, as frozen typed values; nothing else reads a variable by name.
// Called by main.ts with process.env. It promises that every problem is reported at once, each on
// one line that names the variable, the value (never a secret) and what is accepted.

import { deriveKey, parsePrivateKey } from './lib/private-key.ts';
import { Secret } from './lib/secret.ts';
import { AWS_REGION } from './lib/units.ts';
import {
  defaulted,
  type Env,
  httpUrl,
  isLoopback,
  millis,
  oneOf,
  readVariables,
  secret,
  shaped,
  url,
  type VariableValues,
  variable,
  wholeNumber,
  withoutSlash,
} from './lib/variable.ts';

const LOG_LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'] as const;

export type LogLevel = (typeof LOG_LEVELS)[number];

export interface Settings {
  /** Null until the App is registered: then only the setup page is served. */
  readonly app: {
    readonly id: number;
    /** PKCS#8 PEM. */
    readonly privateKey: Secret;
    readonly webhookSecret: Secret;
    /** For people who sign in through the App; null: nobody can. */
    readonly client: { readonly id: string; readonly secret: Secret } | null;
  } | null;
  readonly http: {
    readonly host: string;
    readonly port: number;
    /** Without a slash at the end; null: nothing can be launched. */
    readonly publicUrl: string | null;
  };
  readonly github: {
    readonly host: string;
    readonly apiUrl: string;
    readonly htmlUrl: string;
    /** Who signs the OIDC tokens of its workflows. */
    readonly oidcIssuer: string;
  };
  readonly database: { readonly kind: 'sqlite'; readonly path: string } | PostgresSettings;
  readonly label: string;
  /** Null only while there is no App to derive it from. */
  readonly secretKey: Secret | null;
  /** The one before it, while what it signed and sealed is still good. */
  readonly oldSecretKey: Secret | null;
  /** Owner ids whose scopes may use the app's own AWS credentials; `*`: all. */
  readonly defaultAccounts: '*' | readonly number[];
  readonly tickMs: number;
  readonly resyncMs: number;
  readonly registerTimeoutMs: number;
  readonly metricsToken: Secret | null;
  readonly logLevel: LogLevel;
  readonly aws: {
    readonly region: string | null;
    readonly endpointUrl: string | null;
    readonly stsEndpointUrl: string | null;
  };
  readonly webhookProxyUrl: string | null;
  readonly secrets: { readonly kind: 'aws' | 'local'; readonly prefix: string };
}

export interface PostgresSettings {
  readonly kind: 'postgres';
  /** With the password in it. */
  readonly url: Secret;
}

export type ParsedSettings =
  | { readonly ok: true; readonly settings: Settings }
  | { readonly ok: false; readonly problems: readonly string[] };

/** Probot's names and the AWS SDK's mean what they mean there. The docs print this table. */
const VARIABLES = {
  APP_ID: variable({
    meaning: "The GitHub App's id; without it only the setup page is served",
    accepts: 'the number that the page of the GitHub App shows as its App ID',
    parse: (text) => wholeNumber(text, { min: 1, max: Number.MAX_SAFE_INTEGER }),
  }),
  PRIVATE_KEY: variable({
    meaning: "The App's private key: PEM, PEM with literal `\\n`, or base64 of a PEM",
    accepts: 'the RSA private key of the App, as PEM or as base64 of it',
    isSecret: true,
    parse: privateKey,
  }),
  PRIVATE_KEY_PATH: variable({
    meaning: "The path of the App's private key, where `PRIVATE_KEY` is not set",
    accepts: 'the path of a readable file',
    parse: (text) => text,
  }),
  WEBHOOK_SECRET: variable({
    meaning: 'The secret that signs webhooks; needed with `APP_ID`, and never `development`',
    accepts: 'a secret of your own, as it stands in the settings of the App',
    isSecret: true,
    parse: (text) => (text === 'development' ? undefined : new Secret(text)),
  }),
  GITHUB_CLIENT_ID: variable({
    meaning: "The App's client id, for people who sign in through it",
    accepts: 'the client id that the page of the GitHub App shows',
    parse: shaped(/^[A-Za-z0-9._-]{1,64}$/),
  }),
  GITHUB_CLIENT_SECRET: secret({ meaning: "The App's client secret", min: 16 }),
  WEBHOOK_PROXY_URL: url('A smee.io channel to take webhooks from while developing'),
  GHE_HOST: variable({
    meaning: 'The host, with the port if it has one, of a GitHub Enterprise Server',
    accepts: 'a host such as github.example.com, with :port if needed; not on ghe.com',
    parse: (text) =>
      /^[A-Za-z0-9](?:[A-Za-z0-9.-]{0,252})(?::[0-9]{1,5})?$/.test(text) &&
      !/\.ghe\.com$/i.test(text)
        ? text.toLowerCase()
        : undefined,
  }),
  GHE_PROTOCOL: defaulted('https', {
    meaning: 'How to reach `GHE_HOST`',
    ...oneOf(['https', 'http']),
  }),
  HOST: defaulted('127.0.0.1', {
    meaning: 'The address to listen on; `0.0.0.0` listens on all, for a container',
    accepts: 'an address or a host name',
    parse: shaped(/^[A-Za-z0-9.:-]{1,253}$/),
  }),
  PORT: defaulted('3000', {
    meaning: 'The port to listen on; 0 takes a free one',
    accepts: 'a whole number from 0 to 65535',
    parse: (text) => wholeNumber(text, { min: 0, max: 65_535 }),
  }),
  LOG_LEVEL: defaulted('info', { meaning: 'What is logged', ...oneOf(LOG_LEVELS) }),
  AWS_REGION: variable({
    meaning:
      'The region of rules where the rules file names none, and of Secrets Manager, which ' +
      '`DSTACK_SECRETS=aws` needs',
    accepts: 'a region such as eu-west-1',
    parse: shaped(new RegExp(AWS_REGION)),
  }),
  AWS_ENDPOINT_URL: url('Where AWS answers, if not at its own addresses'),
  AWS_ENDPOINT_URL_STS: url('The same for STS alone'),
  PUBLIC_URL: variable({
    meaning: 'Where instances and browsers reach the app; needed to launch',
    accepts: 'an https URL (http for a loopback address only) without user and query',
    parse: publicUrl,
  }),
  DATABASE_URL: defaulted('sqlite:./data/dstack.db', {
    meaning: 'The database file; one process owns it (PostgreSQL is not served yet)',
    accepts: 'sqlite:PATH or postgres://USER:PASSWORD@HOST/DATABASE',
    isSecret: true,
    parse: database,
  }),
  DSTACK_LABEL: defaulted('dstack', {
    meaning: 'The label that makes a job ours, so that two deployments can share a repository',
    accepts: 'up to 64 letters, digits, dots, dashes and underscores',
    parse: shaped(/^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/),
  }),
  DSTACK_SECRETS: defaulted('aws', {
    meaning:
      'Where account credentials are kept: `aws` (Secrets Manager) or `local` (in the database, ' +
      'AES-256-GCM under `DSTACK_SECRET_KEY`)',
    ...oneOf(['aws', 'local']),
  }),
  DSTACK_SECRET_PREFIX: defaulted('dstack/', {
    meaning: 'What names in Secrets Manager begin with, before `repo-<id>` or `owner-<id>`',
    accepts: 'up to 400 letters, digits and /_+=.@-',
    parse: shaped(/^[A-Za-z0-9/_+=.@-]{1,400}$/),
  }),
  DSTACK_SECRET_KEY: variable({
    meaning:
      "Signs registration tokens and sessions, seals accounts; without it derived from the App's " +
      'private key. To change it write `NEW,OLD`, and `NEW` alone some days later',
    accepts: 'at least 16 characters, or two such keys with a comma between',
    isSecret: true,
    parse: secretKeys,
  }),
  DSTACK_DEFAULT_ACCOUNT: variable({
    meaning: "Owner ids, or `*`: owners whose scopes may use the app's own AWS credentials",
    accepts: 'numbers of GitHub owners with commas between, or *',
    parse: ownerIds,
  }),
  DSTACK_TICK_MS: millis(5000, 'A scope with work is reconciled at least this often'),
  DSTACK_RESYNC_MS: millis(60_000, 'How often the healings run; grace times are multiples of it'),
  DSTACK_REGISTER_TIMEOUT_MS: millis(
    300_000,
    'An instance that has not registered by then is ended and replaced',
  ),
  DSTACK_METRICS_TOKEN: secret({
    meaning: 'If set, `/metrics` wants it as a bearer token',
    min: 8,
  }),
};

export interface SettingDoc {
  readonly name: string;
  readonly default: string | null;
  readonly meaning: string;
}

/** For the table in the documentation. */
export const SETTINGS: readonly SettingDoc[] = Object.entries(VARIABLES).map(
  ([name, { default: written, meaning }]) => ({ name, default: written, meaning }),
);

/** Reads the environment; `readFile` is called for `PRIVATE_KEY_PATH` only, and may throw. */
export function parseSettings(env: Env, readFile: (path: string) => string): ParsedSettings {
  const { values, problems } = readVariables(VARIABLES, env);
  const app = appOf({ values, env, readFile });
  const all = [...problems, ...app.problems];
  if (all.length > 0) return { ok: false, problems: all };
  const settings: Settings = {
    app: app.app,
    http: { host: values.HOST, port: values.PORT, publicUrl: values.PUBLIC_URL },
    github: githubOf({ host: values.GHE_HOST, protocol: values.GHE_PROTOCOL }),
    database: values.DATABASE_URL,
    label: values.DSTACK_LABEL,
    secretKey: values.DSTACK_SECRET_KEY?.key ?? derivedKey(app.app),
    oldSecretKey: values.DSTACK_SECRET_KEY?.old ?? null,
    defaultAccounts: values.DSTACK_DEFAULT_ACCOUNT ?? [],
    tickMs: values.DSTACK_TICK_MS,
    resyncMs: values.DSTACK_RESYNC_MS,
    registerTimeoutMs: values.DSTACK_REGISTER_TIMEOUT_MS,
    metricsToken: values.DSTACK_METRICS_TOKEN,
    logLevel: values.LOG_LEVEL,
    aws: {
      region: values.AWS_REGION,
      endpointUrl: values.AWS_ENDPOINT_URL,
      stsEndpointUrl: values.AWS_ENDPOINT_URL_STS,
    },
    webhookProxyUrl: values.WEBHOOK_PROXY_URL,
    secrets: { kind: values.DSTACK_SECRETS, prefix: values.DSTACK_SECRET_PREFIX },
  };
  for (const group of Object.values(settings)) Object.freeze(group);
  return { ok: true, settings: Object.freeze(settings) };
}

interface AppSource {
  readonly values: VariableValues<typeof VARIABLES>;
  readonly env: Env;
  readonly readFile: (path: string) => string;
}

/** The App, or what is missing of it; a variable that was refused is not missing. */
function appOf(source: AppSource): { app: Settings['app']; problems: readonly string[] } {
  const { values, env } = source;
  if (!env['APP_ID']) return { app: null, problems: [] };
  const key = env['PRIVATE_KEY'] ? { pem: values.PRIVATE_KEY } : readKey(source);
  const problems = key.problem === undefined ? [] : [key.problem];
  if (!env['WEBHOOK_SECRET']) {
    const { accepts } = VARIABLES.WEBHOOK_SECRET;
    problems.push(`WEBHOOK_SECRET: it is missing, and APP_ID is set; write ${accepts}`);
  }
  const { APP_ID: id, WEBHOOK_SECRET: webhookSecret } = values;
  const { GITHUB_CLIENT_ID: clientId, GITHUB_CLIENT_SECRET: clientSecret } = values;
  const client = clientId && clientSecret ? { id: clientId, secret: clientSecret } : null;
  const isWhole = id !== null && key.pem && webhookSecret !== null;
  return { app: isWhole ? { id, privateKey: key.pem, webhookSecret, client } : null, problems };
}

interface ReadKey {
  readonly pem?: Secret | null;
  readonly problem?: string;
}

function readKey({ values, readFile }: AppSource): ReadKey {
  const path = values.PRIVATE_KEY_PATH;
  if (path === null) {
    return {
      problem:
        'PRIVATE_KEY: it is missing, and APP_ID is set; write the RSA private key of the App, or ' +
        'set PRIVATE_KEY_PATH',
    };
  }
  const shown = JSON.stringify(path);
  try {
    const pem = privateKey(readFile(path));
    if (pem !== undefined) return { pem };
    return {
      problem: `PRIVATE_KEY_PATH: ${shown} holds no RSA private key; write the path of one`,
    };
  } catch {
    return {
      problem: `PRIVATE_KEY_PATH: ${shown} cannot be read; write the path of the key's file`,
    };
  }
}

function privateKey(text: string): Secret | undefined {
  const pem = parsePrivateKey(text);
  return pem === undefined ? undefined : new Secret(pem);
}

const SECRET_KEY_MIN = 16;

/** A comma within a key parts nothing unless both sides are long enough to be keys. */
function secretKeys(text: string): { key: Secret; old: Secret | null } | undefined {
  const at = text.indexOf(',');
  const [key, old] = [text.slice(0, at), text.slice(at + 1)];
  if (at >= SECRET_KEY_MIN && old.length >= SECRET_KEY_MIN) {
    return { key: new Secret(key), old: new Secret(old) };
  }
  return text.length >= SECRET_KEY_MIN ? { key: new Secret(text), old: null } : undefined;
}

const derivedKey = (app: Settings['app']): Secret | null =>
  app && new Secret(deriveKey(app.privateKey.reveal(), 'dstack registration tokens'));

function githubOf({ host, protocol }: { host: string | null; protocol: string }) {
  if (host === null) {
    return {
      host: 'github.com',
      apiUrl: 'https://api.github.com',
      htmlUrl: 'https://github.com',
      oidcIssuer: 'https://token.actions.githubusercontent.com',
    };
  }
  const htmlUrl = `${protocol}://${host}`;
  const apiUrl = `${htmlUrl}/api/v3`;
  return { host, apiUrl, htmlUrl, oidcIssuer: `${htmlUrl}/_services/token` };
}

function publicUrl(text: string): string | undefined {
  const parsed = httpUrl(text);
  if (parsed === undefined || (parsed.protocol === 'http:' && !isLoopback(parsed)))
    return undefined;
  // It is written into the user data of instances, whose lines hold these characters only.
  const href = withoutSlash(parsed);
  return /^[A-Za-z0-9._:/+=-]+$/.test(href) ? href : undefined;
}

function database(text: string): Settings['database'] | undefined {
  const path = /^sqlite:(.+)$/.exec(text)?.[1];
  if (path !== undefined) return { kind: 'sqlite', path };
  const isPostgres = /^postgres(?:ql)?:\/\/[^/]/.test(text) && URL.canParse(text);
  return isPostgres ? { kind: 'postgres', url: new Secret(text) } : undefined;
}

function ownerIds(text: string): '*' | readonly number[] | undefined {
  if (text.trim() === '*') return '*';
  const max = Number.MAX_SAFE_INTEGER;
  const ids = text.split(',').map((id) => wholeNumber(id.trim(), { min: 1, max }));
  const known = ids.filter((id) => id !== undefined);
  return known.length === ids.length ? known : undefined;
}
