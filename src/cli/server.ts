import { unreachable } from '../lib/unreachable.ts';
import { fieldsOf, textOf } from '../model/github-json.ts';
import { EXIT, type Io, type Trouble } from './io.ts';

/** Where a call goes, and with which token. */
export interface Connection {
  readonly server: string;
  /** '' where none is needed. */
  readonly token: string;
}

/** An answer of the app, whatever its status. */
export interface Answered {
  readonly status: number;
  readonly body: Readonly<Record<string, unknown>>;
  readonly retryAfter: string | null;
}

export interface Ask {
  readonly method: 'GET' | 'POST' | 'PUT' | 'DELETE';
  readonly path: string;
  readonly body?: object;
}

/** The checks at AWS and the commit at GitHub take some calls, each with its own patience. */
const TIMEOUT_MS = 120_000;

/** Where it is not the app that does not answer. */
export const GITHUB_NETWORK = 'check the network, HTTPS_PROXY and GHE_HOST';

export async function askServer(io: Io, to: Connection, ask: Ask): Promise<Answered | Trouble> {
  let answer: Response;
  try {
    answer = await io.request(`${to.server}${ask.path}`, {
      method: ask.method,
      headers: {
        'content-type': 'application/json',
        ...(to.token !== '' && { authorization: `bearer ${to.token}` }),
      },
      signal: AbortSignal.timeout(TIMEOUT_MS),
      redirect: 'error',
      ...(ask.body && { body: JSON.stringify(ask.body) }),
    });
  } catch (error) {
    return networkTrouble(io, to.server, error);
  }
  try {
    const body = fieldsOf(await answer.json());
    return { status: answer.status, body, retryAfter: answer.headers.get('retry-after') };
  } catch {
    const what = `${to.server} answers ${answer.status} with what is no JSON: is a proxy in between, or another program there?`;
    return { exit: EXIT.failed, what, tries: OTHER_SERVER };
  }
}

const OTHER_SERVER = 'dstack … --server https://ADDRESS, or set DSTACK_SERVER';

/** The app's own words for what it refused. */
export function troubleOf({ status, body, retryAfter }: Answered): Trouble {
  const { message, code } = fieldsOf(body['error']);
  const what = textOf(message) ?? `the app answers ${status}`;
  if (status === 401) return { exit: EXIT.signIn, what, tries: 'dstack login' };
  if (code === 'not-found') {
    const text = 'the app there is older than this dstack, and does not know this command';
    return {
      exit: EXIT.failed,
      what: text,
      tries: 'update the app, or use the dstack it came with',
    };
  }
  if (retryAfter === null) return { exit: EXIT.failed, what };
  return { exit: EXIT.failed, what, tries: `the same again in ${retryAfter} s` };
}

export function networkTrouble(
  { env }: Io,
  url: string,
  error: unknown,
  tries = OTHER_SERVER,
): Trouble {
  const { what, isSent } = unreachable(error, { url, env });
  return { exit: EXIT.failed, what, tries: isSent ? 'dstack autoscale info' : tries };
}
