import { createHmac } from 'node:crypto';
import type { Clock } from '../lib/clock.ts';
import type { App } from './github-app.ts';
import type { Webhook } from './github-hooks.ts';

export const HOOK_TIMEOUT_MS = 10_000;
const TIMED_OUT = 504;
const NOT_CONNECTED = 502;

export interface SenderDeps {
  readonly app: App;
  /** The machine's: the receiver is a real server. */
  readonly real: Clock;
  readonly fetch: typeof globalThis.fetch;
}

/** Delivers one webhook as GitHub does, signed; answers the receiver's status, or why there is none. */
export async function sendWebhook(deps: SenderDeps, hook: Webhook): Promise<number> {
  const { app, real, fetch } = deps;
  if (app.hookUrl === undefined) return NOT_CONNECTED;
  const body = JSON.stringify(hook.payload);
  const sign = (hash: string) =>
    `${hash}=${createHmac(hash, app.webhookSecret).update(body).digest('hex')}`;
  const abort = new AbortController();
  const answered = new AbortController();
  const late = real.sleep(HOOK_TIMEOUT_MS, answered.signal).then(() => abort.abort());
  try {
    const answer = await fetch(app.hookUrl, {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        'user-agent': 'GitHub-Hookshot/sandbox',
        'x-github-event': hook.event,
        'x-github-delivery': hook.guid,
        'x-github-hook-id': String(app.id),
        'x-github-hook-installation-target-id': String(app.id),
        'x-github-hook-installation-target-type': 'integration',
        'x-hub-signature': sign('sha1'),
        'x-hub-signature-256': sign('sha256'),
      },
      body,
      signal: abort.signal,
    });
    await answer.arrayBuffer();
    return answer.status;
  } catch {
    return abort.signal.aborted ? TIMED_OUT : NOT_CONNECTED;
  } finally {
    answered.abort();
    await late;
  }
}
