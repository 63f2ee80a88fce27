import { createHash, createHmac } from 'node:crypto';
import { HttpRequest } from '@smithy/protocol-http';
import { SignatureV4 } from '@smithy/signature-v4';
import type { Instant } from '../lib/clock.ts';
import type { Credentials, Machine } from './imds.ts';

/**
 * An STS GetCallerIdentity request, signed here and sent by the app, which builds it again from
 * these parts.
 */
export interface Proof {
  readonly authorization: string;
  readonly date: string;
  readonly securityToken: string;
  readonly audience: string;
}

const BODY = 'Action=GetCallerIdentity&Version=2011-06-15';
const CONTENT_TYPE = 'application/x-www-form-urlencoded; charset=utf-8';

/** The audience is signed too, so that a proof for one app is worth nothing to another. */
export async function signProof(of: {
  readonly credentials: Credentials;
  readonly machine: Machine;
  readonly audience: string;
  readonly now: Instant;
}): Promise<Proof> {
  const { credentials, machine, audience } = of;
  const host = `sts.${machine.region}.${machine.domain}`;
  const signer = new SignatureV4({
    service: 'sts',
    region: machine.region,
    credentials: { ...credentials, sessionToken: credentials.token },
    sha256: Sha256,
    // Without this the signer adds x-amz-content-sha256, and the signed headers are a fixed list.
    applyChecksum: false,
  });
  const request = new HttpRequest({
    method: 'POST',
    protocol: 'https:',
    hostname: host,
    path: '/',
    headers: { host, 'content-type': CONTENT_TYPE, 'x-dstack-audience': audience },
    body: BODY,
  });
  const { headers } = await signer.sign(request, { signingDate: new Date(of.now) });
  return {
    authorization: headers['authorization'] ?? '',
    date: headers['x-amz-date'] ?? '',
    securityToken: credentials.token,
    audience,
  };
}

type Bytes = string | ArrayBuffer | ArrayBufferView;

/** What the signer wants of a hash, from Node's own. */
class Sha256 {
  readonly #hash;

  constructor(secret?: Bytes) {
    this.#hash =
      secret === undefined ? createHash('sha256') : createHmac('sha256', bytesOf(secret));
  }

  update(data: Bytes): void {
    this.#hash.update(bytesOf(data));
  }

  async digest(): Promise<Uint8Array> {
    return this.#hash.digest();
  }

  reset(): void {}
}

function bytesOf(data: Bytes): Uint8Array {
  if (typeof data === 'string') return Buffer.from(data);
  return ArrayBuffer.isView(data)
    ? new Uint8Array(data.buffer, data.byteOffset, data.byteLength)
    : new Uint8Array(data);
}
