import { Agent as HttpAgent } from 'node:http';
import { type AgentOptions, Agent as HttpsAgent } from 'node:https';

export interface WireOptions {
  readonly region: string;
  /** Left out: AWS, or what the SDK's own variables name. */
  readonly endpoint?: string;
  /** HTTPS_PROXY and its kin; the SDK reads none of them itself. */
  readonly proxyEnv?: AgentOptions['proxyEnv'];
}

const ATTEMPTS = 3;
const CONNECT_TIMEOUT_MS = 3_000;
const ANSWER_TIMEOUT_MS = 5_000;
/** For all attempts together: a tick waits for it. */
const PATIENCE_MS = 8_000;
const SOCKETS = 10;

/** For each call anew. */
export const patience = () => ({ abortSignal: AbortSignal.timeout(PATIENCE_MS) });

/** How the small clients of this folder speak to AWS; endpoints are the SDK's own business. */
export function within({ region, endpoint, proxyEnv }: WireOptions) {
  const agent = { keepAlive: true, maxSockets: SOCKETS, proxyEnv };
  return {
    region,
    ...(endpoint !== undefined && { endpoint }),
    maxAttempts: ATTEMPTS,
    requestHandler: {
      connectionTimeout: CONNECT_TIMEOUT_MS,
      requestTimeout: ANSWER_TIMEOUT_MS,
      throwOnRequestTimeout: true,
      httpAgent: new HttpAgent(agent),
      httpsAgent: new HttpsAgent(agent),
    },
  };
}
