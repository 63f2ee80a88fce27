import { fieldsOf, textOf } from '../model/github-json.ts';
import { askCode, awaitGrant, type Client, type Granted } from './device-flow.ts';
import { EXIT, type Io, isTrouble, type Trouble, tell } from './io.ts';
import { loginsPath, readLogins, saveLogin } from './logins.ts';
import type { Options } from './options.ts';
import { serverOf } from './place.ts';
import { withProgress } from './progress.ts';
import { askServer, troubleOf } from './server.ts';

/** `dstack login`: signs in to the app by GitHub's device flow, and keeps the token for this user. */
export async function login(io: Io, options: Options): Promise<number> {
  const server = serverOf(io, options);
  if (typeof server !== 'string') return tell(io, server);
  const client = await clientOf(io, server);
  if (isTrouble(client)) return tell(io, client);
  const code = await askCode(io, client);
  if (isTrouble(code)) return tell(io, code);
  io.stderr.write(`Open ${code.url} and type this code:\n\n  ${code.userCode}\n\n`);
  const granted = await withProgress(io, 'Waiting for GitHub', () => awaitGrant(io, client, code));
  if (isTrouble(granted)) return tell(io, granted);
  const name = await nameOf(io, client, granted);
  const { token, endsInMs, refreshToken } = granted;
  const endsAt = endsInMs === null ? null : io.clock.now() + endsInMs;
  const { clientId, htmlUrl } = client;
  saveLogin(io, server, { token, login: name, endsAt, refreshToken, clientId, htmlUrl });
  io.stdout.write(`Signed in to ${server} as ${name}. The token is in ${loginsPath(io)}.\n`);
  return EXIT.done;
}

/** `dstack logout`: forgets the token here; GitHub ends it by itself, or at once on its page. */
export function logout(io: Io, options: Options): number {
  const server = serverOf(io, options);
  if (typeof server !== 'string') return tell(io, server);
  const known = readLogins(io).servers[server];
  if (!known) {
    return tell(io, { exit: EXIT.failed, what: `nobody is signed in to ${server} here` });
  }
  saveLogin(io, server, null);
  io.stdout.write(
    `Signed out of ${server}. To end the token at once: ${known.htmlUrl}/settings/apps/authorizations\n`,
  );
  return EXIT.done;
}

interface Described extends Client {
  readonly apiUrl: string;
}

async function clientOf(io: Io, server: string): Promise<Described | Trouble> {
  const about = await askServer(
    io,
    { server, token: '' },
    { method: 'GET', path: '/api/v1/about' },
  );
  if (isTrouble(about)) return about;
  if (about.status !== 200) return troubleOf(about);
  const github = fieldsOf(about.body['github']);
  const [htmlUrl, apiUrl] = [textOf(github['htmlUrl']), textOf(github['apiUrl'])];
  const clientId = textOf(about.body['clientId']);
  if (clientId && htmlUrl && apiUrl) return { clientId, htmlUrl, apiUrl };
  return {
    exit: EXIT.failed,
    what: 'nobody can sign in there: whoever runs the app sets GITHUB_CLIENT_ID and GITHUB_CLIENT_SECRET',
    tries: 'GH_TOKEN, or gh auth login',
  };
}

async function nameOf(io: Io, { apiUrl }: Described, { token }: Granted): Promise<string> {
  try {
    const headers = { authorization: `bearer ${token}` };
    const answer = await io.request(`${apiUrl}/user`, {
      headers,
      signal: AbortSignal.timeout(10_000),
    });
    return textOf(fieldsOf(await answer.json())['login']) ?? 'somebody';
  } catch {
    // The token is good without it.
    return 'somebody';
  }
}
