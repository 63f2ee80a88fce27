import type { AgentOptions } from 'node:https';
import { EC2Client } from '@aws-sdk/client-ec2';
import { done, type Reply } from '../model/reply.ts';
import { refusal } from './errors.ts';

// How this folder speaks to AWS: two EC2 clients over the same connections, and SSM when it is needed.
// Endpoints, profiles and the credential chain are the SDK's own business (AWS_ENDPOINT_URL, …).

export interface AwsKeys {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken?: string;
}

export interface AwsOptions {
  readonly region: string;
  /** Left out: the SDK's own chain. */
  readonly credentials?: AwsKeys;
  /** Left out: AWS, or what the SDK's own variables name. */
  readonly endpoint?: string;
  /** HTTPS_PROXY and its kin; the SDK reads none of them itself. */
  readonly proxyEnv?: AgentOptions['proxyEnv'];
}

type Options = { readonly abortSignal: AbortSignal };

export interface Calls {
  /** One attempt, and no answer after `LAUNCH_TIMEOUT_MS` is an error. */
  once<T>(call: (ec2: EC2Client, options: Options) => Promise<T>): Promise<T>;
  /** Fit for what may be asked twice: three attempts, all within `ASK_TIMEOUT_MS`. */
  ask<T>(call: (ec2: EC2Client, options: Options) => Promise<T>): Promise<Reply<T>>;
  /** A public or private SSM parameter's value. */
  parameter(name: string): Promise<Reply<string | undefined>>;
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
    ...(credentials && { credentials }),
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
  return {
    once: (call) => call(launches, { abortSignal: AbortSignal.timeout(LAUNCH_TIMEOUT_MS) }),
    ask: (call) => reply(call(reads, { abortSignal: AbortSignal.timeout(ASK_TIMEOUT_MS) })),
    async parameter(name) {
      // Only images need it, some minutes apart: not worth its load time at every start.
      const { GetParameterCommand, SSMClient } = await import('@aws-sdk/client-ssm');
      const ssm = new SSMClient({ ...same, maxAttempts: ASK_ATTEMPTS });
      const command = new GetParameterCommand({ Name: name });
      const abortSignal = AbortSignal.timeout(ASK_TIMEOUT_MS);
      const answer = await reply(ssm.send(command, { abortSignal }));
      return answer.ok ? done(answer.value.Parameter?.Value) : answer;
    },
  };
}

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
