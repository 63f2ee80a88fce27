import type { Clock } from '../lib/clock.ts';
import type { Answer, Request } from '../lib/http.ts';
import type { Random } from '../lib/random.ts';
import type { App } from './github-app.ts';
import type { UserTokens } from './github-user-tokens.ts';

// How people sign in to the App without a browser at hand, and how their tokens are renewed.
// https://docs.github.com/apps/oauth-apps/building-oauth-apps/authorizing-oauth-apps#device-flow

export interface Device {
  /** An owner of the App ticked the box; no manifest can. */
  isOn: boolean;
  /** How long tokens live; null: for ever. */
  lifeS: number | null;
  /** Codes that were shown and not typed yet. */
  waiting(): readonly string[];
  /** Somebody types the code, and agrees or not. */
  answer(userCode: string, login: string | null): void;
  /** undefined: another address. */
  serve(request: Request, body: Buffer): Answer | undefined;
}

interface Pending {
  readonly deviceCode: string;
  readonly endsAt: number;
  /** undefined: not typed yet; null: refused. */
  login: string | null | undefined;
}

const LIFE_S = 900;
const DEVICE_GRANT = 'urn:ietf:params:oauth:grant-type:device_code';

const json = (body: object): Answer => ({ status: 200, body });
const error = (code: string): Answer => json({ error: code, error_description: code });

export function createDevice(of: {
  readonly app: App;
  readonly users: UserTokens;
  readonly clock: Clock;
  readonly random: Random;
  readonly url: string;
  /** How often callers may ask. */
  readonly intervalS?: number | undefined;
}): Device {
  const { app, users, clock, random, url, intervalS = 5 } = of;
  const pending = new Map<string, Pending>();
  const refreshable = new Map<string, string>();

  function grant(login: string): Answer {
    const token = { access_token: users.issue(login), token_type: 'bearer', scope: '' };
    if (device.lifeS === null) return json(token);
    const refresh = `ghr_${random.hex(20)}`;
    refreshable.set(refresh, login);
    return json({ ...token, expires_in: device.lifeS, refresh_token: refresh });
  }

  function code(): Answer {
    const userCode = random.hex(4).toUpperCase().replace(/^.{4}/, '$&-');
    const deviceCode = random.hex(20);
    const endsAt = clock.now() + LIFE_S * 1000;
    pending.set(userCode, { deviceCode, endsAt, login: undefined });
    return json({
      device_code: deviceCode,
      user_code: userCode,
      verification_uri: `${url}/login/device`,
      expires_in: LIFE_S,
      interval: intervalS,
    });
  }

  function token(form: URLSearchParams): Answer {
    if (form.get('grant_type') === 'refresh_token') {
      const key = form.get('refresh_token') ?? '';
      const login = refreshable.get(key);
      refreshable.delete(key);
      return login === undefined ? error('bad_refresh_token') : grant(login);
    }
    if (form.get('grant_type') !== DEVICE_GRANT) return error('unsupported_grant_type');
    const found = [...pending].find(([, one]) => one.deviceCode === form.get('device_code'));
    if (!found) return error('incorrect_device_code');
    const [userCode, { login, endsAt }] = found;
    if (clock.now() > endsAt) return error('expired_token');
    if (login === undefined) return error('authorization_pending');
    pending.delete(userCode);
    return login === null ? error('access_denied') : grant(login);
  }

  const device: Device = {
    isOn: false,
    lifeS: 28_800,
    waiting: () => [...pending].flatMap(([key, { login }]) => (login === undefined ? [key] : [])),
    answer(userCode, login) {
      const found = pending.get(userCode);
      if (found) found.login = login;
    },
    serve({ method, path }, body) {
      const isCode = path === '/login/device/code';
      if (method !== 'POST' || !(isCode || path === '/login/oauth/access_token')) return undefined;
      const form = new URLSearchParams(body.toString());
      if (form.get('client_id') !== app.clientId)
        return { status: 404, body: { error: 'Not Found' } };
      if (!device.isOn) return error('device_flow_disabled');
      return isCode ? code() : token(form);
    },
  };
  return device;
}
