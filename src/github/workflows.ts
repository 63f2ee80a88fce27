import type { JsonWebKey } from 'node:crypto';
import type { Clock, Instant } from '../lib/clock.ts';
import { isSignedBy, type Jwt, parseJwt } from '../lib/jwt.ts';
import type { Log } from '../lib/log.ts';
import { fieldsOf, idOf, textOf } from '../model/github-json.ts';
import type { NotLetIn, Workflow, Workflows } from './port.ts';

export interface WorkflowsDeps {
  /** Whose tokens they are: github.com's issuer, or that of the GitHub Enterprise Server. */
  readonly issuer: string;
  /** Whom they must be for: the app's PUBLIC_URL. */
  readonly audience: string;
  readonly clock: Clock;
  readonly log: Log;
  readonly fetch?: typeof globalThis.fetch;
}

/** Clocks differ; GitHub's tokens live for some minutes. */
const SKEW_S = 60;
/** What lives longer than this is no token of a job, and would outlive our memory of its id. */
const LONGEST_S = 86_400;

/**
 * Checks the tokens with which jobs say which run they are of. Repository and owner count by their
 * ids: names change hands, and what `sub` holds an organization may choose.
 * https://docs.github.com/actions/reference/security/oidc
 */
export function createWorkflows(deps: WorkflowsDeps): Workflows {
  const { issuer, audience, clock } = deps;
  const keys = createKeySet(deps);
  return {
    async workflow(token) {
      const jwt = parseJwt(token);
      if (!jwt) return no('oidc-shape', 'this is no OIDC token of GitHub Actions');
      const { iss } = jwt.claims;
      if (iss !== issuer) {
        const text = `the OIDC token is of ${shown(iss)}; this app takes those of ${issuer}`;
        return no('oidc-issuer', text);
      }
      const key = await keys.find(jwt.keyId);
      if (key === 'unreachable') return no('github', `${issuer} does not answer now: try again`);
      if (key === undefined) {
        return no('oidc-key', `${issuer} does not know the key that signed the OIDC token`);
      }
      if (!isSignedBy(jwt, key)) return no('oidc-signature', 'the OIDC token is not signed by it');
      return timeProblem(jwt, clock.now()) ?? audienceProblem(jwt, audience) ?? parse(jwt);
    },
  };
}

const no = (why: NotLetIn['why'], message: string): NotLetIn => ({ ok: false, why, message });

const shown = (value: unknown): string => JSON.stringify(value ?? null).slice(0, 200);

function timeProblem({ claims }: Jwt, now: Instant): NotLetIn | undefined {
  const { exp, nbf, iat } = claims;
  const nowS = now / 1000;
  if (typeof exp !== 'number' || exp > nowS + LONGEST_S) {
    return no('oidc-shape', 'the OIDC token does not end within a day');
  }
  if (exp + SKEW_S <= nowS) {
    const text = `the OIDC token ended ${Math.round(nowS - exp)} s ago: ask for a new one for each call`;
    return no('oidc-expired', text);
  }
  const begins = Math.max(...[nbf, iat].map((at) => (typeof at === 'number' ? at : 0)));
  if (begins - SKEW_S <= nowS) return undefined;
  const text = `the OIDC token is good only in ${Math.round(begins - nowS)} s: is a clock wrong?`;
  return no('oidc-early', text);
}

function audienceProblem({ claims }: Jwt, audience: string): NotLetIn | undefined {
  const given = [claims['aud']].flat();
  const isOurs = given.some(
    (one) => typeof one === 'string' && one.replace(/\/+$/, '') === audience,
  );
  if (isOurs) return undefined;
  return no('oidc-audience', `the OIDC token is for ${shown(claims['aud'])}, not for ${audience}`);
}

function parse({ claims }: Jwt): Workflow | NotLetIn {
  const id = textOf(claims['jti']);
  const [repo, ownerId] = [
    numberOf(claims['repository_id']),
    numberOf(claims['repository_owner_id']),
  ];
  const run = numberOf(claims['run_id']);
  const [repository, ref] = [textOf(claims['repository']), textOf(claims['ref'])];
  const [event, actor] = [textOf(claims['event_name']), textOf(claims['actor'])];
  const isWhole = id && repo && ownerId && run && repository && ref && event && actor;
  if (!isWhole) return no('oidc-shape', 'the OIDC token lacks a claim that tokens of jobs have');
  return { ok: true, id, repo, ownerId, repository, ref, event, actor, run };
}

/** GitHub writes ids as text here. */
const numberOf = (value: unknown): number | undefined =>
  typeof value === 'string' && /^\d{1,16}$/.test(value) ? idOf(Number(value)) : idOf(value);

const FRESH_MS = 3_600_000;
/** An unknown key may be a new one, and anybody can name an unknown key. */
const ASK_AGAIN_MS = 30_000;
/** Keys stay good while the issuer cannot be asked, but not for ever: one may have been taken back. */
const KEPT_MS = 24 * 3_600_000;
const TIMEOUT_MS = 10_000;
const MOST_KEYS = 50;

interface KeySet {
  find(id: string): Promise<JsonWebKey | 'unreachable' | undefined>;
}

/** The issuer's keys: asked for once an hour, and when a token names one that is not known. */
function createKeySet({ issuer, clock, log, fetch = globalThis.fetch }: WorkflowsDeps): KeySet {
  let keys: ReadonlyMap<string, JsonWebKey> = new Map();
  let readAt = Number.NEGATIVE_INFINITY;
  let askedAt = Number.NEGATIVE_INFINITY;
  let asking: Promise<void> | undefined;

  async function json(url: string): Promise<Readonly<Record<string, unknown>>> {
    const answer = await fetch(url, {
      headers: { accept: 'application/json' },
      redirect: 'error',
      signal: AbortSignal.timeout(TIMEOUT_MS),
    });
    if (!answer.ok) throw new Error(`${url} answers ${answer.status}`);
    return fieldsOf(await answer.json());
  }

  async function read(): Promise<void> {
    askedAt = clock.now();
    try {
      const found = await json(`${issuer}/.well-known/openid-configuration`);
      const address = textOf(found['jwks_uri']) ?? '';
      const isOwn = URL.canParse(address) && new URL(address).origin === new URL(issuer).origin;
      if (found['issuer'] !== issuer || !isOwn)
        throw new Error(`${issuer} describes another issuer`);
      const { keys: list } = await json(address);
      keys = keysOf(list);
      readAt = clock.now();
    } catch (err) {
      log.warn({ issuer, why: String(err) }, 'the keys of OIDC tokens could not be read');
    }
  }

  return {
    async find(id) {
      const age = clock.now() - readAt;
      const isDue = age >= FRESH_MS || !keys.has(id);
      if (isDue && (asking || clock.now() - askedAt >= ASK_AGAIN_MS)) {
        asking ??= read().finally(() => {
          asking = undefined;
        });
        await asking;
      }
      return clock.now() - readAt < KEPT_MS ? keys.get(id) : 'unreachable';
    },
  };
}

function keysOf(list: unknown): ReadonlyMap<string, JsonWebKey> {
  const found = (Array.isArray(list) ? list : []).slice(0, MOST_KEYS).flatMap((one: unknown) => {
    const { kid, kty, use, n, e } = fieldsOf(one);
    const isRsa = kty === 'RSA' && typeof n === 'string' && typeof e === 'string';
    const isForSigning = use === undefined || use === 'sig';
    if (typeof kid !== 'string' || !isRsa || !isForSigning) return [];
    return [[kid, { kty, n, e }] as const];
  });
  return new Map(found);
}
