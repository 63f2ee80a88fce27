import { createCache } from '../lib/cache.ts';
import type { Clock } from '../lib/clock.ts';
import type { ScopeId } from '../model/ids.ts';
import { done, type Reply } from '../model/reply.ts';
import type { Access } from './account.ts';
import type { Identities, Session } from './identity.ts';
import type { AwsKeys } from './port.ts';

/** A session is replaced this long before it ends, so that no call is signed with one that ended. */
const REFRESH_BEFORE_MS = 5 * 60_000;
const MOST = 10_000;
const LONGEST_MS = 24 * 3_600_000;

export interface Sessions {
  /** What signs for this access now: its keys, or a session of its role. */
  keysOf(scope: ScopeId, access: Access): Promise<Reply<AwsKeys>>;
  forget(scope: ScopeId): void;
}

interface Kept extends Session {
  readonly of: string;
}

export const sessionName = (scope: ScopeId): string => `dstack-${scope}`;

export function createSessions(deps: { identities: Identities; clock: Clock }): Sessions {
  const { identities, clock } = deps;
  const kept = createCache<Kept>(clock, MOST);
  const asking = new Map<string, Promise<Reply<Session>>>();

  return {
    async keysOf(scope, access) {
      if (access.kind === 'keys') {
        const { accessKeyId, secretAccessKey } = access;
        return done({ accessKeyId, secretAccessKey: secretAccessKey.reveal() });
      }
      const { roleArn, externalId } = access;
      const of = `${scope} ${roleArn} ${externalId}`;
      const known = kept.get(scope, LONGEST_MS);
      if (known?.of === of && clock.now() < known.endsAt - REFRESH_BEFORE_MS) {
        return done(known.keys);
      }
      const ask = { roleArn, externalId, sessionName: sessionName(scope) };
      const work = asking.get(of) ?? identities.assume(ask).finally(() => asking.delete(of));
      asking.set(of, work);
      const session = await work;
      if (session.ok) {
        kept.set(scope, { ...session.value, of });
        return done(session.value.keys);
      }
      const isOutage = session.reason === 'unreachable' || session.reason === 'throttled';
      // STS may be out for a moment: what is left of the last session serves on.
      const isLeft = isOutage && known?.of === of && clock.now() < known.endsAt;
      return isLeft ? done(known.keys) : session;
    },
    forget: (scope) => kept.delete(scope),
  };
}
