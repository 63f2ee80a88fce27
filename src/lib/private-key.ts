import { createPrivateKey, hkdfSync } from 'node:crypto';

const LABELS = /-----(BEGIN|END) (?:RSA )?PRIVATE KEY-----/;
const ONE_LINE = /^(-----BEGIN [A-Z ]+-----)\s*(.*?)\s*(-----END [A-Z ]+-----)\s*$/s;

/**
 * An RSA key as PKCS#8 PEM, from PEM with real, literal `\n` or no line ends, or from base64 of
 * such a PEM; undefined when the text is none. Every form of one key gives the same result.
 */
export function parsePrivateKey(text: string): string | undefined {
  const plain = LABELS.test(text) ? text : Buffer.from(text, 'base64').toString('utf8');
  const pem = plain
    .replaceAll('\\n', '\n')
    .trim()
    .replace(ONE_LINE, (_, begin, body: string, end) =>
      [begin, ...body.split(/\s+/), end].join('\n'),
    );
  try {
    const key = createPrivateKey(pem);
    if (key.asymmetricKeyType !== 'rsa') return undefined;
    return key.export({ type: 'pkcs8', format: 'pem' }).toString();
  } catch {
    // The only failure is a text that is no key: OpenSSL's reasons differ by version.
    return undefined;
  }
}

/** 32 bytes in hex that only the key's holder can know, for another purpose than signing. */
export function deriveKey(privateKeyPem: string, purpose: string): string {
  return Buffer.from(hkdfSync('sha256', privateKeyPem, '', purpose, 32)).toString('hex');
}
