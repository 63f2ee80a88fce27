import { createPublicKey, type JsonWebKey, verify } from 'node:crypto';

// JSON Web Tokens as OpenID providers sign them: RS256 and nothing else, so that no header of a token
// can choose how it is checked.

export interface Jwt {
  readonly keyId: string;
  readonly claims: Readonly<Record<string, unknown>>;
  readonly signed: string;
  readonly signature: string;
}

/** Far more than any provider's. */
const MOST_CHARACTERS = 16_384;

function objectOf(part: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(Buffer.from(part, 'base64url').toString());
    return typeof value === 'object' && value !== null && !Array.isArray(value)
      ? { ...value }
      : undefined;
  } catch {
    return undefined;
  }
}

/** Its parts, unproven; undefined for what is none, or is not signed by RS256. */
export function parseJwt(text: string): Jwt | undefined {
  if (text.length > MOST_CHARACTERS) return undefined;
  const [head = '', body = '', signature = '', ...rest] = text.split('.');
  const [header, claims] = [objectOf(head), objectOf(body)];
  if (!header || !claims || signature === '' || rest.length > 0) return undefined;
  const { alg, kid, crit } = header;
  // `crit` names what must be understood, and we understand nothing more.
  if (alg !== 'RS256' || typeof kid !== 'string' || crit !== undefined) return undefined;
  return { keyId: kid, claims, signed: `${head}.${body}`, signature };
}

export function isSignedBy({ signed, signature }: Jwt, key: JsonWebKey): boolean {
  try {
    const bytes = Buffer.from(signature, 'base64url');
    return verify('sha256', Buffer.from(signed), createPublicKey({ key, format: 'jwk' }), bytes);
  } catch {
    return false;
  }
}
