import type { Reply } from '../model/reply.ts';
import { type Check, fail, ok, warn } from './doctor.ts';

// What the facts about an app mean, and what to do. Who finds them out is src/doctor.ts.

export interface AppFacts {
  readonly appId: number;
  readonly githubUrl: string;
  readonly publicUrl: string | null;
  readonly aheadMs: number | null;
  readonly app: Reply<{
    readonly slug: string;
    readonly settingsUrl: string;
    readonly missingPermissions: readonly string[];
    readonly missingEvents: readonly string[];
    readonly hookUrl: string | null;
    readonly deliveries: readonly { readonly isSuccess: boolean }[];
  }>;
}

/** From here on GitHub takes our own tokens for ones of the future. */
const MOST_AHEAD_MS = 30_000;

export function githubChecks(facts: AppFacts): readonly Check[] {
  const { app } = facts;
  const clock = clockCheck(facts.aheadMs);
  if (!app.ok) return [appFailed(facts, app), ...clock];
  const { slug, settingsUrl, missingPermissions, missingEvents } = app.value;
  const lacks = [...missingPermissions, ...missingEvents.map((event) => `the event ${event}`)];
  const permissions =
    lacks.length === 0
      ? ok('permissions', 'the App has all that it uses')
      : fail('permissions', `the App lacks ${lacks.join(', ')}`, `grant it at ${settingsUrl}`);
  return [
    ok('github', `${facts.githubUrl} knows the App as ${slug}`),
    ...clock,
    permissions,
    ...webhookChecks(facts, app.value),
  ];
}

function appFailed(
  { appId, githubUrl }: AppFacts,
  { reason, code }: Extract<AppFacts['app'], { ok: false }>,
): Check {
  if (reason === 'denied' || reason === 'missing') {
    const text = `${githubUrl} does not take the key of the App ${appId} (${code})`;
    return fail('github', text, 'check APP_ID, PRIVATE_KEY, GHE_HOST and the clock');
  }
  const text = `${githubUrl} does not answer (${code})`;
  return fail('github', text, 'check the network, HTTPS_PROXY and GHE_HOST');
}

function clockCheck(aheadMs: number | null): readonly Check[] {
  if (aheadMs === null) return [];
  const seconds = Math.round(Math.abs(aheadMs) / 1000);
  if (Math.abs(aheadMs) <= MOST_AHEAD_MS) return [ok('clock', 'runs with that of GitHub')];
  const text = `this machine's clock is ${seconds} s ${aheadMs < 0 ? 'ahead of' : 'behind'} GitHub's`;
  return [fail('clock', text, 'set it, and keep it so by NTP (timedatectl set-ntp true)')];
}

type Known = Extract<AppFacts['app'], { ok: true }>['value'];

function webhookChecks({ publicUrl }: AppFacts, known: Known): readonly Check[] {
  const { hookUrl, settingsUrl, deliveries } = known;
  const settings = settingsUrl.replace(/\/permissions$/, '');
  const wanted = publicUrl === null ? null : `${publicUrl}/api/github/webhooks`;
  if (hookUrl === null) {
    return [fail('webhook', 'GitHub sends no webhooks', `set its URL at ${settings}`)];
  }
  if (wanted !== null && hookUrl !== wanted) {
    const text = `GitHub sends webhooks to ${hookUrl}`;
    return [fail('webhook', text, `set its URL to ${wanted} at ${settings}`)];
  }
  const failed = deliveries.filter(({ isSuccess }) => !isSuccess).length;
  if (deliveries.length === 0) {
    return [warn('webhook', 'GitHub has sent none yet', 'push to a repository that has the App')];
  }
  if (deliveries[0]?.isSuccess)
    return [ok('webhook', `the newest of ${deliveries.length} arrived`)];
  const text = `${failed} of the last ${deliveries.length} did not arrive, the newest neither`;
  return [fail('webhook', text, `see why at ${settings}/advanced; is ${hookUrl} open to GitHub?`)];
}
