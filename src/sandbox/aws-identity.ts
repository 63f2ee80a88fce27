import { createHmac, createSecretKey, hash } from 'node:crypto';
import type { Proof } from '../ec2/port.ts';
import type { Instant } from '../lib/clock.ts';
import { instantOf, isoOf } from '../lib/instant.ts';

/** The credentials of the instance identity role, in the metadata service's spelling. */
export interface Identity {
  readonly AccessKeyId: string;
  readonly SecretAccessKey: string;
  readonly Token: string;
}

const sha256 = (data: string): string => hash('sha256', data);
// Node takes a key object five times as fast as a buffer.
const hmac = (key: Buffer, data: string): Buffer =>
  createHmac('sha256', createSecretKey(key)).update(data).digest();

/** Made from the id alone, so that whoever reads a token can tell what must have signed with it. */
export function identityOf(instance: string): Identity {
  const drawn = sha256(`identity role of ${instance}`);
  return {
    AccessKeyId: `ASIA${drawn.slice(0, 16).toUpperCase()}`,
    SecretAccessKey: drawn.slice(16, 56),
    Token: Buffer.from(`${instance} ${drawn.slice(56)}`).toString('base64'),
  };
}

/** The instance that a session token was given to, or undefined. */
export function instanceOfToken(token: string): string | undefined {
  const [instance = ''] = Buffer.from(token, 'base64').toString().split(' ');
  return identityOf(instance).Token === token ? instance : undefined;
}

/** A request as it came, header names in lower case. */
export interface SignedRequest {
  readonly method: string;
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

export interface Signature {
  readonly accessKeyId: string;
  /** `20260105/eu-west-1/sts/aws4_request` */
  readonly scope: string;
  readonly signedHeaders: string;
  readonly signature: string;
}

const AUTHORIZATION =
  /^AWS4-HMAC-SHA256 Credential=([^/]+)\/([^,]+), ?SignedHeaders=([^,]+), ?Signature=([0-9a-f]{64})$/;

export function parseAuthorization(text: string): Signature | undefined {
  const [, accessKeyId = '', scope = '', signedHeaders = '', signature = ''] =
    AUTHORIZATION.exec(text) ?? [];
  return signature === '' ? undefined : { accessKeyId, scope, signedHeaders, signature };
}

/**
 * What the holder of the secret would have signed: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
 * Only requests without a query, which is all that STS gets here.
 */
export function signatureOf(
  { method, path, headers, body }: SignedRequest,
  { scope, signedHeaders }: Pick<Signature, 'scope' | 'signedHeaders'>,
  secret: string,
): string {
  const lines = signedHeaders
    .split(';')
    .map((name) => `${name}:${(headers[name] ?? '').trim().replace(/ +/g, ' ')}`);
  const canonical = [method, path, '', ...lines, '', signedHeaders, sha256(body)].join('\n');
  const date = headers['x-amz-date'] ?? '';
  const text = ['AWS4-HMAC-SHA256', date, scope, sha256(canonical)].join('\n');
  const key = scope
    .split('/')
    .reduce<Buffer>((last, part) => hmac(last, part), Buffer.from(`AWS4${secret}`));
  return hmac(key, text).toString('hex');
}

export const PROOF_BODY = 'Action=GetCallerIdentity&Version=2011-06-15';
const SIGNED_HEADERS = 'content-type;host;x-amz-date;x-amz-security-token;x-dstack-audience';

/** The request that a proof stands for; the region gives its host. */
export const proofRequest = (proof: Omit<Proof, 'authorization'>, region: string) => ({
  method: 'POST',
  path: '/',
  headers: {
    'content-type': 'application/x-www-form-urlencoded; charset=utf-8',
    host: `sts.${region}.amazonaws.com`,
    'x-amz-date': proof.date,
    'x-amz-security-token': proof.securityToken,
    'x-dstack-audience': proof.audience,
  },
  body: PROOF_BODY,
});

/** What the daemon of a machine in process signs, by the same rules as the real one. */
export function signProof(of: {
  readonly instance: string;
  readonly region: string;
  readonly audience: string;
  readonly now: Instant;
}): Proof {
  const { AccessKeyId, SecretAccessKey, Token: securityToken } = identityOf(of.instance);
  const date = isoOf(of.now).replace(/[-:]|\.\d+/g, '');
  const scope = `${date.slice(0, 8)}/${of.region}/sts/aws4_request`;
  const parts = { date, securityToken, audience: of.audience };
  const how = { scope, signedHeaders: SIGNED_HEADERS };
  const signature = signatureOf(proofRequest(parts, of.region), how, SecretAccessKey);
  const credential = `${AccessKeyId}/${scope}`;
  const authorization = `AWS4-HMAC-SHA256 Credential=${credential}, SignedHeaders=${SIGNED_HEADERS}, Signature=${signature}`;
  return { authorization, ...parts };
}

/** STS takes no request that was signed longer ago. */
const SIGNATURE_LIFE_MS = 900_000;
const BASIC_TIME = /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/;

/** `date` is that of the signature, `20260105T090000Z`. */
export function isFresh(date: string, now: Instant): boolean {
  const signedAt = instantOf(date.replace(BASIC_TIME, '$1-$2-$3T$4:$5:$6Z'));
  return signedAt !== undefined && Math.abs(now - signedAt) <= SIGNATURE_LIFE_MS;
}

export const callerArn = (account: string, instance: string): string =>
  `arn:aws:sts::${account}:assumed-role/aws:ec2-instance/${instance}`;

/** The instance behind a signed request, or undefined where the signature is not its own. */
export function signerOf(request: SignedRequest): string | undefined {
  const given = parseAuthorization(request.headers['authorization'] ?? '');
  const instance = instanceOfToken(request.headers['x-amz-security-token'] ?? '');
  if (!given || !instance) return undefined;
  const { AccessKeyId, SecretAccessKey } = identityOf(instance);
  const isRight =
    given.accessKeyId === AccessKeyId &&
    given.signature === signatureOf(request, given, SecretAccessKey);
  return isRight ? instance : undefined;
}
