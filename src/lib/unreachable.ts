import type { Env } from './variable.ts';

/** Why no answer came from an address, for people. */
export interface Unreachable {
  readonly what: string;
  /** false: nothing was sent, so nothing was done. */
  readonly isSent: boolean;
}

/** What Node and undici say of a connection that did not come about, and that nothing was sent. */
const NOT_SENT: Readonly<Record<string, string>> = {
  ENOTFOUND: 'its name is not known: is there a network?',
  EAI_AGAIN: 'its name cannot be looked up: is there a network?',
  ECONNREFUSED: 'nothing listens there',
  EHOSTUNREACH: 'there is no way to it: is there a network?',
  ENETUNREACH: 'there is no way to it: is there a network?',
  UND_ERR_CONNECT_TIMEOUT: 'it does not take the connection',
  DEPTH_ZERO_SELF_SIGNED_CERT: 'its certificate is not trusted: NODE_EXTRA_CA_CERTS names more',
  SELF_SIGNED_CERT_IN_CHAIN: 'its certificate is not trusted: NODE_EXTRA_CA_CERTS names more',
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: 'its certificate is not trusted: NODE_EXTRA_CA_CERTS names more',
  CERT_HAS_EXPIRED: 'its certificate has ended',
};

/** What an error of fetch means; `env` says which proxy was used. */
export function unreachable(
  error: unknown,
  { url, env }: { readonly url: string; readonly env: Env },
): Unreachable {
  const code = codeOf(error);
  const proxy = proxyFor(env, url);
  const through = proxy === undefined ? '' : ` through the proxy ${proxy}`;
  const why = NOT_SENT[code] ?? 'no answer came, and whether it was done is not known';
  const is = code === '' ? '' : ` (${code})`;
  const what = `${url} cannot be reached${through}: ${why}${is}`;
  return { what, isSent: NOT_SENT[code] === undefined };
}

/** `ECONNREFUSED` and the like, which fetch hides some levels down. */
function codeOf(error: unknown): string {
  for (let at = error, depth = 0; depth < 4; at = fieldOf(at, 'cause'), depth++) {
    const errors = fieldOf(at, 'errors');
    const [first]: unknown[] = Array.isArray(errors) ? errors : [];
    const code = [fieldOf(at, 'code'), fieldOf(first, 'code')].find(
      (one) => typeof one === 'string' && one !== '',
    );
    if (typeof code === 'string' && !/^\d+$/.test(code)) return code;
  }
  return fieldOf(error, 'name') === 'TimeoutError' ? 'timeout' : '';
}

const fieldOf = (value: unknown, name: string): unknown =>
  typeof value === 'object' && value !== null ? Reflect.get(value, name) : undefined;

/** Without the password that may stand in it. */
function proxyFor(env: Env, url: string): string | undefined {
  const name = url.startsWith('https:') ? 'https_proxy' : 'http_proxy';
  const text = env[name] ?? env[name.toUpperCase()];
  return text ? text.replace(/\/\/[^/]*@/, '//***@') : undefined;
}
