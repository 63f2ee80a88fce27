import { sign } from 'node:crypto';
import { createCache } from '../lib/cache.ts';
import type { Clock, Instant } from '../lib/clock.ts';
import { instantOf } from '../lib/instant.ts';
import { fieldsOf, textOf } from '../model/github-json.ts';
import type { InstallationId, RepoId } from '../model/ids.ts';
import { done, type Refused, type Reply } from '../model/reply.ts';
import type { Permissions } from './calls.ts';
import { isAnswer, neededPermission, refusedBy, unreadable } from './refused.ts';
import type { Transport } from './transport.ts';

// The App proves itself with a token that it signs, and trades that for an installation's token: one
// for each repository and set of permissions, so that none can do more than its call.

export interface TokenScope {
  readonly installation: InstallationId;
  /** null: all repositories of the installation. */
  readonly repo: RepoId | null;
  readonly permissions: Permissions;
}

export interface Tokens {
  app(): string;
  /** `stale`: a token that GitHub no longer takes; it is not given out again. */
  of(scope: TokenScope, stale?: string): Promise<Reply<string>>;
}

export interface TokenDeps {
  readonly appId: string;
  readonly privateKey: string;
  readonly clock: Clock;
  readonly transport: Transport;
  readonly settingsUrl: string | undefined;
}

/** Tokens live for an hour; a call that starts with one must not outlive it. */
const SPARE_MS = 300_000;
const MAX_TOKENS = 10_000;
/** GitHub takes at most ten minutes, and clocks differ: a minute back, nine ahead. */
const APP_TOKEN_BACK_S = 60;
const APP_TOKEN_AHEAD_S = 540;
/** Every installation has it, so a refusal of this one is about the repository. */
const METADATA: Permissions = { metadata: 'read' };

interface Token {
  readonly token: string;
  readonly expiresAt: Instant;
}

const always = Number.POSITIVE_INFINITY;

export function createTokens(deps: TokenDeps): Tokens {
  const { clock } = deps;
  const kept = createCache<Token>(clock, MAX_TOKENS);
  const coming = new Map<string, Promise<Reply<Token>>>();

  /** Many calls that want the same token at once get it from one request. */
  function mintOnce(key: string, scope: TokenScope): Promise<Reply<Token>> {
    const underway = coming.get(key);
    if (underway) return underway;
    const minted = mint(deps, app(), scope).finally(() => coming.delete(key));
    coming.set(key, minted);
    return minted;
  }

  const app = () => signAppToken(deps);

  async function of(scope: TokenScope, stale?: string): Promise<Reply<string>> {
    const key = JSON.stringify([scope.installation, scope.repo, scope.permissions]);
    const known = kept.get(key, always);
    const isGood = known && known.token !== stale && known.expiresAt - SPARE_MS > clock.now();
    if (isGood) return done(known.token);
    const minted = await mintOnce(key, scope);
    if (!minted.ok) return minted.code === '422' ? explain(scope, minted) : minted;
    kept.set(key, minted.value);
    return done(minted.value.token);
  }

  /** GitHub answers 422 for a permission that was not granted and for a repository out of reach. */
  async function explain(scope: TokenScope, refused: Refused): Promise<Refused> {
    if (scope.permissions['metadata'] !== undefined) return { ...refused, reason: 'missing' };
    const without = await of({ ...scope, permissions: METADATA });
    if (!without.ok) return without;
    const accepted = Object.entries(scope.permissions).map((pair) => pair.join('='));
    const grant = neededPermission(accepted.join(','), deps.settingsUrl);
    return { ...refused, reason: 'denied', message: `${refused.message}${grant}` };
  }

  return { app, of };
}

async function mint(deps: TokenDeps, appToken: string, scope: TokenScope): Promise<Reply<Token>> {
  const { installation, repo, permissions } = scope;
  const what = `get a token for installation ${installation}`;
  const answer = await deps.transport({
    call: 'mint',
    payer: 'app',
    params: {
      installation_id: installation,
      permissions,
      ...(repo === null ? {} : { repository_ids: [repo] }),
    },
    headers: { authorization: `bearer ${appToken}` },
    what,
  });
  if (!isAnswer(answer)) return answer;
  if (answer.status !== 201) {
    // 404: not installed there any more. That says nothing of what the token was wanted for.
    const meanings = { 404: 'denied' } as const;
    return refusedBy({ what, answer, settingsUrl: deps.settingsUrl, meanings });
  }
  const fields = fieldsOf(answer.data);
  const token = textOf(fields['token']);
  const expiresAt = instantOf(fields['expires_at']);
  if (token === undefined || expiresAt === undefined) return unreadable(what, answer);
  return done({ token, expiresAt });
}

/** Not by @octokit/auth-app: it reads the machine's own clock, here and in its cache. */
function signAppToken({ appId, privateKey, clock }: TokenDeps): string {
  const nowS = Math.floor(clock.now() / 1000);
  const claims = { iat: nowS - APP_TOKEN_BACK_S, exp: nowS + APP_TOKEN_AHEAD_S, iss: appId };
  const body = [{ alg: 'RS256', typ: 'JWT' }, claims]
    .map((part) => Buffer.from(JSON.stringify(part)).toString('base64url'))
    .join('.');
  return `${body}.${sign('sha256', Buffer.from(body), privateKey).toString('base64url')}`;
}
