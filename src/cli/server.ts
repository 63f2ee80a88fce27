import { fieldsOf, textOf } from '../model/github-json.ts';
import { EXIT, type Io, type Trouble } from './io.ts';
import type { Place } from './place.ts';

/** An answer of the app, whatever its status. */
export interface Answered {
  readonly status: number;
  readonly body: Readonly<Record<string, unknown>>;
}

export interface Ask {
  readonly method: 'GET' | 'PUT' | 'DELETE';
  readonly path: string;
  readonly body?: object;
}

/** The checks at AWS take some calls, each with its own patience. */
const TIMEOUT_MS = 120_000;

export async function askServer(io: Io, place: Place, ask: Ask): Promise<Answered | Trouble> {
  const { server, token } = place;
  try {
    const answer = await io.request(`${server}${ask.path}`, {
      method: ask.method,
      headers: { authorization: `bearer ${token}`, 'content-type': 'application/json' },
      signal: AbortSignal.timeout(TIMEOUT_MS),
      redirect: 'error',
      ...(ask.body && { body: JSON.stringify(ask.body) }),
    });
    const body = fieldsOf(await answer.json());
    return { status: answer.status, body };
  } catch {
    return {
      exit: EXIT.failed,
      what: `the app at ${server} does not answer as it should`,
      tries: 'dstack … --server https://ADDRESS, or set DSTACK_SERVER',
    };
  }
}

/** The app's own words for what it refused. */
export function troubleOf({ status, body }: Answered): Trouble {
  const { message } = fieldsOf(body['error']);
  const what = textOf(message) ?? `the app answers ${status}`;
  return { exit: status === 401 ? EXIT.signIn : EXIT.failed, what };
}
