import { Probot, ProbotOctokit } from 'probot';
import { fieldsOf, textOf } from '../model/github-json.ts';
import { EVENTS, permissionsOfApp } from './calls.ts';

// Who GitHub takes us for, asked once at the start by Probot's own client: nothing hangs on the answer
// in time, so its patience (retries, one call after the other) is welcome here.

export interface Identity {
  readonly slug: string;
  /** Where an owner of the App changes what it may do. */
  readonly settingsUrl: string;
  /** Permissions that we use and the App does not have, `administration: write`. */
  readonly missingPermissions: readonly string[];
  readonly missingEvents: readonly string[];
  /** Where GitHub sends webhooks; null when it sends none. */
  readonly hookUrl: string | null;
}

export interface IdentityDeps {
  readonly appId: number;
  /** PEM. */
  readonly privateKey: string;
  readonly webhookSecret: string;
  readonly apiUrl: string;
}

const LEVELS = ['none', 'read', 'write', 'admin'];

/** Throws what Octokit throws: the caller only tells. */
export async function readIdentity(deps: IdentityDeps): Promise<Identity> {
  const probot = new Probot({
    appId: deps.appId,
    privateKey: deps.privateKey,
    secret: deps.webhookSecret,
    baseUrl: deps.apiUrl,
    logLevel: 'fatal',
    Octokit: ProbotOctokit,
  });
  const octokit = await probot.auth();
  const app = (await octokit.request('GET /app')).data;
  return parseIdentity(app, (await octokit.request('GET /app/hook/config')).data);
}

export function parseIdentity(appData: unknown, hookData: unknown): Identity {
  const [app, hook] = [fieldsOf(appData), fieldsOf(hookData)];
  return {
    slug: textOf(app['slug']) ?? '',
    settingsUrl: settingsUrlOf(app),
    missingPermissions: lacking(fieldsOf(app['permissions'])),
    missingEvents: missingEvents(app['events']),
    hookUrl: textOf(hook['url']) ?? null,
  };
}

/** An organization's App has its settings elsewhere than a person's. */
function settingsUrlOf(app: Readonly<Record<string, unknown>>): string {
  const page = textOf(app['html_url']) ?? '';
  const owner = fieldsOf(app['owner']);
  const origin = page.replace(/\/(?:github-)?apps\/[^/]*$/, '');
  const login = textOf(owner['login']);
  const of = owner['type'] === 'Organization' && login ? `/organizations/${login}` : '';
  return `${origin}${of}/settings/apps/${textOf(app['slug']) ?? ''}/permissions`;
}

function lacking(granted: Readonly<Record<string, unknown>>): readonly string[] {
  return Object.entries(permissionsOfApp())
    .filter(([name, level]) => rank(granted[name]) < rank(level))
    .map(([name, level]) => `${name}: ${level}`);
}

const rank = (level: unknown): number => Math.max(0, LEVELS.indexOf(String(level)));

function missingEvents(value: unknown): readonly string[] {
  const has: readonly unknown[] = Array.isArray(value) ? value : [];
  return EVENTS.filter((event) => !has.includes(event));
}
