import { createPrivateKey, createPublicKey, type KeyObject, sign } from 'node:crypto';
import type { Clock } from '../lib/clock.ts';
import type { Answer, Request } from '../lib/http.ts';
import type { Random } from '../lib/random.ts';
import { generateKey } from './github-app.ts';
import type { Repo } from './github-state.ts';

// Who signs the tokens with which a job says what it is, as a GitHub Enterprise Server has it below
// /_services/token. https://docs.github.com/actions/reference/security/oidc

export interface RunClaims {
  readonly repo: Repo;
  readonly audience: string;
  readonly event?: string;
  readonly ref?: string;
  readonly actor?: string;
  readonly runId?: number;
  /** In place of what GitHub would say. */
  readonly claims?: Readonly<Record<string, unknown>>;
}

export interface Oidc {
  readonly issuer: string;
  /** A token, as a job gets it. */
  issue(run: RunClaims): string;
  /** The environment with which a job asks for its tokens, as often as it likes. */
  requestFor(run: Omit<RunClaims, 'audience'>): {
    readonly ACTIONS_ID_TOKEN_REQUEST_URL: string;
    readonly ACTIONS_ID_TOKEN_REQUEST_TOKEN: string;
  };
  /** Signs with a new key from now on; the old one is still known, the one before it no more. */
  rotate(): void;
  /** How often its keys were asked for. */
  readonly reads: () => number;
  /** Whether it answers at all. */
  isDown: boolean;
  /** undefined: another address. */
  answer(request: Request): Answer | undefined;
}

const PATH = '/_services/token';
const LIFE_S = 300;
const NOT_BEFORE_S = 600;
const KEYS_SHOWN = 2;

interface Key {
  readonly id: string;
  readonly secret: KeyObject;
}

const encode = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url');

export function createOidc(of: {
  readonly url: string;
  readonly clock: Clock;
  readonly random: Random;
}): Oidc {
  const { url, clock, random } = of;
  const issuer = `${url}${PATH}`;
  const requests = new Map<string, Omit<RunClaims, 'audience'>>();
  let keys: readonly Key[] = [];
  let reads = 0;

  /** The newest first; made when it is needed, because it takes a while. */
  function currentKey(): Key {
    if (!keys[0]) oidc.rotate();
    return keys[0] ?? currentKey();
  }

  function jwks(): Answer {
    currentKey();
    const shown = keys.map(({ id, secret }) => ({
      ...createPublicKey(secret).export({ format: 'jwk' }),
      ...{ kid: id, use: 'sig', alg: 'RS256' },
    }));
    return { status: 200, body: { keys: shown } };
  }

  function tokenFor({ headers, query }: Request): Answer {
    const run = requests.get(/^bearer (.+)$/i.exec(headers.authorization ?? '')?.[1] ?? '');
    if (run === undefined) return { status: 401, body: { message: 'Unauthorized' } };
    const { owner } = run.repo;
    const audience = query.get('audience') ?? `${url}/${owner.login}`;
    return { status: 200, body: { count: 1, value: oidc.issue({ ...run, audience }) } };
  }

  const oidc: Oidc = {
    issuer,
    isDown: false,
    reads: () => reads,
    issue(run) {
      const { id, secret } = currentKey();
      const nowS = Math.floor(clock.now() / 1000);
      const head = encode({ typ: 'JWT', alg: 'RS256', kid: id });
      const times = { iat: nowS, nbf: nowS - NOT_BEFORE_S, exp: nowS + LIFE_S };
      const body = encode({
        jti: random.hex(16),
        iss: issuer,
        ...claimsOf(run),
        ...times,
        ...run.claims,
      });
      const signature = sign('sha256', Buffer.from(`${head}.${body}`), secret);
      return `${head}.${body}.${signature.toString('base64url')}`;
    },
    requestFor(run) {
      const token = random.hex(16);
      requests.set(token, run);
      return {
        ACTIONS_ID_TOKEN_REQUEST_URL: `${issuer}/request?api-version=2.0`,
        ACTIONS_ID_TOKEN_REQUEST_TOKEN: token,
      };
    },
    rotate() {
      const secret = createPrivateKey(generateKey());
      keys = [{ id: random.hex(8), secret }, ...keys].slice(0, KEYS_SHOWN);
    },
    answer(request) {
      const { path } = request;
      if (!path.startsWith(`${PATH}/`)) return undefined;
      if (oidc.isDown) return { status: 503 };
      if (path === `${PATH}/.well-known/openid-configuration`) {
        return { status: 200, body: { issuer, jwks_uri: `${issuer}/.well-known/jwks` } };
      }
      if (path === `${PATH}/request`) return tokenFor(request);
      if (path !== `${PATH}/.well-known/jwks`) return { status: 404 };
      reads += 1;
      return jwks();
    },
  };
  return oidc;
}

/** Ids are text here, and `sub` is what an organization chose. */
function claimsOf({ repo, audience, ...run }: RunClaims): object {
  const { event = 'push', ref = `refs/heads/${repo.defaultBranch}`, actor, runId = 1 } = run;
  const { owner } = repo;
  const repository = `${owner.login}/${repo.name}`;
  return {
    aud: audience,
    sub: `repo:${repository}:ref:${ref}`,
    repository,
    repository_id: String(repo.id),
    repository_owner: owner.login,
    repository_owner_id: String(owner.id),
    repository_visibility: repo.isPrivate ? 'private' : 'public',
    ref,
    ref_type: 'branch',
    event_name: event,
    actor: actor ?? owner.login,
    actor_id: String(owner.id),
    run_id: String(runId),
    run_number: '1',
    run_attempt: '1',
    runner_environment: 'github-hosted',
    workflow: 'rules',
  };
}
