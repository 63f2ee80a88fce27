import { fieldsOf, textOf } from '../model/github-json.ts';
import type { Io } from './io.ts';

/** One sign-in, for one app. */
export interface Login {
  readonly token: string;
  readonly login: string;
  /** When the token ends; null: it does not. */
  readonly endsAt: number | null;
  readonly refreshToken: string | null;
  /** Whom to ask for a new one. */
  readonly clientId: string;
  readonly htmlUrl: string;
}

/** By the app's address; `last` is the one that was signed in to last. */
export interface Logins {
  readonly last: string | null;
  readonly servers: Readonly<Record<string, Login>>;
}

type Home = Pick<Io, 'env' | 'files'>;

export function loginsPath({ env }: Pick<Io, 'env'>): string {
  const base = env['XDG_CONFIG_HOME'] || `${env['HOME'] ?? '.'}/.config`;
  return `${base}/dstack/login.json`;
}

/** What cannot be read counts as nothing: one signs in again. */
export function readLogins(io: Home): Logins {
  try {
    const { last, servers } = fieldsOf(JSON.parse(io.files.read(loginsPath(io)) ?? '{}'));
    const entries = Object.entries(fieldsOf(servers)).flatMap(([server, value]) => {
      const login = parseLogin(value);
      return login ? [[server, login] as const] : [];
    });
    return { last: textOf(last) ?? null, servers: Object.fromEntries(entries) };
  } catch {
    return { last: null, servers: {} };
  }
}

function parseLogin(value: unknown): Login | undefined {
  const of = fieldsOf(value);
  const [token, login] = [textOf(of['token']), textOf(of['login'])];
  const [clientId, htmlUrl] = [textOf(of['clientId']), textOf(of['htmlUrl'])];
  if (!token || !login || !clientId || !htmlUrl) return undefined;
  const endsAt = typeof of['endsAt'] === 'number' ? of['endsAt'] : null;
  const refreshToken = textOf(of['refreshToken']) ?? null;
  return { token, login, endsAt, refreshToken, clientId, htmlUrl };
}

export function saveLogin(io: Home, server: string, login: Login | null): void {
  const { servers: before } = readLogins(io);
  const { [server]: _, ...others } = before;
  const servers = login ? { ...others, [server]: login } : others;
  const last = login ? server : (Object.keys(others)[0] ?? null);
  const text = `${JSON.stringify({ last, servers }, null, 2)}\n`;
  io.files.write(loginsPath(io), text, { isSecret: true });
}
