import { createCache } from '../lib/cache.ts';
import { hashOf } from '../lib/hash.ts';
import { fieldsOf, idOf, textOf } from '../model/github-json.ts';
import { done } from '../model/reply.ts';
import { createOwnPace } from './pace.ts';
import type { User, Users } from './port.ts';
import { isAnswer, refusedBy, unreadable } from './refused.ts';
import { createTransport, type TransportDeps } from './transport.ts';

export interface UsersDeps extends Omit<TransportDeps, 'pace'> {
  readonly client: { readonly id: string; readonly secret: string };
}

/** GitHub's tokens are shorter than this; what is none goes no further. */
const TOKEN = /^[A-Za-z0-9_.-]{20,1000}$/;

const KNOWN_MS = 60_000;
const MOST_KNOWN = 5_000;

/**
 * Who stands behind a user token, if this App issued it. Any site's token names a user as well; only
 * of our own do we know that they gave it to us. https://docs.github.com/rest/apps/oauth-applications
 */
export function createUsers(deps: UsersDeps): Users {
  const transport = createTransport({ ...deps, pace: createOwnPace(deps.clock) });
  const known = createCache<User>(deps.clock, MOST_KNOWN);
  const { id, secret } = deps.client;
  const basic = `basic ${Buffer.from(`${id}:${secret}`).toString('base64')}`;
  return {
    async whoIs(token) {
      const what = 'check a user token';
      if (!TOKEN.test(token)) return { ...NO_TOKEN, message: `${what}: it is none` };
      const key = hashOf(token);
      const before = known.get(key, KNOWN_MS);
      if (before) return done(before);
      const answer = await transport({
        call: 'checkToken',
        payer: 'app',
        params: { client_id: id, access_token: token },
        headers: { authorization: basic },
        what,
      });
      if (!isAnswer(answer)) return answer;
      if (answer.status !== 200) {
        // 404 and 422: not issued by this App, or expired, or revoked.
        const meanings = { 404: 'denied', 422: 'denied' } as const;
        return refusedBy({ what, answer, settingsUrl: undefined, meanings });
      }
      const user = parseUser(answer.data, id);
      if (!user) return unreadable(what, answer);
      known.set(key, user);
      return done(user);
    },
  };
}

const NO_TOKEN = { ok: false, reason: 'denied', code: 'shape' } as const;

function parseUser(data: unknown, clientId: string) {
  const { user, app } = fieldsOf(data);
  const login = textOf(fieldsOf(user)['login']);
  const id = idOf(fieldsOf(user)['id']);
  if (login === undefined || id === undefined) return undefined;
  return fieldsOf(app)['client_id'] === clientId ? { login, id } : undefined;
}
