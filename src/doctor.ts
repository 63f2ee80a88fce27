import { accessSync, constants, existsSync, readFileSync } from 'node:fs';
import { setGlobalProxyFromEnv } from 'node:http';
import { dirname } from 'node:path';
import { askCode } from './cli/device-flow.ts';
import { type Check, fail, ok, report, warn } from './cli/doctor.ts';
import { githubChecks } from './cli/doctor-app.ts';
import { clientChecks } from './cli/doctor-client.ts';
import { EXIT, type Io, isTrouble, tell } from './cli/io.ts';
import { takeOptions } from './cli/options.ts';
import { systemClock as clock } from './lib/clock.ts';
import { silentLog as log } from './lib/log.ts';
import { ownVersion } from './lib/version.ts';
import { parseSettings, type Settings } from './settings.ts';

// `dstack doctor`: a third root beside main.ts and demo.ts. It makes the same clients as the app would,
// looks once at everything, and changes nothing.

const ENV_FILE = '.env';
const TIMEOUT_MS = 10_000;

export async function doctor(args: readonly string[], io: Io): Promise<number> {
  const taken = takeOptions(args);
  if (isTrouble(taken)) return tell(io, taken);
  const { options, words } = taken;
  if (words.length > 0) {
    const what = `dstack doctor takes no "${words[0]}"`;
    return tell(io, { exit: EXIT.usage, what, tries: 'dstack doctor --help' });
  }
  const isNamed = options.server !== undefined;
  if (existsSync(ENV_FILE) && !isNamed) process.loadEnvFile(ENV_FILE);
  const checks =
    process.env['APP_ID'] && !isNamed ? await appChecks(io) : await clientChecks(io, options);
  const here = [ok('version', `dstack ${ownVersion()}`), ok('node', process.version)];
  return report(io, [...here, ...checks], options.isJson);
}

async function appChecks(io: Io): Promise<readonly Check[]> {
  const parsed = parseSettings(process.env, (path) => readFileSync(path, 'utf8'));
  if (!parsed.ok) {
    return parsed.problems.map((text) => fail('settings', text, 'see docs/reference.md'));
  }
  setGlobalProxyFromEnv();
  const { settings } = parsed;
  return [
    ok('settings', 'are understood'),
    databaseCheck(settings),
    ...(await gitHubChecks(settings)),
    ...(await addressChecks(settings)),
    await signInCheck(io, settings),
    await awsCheck(settings),
    accountsCheck(settings),
  ];
}

function databaseCheck({ database }: Settings): Check {
  if (database.kind !== 'sqlite' || database.path === ':memory:') {
    return warn('database', `${database.kind} is not looked at`, 'start the app, and see /readyz');
  }
  const { path } = database;
  const wanted = existsSync(path) ? path : nearestFolder(dirname(path));
  try {
    accessSync(wanted, constants.R_OK | constants.W_OK);
    return ok('database', path);
  } catch {
    return fail('database', `${wanted} cannot be written`, 'give it to the user of the app');
  }
}

const nearestFolder = (folder: string): string =>
  existsSync(folder) || dirname(folder) === folder ? folder : nearestFolder(dirname(folder));

async function gitHubChecks({ app, github, http }: Settings): Promise<readonly Check[]> {
  if (!app) return [];
  const { examine } = await import('./github/examine.ts');
  const found = await examine({
    appId: String(app.id),
    privateKey: app.privateKey.reveal(),
    apiUrl: github.apiUrl,
    userAgent: 'dstack-autoscale-doctor',
    clock,
    log,
  });
  const { htmlUrl: githubUrl } = github;
  return githubChecks({ ...found, appId: app.id, githubUrl, publicUrl: http.publicUrl });
}

async function addressChecks({ http }: Settings): Promise<readonly Check[]> {
  const here = `http://${http.host.includes(':') ? `[${http.host}]` : http.host}:${http.port}`;
  const ready = await statusOf(`${here}/readyz`);
  const runs =
    ready === 200
      ? ok('app', `runs at ${here}, and is ready`)
      : ready === null
        ? warn('app', `does not run at ${here}`, 'dstack serve')
        : fail('app', `runs at ${here}, and is not ready (${ready})`, 'see its log');
  const { publicUrl } = http;
  if (publicUrl === null) {
    const text = 'PUBLIC_URL is not set: nothing can be launched';
    return [runs, fail('public url', text, 'set it to the https address of the app')];
  }
  const status = await statusOf(`${publicUrl}/healthz`);
  if (status === 200) return [runs, ok('public url', `${publicUrl} reaches the app from here`)];
  const text = `${publicUrl} ${status === null ? 'cannot be reached' : `answers ${status}`} from here`;
  const todo =
    ready === 200 ? 'see what ends TLS there, and whether it leads to the app' : 'dstack serve';
  return [runs, fail('public url', text, todo)];
}

async function statusOf(url: string): Promise<number | null> {
  try {
    const answer = await fetch(url, { signal: AbortSignal.timeout(TIMEOUT_MS) });
    await answer.text();
    return answer.status;
  } catch {
    return null;
  }
}

async function signInCheck(io: Io, { app, github }: Settings): Promise<Check> {
  if (!app?.client) {
    const text = 'nobody can sign in: the client id and secret of the App are not set';
    return warn('sign-in', text, 'set GITHUB_CLIENT_ID and GITHUB_CLIENT_SECRET');
  }
  const client = { clientId: app.client.id, htmlUrl: github.htmlUrl };
  const code = await askCode(io, client);
  if (!isTrouble(code)) return ok('sign-in', 'dstack login can be used');
  return warn('sign-in', code.what, code.tries ?? 'see docs/reference.md, "Command line"');
}

/** Whether `dstack aws configure` can keep anything. */
function accountsCheck({ aws, secrets }: Settings): Check {
  if (secrets.kind === 'local') return ok('accounts', 'are kept in the database, sealed');
  if (aws.region !== null) return ok('accounts', `are kept in Secrets Manager of ${aws.region}`);
  const text = 'AWS_REGION is not set: `dstack aws configure` can keep nothing';
  return warn('accounts', text, 'set AWS_REGION, or DSTACK_SECRETS=local');
}

async function awsCheck({ aws, defaultAccounts, secrets }: Settings): Promise<Check> {
  const { createIdentities } = await import('./accounts/identity.ts');
  const region = aws.region ?? 'us-east-1';
  const found = await createIdentities({ region, proxyEnv: process.env }).callerOf(null);
  if (found.ok) return ok('aws', `${found.value.arn} in ${found.value.account}`);
  const text = `no AWS credentials of the app's own that work (${found.code})`;
  const todo = 'give it a role or AWS_ACCESS_KEY_ID; docs/aws.md has the policy';
  const isNeeded = secrets.kind === 'aws' || defaultAccounts === '*' || defaultAccounts.length > 0;
  return isNeeded ? fail('aws', text, todo) : warn('aws', text, `${todo}, if rules are to use it`);
}
