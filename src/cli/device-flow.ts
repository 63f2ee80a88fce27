import { fieldsOf, textOf } from '../model/github-json.ts';
import { EXIT, type Io, isTrouble, type Trouble } from './io.ts';
import { GITHUB_NETWORK, networkTrouble } from './server.ts';

// The part of OAuth for those who have no browser at hand: a code is shown here and typed there.
// https://docs.github.com/apps/creating-github-apps/authenticating-with-a-github-app

/** Whom to sign in to: the App, and the GitHub that it is of. */
export interface Client {
  readonly clientId: string;
  readonly htmlUrl: string;
}

export interface Code {
  readonly deviceCode: string;
  readonly userCode: string;
  readonly url: string;
  readonly intervalMs: number;
  readonly endsInMs: number;
}

export interface Granted {
  readonly token: string;
  readonly endsInMs: number | null;
  readonly refreshToken: string | null;
}

type Fields = Readonly<Record<string, unknown>>;
const TIMEOUT_MS = 10_000;

async function post(io: Io, url: string, form: Record<string, string>): Promise<Fields | Trouble> {
  try {
    const answer = await io.request(url, {
      method: 'POST',
      headers: { accept: 'application/json' },
      body: new URLSearchParams(form),
      signal: AbortSignal.timeout(TIMEOUT_MS),
    });
    // Refusals come as 200 with `error`, and from some versions as 4xx.
    const body = fieldsOf(await answer.json());
    return textOf(body['error']) === undefined && !answer.ok
      ? { error: `status ${answer.status}` }
      : body;
  } catch (error) {
    return networkTrouble(io, new URL(url).origin, error, GITHUB_NETWORK);
  }
}

export async function askCode(io: Io, { htmlUrl, clientId }: Client): Promise<Code | Trouble> {
  const body = await post(io, `${htmlUrl}/login/device/code`, { client_id: clientId });
  if (isTrouble(body)) return body;
  const { device_code, user_code, verification_uri, interval, expires_in } = body;
  const [deviceCode, userCode] = [textOf(device_code), textOf(user_code)];
  const url = textOf(verification_uri);
  if (!deviceCode || !userCode || !url) return refusal(textOf(body['error']) ?? 'no code', htmlUrl);
  const [seconds, ends] = [Number(interval) || 5, Number(expires_in) || 900];
  return { deviceCode, userCode, url, intervalMs: seconds * 1000, endsInMs: ends * 1000 };
}

/** Asks until the code was typed, refused, or ended. */
export async function awaitGrant(io: Io, client: Client, code: Code): Promise<Granted | Trouble> {
  const ends = io.clock.now() + code.endsInMs;
  let waitMs = code.intervalMs;
  while (io.clock.now() < ends) {
    await io.clock.sleep(waitMs);
    const body = await post(io, `${client.htmlUrl}/login/oauth/access_token`, {
      client_id: client.clientId,
      device_code: code.deviceCode,
      grant_type: 'urn:ietf:params:oauth:grant-type:device_code',
    });
    if (isTrouble(body)) return body;
    const granted = parseGrant(body);
    if (granted) return granted;
    const error = textOf(body['error']) ?? '';
    if (error === 'slow_down') waitMs = (Number(body['interval']) || waitMs / 1000 + 5) * 1000;
    else if (error !== 'authorization_pending') return refusal(error, client.htmlUrl);
  }
  return refusal('expired_token', client.htmlUrl);
}

/** A new token for one that ended; a token of the device flow needs no client secret for that. */
export async function refresh(
  io: Io,
  { htmlUrl, clientId }: Client,
  refreshToken: string,
): Promise<Granted | Trouble> {
  const body = await post(io, `${htmlUrl}/login/oauth/access_token`, {
    client_id: clientId,
    grant_type: 'refresh_token',
    refresh_token: refreshToken,
  });
  if (isTrouble(body)) return body;
  return parseGrant(body) ?? refusal(textOf(body['error']) ?? '', htmlUrl);
}

function parseGrant(body: Fields): Granted | undefined {
  const token = textOf(body['access_token']);
  if (token === undefined) return undefined;
  const seconds = Number(body['expires_in']);
  const endsInMs = seconds > 0 ? seconds * 1000 : null;
  return { token, endsInMs, refreshToken: textOf(body['refresh_token']) ?? null };
}

/** Where the box is to tick: the manifest that registers an App cannot. */
export const DEVICE_FLOW = 'the box "Enable Device Flow" in the settings of the GitHub App';

function refusal(error: string, htmlUrl: string): Trouble {
  const failed = (what: string, tries: string): Trouble => ({ exit: EXIT.failed, what, tries });
  switch (error) {
    case 'device_flow_disabled':
      return failed(
        `nobody can sign in from a command line yet: an owner of the App ticks ${DEVICE_FLOW}`,
        `${htmlUrl}/settings/apps, or for now GH_TOKEN, or gh auth login`,
      );
    case 'expired_token':
      return failed('the code ended before it was typed', 'dstack login');
    case 'access_denied':
      return failed('the sign-in was cancelled at GitHub', 'dstack login');
    default:
      return failed(`GitHub does not sign anybody in to this App (${error})`, 'dstack doctor');
  }
}
