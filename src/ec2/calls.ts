import type { AgentOptions } from 'node:https';
import { EC2Client, type EC2ClientConfig } from '@aws-sdk/client-ec2';
import { done, type Reply } from '../model/reply.ts';
import { refusal } from './errors.ts';

// How this folder speaks to AWS: two EC2 clients, and other services' when they are needed, over the
// same connections.
// Endpoints, profiles and the credential chain are the SDK's own business (AWS_ENDPOINT_URL, …).

export interface AwsKeys {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken?: string;
}

export interface AwsOptions {
  readonly region: string;
  /** Left out: the SDK's own chain. A function is asked for every call, and keeps what it likes. */
  readonly credentials?: AwsKeys | (() => Promise<AwsKeys>);
  /** Left out: AWS, or what the SDK's own variables name. */
  readonly endpoint?: string;
  /** HTTPS_PROXY and its kin; the SDK reads none of them itself. */
  readonly proxyEnv?: AgentOptions['proxyEnv'];
}

type Options = { readonly abortSignal: AbortSignal };

/** What the client of any service is made of. */
export type Shared = Pick<
  EC2ClientConfig,
  'credentials' | 'maxAttempts' | 'requestHandler' | 'retryMode'
> & {
  readonly region: string;
  readonly endpoint?: string;
};

export interface Calls {
  /** One attempt, and no answer after `LAUNCH_TIMEOUT_MS` is an error. */
  once<T>(call: (ec2: EC2Client, options: Options) => Promise<T>): Promise<T>;
  /** Fit for what may be asked twice: three attempts, all within `ASK_TIMEOUT_MS`. */
  ask<T>(call: (ec2: EC2Client, options: Options) => Promise<T>): Promise<Reply<T>>;
  /**
   * The same for another service. What few calls need, some minutes apart, is not worth its load time
   * at every start: the caller imports the service's SDK when it is asked.
   */
  askOther<T>(call: (shared: Shared, options: Options) => Promise<T>): Promise<Reply<T>>;
}

/** For the whole call with its answer: a launch lease must outlive it. */
export const LAUNCH_TIMEOUT_MS = 10_000;
const ASK_ATTEMPTS = 3;
/** For all attempts and all pages together. */
const ASK_TIMEOUT_MS = 30_000;
const CONNECT_TIMEOUT_MS = 3_000;
/** For one attempt, until the answer begins. */
const ANSWER_TIMEOUT_MS = 10_000;
const SOCKETS = 50;

export function createCalls(options: AwsOptions): Calls {
  const { region, credentials, endpoint, proxyEnv } = options;
  const agent = { keepAlive: true, maxSockets: SOCKETS, proxyEnv };
  const shared = {
    region,
    ...(credentials && { credentials: notKept(credentials) }),
    ...(endpoint && { endpoint }),
    retryMode: 'standard',
  };
  const reads = new EC2Client({
    ...shared,
    maxAttempts: ASK_ATTEMPTS,
    requestHandler: {
      connectionTimeout: CONNECT_TIMEOUT_MS,
      requestTimeout: ANSWER_TIMEOUT_MS,
      // Without it the SDK only logs that the time is over.
      throwOnRequestTimeout: true,
      httpAgent: agent,
      httpsAgent: agent,
    },
  });
  // The others use the same connections, kept warm by the reads, and the same resolved credentials.
  const same = {
    ...shared,
    requestHandler: reads.config.requestHandler,
    credentials: reads.config.credentials,
  };
  const launches = new EC2Client({ ...same, maxAttempts: 1 });
  const patient = (): Options => ({ abortSignal: AbortSignal.timeout(ASK_TIMEOUT_MS) });
  return {
    once: (call) => call(launches, { abortSignal: AbortSignal.timeout(LAUNCH_TIMEOUT_MS) }),
    ask: (call) => reply(call(reads, patient())),
    askOther: (call) => reply(call({ ...same, maxAttempts: ASK_ATTEMPTS }, patient())),
  };
}

/** The SDK keeps for ever what does not expire: keys that were changed would never be seen. */
const notKept = (given: NonNullable<AwsOptions['credentials']>) =>
  typeof given === 'function'
    ? async () => ({ ...(await given()), expiration: new Date(0) })
    : given;

async function reply<T>(call: Promise<T>): Promise<Reply<T>> {
  try {
    return done(await call);
  } catch (error) {
    return refusal(error);
  }
}

/** 1,000 instances a page: far above any account's quota; a listing cut short would look like a loss. */
const PAGES_MAX = 100;

/** The items of all pages. */
export async function allOf<Page, Item>(
  pages: AsyncIterable<Page>,
  itemsOf: (page: Page) => readonly Item[] | undefined,
): Promise<Item[]> {
  const items: Item[] = [];
  let left = PAGES_MAX;
  for await (const page of pages) {
    if (left-- === 0) throw new Error(`AWS answers more than ${PAGES_MAX} pages`);
    items.push(...(itemsOf(page) ?? []));
  }
  return items;
}

export function* chunks<T>(list: readonly T[], size: number): Generator<readonly T[]> {
  for (let at = 0; at < list.length; at += size) yield list.slice(at, at + size);
}
