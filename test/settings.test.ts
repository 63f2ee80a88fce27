import { generateKeyPairSync } from 'node:crypto';
import { inspect } from 'node:util';
import { describe, expect, test } from '@jest/globals';
import { parseSettings, SETTINGS, type Settings } from '../src/settings.ts';

type Env = Record<string, string | undefined>;

const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
const PKCS1 = privateKey.export({ type: 'pkcs1', format: 'pem' }).toString();
const PKCS8 = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
const APP: Env = { APP_ID: '7', PRIVATE_KEY: PKCS1, WEBHOOK_SECRET: 'correct horse' };
const KEY_IS_ACCEPTED = 'write the RSA private key of the App, as PEM or as base64 of it';

const noFile = (path: string): string => {
  throw new Error(`no ${path}`);
};

function settingsOf(env: Env, readFile = noFile): Settings {
  const parsed = parseSettings(env, readFile);
  if (!parsed.ok) throw new Error(parsed.problems.join('\n'));
  return parsed.settings;
}

function problemsOf(env: Env, readFile = noFile): readonly string[] {
  const parsed = parseSettings(env, readFile);
  return parsed.ok ? [] : parsed.problems;
}

describe('an empty environment', () => {
  test('gives every default, and no App', () => {
    expect(settingsOf({})).toEqual({
      app: null,
      http: { host: '127.0.0.1', port: 3000, publicUrl: null },
      github: {
        host: 'github.com',
        apiUrl: 'https://api.github.com',
        htmlUrl: 'https://github.com',
        oidcIssuer: 'https://token.actions.githubusercontent.com',
      },
      database: { kind: 'sqlite', path: './data/dstack.db' },
      label: 'dstack',
      secretKey: null,
      oldSecretKey: null,
      defaultAccounts: [],
      tickMs: 5000,
      resyncMs: 60_000,
      registerTimeoutMs: 300_000,
      metricsToken: null,
      logLevel: 'info',
      aws: { region: null, endpointUrl: null, stsEndpointUrl: null },
      webhookProxyUrl: null,
      secrets: { kind: 'aws', prefix: 'dstack/' },
    });
  });

  test('is what variables set to nothing are', () => {
    const empty = Object.fromEntries(SETTINGS.map(({ name }) => [name, '']));
    expect(settingsOf(empty)).toEqual(settingsOf({}));
  });

  test('gives settings that cannot be changed', () => {
    const settings = settingsOf(APP);
    expect(Object.isFrozen(settings)).toBe(true);
    for (const group of Object.values(settings)) expect(Object.isFrozen(group)).toBe(true);
  });
});

test('a secret key may name the one before it, and a comma within a short part names none', () => {
  const read = (text: string) => {
    const { secretKey, oldSecretKey } = settingsOf({ ...APP, DSTACK_SECRET_KEY: text });
    return [secretKey?.reveal(), oldSecretKey?.reveal()];
  };
  expect(read(`${'n'.repeat(16)},${'o'.repeat(16)}`)).toEqual(['n'.repeat(16), 'o'.repeat(16)]);
  expect(read('short,0123456789abcdef')).toEqual(['short,0123456789abcdef', undefined]);
  expect(read('0123456789abcdef,short')).toEqual(['0123456789abcdef,short', undefined]);
});

test('keeps every value that is written', () => {
  const settings = settingsOf({
    ...APP,
    WEBHOOK_PROXY_URL: 'https://smee.io/channel',
    HOST: '0.0.0.0',
    PORT: '0',
    LOG_LEVEL: 'debug',
    AWS_REGION: 'eu-west-1',
    AWS_ENDPOINT_URL: 'http://127.0.0.1:5000/',
    AWS_ENDPOINT_URL_STS: 'http://127.0.0.1:5001',
    PUBLIC_URL: 'https://Autoscale.example.com/app/',
    DATABASE_URL: 'postgres://app:pass@db/dstack',
    DSTACK_LABEL: 'dstack-2',
    DSTACK_SECRETS: 'local',
    DSTACK_SECRET_PREFIX: 'team/dstack/',
    DSTACK_SECRET_KEY: '0123456789abcdef',
    DSTACK_DEFAULT_ACCOUNT: '12, 34',
    DSTACK_TICK_MS: '50',
    DSTACK_RESYNC_MS: '600',
    DSTACK_REGISTER_TIMEOUT_MS: '2000',
    DSTACK_METRICS_TOKEN: 'measure me',
  });
  expect(settings).toMatchObject({
    app: { id: 7 },
    http: { host: '0.0.0.0', port: 0, publicUrl: 'https://autoscale.example.com/app' },
    label: 'dstack-2',
    defaultAccounts: [12, 34],
    tickMs: 50,
    resyncMs: 600,
    registerTimeoutMs: 2000,
    logLevel: 'debug',
    aws: {
      region: 'eu-west-1',
      endpointUrl: 'http://127.0.0.1:5000',
      stsEndpointUrl: 'http://127.0.0.1:5001',
    },
    webhookProxyUrl: 'https://smee.io/channel',
    secrets: { kind: 'local', prefix: 'team/dstack/' },
  });
  expect(settings.app?.webhookSecret.reveal()).toBe('correct horse');
  expect(settings.secretKey?.reveal()).toBe('0123456789abcdef');
  expect(settings.metricsToken?.reveal()).toBe('measure me');
  const { database } = settings;
  expect(database.kind === 'postgres' && database.url.reveal()).toBe(
    'postgres://app:pass@db/dstack',
  );
});

describe('a bad value is one line', () => {
  test.each<[string, string, string]>([
    ['APP_ID', 'seven', 'the number that the page of the GitHub App shows as its App ID'],
    ['APP_ID', '0', 'the number that the page of the GitHub App shows as its App ID'],
    ['WEBHOOK_PROXY_URL', 'smee', 'an http or https URL'],
    [
      'GHE_HOST',
      'https://ghe.example.com',
      'a host such as github.example.com, with :port if needed; not on ghe.com',
    ],
    [
      'GHE_HOST',
      'acme.ghe.com',
      'a host such as github.example.com, with :port if needed; not on ghe.com',
    ],
    ['GHE_PROTOCOL', 'ftp', 'https, http'],
    ['HOST', 'a b', 'an address or a host name'],
    ['PORT', '65536', 'a whole number from 0 to 65535'],
    ['PORT', '3e3', 'a whole number from 0 to 65535'],
    ['LOG_LEVEL', 'loud', 'trace, debug, info, warn, error, fatal, silent'],
    ['AWS_REGION', 'eu-west-1a', 'a region such as eu-west-1'],
    ['AWS_ENDPOINT_URL', 'ftp://aws', 'an http or https URL'],
    [
      'PUBLIC_URL',
      'http://example.com',
      'an https URL (http for a loopback address only) without user and query',
    ],
    [
      'PUBLIC_URL',
      'http://127.evil.example',
      'an https URL (http for a loopback address only) without user and query',
    ],
    [
      'PUBLIC_URL',
      'https://example.com/?a=b',
      'an https URL (http for a loopback address only) without user and query',
    ],
    [
      'PUBLIC_URL',
      "https://example.com/'x",
      'an https URL (http for a loopback address only) without user and query',
    ],
    ['DSTACK_LABEL', 'a/b', 'up to 64 letters, digits, dots, dashes and underscores'],
    ['DSTACK_SECRETS', 'vault', 'aws, local'],
    ['DSTACK_SECRET_PREFIX', 'a b', 'up to 400 letters, digits and /_+=.@-'],
    ['DSTACK_DEFAULT_ACCOUNT', 'octo', 'numbers of GitHub owners with commas between, or *'],
    ['DSTACK_DEFAULT_ACCOUNT', '1,,2', 'numbers of GitHub owners with commas between, or *'],
    ['DSTACK_TICK_MS', '5s', 'milliseconds, a whole number from 10 to 86400000'],
    ['DSTACK_RESYNC_MS', '9', 'milliseconds, a whole number from 10 to 86400000'],
    ['DSTACK_REGISTER_TIMEOUT_MS', '-1', 'milliseconds, a whole number from 10 to 86400000'],
  ])('%s=%s', (name, value, accepted) => {
    expect(problemsOf({ ...APP, [name]: value })).toEqual([
      `${name}: "${value}" is not accepted; write ${accepted}`,
    ]);
  });

  test.each<[string, string, string]>([
    [
      'WEBHOOK_SECRET',
      'development',
      'a secret of your own, as it stands in the settings of the App',
    ],
    ['PRIVATE_KEY', 'not a key', KEY_IS_ACCEPTED.slice('write '.length)],
    [
      'DATABASE_URL',
      'mysql://app:pass@db/x',
      'sqlite:PATH or postgres://USER:PASSWORD@HOST/DATABASE',
    ],
    ['DATABASE_URL', 'postgres:', 'sqlite:PATH or postgres://USER:PASSWORD@HOST/DATABASE'],
    ['DSTACK_SECRET_KEY', 'short', 'at least 16 characters, or two such keys with a comma between'],
    ['DSTACK_METRICS_TOKEN', 'short', 'at least 8 characters'],
  ])('that does not show the secret: %s=%s', (name, value, accepted) => {
    expect(problemsOf({ ...APP, [name]: value })).toEqual([
      `${name}: the value is not accepted; write ${accepted}`,
    ]);
  });

  test('that does not show the password in a URL, nor breaks, nor grows', () => {
    const [problem = ''] = problemsOf({ PUBLIC_URL: `https://me:hidden@h/\n${'x'.repeat(500)}` });
    expect(problem).toMatch(
      /^PUBLIC_URL: "https:\/\/\*\*\*@h\/\\nx{50,}…" is not accepted; write /,
    );
    expect(problem.length).toBeLessThan(220);
  });

  test('and all of them are reported at once', () => {
    const env = { APP_ID: '7', PORT: 'x', DSTACK_TICK_MS: 'y' };
    expect(problemsOf(env).map((problem) => problem.split(':')[0])).toEqual([
      'PORT',
      'DSTACK_TICK_MS',
      'PRIVATE_KEY',
      'WEBHOOK_SECRET',
    ]);
  });
});

describe('the App', () => {
  test.each([
    ['PEM', PKCS1],
    ['PKCS#8 PEM', PKCS8],
    ['PEM with literal \\n', PKCS1.replaceAll('\n', '\\n')],
    ['PEM with spaces for line ends', PKCS1.replaceAll('\n', ' ')],
    ['PEM with Windows line ends', PKCS8.replaceAll('\n', '\r\n')],
    ['base64 of a PEM', Buffer.from(PKCS1).toString('base64')],
  ])('may give its private key as %s', (_, text) => {
    const settings = settingsOf({ ...APP, PRIVATE_KEY: text });
    expect(settings.app?.privateKey.reveal()).toBe(PKCS8);
    expect(settings.secretKey?.reveal()).toBe(settingsOf(APP).secretKey?.reveal());
  });

  test('may give its private key as a file', () => {
    const env = { ...APP, PRIVATE_KEY: undefined, PRIVATE_KEY_PATH: 'app.pem' };
    const settings = settingsOf(env, (path) => (path === 'app.pem' ? PKCS1 : ''));
    expect(settings.app?.privateKey.reveal()).toBe(PKCS8);
  });

  test.each([
    ['cannot be read', noFile, `cannot be read; write the path of the key's file`],
    ['holds something else', () => 'x', 'holds no RSA private key; write the path of one'],
  ])('names the file that %s', (_, readFile, message) => {
    const env = { ...APP, PRIVATE_KEY: undefined, PRIVATE_KEY_PATH: 'app.pem' };
    expect(problemsOf(env, readFile)).toEqual([`PRIVATE_KEY_PATH: "app.pem" ${message}`]);
  });

  test('has no key of another kind than RSA', () => {
    const other = generateKeyPairSync('ed25519').privateKey;
    const pem = other.export({ type: 'pkcs8', format: 'pem' }).toString();
    expect(problemsOf({ ...APP, PRIVATE_KEY: pem })).toEqual([
      `PRIVATE_KEY: the value is not accepted; ${KEY_IS_ACCEPTED}`,
    ]);
  });

  test('does not start without a secret of its own for webhooks', () => {
    expect(problemsOf({ ...APP, WEBHOOK_SECRET: undefined })).toEqual([
      'WEBHOOK_SECRET: it is missing, and APP_ID is set; ' +
        'write a secret of your own, as it stands in the settings of the App',
    ]);
  });

  test('has a signing key that is neither its private key nor that of another App', () => {
    const derived = settingsOf(APP).secretKey?.reveal() ?? '';
    expect(derived).toMatch(/^[0-9a-f]{64}$/);
    const other = generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey;
    const pem = other.export({ type: 'pkcs8', format: 'pem' }).toString();
    expect(settingsOf({ ...APP, PRIVATE_KEY: pem }).secretKey?.reveal()).not.toBe(derived);
  });
});

describe('GitHub', () => {
  test.each([
    [
      { GHE_HOST: '127.0.0.1:9000', GHE_PROTOCOL: 'http' },
      ['127.0.0.1:9000', 'http://127.0.0.1:9000/api/v3', 'http://127.0.0.1:9000'],
    ],
    [
      { GHE_HOST: 'GitHub.example.com' },
      ['github.example.com', 'https://github.example.com/api/v3', 'https://github.example.com'],
    ],
    [{ GHE_PROTOCOL: 'http' }, ['github.com', 'https://api.github.com', 'https://github.com']],
  ])('is where %j says', (env, [host, apiUrl, htmlUrl]) => {
    expect(settingsOf(env).github).toMatchObject({ host, apiUrl, htmlUrl });
  });
});

test('tokens of workflows are signed by GitHub, or by the GitHub Enterprise Server', () => {
  const issuer = 'https://token.actions.githubusercontent.com';
  expect(settingsOf({}).github.oidcIssuer).toBe(issuer);
  const own = settingsOf({ GHE_HOST: 'github.example.com' }).github.oidcIssuer;
  expect(own).toBe('https://github.example.com/_services/token');
});

test.each([
  ['http://127.0.0.1:3000', 'http://127.0.0.1:3000'],
  ['http://localhost:3000/', 'http://localhost:3000'],
  ['https://example.com', 'https://example.com'],
])('is public at %s', (url, publicUrl) => {
  expect(settingsOf({ PUBLIC_URL: url }).http.publicUrl).toBe(publicUrl);
});

test('lets every owner use the account of the app by a star', () => {
  expect(settingsOf({ DSTACK_DEFAULT_ACCOUNT: '*' }).defaultAccounts).toBe('*');
});

test('prints no secret', () => {
  const env = { ...APP, DSTACK_METRICS_TOKEN: 'hidden token', DATABASE_URL: 'postgres://u:pw@h/d' };
  const settings = settingsOf(env);
  const printed = `${JSON.stringify(settings)} ${inspect(settings)} ${settings.metricsToken}`;
  expect(printed).toContain('***');
  expect(printed).not.toMatch(/hidden|correct horse|PRIVATE KEY|pw|[0-9a-f]{64}/);
});

test('documents each variable once', () => {
  expect(new Set(SETTINGS.map(({ name }) => name)).size).toBe(SETTINGS.length);
  for (const { name, meaning } of SETTINGS) {
    expect([name, meaning]).toEqual([
      expect.stringMatching(/^[A-Z_]+$/),
      expect.stringMatching(/^[^|\n]{10,}[^.]$/),
    ]);
  }
});
