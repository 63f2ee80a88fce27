import type { Clock, Instant } from '../lib/clock.ts';
import type { Http, HttpAnswer } from './http.ts';
import { parseObject, textOf } from './json.ts';

// The instance metadata service, version 2 only:
// https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/instancedata-data-retrieval.html
const TOKEN_LIFE_S = 21_600;
const RENEW_BEFORE_MS = 60_000;
const TIMEOUT_MS = 5_000;

export interface Imds {
  /** The path below `/latest/`. 404 means "there is none", 0 "no answer". */
  get(path: string): Promise<HttpAnswer>;
}

export interface Machine {
  readonly instance: string;
  readonly region: string;
  /** The partition's DNS suffix: `amazonaws.com`, `amazonaws.com.cn`, … */
  readonly domain: string;
}

export interface Credentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly token: string;
}

export function createImds(deps: { clock: Clock; http: Http }, endpoint: string): Imds {
  const base = endpoint.replace(/\/+$/, '');
  let session: { token: string; until: Instant } | undefined;

  async function renew(): Promise<HttpAnswer> {
    const answer = await deps.http({
      method: 'PUT',
      url: `${base}/latest/api/token`,
      headers: { 'x-aws-ec2-metadata-token-ttl-seconds': String(TOKEN_LIFE_S) },
      timeoutMs: TIMEOUT_MS,
    });
    const until = deps.clock.now() + TOKEN_LIFE_S * 1000 - RENEW_BEFORE_MS;
    session = answer.status === 200 ? { token: answer.text, until } : undefined;
    return answer;
  }

  return {
    async get(path) {
      // The second try is for a token that the service no longer knows.
      for (let tries = 0; ; tries++) {
        if (!session || session.until < deps.clock.now()) {
          const renewed = await renew();
          if (!session) return renewed.status === 404 ? { ...renewed, status: 0 } : renewed;
        }
        const answer = await deps.http({
          method: 'GET',
          url: `${base}/latest/${path}`,
          headers: { 'x-aws-ec2-metadata-token': session.token },
          timeoutMs: TIMEOUT_MS,
        });
        if (answer.status !== 401 || tries > 0) return answer;
        session = undefined;
      }
    },
  };
}

export async function readMachine(imds: Imds): Promise<Machine | undefined> {
  const answers = await Promise.all([
    imds.get('meta-data/instance-id'),
    imds.get('meta-data/placement/region'),
    imds.get('meta-data/services/domain'),
  ]);
  if (answers.some(({ status }) => status !== 200)) return undefined;
  const [instance = '', region = '', domain = ''] = answers.map(({ text }) => text.trim());
  return { instance, region, domain };
}

/**
 * The credentials of the instance identity role, which every instance has and which work with one
 * STS call alone.
 */
export async function readCredentials(imds: Imds): Promise<Credentials | undefined> {
  const answer = await imds.get(
    'meta-data/identity-credentials/ec2/security-credentials/ec2-instance',
  );
  if (answer.status !== 200) return undefined;
  const role = parseObject(answer.text);
  const accessKeyId = textOf(role, 'AccessKeyId');
  const secretAccessKey = textOf(role, 'SecretAccessKey');
  const token = textOf(role, 'Token');
  if (!accessKeyId || !secretAccessKey || !token) return undefined;
  return { accessKeyId, secretAccessKey, token };
}
