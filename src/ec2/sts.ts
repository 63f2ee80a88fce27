import { type ClientRequestArgs, request as httpRequest, type IncomingMessage } from 'node:http';
import { request as httpsRequest } from 'node:https';
import type { Log } from '../lib/log.ts';
import { AWS_REGION } from '../lib/units.ts';
import { done, type Refusal, type Refused, type Reply } from '../model/reply.ts';
import type { Proof, Sts } from './port.ts';

// Whom a machine's proof speaks of. The machine signs one fixed request to STS and sends us the four
// parts that vary; we build the request from them ourselves and read one element of the answer, so
// that neither the place it goes to nor what it says is the machine's choice (CVE-2020-16250).

export interface StsOptions {
  /** The only audience we take: the host of our public URL. A proof made for others is no proof. */
  readonly audience: string;
  /** In place of the region's STS, for tests and private endpoints; the signed Host header is kept. */
  readonly endpoint?: string;
  readonly log: Log;
}

const BODY = 'Action=GetCallerIdentity&Version=2011-06-15';
const CONTENT_TYPE = 'application/x-www-form-urlencoded; charset=utf-8';
const SIGNED_HEADERS = 'content-type;host;x-amz-date;x-amz-security-token;x-dstack-audience';
const TIMEOUT_MS = 5_000;
const ANSWER_MAX_BYTES = 16_384;

const AUTHORIZATION = new RegExp(
  '^AWS4-HMAC-SHA256 Credential=[A-Z0-9]{16,128}/(?<day>[0-9]{8})/(?<region>[a-z0-9-]{1,32})/sts/aws4_request, ?' +
    `SignedHeaders=${SIGNED_HEADERS}, ?Signature=[0-9a-f]{64}$`,
);
const DATE = /^[0-9]{8}T[0-9]{6}Z$/;
const SECURITY_TOKEN = /^[A-Za-z0-9+/=_-]{1,4096}$/;
const REGION = new RegExp(AWS_REGION);

const ANSWER =
  /^\s*(?:<\?xml[^>]*\?>\s*)?<GetCallerIdentityResponse(?: xmlns="[^"]*")?>\s*<GetCallerIdentityResult>\s*(?:<(?:UserId|Account)>[^<]*<\/(?:UserId|Account)>\s*)*<Arn>([^<]*)<\/Arn>/;
const ARN = /^arn:aws(?:-cn|-us-gov|-eusc)?:(?:sts|iam)::\d{12}:[\w+=,.@:/-]{1,512}$/;
const ERROR_CODE = /<Code>([A-Za-z.]{1,64})<\/Code>/;
const THROTTLES = new Set(['Throttling', 'ThrottlingException', 'RequestLimitExceeded']);

export function createSts({ audience, endpoint, log }: StsOptions): Sts {
  return {
    async callerOf(proof, region) {
      const wrong = whatIsWrong(proof, { audience, region });
      if (wrong !== undefined) return refused('denied', 'BadProof', wrong);
      const host = stsHost(region);
      if (host === undefined) return refused('invalid', 'BadRegion', `no STS for ${region}`);
      const reply = await send(proof, { host, endpoint: endpoint ?? `https://${host}` });
      if (!reply.ok) log.warn({ code: reply.code, region }, 'STS does not vouch for a proof');
      return reply;
    },
  };
}

/** The four parts hold nothing but what their names say; whether they are true is for STS to say. */
function whatIsWrong(
  proof: Proof,
  { audience, region }: { readonly audience: string; readonly region: string },
): string | undefined {
  const scope = AUTHORIZATION.exec(proof.authorization)?.groups;
  if (!scope) return 'the authorization is not one for GetCallerIdentity over the promised headers';
  if (scope['region'] !== region) return 'the authorization is for another region';
  if (!DATE.test(proof.date) || !proof.date.startsWith(scope['day'] ?? '-')) {
    return "the date is none, or not the authorization's";
  }
  if (!SECURITY_TOKEN.test(proof.securityToken)) return 'the security token is none';
  return proof.audience === audience ? undefined : 'the proof is for another audience';
}

/** The dns suffixes of AWS's partitions, as in the SDK's own table; regions cut off from us are none. */
function stsHost(region: string): string | undefined {
  if (!REGION.test(region) || /^[a-z]+-iso/.test(region)) return undefined;
  if (region.startsWith('cn-')) return `sts.${region}.amazonaws.com.cn`;
  if (region.startsWith('eusc-')) return `sts.${region}.amazonaws.eu`;
  return `sts.${region}.amazonaws.com`;
}

async function send(
  proof: Proof,
  to: { readonly host: string; readonly endpoint: string },
): Promise<Reply<{ readonly arn: string }>> {
  const headers = {
    host: to.host,
    'content-type': CONTENT_TYPE,
    'content-length': Buffer.byteLength(BODY),
    'x-amz-date': proof.date,
    'x-amz-security-token': proof.securityToken,
    'x-dstack-audience': proof.audience,
    authorization: proof.authorization,
  };
  try {
    const signal = AbortSignal.timeout(TIMEOUT_MS);
    const answer = await post(new URL(to.endpoint), { method: 'POST', path: '/', headers, signal });
    return parse(answer);
  } catch (error) {
    const { code = 'NoAnswer' } = error as { readonly code?: string };
    return refused('unreachable', code, `no answer from ${to.host}`);
  }
}

interface Answer {
  readonly status: number;
  readonly body: string;
}

/** node:http and not fetch, which does not let us set the Host header; nothing follows a redirect. */
function post({ protocol, hostname, port }: URL, args: ClientRequestArgs): Promise<Answer> {
  const request = protocol === 'http:' ? httpRequest : httpsRequest;
  const host = hostname.replace(/^\[|\]$/g, '');
  return new Promise((resolve, reject) => {
    request({ ...args, host, ...(port !== '' && { port }) }, (response) => {
      textOf(response).then((body) => resolve({ status: response.statusCode ?? 0, body }), reject);
    })
      .on('error', reject)
      .end(BODY);
  });
}

async function textOf(response: IncomingMessage): Promise<string> {
  const parts: Buffer[] = [];
  let left = ANSWER_MAX_BYTES;
  for await (const part of response) {
    left -= part.length;
    // Leaving the loop closes the connection.
    if (left < 0) throw new Error('the answer is too long');
    parts.push(part);
  }
  return Buffer.concat(parts).toString();
}

function parse({ status, body }: Answer): Reply<{ readonly arn: string }> {
  const code = ERROR_CODE.exec(body)?.[1] ?? String(status);
  if (status === 429 || THROTTLES.has(code)) return refused('throttled', code, 'STS is throttled');
  if (status >= 500) return refused('unreachable', code, 'STS has a fault');
  if (status !== 200) return refused('denied', code, 'STS does not accept the signature');
  const arn = ANSWER.exec(body)?.[1] ?? '';
  if (!ARN.test(arn)) return refused('denied', 'BadAnswer', 'STS names no caller that we can read');
  return done({ arn });
}

const refused = (reason: Refusal, code: string, message: string): Refused => ({
  ok: false,
  reason,
  code,
  message,
});
