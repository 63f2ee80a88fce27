// A verifier of AWS signatures written from the specification alone, so that the daemon's signer is
// checked by something else than itself:
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
import { createHash, createHmac } from 'node:crypto';

const sha256 = (text: string) => createHash('sha256').update(text).digest('hex');
const hmac = (key: string | Buffer, text: string) =>
  createHmac('sha256', key).update(text).digest();

interface Proof {
  readonly authorization: string;
  readonly date: string;
  readonly securityToken: string;
  readonly audience: string;
}

const SIGNED = 'content-type;host;x-amz-date;x-amz-security-token;x-dstack-audience';

/**
 * The authorization header that the holder of this secret would write over the request of the
 * contract.
 */
export function expectedAuthorization(
  proof: Proof,
  of: { accessKeyId: string; secretAccessKey: string; region: string; domain: string },
): string {
  const body = 'Action=GetCallerIdentity&Version=2011-06-15';
  const canonical = [
    'POST',
    '/',
    '',
    'content-type:application/x-www-form-urlencoded; charset=utf-8',
    `host:sts.${of.region}.${of.domain}`,
    `x-amz-date:${proof.date}`,
    `x-amz-security-token:${proof.securityToken}`,
    `x-dstack-audience:${proof.audience}`,
    '',
    SIGNED,
    sha256(body),
  ].join('\n');
  const day = proof.date.slice(0, 8);
  const scope = `${day}/${of.region}/sts/aws4_request`;
  const text = ['AWS4-HMAC-SHA256', proof.date, scope, sha256(canonical)].join('\n');
  const key = [day, of.region, 'sts', 'aws4_request'].reduce<string | Buffer>(
    (last, part) => hmac(last, part),
    `AWS4${of.secretAccessKey}`,
  );
  const signature = hmac(key, text).toString('hex');
  const credential = `${of.accessKeyId}/${scope}`;
  return `AWS4-HMAC-SHA256 Credential=${credential}, SignedHeaders=${SIGNED}, Signature=${signature}`;
}
