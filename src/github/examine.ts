import { httpDateOf } from '../lib/http-date.ts';
import { done, type Reply } from '../model/reply.ts';
import { headerOf } from './answer.ts';
import type { CallName } from './calls.ts';
import { type Identity, parseIdentity } from './identity.ts';
import { createOwnPace } from './pace.ts';
import { type DeliveryFacts, parseDelivery } from './parse.ts';
import { isAnswer, refusedBy } from './refused.ts';
import { createTokens } from './tokens.ts';
import { createTransport, type TransportDeps } from './transport.ts';

export interface ExamineDeps extends Omit<TransportDeps, 'pace'> {
  readonly appId: string;
  /** PEM. */
  readonly privateKey: string;
}

export interface Examined {
  /** GitHub's time less ours, to the second; null: it did not say. */
  readonly aheadMs: number | null;
  readonly app: Reply<
    Identity & {
      /** The newest webhooks that GitHub sent, the newest first. */
      readonly deliveries: readonly DeliveryFacts[];
    }
  >;
}

const SHOWN = 30;
const what = 'ask who the App is';

/** Who GitHub takes us for, with each call once and no patience: a person waits for it. */
export async function examine(deps: ExamineDeps): Promise<Examined> {
  const transport = createTransport({ ...deps, pace: createOwnPace(deps.clock) });
  const tokens = createTokens({ ...deps, transport, settingsUrl: undefined });
  let aheadMs: number | null = null;
  const ask = async (call: CallName, params = {}): Promise<Reply<unknown>> => {
    const headers = { authorization: `bearer ${tokens.app()}` };
    const answer = await transport({ call, payer: 'app', params, headers, what });
    if (!isAnswer(answer)) return answer;
    // A refusal says it too: a wrong clock is why GitHub takes no token of ours.
    const theirs = httpDateOf(headerOf(answer, 'date'));
    if (theirs !== undefined) aheadMs = theirs - deps.clock.now();
    if (answer.status === 200) return done(answer.data);
    return refusedBy({ what, answer, settingsUrl: undefined });
  };
  const app = await ask('app');
  if (!app.ok) return { aheadMs, app };
  const hook = await ask('hook');
  if (!hook.ok) return { aheadMs, app: hook };
  const sent = await ask('deliveries', { per_page: SHOWN });
  if (!sent.ok) return { aheadMs, app: sent };
  const list: readonly unknown[] = Array.isArray(sent.value) ? sent.value : [];
  const deliveries = list.flatMap((one) => parseDelivery(one) ?? []);
  return { aheadMs, app: done({ ...parseIdentity(app.value, hook.value), deliveries }) };
}
