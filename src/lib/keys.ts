import {
  createCipheriv,
  createDecipheriv,
  createHmac,
  createSecretKey,
  hkdfSync,
  type KeyObject,
  timingSafeEqual,
} from 'node:crypto';

/** What one secret signs and seals: each purpose has a key of its own, derived from it. */
export interface Keys {
  /** A MAC over the parts, base64url. */
  mac(purpose: string, parts: readonly string[]): string;
  isMac(purpose: string, parts: readonly string[], given: string): boolean;
  /** AES-256-GCM; `iv` is 24 hex digits that are never used twice. */
  seal(purpose: string, text: string, iv: string): string;
  /** undefined when it was sealed under a secret that is not known, or changed. */
  open(purpose: string, sealed: string): string | undefined;
}

/** `old` is the secret before this one: it signs and seals nothing more, and what it did still holds. */
export function createKeys(secret: string, old?: string): Keys {
  const before = old === undefined ? undefined : createKeys(old);
  const derived = new Map<string, KeyObject>();
  /** Derived once: there are a handful of purposes, and every request of a machine needs one. */
  function keyFor(purpose: string): KeyObject {
    const known = derived.get(purpose);
    if (known) return known;
    const bytes = Buffer.from(hkdfSync('sha256', secret, 'dstack', purpose, 32));
    const key = createSecretKey(bytes);
    derived.set(purpose, key);
    return key;
  }
  // The length in front of each part keeps ('ab','c') apart from ('a','bc').
  const mac = (purpose: string, parts: readonly string[]) =>
    createHmac('sha256', keyFor(purpose))
      .update(parts.map((part) => `${part.length}:${part}`).join(''))
      .digest('base64url');
  return {
    mac,
    isMac(purpose, parts, given) {
      const right = Buffer.from(mac(purpose, parts));
      const got = Buffer.from(given);
      const isRight = right.length === got.length && timingSafeEqual(right, got);
      return isRight || (before?.isMac(purpose, parts, given) ?? false);
    },
    seal(purpose, text, iv) {
      const cipher = createCipheriv('aes-256-gcm', keyFor(purpose), Buffer.from(iv, 'hex'));
      const body = Buffer.concat([cipher.update(text, 'utf8'), cipher.final()]);
      return `${iv}.${body.toString('base64url')}.${cipher.getAuthTag().toString('base64url')}`;
    },
    open(purpose, sealed) {
      const [iv = '', body = '', tag = ''] = sealed.split('.');
      try {
        const decipher = createDecipheriv('aes-256-gcm', keyFor(purpose), Buffer.from(iv, 'hex'));
        decipher.setAuthTag(Buffer.from(tag, 'base64url'));
        const text = decipher.update(Buffer.from(body, 'base64url'));
        return Buffer.concat([text, decipher.final()]).toString('utf8');
      } catch {
        return before?.open(purpose, sealed);
      }
    },
  };
}
