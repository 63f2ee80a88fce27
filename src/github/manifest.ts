import { parse } from 'yaml';
import type { Clock } from '../lib/clock.ts';
import type { Log } from '../lib/log.ts';
import { fieldsOf, idOf, textOf } from '../model/github-json.ts';
import { done, type Reply } from '../model/reply.ts';
import { createOwnPace } from './pace.ts';
import { isAnswer, refusedBy, unreadable } from './refused.ts';
import { createTransport } from './transport.ts';

// For the setup page: GitHub registers the App from a manifest, and trades the code that it sends
// back for the App's credentials. https://docs.github.com/apps/sharing-github-apps

/** Where our listener takes deliveries; without it GitHub would send them to `/`. */
export const WEBHOOK_PATH = '/api/github/webhooks';
/** Where GitHub sends the browser, with `code` and our `state` in the query. */
export const REGISTERED_PATH = '/setup/registered';

/** What GitHub's form takes as JSON in its field `manifest`. */
export type Manifest = Readonly<Record<string, unknown>> & {
  readonly url: string;
  readonly hook_attributes: { readonly url: string; readonly active: true };
  readonly redirect_url: string;
};

export interface Addresses {
  readonly publicUrl: string;
  /** Where a proxy takes deliveries for an app that GitHub cannot reach, while developing. */
  readonly webhookProxyUrl?: string | undefined;
}

export function manifestFrom(appYml: string, { publicUrl, webhookProxyUrl }: Addresses): Manifest {
  const base = publicUrl.replace(/\/+$/, '');
  return {
    ...fieldsOf(parse(appYml)),
    url: base,
    hook_attributes: { url: webhookProxyUrl ?? `${base}${WEBHOOK_PATH}`, active: true },
    redirect_url: `${base}${REGISTERED_PATH}`,
  };
}

export interface AppCredentials {
  readonly id: number;
  readonly slug: string;
  readonly pem: string;
  readonly webhookSecret: string;
  readonly clientId: string;
  readonly clientSecret: string;
  /** The App's own page; `<htmlUrl>/installations/new` installs it. */
  readonly htmlUrl: string;
}

export interface ConvertDeps {
  readonly apiUrl: string;
  readonly userAgent: string;
  readonly clock: Clock;
  readonly log: Log;
  readonly fetch?: typeof globalThis.fetch;
}

/** Good once, within the hour: `missing` when the code was used, is too old, or is made up. */
export async function convertManifest(
  deps: ConvertDeps,
  code: string,
): Promise<Reply<AppCredentials>> {
  const what = 'register the App';
  const transport = createTransport({ ...deps, pace: createOwnPace(deps.clock) });
  const answer = await transport({
    call: 'convert',
    payer: 'app',
    params: { code },
    headers: {},
    what,
  });
  if (!isAnswer(answer)) return answer;
  if (answer.status !== 201) return refusedBy({ what, answer, settingsUrl: undefined });
  const credentials = parseCredentials(answer.data);
  return credentials ? done(credentials) : unreadable(what, answer);
}

function parseCredentials(value: unknown): AppCredentials | undefined {
  const fields = fieldsOf(value);
  const id = idOf(fields['id']);
  const slug = textOf(fields['slug']);
  const pem = textOf(fields['pem']);
  const webhookSecret = textOf(fields['webhook_secret']);
  const clientId = textOf(fields['client_id']);
  const clientSecret = textOf(fields['client_secret']);
  const htmlUrl = textOf(fields['html_url']);
  if (id === undefined || slug === undefined || pem === undefined) return undefined;
  if (webhookSecret === undefined || clientId === undefined) return undefined;
  if (clientSecret === undefined || htmlUrl === undefined) return undefined;
  return { id, slug, pem, webhookSecret, clientId, clientSecret, htmlUrl };
}
