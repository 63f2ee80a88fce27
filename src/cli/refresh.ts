import { refresh } from './device-flow.ts';
import { type Io, isTrouble } from './io.ts';
import { readLogins, saveLogin } from './logins.ts';

/** A call must not begin with a token that ends on its way. */
const MARGIN_MS = 60_000;

/** The token that was kept for that app, renewed where it ended; undefined: sign in. */
export async function freshToken(io: Io, server: string): Promise<string | undefined> {
  const login = readLogins(io).servers[server];
  if (!login) return undefined;
  if (login.endsAt === null || io.clock.now() < login.endsAt - MARGIN_MS) return login.token;
  if (login.refreshToken === null) return undefined;
  const granted = await refresh(io, login, login.refreshToken);
  if (isTrouble(granted)) return undefined;
  const { token, endsInMs, refreshToken } = granted;
  const endsAt = endsInMs === null ? null : io.clock.now() + endsInMs;
  saveLogin(io, server, { ...login, token, endsAt, refreshToken });
  return token;
}
