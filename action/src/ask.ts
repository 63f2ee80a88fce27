import { unreachable } from '../../src/lib/unreachable.ts';
import { fieldsOf, textOf } from '../../src/model/github-json.ts';
import { type Io, isTrouble, type Trouble } from './io.ts';
import { type SignedIn, signIn } from './sign-in.ts';

/** What the app says to a command. */
export interface Said {
  readonly ok: boolean;
  readonly text: string;
  readonly markdown: string;
  readonly data: Readonly<Record<string, unknown>>;
  /** Of the token that it was asked with. */
  readonly claims: SignedIn['claims'];
}

const PATH = '/api/v1/command';
/** The checks at AWS and the commit at GitHub take some calls, each with its own patience. */
const TIMEOUT_MS = 120_000;
/** An app that is started anew is back within seconds. */
const WAITS_MS = [500, 3_000];
const LONGEST_WAIT_MS = 15_000;

interface Failed extends Trouble {
  /** Nothing was done, and the same may be asked again after this time. */
  readonly againMs?: number;
}

/** Signs in and runs one command; a token is good for one call, so each has its own. */
export async function ask(io: Io, url: string, command: string): Promise<Said | Trouble> {
  for (const waitMs of [...WAITS_MS, null]) {
    const signedIn = await signIn(io, url);
    if (isTrouble(signedIn)) return signedIn;
    const said = await send(io, { url, command, signedIn });
    if (!isTrouble(said) || said.againMs === undefined || waitMs === null) return said;
    const ms = Math.max(waitMs, said.againMs);
    if (ms > LONGEST_WAIT_MS) return said;
    io.runner.say(`${said.what}; asking again in ${Math.ceil(ms / 1000)} s`);
    await io.clock.sleep(ms);
  }
  return { what: `${url} does not answer`, isOutage: true };
}

async function send(
  { env, request }: Io,
  of: { readonly url: string; readonly command: string; readonly signedIn: SignedIn },
): Promise<Said | Failed> {
  const { url, command, signedIn } = of;
  let answer: Response;
  try {
    answer = await request(`${url}${PATH}`, {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        authorization: `bearer ${signedIn.token}`,
      },
      body: JSON.stringify({ repository: env['GITHUB_REPOSITORY'] ?? '', command }),
      redirect: 'error',
      signal: AbortSignal.timeout(TIMEOUT_MS),
    });
  } catch (error) {
    const { what, isSent } = unreachable(error, { url, env });
    return { what, isOutage: true, ...(isSent ? {} : { againMs: 0 }) };
  }
  const body: unknown = await answer.json().catch(() => undefined);
  const { ok, text, markdown, data } = fieldsOf(body);
  const [words, drawn] = [textOf(text), textOf(markdown)];
  if (words === undefined || drawn === undefined || data === undefined) {
    return refusal(url, answer, body);
  }
  const { claims } = signedIn;
  return { ok: ok === true, text: words, markdown: drawn, data: fieldsOf(data), claims };
}

/** What to do about a refusal, where the app's own words do not say it. */
const ADVICE: Readonly<Record<string, string>> = {
  'oidc-audience': "; url has to be the app's own PUBLIC_URL",
  'oidc-issuer': '; it serves another GitHub than this one',
  'oidc-expired': '; the clock of the machine or of the app is wrong',
  'oidc-replayed': '; run the job again',
};

function refusal(url: string, { status, headers }: Response, body: unknown): Failed {
  const { code, message } = fieldsOf(fieldsOf(body)['error']);
  const isOutage = status >= 500 || status === 429;
  if (typeof code !== 'string' || typeof message !== 'string') {
    const hint = isOutage ? '' : ': is it the address of the app, and is no proxy in between?';
    return { what: `${url} answers ${status} with what is no answer${hint}`, isOutage };
  }
  if (code === 'not-found') {
    const what = `the app at ${url} is older than this action, and takes no commands over HTTP: update it`;
    return { what, isOutage: false };
  }
  const what = `${message}${ADVICE[code] ?? ''} (${status} ${code})`;
  if (!isOutage) return { what, isOutage };
  const seconds = Number(headers.get('retry-after') ?? 0);
  return { what, isOutage, againMs: Number.isFinite(seconds) ? seconds * 1000 : 0 };
}
